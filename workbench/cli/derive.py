"""``workbench datasets split``, ``select``, ``snapshot``, ``diff``, ``rebuild`` and ``export``.

What lives here: datasets made from datasets, and states of one compared. What does not: adding and checking
(``datasets``), looking into one (``browse``).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli import output
from workbench.cli.datasets import DatasetName, counter, describe, payload
from workbench.cli.options import JsonOption, WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from workbench.datasets.snapshots.diff import Difference
    from workbench.workspace import Workspace

NewName = Annotated[str, typer.Option("--name", help="What the new dataset is called.")]
ReplaceOption = Annotated[bool, typer.Option("--replace", help="Take the place of a dataset of that name.")]
_SHOWN = 20


def split(
    name: DatasetName,
    new_name: NewName,
    train: Annotated[float, typer.Option(help="Share of the images, 0 to 1.")] = 0.8,
    val: Annotated[float, typer.Option(help="Share of the images, 0 to 1.")] = 0.2,
    test: Annotated[float, typer.Option(help="Share of the images, 0 to 1.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Of what is left to chance.")] = 0,
    keep: Annotated[
        list[str] | None, typer.Option("--keep", help="A split that stays as it is; again for more.")
    ] = None,
    ungrouped: Annotated[bool, typer.Option("--ungrouped", help="Do not look for what belongs together.")] = False,
    replace: ReplaceOption = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Split a dataset anew: groups and duplicates stay on one side, classes are shared out evenly."""
    shares = {split: share for split, share in (("train", train), ("val", val), ("test", test)) if share}
    made = open_workspace(workspace).datasets.split(
        name,
        shares,
        new_name,
        replace=replace,
        seed=seed,
        keep=tuple(keep or ()),
        grouped=not ungrouped,
        progress=None if json else counter("images"),
    )
    output.show(payload(made), json, lambda: describe(made))


def select(
    name: DatasetName,
    view: Annotated[str, typer.Argument(help="e.g. 'class:person AND small', or view:NAME.")],
    new_name: NewName,
    replace: ReplaceOption = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Make a dataset of the images that a view selects."""
    made = open_workspace(workspace).datasets.select(name, view, new_name, replace=replace)
    output.show(payload(made), json, lambda: describe(made))


def view(
    name: DatasetName,
    view_name: Annotated[str, typer.Argument(help="What to call the view.")],
    text: Annotated[str | None, typer.Argument(help="The view; left out, the one of that name is forgotten.")] = None,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Keep a view under a name, or forget it."""
    made = open_workspace(workspace).datasets.keep_view(name, view_name, text)
    output.show(
        {"dataset": name, "views": made.views},
        json,
        lambda: output.table(("view", "selects"), list(made.views.items()), f"Dataset '{name}' has no views."),
    )


def snapshot(name: DatasetName, workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Register a dataset as it is now, and say what changed; only what changed is read."""
    datasets = open_workspace(workspace).datasets
    before, made = datasets.snapshot(name, None if json else counter("files"))
    changes = datasets.diff(before, made.digest)
    value = {"dataset": name, "before": before, "digest": made.digest, **changes.to_payload(_SHOWN)}
    output.show(value, json, lambda: _snapshot(made.digest, changes))


def diff(
    before: Annotated[str, typer.Argument(help="A dataset, a run, or the digest of a snapshot.")],
    after: Annotated[str, typer.Argument(help="A dataset, a run, or the digest of a snapshot.")],
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Show what was added, removed, relabelled or moved between splits."""
    front = open_workspace(workspace)
    found = front.datasets.diff(digest_of(front, before), digest_of(front, after))
    output.show({"before": before, "after": after, **found.to_payload()}, json, lambda: _difference(found))


def rebuild(
    snapshot_or_run: Annotated[str, typer.Argument(help="A run, the digest of a snapshot, or a dataset.")],
    to: Annotated[Path, typer.Option("--to", help="A new folder.")],
    copy: Annotated[bool, typer.Option("--copy", help="Copy the files instead of linking to them.")] = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Put the very files that a run was trained on into a folder."""
    front = open_workspace(workspace)
    digest = digest_of(front, snapshot_or_run)
    data = front.datasets.rebuild(digest, to, copy=copy, progress=None if json else counter("files"))
    output.show({"digest": digest, "data": str(data)}, json, lambda: output.facts({"digest": digest, "data": data}))


def export(
    name: DatasetName,
    format: Annotated[str, typer.Argument(help="yolo, coco or ndjson.")],  # noqa: A002
    to: Annotated[Path, typer.Option("--to", help="A new folder.")],
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Write a dataset in another format, and say what that format cannot hold."""
    losses = open_workspace(workspace).datasets.export(name, format, to)
    value = {"dataset": name, "format": format, "folder": str(to), "losses": [vars(loss) for loss in losses]}
    output.show(value, json, lambda: _exported(value))


VERBS = (split, select, view, snapshot, diff, rebuild, export)


def digest_of(front: Workspace, name: str) -> str:
    """Return the digest of the data that a run was given; a dataset's name, and any other, as it is."""
    from workbench.datasets.registry import names
    from workbench.errors import UnknownNameError

    if name in names(front.paths):
        return name
    try:
        run = front.run(name)
    except UnknownNameError:
        return name
    return run.spec.dataset.digest if run.spec.dataset else name


def _snapshot(digest: str, changes: Difference) -> None:
    output.facts({"digest": digest})
    _difference(changes)


def _difference(found: Difference) -> None:
    for name, (old, new) in found.header.items():
        output.say(f"{name}: {old} -> {new}")
    if not found.changes:
        output.say("No image or label differs." if found.header else "Nothing differs.")
        return
    output.say(", ".join(f"{count:,} {kind}" for kind, count in found.counts.items()))
    rows = [(change.kind, change.path, change.before) for change in found.changes[:_SHOWN]]
    output.table(("change", "file", "was"), rows, "")
    if len(found.changes) > _SHOWN:
        output.say(f"… and {len(found.changes) - _SHOWN:,} more; --json lists all.")


def _exported(value: dict[str, Any]) -> None:
    output.facts({"dataset": value["dataset"], "format": value["format"], "folder": value["folder"]})
    for loss in value["losses"]:
        first = f", first {loss['first']}" if loss["first"] else ""
        output.say(f"! {value['format']} cannot hold {loss['what']}: {loss['count']:,}{first}.")
