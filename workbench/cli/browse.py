"""``workbench datasets check``, ``rules``, ``query``, ``page``, ``duplicates``, ``fetch`` and ``pack``.

What lives here: looking into one dataset. What does not: adding it (``datasets``), making others of it (``derive``).
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli import output
from workbench.cli.datasets import (
    AcceptOption,
    ClassOption,
    DatasetName,
    FractionOption,
    SeedOption,
    SplitOption,
    ViewOption,
    choice_of,
    counter,
    describe,
    moving,
    payload,
)
from workbench.cli.history import CsvOption, show_table
from workbench.cli.options import JsonOption, WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from workbench.datasets.lint import Report

_EXAMPLES = 3


def check(
    name: DatasetName,
    accept: AcceptOption = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write the whole report as one page.")] = None,
    near: Annotated[bool, typer.Option("--near", help="Also look for near duplicates, by the pictures.")] = False,
    decode: Annotated[bool, typer.Option("--decode", help="Also decode every image, as a training will.")] = False,
    language: Annotated[str, typer.Option("--language", help="en or ko.")] = "en",
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Say what a training would drop, keep or rewrite, and why; exit status 1 when an error keeps one from starting."""
    datasets = open_workspace(workspace).datasets
    dataset = datasets.accept(name, accept) if accept else datasets.show(name)
    if decode:
        dataset = datasets.decode_images(name, None if json else counter("images"))
    if near:
        dataset = datasets.find_duplicates(name, None if json else counter("images"))
    report = dataset.report
    if html is not None:
        html.write_text(report.html("ko" if language == "ko" else "en"), "utf-8")
    value = {"dataset": name, "blocking": dataset.blocking, **report.to_payload()}
    output.show(value, json, lambda: _report(report, "ko" if language == "ko" else "en", html))
    if dataset.blocking:
        raise typer.Exit(1)


def rules(workspace: WorkspaceOption = None, json: JsonOption = False) -> None:  # noqa: ARG001  as every command
    """List what is looked for, and what a training does about it."""
    from workbench.datasets.lint import RULES

    listed = [(rule.id, rule.severity, rule.effect, rule.title.en) for rule in RULES.values()]
    columns = ("rule", "severity", "training", "what")
    value = {"rules": [dict(zip(columns, row, strict=True)) for row in listed]}
    output.show(value, json, lambda: output.table(columns, listed, ""))


def query(
    name: DatasetName,
    sql: Annotated[str, typer.Argument(help="One SELECT over images, objects, classes, issues and stats.")] = "",
    view: ViewOption = "",
    csv: CsvOption = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Answer a question in SQL, or count what a view selects, by split and class."""
    with open_workspace(workspace).datasets.show(name).index as index:
        if sql:
            show_table(index.query(sql), csv, json, "No row fits.", dataset=name)
            return
        found = index.histogram(view)
        count = index.count(view)
    if not csv and not json:
        output.say(f"{count:,} images{f' fit {view}' if view else ''}.")
    show_table(found, csv, json, "No object fits.", dataset=name, view=view, images=count)


def page(
    name: DatasetName,
    view: ViewOption = "",
    after: Annotated[int | None, typer.Option(help="The last image of the page before, by its id.")] = None,
    limit: Annotated[int, typer.Option(help="Images a page, 1 to 1000.")] = 20,
    picture: Annotated[
        Path | None, typer.Option("--picture", help="Draw them, and what is marked on them, as PNG.")
    ] = None,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """List the images of a view, page by page; or draw them."""
    dataset = open_workspace(workspace).datasets.show(name)
    if picture is not None:
        picture.write_bytes(dataset.sheet(view, after=after, limit=limit))
    with dataset.index as index:
        found = index.page(view, after=after, limit=limit)
        names = dict(zip(index.classes["cls"].to_pylist(), index.classes["name"].to_pylist(), strict=True))
    shown: dict[int, dict[str, int]] = {}
    for image_id, cls in zip(found.objects["image_id"].to_pylist(), found.objects["cls"].to_pylist(), strict=True):
        counted = shown.setdefault(image_id, {})
        counted[names[cls]] = counted.get(names[cls], 0) + 1
    columns = ["image_id", "split", "path", "width", "height", "effect"]
    rows = [{**row, "classes": shown.get(row["image_id"], {})} for row in found.images.select(columns).to_pylist()]
    value = {"dataset": name, "view": view, "images": rows, "after": found.after}
    asked = f"{name} --view {shlex.quote(view)}" if view else name
    output.show(value, json, lambda: _page(asked, rows, found.after))


def duplicates(name: DatasetName, workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Find images that occur twice, exactly or nearly, and those that leak from one split into another."""
    datasets = open_workspace(workspace).datasets
    dataset = datasets.find_duplicates(name, None if json else counter("images"))
    found = [row for row in dataset.report.issues.to_pylist() if row["rule"].startswith(("leak-", "duplicate-"))]
    columns = ("rule", "path", "detail")
    listed = [tuple(row[column] for column in columns) for row in found]
    value = {"dataset": name, "found": [dict(zip(columns, row, strict=True)) for row in listed]}
    output.show(value, json, lambda: output.table(columns, listed, f"No image of '{name}' occurs twice."))


def fetch(
    name: DatasetName,
    split: SplitOption = None,
    cls: ClassOption = None,
    view: ViewOption = "",
    fraction: FractionOption = 1.0,
    seed: SeedOption = 0,
    all_: Annotated[bool, typer.Option("--all", help="Everything that there is.")] = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Fetch another part of a dataset that lies elsewhere, or what was evicted of it; goes on where it was stopped."""
    from workbench.datasets.arrival import Choice

    datasets = open_workspace(workspace).datasets
    asked = choice_of(split, cls, view, fraction, seed)
    choice = asked if all_ or asked != Choice() else None
    made = datasets.fetch(name, choice, progress=None if json else counter("files"), report=None if json else moving())
    output.show(payload(made), json, lambda: describe(made))


def pack(
    name: DatasetName,
    to: Annotated[str, typer.Option("--to", help="A folder, or the address of one.")],
    replace: Annotated[bool, typer.Option("--replace", help="Take the place of another pack there.")] = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Write a dataset's files as few big shards, which are fetched in ranges: for many small files elsewhere."""
    made = open_workspace(workspace).datasets.pack(
        name, to, replace=replace, progress=None if json else counter("files")
    )
    value = {"dataset": name, **vars(made)}
    output.show(value, json, lambda: output.facts({**value, "bytes": output.size(made.bytes)}))


VERBS = (check, rules, query, page, duplicates, fetch, pack)


def _report(report: Report, language: Any, html: Path | None) -> None:
    for sentence in report.sentences(language):
        output.say(sentence)
    rows = []
    for found in report.findings:
        where = [_where(row) for row in report.examples(found, _EXAMPLES)]
        more = f" … {found.issues - len(where):,} more" if found.issues > len(where) else ""
        rows.append((found.rule.id, found.rule.severity, found.rule.effect, found.issues, ", ".join(where) + more))
    if rows:
        output.table(("rule", "severity", "training", "found", "first"), rows, "")
    if html is not None:
        output.say(f"The whole report: {html}")


def _where(row: dict[str, Any]) -> str:
    line = f" line {row['line']}" if row["line"] else ""
    return f"{row['path']}{line}" if row["path"] else row["detail"] or ""


def _page(asked: str, rows: list[dict[str, Any]], after: int | None) -> None:
    listed = [
        (
            row["image_id"],
            row["split"],
            row["path"],
            f"{row['width']}x{row['height']}" if row["width"] else "",
            ", ".join(f"{count} {cls}" for cls, count in row["classes"].items()),
            "" if row["effect"] == "keep" else row["effect"],
        )
        for row in rows
    ]
    output.table(("id", "split", "image", "size", "shows", "training"), listed, "No image fits.")
    if after is not None:
        output.say(f"The next page: `workbench datasets page {asked} --after {after}`")
