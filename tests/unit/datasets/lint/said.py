"""Datasets written as rows: what a reader would have made of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from workbench.datasets.content import CLASSES, IMAGES, ISSUES, OBJECTS, Content, table

Box = tuple[str, int, float, float, float, float]  # image, class, cx, cy, w, h

IMAGE = {
    "split": "train",
    "width": 640,
    "height": 480,
    "format": "jpeg",
    "mode": "RGB",
    "orientation": 1,
    "effect": "keep",
}


def image(path: str, /, **columns: Any) -> dict[str, Any]:
    """Return a row of an image: its split is the folder that it lies in."""
    split = path.split("/")[1] if path.startswith("images/") else IMAGE["split"]
    label = "/data/" + path.replace("images/", "labels/").rpartition(".")[0] + ".txt"
    return {**IMAGE, "path": path, "file": f"/data/{path}", "label": label, "split": split, **columns}


def content(
    images: Iterable[dict[str, Any]],
    boxes: Sequence[Box] = (),
    names: Sequence[str] = ("cat", "dog"),
    issues: Iterable[dict[str, Any]] = (),
    **fields: Any,
) -> Content:
    """Return a dataset of ``images``, with the ``boxes`` on them, in the order of the lines of their label files."""
    rows = [{**row, "image_id": at} for at, row in enumerate(images)]
    ids = {row["path"]: row["image_id"] for row in rows}
    ordered = sorted(boxes, key=lambda box: ids[box[0]])
    lines: dict[str, int] = {}
    objects = []
    for at, (path, cls, cx, cy, w, h) in enumerate(ordered):
        lines[path] = lines.get(path, 0) + 1
        box = {"cx": cx, "cy": cy, "w": w, "h": h, "kind": "box", "crowd": False, "line": lines[path]}
        objects.append({"image_id": ids[path], "object_id": at, "cls": cls, **box})
    return Content(
        format=fields.get("format", "yolo"),
        task=fields.get("task", "detect"),
        root="/data",
        images=_table(IMAGES, rows),
        objects=_table(OBJECTS, objects),
        classes=_table(CLASSES, [{"cls": at, "name": name} for at, name in enumerate(names)]),
        issues=_table(ISSUES, list(issues)),
        options=fields.get("options", {}),
    )


def issue(
    rule: str, image_id: int | None = 0, detail: str = "odd", effect: str = "keep", **columns: Any
) -> dict[str, Any]:
    """Return a row of an issue."""
    return {"rule": rule, "image_id": image_id, "path": "", "line": 0, "detail": detail, "effect": effect, **columns}


def pair(*boxes: Box, **fields: Any) -> Content:
    """Return a dataset of one image to train on and one to measure on, in which nothing else is odd."""
    there = [image("images/train/a.jpg"), image("images/val/b.jpg")]
    fine = [(row["path"], cls, 0.3, 0.3, 0.2, 0.2) for row in there for cls in (0, 1)]
    return content(there, [*fine, *boxes], **fields)


def _table(schema: Any, rows: list[dict[str, Any]]) -> Any:
    return table(schema, {name: [row.get(name) for row in rows] for name in schema.names}, len(rows))
