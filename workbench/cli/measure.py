"""``workbench predict`` and ``workbench evaluate``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from workbench.cli import output
from workbench.cli.options import (
    JsonOption,
    NameOption,
    NoteOption,
    ProjectOption,
    SessionOption,
    WorkspaceOption,
    open_workspace,
)


def predict(
    model: Annotated[str, typer.Argument(help="A run, an export, a .pt or .onnx file, or registered weights.")],
    source: Annotated[str, typer.Argument(help="An image, a folder, a glob or a video.")],
    conf: Annotated[float, typer.Option(min=0.0, max=1.0, help="The least confidence to report.")] = 0.25,
    iou: Annotated[float, typer.Option(min=0.0, max=1.0, help="The overlap above which the weaker box goes.")] = 0.7,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Predict on images with a trained or exported model."""
    found = open_workspace(workspace).predict(model, source, conf=conf, iou=iou)
    output.show({"model": model, "images": found}, json, lambda: _detections(found))


def evaluate(
    run: Annotated[str, typer.Argument(help="A training run, a .pt file, or registered weights.")],
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
    data: Annotated[str, typer.Option(help="Another dataset than the run's own.")] = "",
    project: ProjectOption = "default",
    session: SessionOption = None,
    name: NameOption = "",
    note: NoteOption = "",
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Measure a checkpoint on a split; the measurement is a run of its own."""
    from workbench.cli.live import watch_run

    measured = open_workspace(workspace).evaluate(
        run, split, data=data, project=project, session=session, name=name, note=note
    )
    result = watch_run(measured, quiet=json)
    output.show(
        {
            "run": measured.id,
            "split": split,
            **result.model_dump(mode="json", include={"headline", "metrics", "images"}),
        },
        json,
        lambda: output.facts({"split": split, "images": result.images, **result.metrics}),
    )


def _detections(images: list[dict[str, Any]]) -> None:
    rows = [
        (image["image"].rsplit("/", 1)[-1], found["name"], found["confidence"], _box(found))
        for image in images
        for found in image["detections"]
    ]
    output.table(
        ("image", "class", "confidence", "box"),
        rows,
        f"Nothing was found; images: {len(images)}. A lower --conf shows weaker answers.",
    )


def _box(found: dict[str, Any]) -> str:
    box = found.get("box")
    return " ".join(f"{value:.1f}" for value in box.values()) if box else ""
