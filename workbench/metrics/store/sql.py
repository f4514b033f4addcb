"""SQL over the metrics of many runs, read-only.

What lives here: one statement, in a DuckDB of its own in memory that sees the runs' Parquet files and what their logs
hold beyond them, and nothing else of this machine. What does not: who may ask, and which runs there are.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from workbench.errors import RequestError, did_you_mean
from workbench.metrics.store.generation import LocalFolder
from workbench.metrics.store.manifest import POINTS
from workbench.metrics.store.merged import Merged
from workbench.metrics.store.reader import COLUMNS, SUMMARY_SCHEMA, RunMetrics, summaries, whole_table
from workbench.metrics.store.sorted_files import table

ROWS = 10_000
TIMEOUT_S = 30.0
_SELECTS = {duckdb.StatementType.SELECT}  # EXPLAIN ANALYZE would carry out what it explains, also a COPY
# AT is a word of DuckDB's language, which nobody should have to quote
_COLUMNS = ", ".join('"at" AS time' if name == "at" else name for name in COLUMNS)
_LOGGED = f"CREATE VIEW metrics AS SELECT run, {_COLUMNS} FROM _logged"  # noqa: S608  our own names
_COMPACTED = f"SELECT run, {_COLUMNS} FROM read_parquet([{{paths}}], filename = true) JOIN _files USING (filename)"  # noqa: S608
_STRICT = (
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET memory_limit = '2GB'",
    "SET temp_directory = ''",
    "SET threads = 2",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)
_LOGGED_SCHEMA = pa.schema(
    [
        ("run", pa.string()),
        *((name, pa.string()) for name in ("scope", "name")),
        ("step", pa.int64()),
        ("value", pa.float64()),
        ("at", pa.float64()),
        ("attempt", pa.int32()),
        ("epoch", pa.int64()),
    ]
)


def query(
    runs: Mapping[str, RunMetrics],
    statement: str,
    tables: Mapping[str, pa.Table] | None = None,
    *,
    rows: int = ROWS,
    timeout_s: float = TIMEOUT_S,
) -> pa.Table:
    """Answer one SELECT.

    Args:
        runs: what the tables ``metrics`` (run, scope, name, step, value, time, attempt, epoch) and ``summary`` (run and
            the fields of ``summary.Summary``) hold, by the id of the run.
        statement: in DuckDB's SQL.
        tables: more tables, by name.
        rows: at most as many are returned.
        timeout_s: after which the statement is given up.

    Returns:
        The rows; the metadata of the schema has ``cut`` when there were more.

    Raises:
        RequestError: when it is no single SELECT, names what is not there, reaches outside, or takes too long.
    """
    known = sorted({"metrics", "summary", *(tables or {})})
    with _connection() as connection:
        _check(connection, statement, known)

    def asked(*, trusting: bool) -> pa.Table:
        with _connection() as connection:
            _fill(connection, _parts(runs, statement, trusting=trusting), tables or {})
            return _answer(connection, statement, rows, timeout_s)

    try:
        try:
            return asked(trusting=True)
        except _UNREADABLE as error:
            if ".parquet" not in str(error):
                raise
            return asked(trusting=False)
    except duckdb.PermissionException as error:
        raise _outside(error, known) from error
    except duckdb.InterruptException as error:
        raise _late(timeout_s) from error
    except duckdb.Error as error:
        raise _wrong(error, known) from error


# A generation that a newer one has replaced, or a damaged file: the second time the points come from the reader.
# A wrong regular expression is an InvalidInputException too; only what is said of a file is worth a second time.
_UNREADABLE = (duckdb.IOException, duckdb.InvalidInputException, duckdb.SerializationException)


@dataclass(frozen=True)
class _Parts:
    """What the statement needs of the runs: Parquet files by run, what lies beyond them, and the summaries."""

    files: Mapping[str, str]
    logged: pa.Table
    summary: pa.Table


def _parts(runs: Mapping[str, RunMetrics], statement: str, *, trusting: bool) -> _Parts:
    mentioned = statement.lower()
    files: dict[str, str] = {}
    logged = [_LOGGED_SCHEMA.empty_table()]
    for run, metrics in runs.items() if "metrics" in mentioned else ():
        local = metrics.folder.root if trusting and isinstance(metrics.folder, LocalFolder) else None
        path, beyond = metrics.ask(partial(_part, local=local))
        if path is not None:
            files[path] = run
        if beyond is not None:
            logged.append(beyond.add_column(0, "run", pa.array([run] * len(beyond))).cast(_LOGGED_SCHEMA))
    summary = summaries(runs) if "summary" in mentioned else SUMMARY_SCHEMA.empty_table()
    return _Parts(files, pa.concat_tables(logged), summary)


def _part(run: Merged, *, local: Path | None) -> tuple[str | None, pa.Table | None]:
    """Return the Parquet file whose points all count, and a table of those that it has not."""
    keys = run.keys()
    if local is None or run.generation is None or any(run.compacted(key) is None for key in keys) or run.resumed:
        return None, whole_table(run, keys)
    new = [(key, tail) for key in keys if len(tail := run.tail(key))]
    run.generation.check()
    path = str(local / run.generation.manifest.generation / POINTS)
    return path, table(new, run.attempts).select(list(COLUMNS)) if new else None


@contextmanager
def _connection() -> Iterator[Any]:
    connection = duckdb.connect(":memory:", config={"python_enable_replacements": "false"})
    try:
        yield connection
    finally:
        connection.close()


def _fill(connection: Any, parts: _Parts, tables: Mapping[str, pa.Table]) -> None:
    """Put the tables in and close every way out."""
    for name, found in ({"summary": parts.summary, "_logged": parts.logged} | dict(tables)).items():
        connection.register(name, found)
    view = _LOGGED
    if parts.files:
        paths = ", ".join(_quoted(path) for path in parts.files)
        connection.execute(f"SET allowed_paths = [{paths}]")
        connection.execute("CREATE TABLE _files (filename VARCHAR, run VARCHAR)")
        named = pa.table({"filename": list(parts.files), "run": list(parts.files.values())})
        connection.register("_named", named)
        connection.execute("INSERT INTO _files SELECT * FROM _named")
        view = f"{view} UNION ALL {_COMPACTED.format(paths=paths)}"
    connection.execute(view)
    for setting in _STRICT:
        connection.execute(setting)


def _answer(connection: Any, statement: str, rows: int, timeout_s: float) -> pa.Table:
    timer = threading.Timer(timeout_s, connection.interrupt)
    timer.start()
    try:
        found = connection.sql(statement).limit(rows + 1).to_arrow_table()
    finally:
        timer.cancel()
    if len(found) <= rows:
        return found
    return found.slice(0, rows).replace_schema_metadata({**(found.schema.metadata or {}), "cut": "yes"})


def _check(connection: Any, statement: str, known: list[str]) -> None:
    try:
        found = connection.extract_statements(statement)
    except duckdb.Error as error:
        raise _wrong(error, known) from error
    if len(found) != 1 or found[0].type not in _SELECTS:
        kinds = ", ".join(part.type.name for part in found) or "nothing"
        raise RequestError(
            f"The query is {kinds}.", "One SELECT.", "Metrics are only read here: leave out whatever changes something."
        )


def _wrong(error: Exception, known: list[str]) -> RequestError:
    happened, _, hint = str(error).partition("\n")
    missing = happened.partition("Table with name ")[2].partition(" ")[0]
    closest = did_you_mean(missing, known) if missing else " ".join(hint.split())
    todo = closest or "See what a table holds: select * from summary limit 5"
    return RequestError(f"The query failed: {happened}", f"Tables: {', '.join(known)}.", todo, tables=known)


def _outside(error: Exception, known: list[str]) -> RequestError:
    return RequestError(
        f"The query reaches outside of the metrics: {str(error).partition(chr(10))[0]}",
        f"Tables: {', '.join(known)}.",
        "Read other files in Python.",
        tables=known,
    )


def _late(timeout_s: float) -> RequestError:
    return RequestError(
        f"The query was given up after {timeout_s:g} s.", "An answer within that time.", "Ask for fewer runs or points."
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
