"""``workbench export`` and ``workbench exports``."""

from __future__ import annotations

from typing import Annotated, Any

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
    fresh: Annotated[bool, typer.Option("--fresh", help="Make a new one though nothing has changed.")] = False,
    detach: DetachOption = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Export a model and prove that the export answers like it."""
    from workbench.cli.live import watch_run

    made = open_workspace(workspace).export(
        source, format, data=data, fresh=fresh, project=project, session=session, name=name, note=note
    )
    if not detach:
        watch_run(made.run, quiet=json)
    summary = {**made.summary(), "reused": made.reused}

    def told() -> None:
        if made.reused:
            output.say("Nothing has changed since this export was made: it is given back. --fresh makes a new one.")
        output.facts(summary)

    output.show(summary, json, told)


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
def formats(workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """List the formats of the installed ultralytics, which of them are certified, and how many exports there are."""
    from collections import Counter

    from workbench.exports.formats import table

    counts = Counter(made.run.spec.parameters.get("format") for made in open_workspace(workspace).exports())
    rows: list[dict[str, Any]] = [
        {
            "format": each.name,
            "title": each.title,
            "suffix": each.suffix,
            "precisions": list(each.precisions),
            "arguments": sorted(each.arguments),
            "environment": each.environment,
            "certified": each.made,
            "served": each.served,
            "exports": counts[each.name],
        }
        for each in table().values()
    ]
    output.show(
        {"formats": rows},
        json,
        lambda: output.table(
            ("format", "name", "precisions", "packages", "certified", "served", "exports"),
            [
                (
                    each["format"],
                    each["title"],
                    ", ".join(each["precisions"]),
                    each["environment"],
                    "yes" if each["certified"] else "",
                    "yes" if each["served"] else "",
                    str(each["exports"] or ""),
                )
                for each in rows
            ],
            "The installed ultralytics exports nothing.",
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
    summary, certificate = made.summary(), made.certificate

    def told() -> None:
        output.facts(summary)
        rows = [(row["name"], row["verdict"], row["found"], row["wanted"]) for row in certificate.get("checks", ())]
        output.table(("check", "verdict", "found", "wanted"), rows, "Its certificate was made before checks had rows.")

    output.show({**summary, "certificate": certificate}, json, told)
