"""``workbench runs metrics``, ``compare``, ``query`` and ``archive``: what was measured, of one run, several or all."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli import output
from workbench.cli.options import JsonOption, WorkspaceOption, open_workspace
from workbench.cli.runs import RunName

if TYPE_CHECKING:
    import pyarrow as pa

RunNames = Annotated[list[str], typer.Argument(help="Runs: ids, the beginnings of them, names, or 'last'.")]
NamesArgument = Annotated[list[str] | None, typer.Argument(help="Metrics to print point by point.", show_default=False)]
CsvOption = Annotated[bool, typer.Option("--csv", help="Print the rows as CSV.")]
ScopeOption = Annotated[str | None, typer.Option("--scope", help="batch, epoch, final, system, or your own word.")]
_SHOWN = ("scope", "name", "count", "first", "last", "last_step", "min", "max")


def metrics(
    run: Annotated[str, typer.Argument(help="As for `runs show`; or the URI that a run was archived to.")],
    names: NamesArgument = None,
    scope: ScopeOption = None,
    csv: CsvOption = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Show what a run measured: a row per metric, or the points of those that are named."""
    front = open_workspace(workspace)
    front.look()
    if names:
        table = front.history.of(run).table(names, scope)
        columns: tuple[str, ...] = ("scope", "name", "step", "value", "epoch", "attempt", "at")
    else:
        table = front.history.summary([run])
        if scope is not None:
            table = table.filter([one == scope for one in table["scope"].to_pylist()])
        columns = _SHOWN
    show_table(table.select(list(columns)), csv, json, f"'{run}' has measured nothing yet.", run=run)


def compare(
    runs: RunNames,
    metric: Annotated[list[str] | None, typer.Option("--metric", "-m", help="A metric; may be given again.")] = None,
    scope: Annotated[str, typer.Option("--scope", help="batch, epoch, final, system, or your own word.")] = "epoch",
    csv: CsvOption = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Put runs side by side: the settings that differ, and the last value of each metric."""
    front = open_workspace(workspace)
    ids = [front.run(name).id for name in runs]
    settings = front.history.differences(ids)
    measured = {run: front.history.of(run).last(scope) for run in ids}
    names = metric or sorted({name for values in measured.values() for name in values})
    heads = ("", *ids)
    rows = [
        [name, *(values[run].get(name) for run in ids)]
        for values, shown in ((settings, sorted(set().union(*settings.values()))), (measured, names))
        for name in shown
    ]
    if csv and not json:
        _write_csv(heads, rows)
        return
    output.show(
        {"scope": scope, "runs": ids, "settings": settings, "metrics": measured},
        json,
        lambda: output.table(heads, _cells(rows), f"They measured nothing of scope '{scope}' yet."),
    )


def query(
    statement: Annotated[str, typer.Argument(help="A SELECT over the tables metrics, summary, runs and params.")],
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many rows.")] = 10_000,
    csv: CsvOption = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Ask anything of all runs in SQL (DuckDB's), read-only.

    Example: workbench runs query "select run, max from summary where name = 'metrics/mAP50(B)' order by max desc"
    """
    found = open_workspace(workspace).history.query(statement, rows=limit)
    cut = b"cut" in (found.schema.metadata or {})
    show_table(found, csv, json, "No row fits.", cut=cut)
    if cut:
        sys.stderr.write(f"There are more than {limit} rows: these are the first. See --limit.\n")


def archive(
    run: RunName,
    uri: Annotated[str, typer.Argument(help="A folder of its own, e.g. s3://bucket/runs/first.")],
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Copy the metrics of a run that has ended to object storage; `runs metrics URI` reads them there."""
    front = open_workspace(workspace)
    found = front.run(run)
    front.history.archive(found.id, uri)
    output.show(
        {"run": found.id, "archive": uri}, json, lambda: output.say(f"The metrics of '{found.id}' are at {uri}")
    )


def show_table(table: pa.Table, csv: bool, json: bool, empty: str, **more: Any) -> None:
    """Print a table for a person, as CSV, or as one JSON object with ``columns``, ``rows`` and ``more``."""
    rows = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
    if csv and not json:
        _write_csv(table.column_names, rows)
        return
    value = {**more, "columns": table.column_names, "rows": rows}
    output.show(value, json, lambda: output.table(table.column_names, _cells(rows), empty))


def _write_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)


def _cells(rows: Iterable[Sequence[object]]) -> list[list[object]]:
    return [[f"{cell:.6g}" if isinstance(cell, float) else cell for cell in row] for row in rows]


VERBS = (metrics, compare, query, archive)
