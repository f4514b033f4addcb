"""One SELECT of somebody else's, in a DuckDB of its own in memory that sees nothing but the tables that it is given.

What lives here: what such a statement may be, see, use and take. What does not: which tables there are
(``metrics.store.sql``, ``datasets.index.sql``).
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from workbench.errors import RequestError, did_you_mean


@dataclass(frozen=True)
class Limits:
    """What a statement may take.

    Attributes:
        rows: at most as many are returned.
        timeout_s: after which it is given up.
        memory: in DuckDB's words.
        threads: how many it may use.
    """

    rows: int = 10_000
    timeout_s: float = 30.0
    memory: str = "2GB"
    threads: int = 2


DEFAULT = Limits()


def select(statement: str, views: Mapping[str, str], files: Collection[Path], limits: Limits = DEFAULT) -> pa.Table:
    """Answer one SELECT.

    Args:
        statement: in DuckDB's SQL.
        views: the tables that there are: our own SELECT over the files by name.
        files: what those may read.
        limits: what it may take.

    Returns:
        The rows; the metadata of the schema has ``cut`` when there were more.

    Raises:
        RequestError: when it is no single SELECT, names what is not there, reaches outside, or takes too long.
    """
    known = sorted(views)
    with connection(limits) as opened, telling(known, limits):
        check(opened, statement)
        if files:
            opened.execute(f"SET allowed_paths = [{', '.join(quoted(str(path)) for path in files)}]")
        for name, body in views.items():
            opened.execute(f'CREATE VIEW "{name}" AS {body}')
        return answer(opened, statement, limits)


@contextmanager
def telling(known: list[str], limits: Limits, outside: str = "its tables") -> Iterator[None]:
    """Turn what DuckDB says inside the block into a RequestError.

    Args:
        known: the tables that there are.
        limits: what the statement may take.
        outside: what a statement left that was not let through.
    """
    import duckdb

    tables = f"Tables: {', '.join(known)}."
    try:
        yield
    except duckdb.PermissionException as error:
        happened = f"The query reaches outside of {outside}: {str(error).partition(chr(10))[0]}"
        raise RequestError(happened, tables, "Read other files in Python.", tables=known) from error
    except duckdb.InterruptException as error:
        raise RequestError(
            f"The query was given up after {limits.timeout_s:g} s.",
            "An answer within that time.",
            "Ask for fewer rows or columns.",
        ) from error
    except duckdb.Error as error:
        happened, _, hint = str(error).partition("\n")
        missing = happened.partition("Table with name ")[2].partition(" ")[0]
        closest = did_you_mean(missing, known) if missing else " ".join(hint.split())
        todo = closest or f"To see what a table holds: FROM {known[0]} LIMIT 5"
        raise RequestError(f"The query failed: {happened}", tables, todo, tables=known) from error


@contextmanager
def connection(limits: Limits = DEFAULT) -> Iterator[Any]:
    """Give a DuckDB in memory that neither loads extensions nor takes Python's variables for tables."""
    import duckdb

    config: dict[str, Any] = {
        "python_enable_replacements": False,
        "threads": limits.threads,
        "memory_limit": limits.memory,
    }
    opened = duckdb.connect(":memory:", config=config)
    try:
        for setting in ("autoinstall_known_extensions = false", "autoload_known_extensions = false"):
            opened.execute(f"SET {setting}")
        opened.execute("SET temp_directory = ''")
        yield opened
    finally:
        opened.close()


def quoted(text: str) -> str:
    """Return ``text`` as a string of SQL: only for our own paths, where no parameter can stand."""
    return "'" + text.replace("'", "''") + "'"


def check(opened: Any, statement: str) -> None:
    """Raise a RequestError unless ``statement`` is a single SELECT."""
    import duckdb

    found = opened.extract_statements(statement)
    # EXPLAIN ANALYZE would carry out what it explains, also a COPY
    if len(found) != 1 or found[0].type != duckdb.StatementType.SELECT:
        kinds = ", ".join(part.type.name for part in found) or "nothing"
        raise RequestError(
            f"The query is {kinds}.", "One SELECT.", "Tables are only read here: leave out whatever changes something."
        )


def answer(opened: Any, statement: str, limits: Limits) -> pa.Table:
    """Close every way out of the tables that were put in, and answer; the metadata has ``cut`` when rows are left."""
    opened.execute("SET enable_external_access = false")
    opened.execute("SET lock_configuration = true")
    timer = threading.Timer(limits.timeout_s, opened.interrupt)
    timer.start()
    try:
        found = opened.sql(statement).limit(limits.rows + 1).to_arrow_table()
    finally:
        timer.cancel()
    if len(found) <= limits.rows:
        return found
    return found.slice(0, limits.rows).replace_schema_metadata({**(found.schema.metadata or {}), "cut": "yes"})
