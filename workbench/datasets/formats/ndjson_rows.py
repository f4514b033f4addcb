"""The rows of NDJSON's annotations: those of YOLO label files, as numbers.

What lives here: what is wrong with a row by ultralytics' rules, and its shape. What does not: the lines of the file
(``ndjson``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from workbench.datasets.formats.shapes import Shape, extent, ring_area

CLASSES_MAX = 1_000_000
_KINDS = {"boxes": "box", "segments": "polygon", "pose": "pose", "obb": "obb", "classification": "class"}
_LOW, _HIGH = -0.01, 1.01  # what ultralytics allows outside the image


@dataclass(frozen=True)
class Fault:
    """Why ultralytics drops the image of a row: ``rule`` and ``detail`` of an issue."""

    rule: str
    detail: str


def fault(key: str, row: list[Any], kpt_shape: tuple[int, int]) -> Fault | None:
    """Return what is wrong with a row of ``key``; None when ultralytics takes it."""
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in row)
    if not row or not numbers:
        return Fault("label-number", f"{str(row)[:60]} are no numbers")
    if not all(map(math.isfinite, row)):
        return Fault("label-not-finite", f"{str(row)[:60]}")
    if not _fits(key, len(row) - 1, kpt_shape):
        return Fault("label-columns", f"{len(row)} numbers in a row")
    return _wrong_class(row[0]) or _misplaced(key, row[1:], kpt_shape)


def _fits(key: str, count: int, kpt_shape: tuple[int, int]) -> bool:
    """Return whether a row may have ``count`` numbers after its class."""
    if key == "pose":
        points, values = kpt_shape
        return count == 4 + points * values if points else count > 4 and (count - 4) % values == 0
    return {"boxes": count == 4, "obb": count == 8, "classification": count == 0}.get(
        key, count >= 6 and count % 2 == 0
    )


def _wrong_class(cls: float) -> Fault | None:
    if cls != int(cls):
        return Fault("label-class-fraction", f"class {cls} is not a whole number")
    return None if 0 <= cls < CLASSES_MAX else Fault("label-class-unknown", f"class {int(cls)}")


def _misplaced(key: str, values: list[float], kpt_shape: tuple[int, int]) -> Fault | None:
    if not values:
        return None
    box = around(key, values)
    # Of a pose ultralytics looks at the points only
    points = [v for at in range(4, len(values), kpt_shape[1]) for v in values[at : at + 2]] if key == "pose" else box
    if max(points) > _HIGH:
        return Fault("label-outside", f"{max(points):g} is outside the image: places are fractions, 0 to 1")
    if min(*box, *points) < _LOW or min(box[2:]) < 0:
        return Fault("label-negative", f"{min(*box, *points):g} is negative: places are fractions, 0 to 1")
    return None


def around(key: str, values: list[float]) -> tuple[float, float, float, float]:
    """Return the box of a row, or around its points: cx, cy, w, h."""
    if not values:
        return 0.0, 0.0, 0.0, 0.0
    if key in ("boxes", "pose"):
        return float(values[0]), float(values[1]), float(values[2]), float(values[3])
    left, top, right, bottom = extent([values])
    return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top


def shape(key: str, row: list[Any], size: tuple[int, int], kpt_shape: tuple[int, int]) -> Shape:
    """Return the shape of a row without faults on an image of ``size`` pixels, (0, 0) when that is unknown."""
    values = [float(value) for value in row[1:]]
    box, pixels = around(key, values), size[0] * size[1]
    if key in ("segments", "obb"):
        return Shape(_KINDS[key], box, ring_area(values) * pixels, rings=[values])
    points = _points(values[4:], kpt_shape[1]) if key == "pose" else None
    return Shape(_KINDS[key], box, box[2] * box[3] * pixels, keypoints=points)


def _points(values: list[float], each: int) -> list[float]:
    if each == 3:
        return values
    pairs = zip(values[0::2], values[1::2], strict=True)
    return [value for x, y in pairs for value in (x, y, 0.0 if x < 0 or y < 0 else 2.0)]
