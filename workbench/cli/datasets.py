"""``workbench datasets``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli import output
from workbench.cli.options import JsonOption, WorkspaceOption, YesOption, open_workspace

if TYPE_CHECKING:
    from workbench.datasets.arrival import Choice
    from workbench.datasets.registry import Dataset
    from workbench.datasets.remote import Moved, Report

NAME = "datasets"
app = typer.Typer(help="Datasets: what runs read; your files stay where they are.", no_args_is_help=True)
DatasetName = Annotated[str, typer.Argument(help="The dataset's name.")]
AcceptOption = Annotated[
    list[str] | None, typer.Option("--accept", help="A rule whose errors do not matter here; may be given again.")
]


SplitOption = Annotated[
    list[str] | None, typer.Option("--split", help="From elsewhere: a split to fetch; again for more.")
]
ClassOption = Annotated[
    list[str] | None, typer.Option("--class", help="From elsewhere: images that show this class; again for more.")
]
ViewOption = Annotated[str, typer.Option("--view", help="e.g. 'class:person AND small', or view:NAME.")]
FractionOption = Annotated[float, typer.Option(help="From elsewhere: of each split, more than 0, at most 1.")]
SeedOption = Annotated[int, typer.Option(help="Another one draws another fraction.")]


@app.command()
def add(
    data: Annotated[str, typer.Argument(help="A data.yaml, folder, annotation file, archive or URI; or 'sample'.")],
    name: Annotated[str | None, typer.Option(help="What to call it.  [default: the folder's name]")] = None,
    task: Annotated[str | None, typer.Option(help="The task, where the files do not say.")] = None,
    format: Annotated[str | None, typer.Option(help="The format, where the files do not say.")] = None,  # noqa: A002
    accept: AcceptOption = None,
    split: SplitOption = None,
    cls: ClassOption = None,
    view: ViewOption = "",
    fraction: FractionOption = 1.0,
    seed: SeedOption = 0,
    replace: Annotated[bool, typer.Option("--replace", help="Take the place of a dataset of that name.")] = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Read a dataset, check and hash it, and register it; your files stay as they are.

    Of a dataset elsewhere (s3://, gs://, az://, https://) only what --split, --class, --view and --fraction ask for is
    fetched.
    """
    datasets = open_workspace(workspace).datasets
    progress = None if json else counter("files")
    if data == "sample":
        made = datasets.add_sample(progress)
    else:
        made = datasets.add(
            data,
            name,
            task=task,
            format=format,
            accept=accept or (),
            choice=choice_of(split, cls, view, fraction, seed),
            replace=replace,
            progress=progress,
            report=None if json else moving(),
        )
    output.show(payload(made), json, lambda: describe(made))


@app.command("list")
def list_(workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """List the registered datasets."""
    found = open_workspace(workspace).datasets.list()
    output.show(
        {"datasets": [payload(dataset) for dataset in found]},
        json,
        lambda: output.table(
            ("dataset", "task", "classes", "images", "size", "digest", "kept from training by"),
            [
                (
                    dataset.name,
                    dataset.task,
                    len(dataset.names),
                    _images(dataset),
                    output.size(dataset.bytes_total),
                    dataset.digest[:12],
                    list(dataset.blocking),
                )
                for dataset in found
            ],
            "No datasets yet. Register one: `workbench datasets add data.yaml`, or `workbench datasets add sample`.",
        ),
    )


@app.command()
def show(name: DatasetName, workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Show one dataset, and what a training would silently do with it."""
    found = open_workspace(workspace).datasets.show(name)
    output.show(payload(found), json, lambda: describe(found))


@app.command()
def remove(
    name: DatasetName, yes: YesOption = False, workspace: WorkspaceOption = None, json: JsonOption = False
) -> None:
    """Forget a dataset; your files stay."""
    if not yes and not json:
        typer.confirm(f"Forget dataset '{name}'?", abort=True)
    open_workspace(workspace).datasets.remove(name)
    output.show({"removed": name}, json, lambda: output.say(f"Dataset '{name}' is forgotten; its files are untouched."))


def choice_of(split: list[str] | None, cls: list[str] | None, view: str, fraction: float, seed: int) -> Choice:
    """Return which images of a dataset elsewhere the options choose."""
    from workbench.datasets.arrival import Choice
    from workbench.datasets.remote import Selection

    return Choice(Selection(tuple(split or ()), tuple(cls or ()), fraction, seed), view)


def moving() -> Report:
    """Return a report that keeps one line of a terminal up to date with files, bytes, rate and time left."""

    def report(moved: Moved) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{moved.line()}\x1b[K" + ("\n" if moved.files == moved.files_total else ""))

    return report


def counter(what: str) -> Any:
    """Return a progress callback that counts on one line of a terminal, and is silent elsewhere."""

    def progress(done: int, total: int) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{done}/{total} {what}" + ("\r\x1b[K" if done == total else ""))

    return progress


def payload(dataset: Dataset) -> dict[str, Any]:
    """Return what programs are told of a dataset."""
    return {**dataset.model_dump(mode="json"), "data_yaml": str(dataset.data_yaml)}


def _images(dataset: Dataset) -> str:
    return "  ".join(f"{split} {count}" for split, count in dataset.images.items())


def describe(dataset: Dataset) -> None:
    """Print what people are told of a dataset."""
    names = list(dataset.names.values())
    output.facts(
        {
            "dataset": dataset.name,
            "task": dataset.task,
            "classes": f"{len(names)}: {', '.join(names[:12])}{', …' if len(names) > 12 else ''}",
            "images": _images(dataset),
            "size": output.size(dataset.bytes_total),
            "digest": dataset.digest,
            "format": dataset.format,
            "files": dataset.uri,
            "made from": dataset.origin.get("dataset"),
            "accepted": list(dataset.accepted),
            "views": [f"{name} ({text})" for name, text in dataset.views.items()],
        }
    )
    for problem in dataset.problems:
        output.say(f"! {problem}")
    if dataset.blocking:
        output.say(
            f"A training is kept from starting by {', '.join(dataset.blocking)}. "
            f"See `workbench datasets check {dataset.name}`."
        )
