"""``workbench datasets``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli import output
from workbench.cli.options import JsonOption, WorkspaceOption, YesOption, open_workspace

if TYPE_CHECKING:
    from workbench.datasets.registry import Dataset

NAME = "datasets"
app = typer.Typer(help="Datasets: what runs read; your files stay where they are.", no_args_is_help=True)
DatasetName = Annotated[str, typer.Argument(help="The dataset's name.")]


@app.command()
def add(
    data: Annotated[str, typer.Argument(help="A data.yaml or a folder; 'sample' builds the digit scenes.")],
    name: Annotated[str | None, typer.Option(help="What to call it.  [default: the folder's name]")] = None,
    task: Annotated[str | None, typer.Option(help="The task, where the files do not say.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Take the place of a dataset of that name.")] = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Check a dataset, hash it, and register it."""
    datasets = open_workspace(workspace).datasets
    progress = None if json else counter("files")
    if data == "sample":
        made = datasets.add_sample(progress)
    else:
        made = datasets.add(data, name, task=task, replace=replace, progress=progress)
    output.show(_payload(made), json, lambda: _facts(made))


@app.command("list")
def list_(workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """List the registered datasets."""
    found = open_workspace(workspace).datasets.list()
    output.show(
        {"datasets": [_payload(dataset) for dataset in found]},
        json,
        lambda: output.table(
            ("dataset", "task", "classes", "images", "size", "digest"),
            [
                (
                    dataset.name,
                    dataset.task,
                    len(dataset.names),
                    _images(dataset),
                    output.size(dataset.bytes_total),
                    dataset.digest[:12],
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
    output.show(_payload(found), json, lambda: _facts(found))


@app.command()
def remove(
    name: DatasetName, yes: YesOption = False, workspace: WorkspaceOption = None, json: JsonOption = False
) -> None:
    """Forget a dataset; your files stay."""
    if not yes and not json:
        typer.confirm(f"Forget dataset '{name}'?", abort=True)
    open_workspace(workspace).datasets.remove(name)
    output.show({"removed": name}, json, lambda: output.say(f"Dataset '{name}' is forgotten; its files are untouched."))


def counter(what: str) -> Any:
    """Return a progress callback that counts on one line of a terminal, and is silent elsewhere."""

    def progress(done: int, total: int) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{done}/{total} {what}" + ("\r\x1b[K" if done == total else ""))

    return progress


def _payload(dataset: Dataset) -> dict[str, Any]:
    return {**dataset.model_dump(mode="json"), "data_yaml": str(dataset.data_yaml)}


def _images(dataset: Dataset) -> str:
    return "  ".join(f"{split} {count}" for split, count in dataset.images.items())


def _facts(dataset: Dataset) -> None:
    names = list(dataset.names.values())
    output.facts(
        {
            "dataset": dataset.name,
            "task": dataset.task,
            "classes": f"{len(names)}: {', '.join(names[:12])}{', …' if len(names) > 12 else ''}",
            "images": _images(dataset),
            "size": output.size(dataset.bytes_total),
            "digest": dataset.digest,
            "files": dataset.uri,
        }
    )
    for problem in dataset.problems:
        output.say(f"! {problem}")
