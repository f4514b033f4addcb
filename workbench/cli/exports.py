"""``workbench export`` and ``workbench exports``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
from workbench.errors import RequestError, RunError
from workbench.exports.request import ExportRequest
from workbench.serving.spec import file_sha256

if TYPE_CHECKING:
    from workbench.exports.export import Export
    from workbench.submission import Filing

NAME = "exports"
app = typer.Typer(help="Exports: models in another format, each with its proof.", no_args_is_help=True)


def export(
    source: Annotated[str, typer.Argument(help="A training run, a .pt file, or registered weights.")],
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", "-f", help="A format, e.g. onnx or litert:int8; again for another.  [default: onnx]"),
    ] = None,
    precision: Annotated[str, typer.Option(help="fp32, fp16, int8, or what else the format comes in.")] = "fp32",
    imgsz: Annotated[str, typer.Option(help="The input in pixels: 640, or 480,640.  [default: as trained]")] = "",
    dynamic: Annotated[bool, typer.Option("--dynamic", help="Take images of any size and number.")] = False,
    nms: Annotated[str, typer.Option(help="NMS outside or inside of the graph; free has none.")] = "outside",
    opset: Annotated[int | None, typer.Option(help="The ONNX operator set.  [default: the best one]")] = None,
    simplify: Annotated[bool, typer.Option(help="Simplify the graph.")] = True,
    accept: Annotated[
        list[str] | None, typer.Option(help="A row of the certificate that may fail; repeatable.")
    ] = None,
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
    """Export a model to one format or more, and prove that each export answers like it."""
    options = {"imgsz": _sides(imgsz), "dynamic": dynamic, "nms": nms, "opset": opset, "simplify": simplify}
    # All are looked at before one is started: half an order is none
    requests = [
        _request(words, precision, options | {"accept": tuple(accept or ())}).checked() for words in formats or ["onnx"]
    ]
    opened = open_workspace(workspace)
    filing: Filing = {"project": project, "session": session, "name": name, "note": note}
    made = [opened.export(source, each, data=data, fresh=fresh, **filing) for each in requests]
    failed = [] if detach else _watch(made, quiet=json)
    rows = [{**each.summary(), "reused": each.reused} for each in made]
    output.show(rows[0] if len(rows) == 1 else {"exports": rows}, json, lambda: _tell(rows))
    if failed:
        raise failed[0]


def _sides(imgsz: str) -> int | tuple[int, int] | None:
    try:
        sides = [int(side) for side in re.split(r"[,x×\s]+", imgsz.strip()) if side]
    except ValueError:
        sides = []
    if not imgsz.strip():
        return None
    if len(sides) not in {1, 2}:
        raise RequestError(
            f"The image size '{imgsz}' is not valid.", "One number, or height and width.", "E.g. 640, or 480,640."
        )
    return sides[0] if len(sides) == 1 else (sides[0], sides[1])


def _request(words: str, precision: str, options: dict[str, Any]) -> ExportRequest:
    said = ExportRequest.of_words(words)
    return ExportRequest(said.format, said.precision if ":" in words else precision, **options)


def _watch(made: list[Export], *, quiet: bool) -> list[RunError]:
    from workbench.cli.live import watch_run

    failed = []
    for each in made:
        try:
            watch_run(each.run, quiet=quiet)
        except RunError as error:
            failed.append(error)
    return failed


def _tell(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        if row["reused"]:
            output.say("Nothing has changed since this export was made: it is given back. --fresh makes a new one.")
        output.facts(row)


@app.command("list")
def list_(workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """List the exports, newest first."""
    rows = [made.summary() for made in open_workspace(workspace).exports()]
    output.show(
        {"exports": rows},
        json,
        lambda: output.table(
            ("export", "state", "of", "format", "precision", "size", "answers like the model"),
            [
                (
                    row["export"],
                    row["state"],
                    row["source"],
                    row["format"],
                    row["precision"],
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
    """List the formats of the installed ultralytics, what this machine can do with them, and what they need."""
    from collections import Counter

    from workbench.exports.abilities import abilities

    opened = open_workspace(workspace)
    counts = Counter(made.run.spec.parameters.get("format") for made in opened.exports())
    rows = [
        {
            "format": each.format.name,
            "title": each.format.title,
            "suffix": each.format.suffix,
            "precisions": list(each.format.precisions),
            "arguments": sorted(each.format.arguments),
            "environment": each.environment.name if each.environment else "base",
            "needs_mb": each.needs_mb,
            "can": each.can,
            "reason": each.reason,
            "served": each.format.served,
            "exports": counts[each.format.name],
        }
        for each in abilities(opened.paths.environments)
    ]
    columns = ("format", "name", "precisions", "here", "needs", "served", "exports", "why")
    output.show(
        {"formats": rows},
        json,
        lambda: output.table(columns, [_row(each) for each in rows], "The installed ultralytics exports nothing."),
    )


def _row(each: dict[str, Any]) -> tuple[str, ...]:
    return (
        each["format"],
        each["title"],
        ", ".join(each["precisions"]),
        each["can"],
        f"about {each['needs_mb']} MB" if each["needs_mb"] else "",
        "yes" if each["served"] else "",
        str(each["exports"] or ""),
        each["reason"],
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


@app.command()
def choose(
    source: Annotated[str, typer.Argument(help="A training run, a .pt file, or registered weights.")],
    tries: Annotated[
        list[str] | None, typer.Option("--try", help="A format, e.g. openvino:int8; again for more.")
    ] = None,
    size: Annotated[float | None, typer.Option(help="At most so many MB.")] = None,
    latency: Annotated[float | None, typer.Option(help="At most so many ms for half of the images, here.")] = None,
    accuracy: Annotated[float | None, typer.Option(help="At least so much of the task's headline, 0-1.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw latency against accuracy into this file.")] = None,
    data: Annotated[str, typer.Option(help="The dataset to compare the answers on.  [default: the run's own]")] = "",
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Try formats and precisions, and show which of them no other one beats in size, latency and accuracy."""
    from workbench.exports.choosing import COLUMNS, TRIED, Limits

    limits = Limits(size, latency, accuracy)
    choice = open_workspace(workspace).choose_export(source, tries or TRIED, limits, data=data)
    if plot is not None:
        try:
            choice.figure().savefig(plot)
        except (OSError, ValueError) as error:
            raise RequestError(
                f"The plot could not be written to '{plot}': {error}.",
                "A file whose name ends in .png or .svg.",
                "Choose another.",
            ) from error
    best = choice.best

    def told() -> None:
        output.table(COLUMNS, choice.rows(), "Nothing was tried.")
        output.say(f"Take {best.words}: {best.export}" if best else "None of them passes within the limits.")

    output.show(choice.payload(), json, told)


@app.command()
def save(
    export: Annotated[str, typer.Argument(help="The export's id, or the beginning of it.")],
    to: Annotated[Path, typer.Option(help="The zip file.")],
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Write an export with its certificate and licence as one zip file."""
    path = open_workspace(workspace).find_export(export).bundle(to)
    told = {"file": str(path), "bytes": path.stat().st_size, "sha256": file_sha256(path)}
    output.show(told, json, lambda: output.facts(told))
