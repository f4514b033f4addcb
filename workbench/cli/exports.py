"""``workbench export`` and ``workbench exports``."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli import output
from workbench.cli.options import (
    DetachOption,
    JsonOption,
    NameOption,
    NoteOption,
    ProjectOption,
    SessionOption,
    WorkspaceOption,
    open_workspace,
)

NAME = "exports"
app = typer.Typer(help="Exports: models in another format, each with its proof.", no_args_is_help=True)


def export(
    source: Annotated[str, typer.Argument(help="A training run, a .pt file, or registered weights.")],
    format: Annotated[str, typer.Option("--format", "-f", help="The format.")] = "onnx",  # noqa: A002
    data: Annotated[str, typer.Option(help="The dataset to compare the answers on.  [default: the run's own]")] = "",
    project: ProjectOption = "default",
    session: SessionOption = None,
    name: NameOption = "",
    note: NoteOption = "",
    detach: DetachOption = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Export a model and prove that the export answers like it."""
    from workbench.cli.live import watch_run

    made = open_workspace(workspace).export(
        source, format, data=data, project=project, session=session, name=name, note=note
    )
    if not detach:
        watch_run(made.run, quiet=json)
    summary = made.summary()
    output.show(summary, json, lambda: output.facts(summary))


@app.command("list")
def list_(workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """List the exports, newest first."""
    rows = [made.summary() for made in open_workspace(workspace).exports()]
    output.show(
        {"exports": rows},
        json,
        lambda: output.table(
            ("export", "state", "of", "format", "size", "answers like the model"),
            [
                (
                    row["export"],
                    row["state"],
                    row["source"],
                    row["format"],
                    output.size(row["bytes"]) if row["bytes"] else "",
                    {True: "yes", False: "not proven", None: ""}[row["parity"]["passed"] if row["parity"] else None],
                )
                for row in rows
            ],
            "No exports yet. Make one: `workbench export RUN`.",
        ),
    )


@app.command()
def show(
    export: Annotated[str, typer.Argument(help="The export's id, or the beginning of it.")],
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Show one export and its certificate."""
    made = open_workspace(workspace).find_export(export)
    output.show({**made.summary(), "certificate": made.certificate}, json, lambda: output.facts(made.summary()))
