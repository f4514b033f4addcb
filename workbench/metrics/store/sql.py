"""SQL over the metrics of many runs, read-only.

What lives here: one statement, in a DuckDB of its own in memory that sees the runs' Parquet files and what their logs
hold beyond them, and nothing else of this machine. What does not: who may ask, and which runs there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from workbench.metrics.store.generation import LocalFolder
from workbench.metrics.store.manifest import POINTS
from workbench.metrics.store.merged import Merged
from workbench.metrics.store.reader import COLUMNS, SUMMARY_SCHEMA, RunMetrics, summaries, whole_table
from workbench.metrics.store.sorted_files import table
from workbench.sql import Limits, answer, check, connection, quoted, telling

ROWS = 10_000
TIMEOUT_S = 30.0
# AT is a word of DuckDB's language, which nobody should have to quote
_COLUMNS = ", ".join('"at" AS time' if name == "at" else name for name in COLUMNS)
_LOGGED = f"CREATE VIEW metrics AS SELECT run, {_COLUMNS} FROM _logged"  # noqa: S608  our own names
_COMPACTED = f"SELECT run, {_COLUMNS} FROM read_parquet([{{paths}}], filename = true) JOIN _files USING (filename)"  # noqa: S608
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
    known, limits = sorted({"metrics", "summary", *(tables or {})}), Limits(rows, timeout_s)

    def asked(*, trusting: bool) -> pa.Table:
        with connection(limits) as opened:
            check(opened, statement)
            _fill(opened, _parts(runs, statement, trusting=trusting), tables or {})
            return answer(opened, statement, limits)

    with telling(known, limits, "the metrics"):
        try:
            return asked(trusting=True)
        except _UNREADABLE as error:
            if ".parquet" not in str(error):
                raise
            return asked(trusting=False)


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


def _fill(opened: Any, parts: _Parts, tables: Mapping[str, pa.Table]) -> None:
    """Put the tables in."""
    for name, found in ({"summary": parts.summary, "_logged": parts.logged} | dict(tables)).items():
        opened.register(name, found)
    view = _LOGGED
    if parts.files:
        paths = ", ".join(quoted(path) for path in parts.files)
        opened.execute(f"SET allowed_paths = [{paths}]")
        opened.execute("CREATE TABLE _files (filename VARCHAR, run VARCHAR)")
        named = pa.table({"filename": list(parts.files), "run": list(parts.files.values())})
        opened.register("_named", named)
        opened.execute("INSERT INTO _files SELECT * FROM _named")
        view = f"{view} UNION ALL {_COMPACTED.format(paths=paths)}"
    opened.execute(view)
