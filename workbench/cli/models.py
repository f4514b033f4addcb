"""``workbench models``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli import output
from workbench.cli.options import JsonOption, WorkspaceOption, open_workspace

NAME = "models"
app = typer.Typer(help="Models: what there is to train, and checkpoints of your own.", no_args_is_help=True)


@app.command("list")
def list_(
    task: Annotated[str | None, typer.Option(help="Only this task.")] = None,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """List the models of the installed ultralytics, and the registered checkpoints."""
    from dataclasses import asdict

    from workbench.config.catalogue import models

    found = [asdict(entry) for entry in models() if task in (None, entry.task)]
    own = open_workspace(workspace).weights.list()

    def text() -> None:
        output.table(
            ("model", "task", "parameters", "GFLOPs", "from scratch", "pretrained"),
            [
                (
                    row["name"],
                    row["task"],
                    f"{row['parameters'] / 1e6:.1f} M" if row["parameters"] else "",
                    row["gflops"],
                    row["yaml"],
                    row["weights"],
                )
                for row in found
            ],
            f"No model has the task '{task}'.",
        )
        output.table(
            ("registered", "task", "size", "from"),
            [(name, row["task"], output.size(row["bytes"]), row["source"]) for name, row in own.items()],
            "No checkpoints are registered: `workbench models add FILE.pt` registers one.",
        )

    output.show({"models": found, "registered": own}, json, text)


@app.command()
def add(
    file: Annotated[Path, typer.Argument(help="A .pt file; it is read weights-only and copied.")],
    name: Annotated[str | None, typer.Option(help="What to call it.  [default: the file's name]")] = None,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Register a checkpoint of your own."""
    front = open_workspace(workspace)
    made = front.add_model(file, name)
    output.show(
        {"model": made, **front.weights.list()[made]},
        json,
        lambda: output.say(f"'{made}' is registered. Train from it with --model {made}."),
    )


@app.command()
def fetch(
    model: Annotated[str, typer.Argument(help="An official model, e.g. yolo26n.")],
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Download official pretrained weights; a broken download goes on where it stopped."""
    import sys

    def progress(done: int, total: int) -> None:
        if not json and sys.stderr.isatty():
            sys.stderr.write(f"\r{output.size(done)} of {output.size(total)} ")

    lock = open_workspace(workspace).weights.resolve(f"{model.removesuffix('.pt')}.pt", progress)
    output.show(lock.model_dump(), json, lambda: output.say(f"{lock.path}\nsha256 {lock.sha256}"))
