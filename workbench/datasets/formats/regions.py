"""The regions of Label Studio, in fractions.

What lives here: the two ways in which an export writes regions, their labels, one region to one shape. What does not:
tasks and images (``labelstudio``), brush strokes' run lengths (``brush``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from workbench.datasets.formats.brush import unpacked
from workbench.datasets.formats.shapes import Frame, Shape, ShapeError

Value = dict[str, Any]
_LABELS = ("rectanglelabels", "polygonlabels", "ellipselabels", "brushlabels", "keypointlabels", "labels", "choices")


def short(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the regions of a task of JSON-MIN as those of JSON: their values lie bare under the name of a control."""
    for key, found in record.items():
        if isinstance(found, list):
            for value in found:
                kind = next((label for label in _LABELS if isinstance(value, dict) and label in value), None)
                if kind is not None:
                    yield {
                        "type": kind,
                        "value": value,
                        **{side: value.get(side) for side in ("original_width", "original_height")},
                    }
        elif (
            isinstance(found, str)
            and key not in ("id", "image", "created_at", "updated_at")
            and key in ("choice", "choices")
        ):
            yield {"type": "choices", "value": {"choices": [found]}}


def joined(regions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return regions with their labels: a shape and its label may be two results of one id."""
    by_id: dict[Any, dict[str, Any]] = {}
    found = []
    for region in regions:
        own = region.get("id")
        known = by_id.get(own) if own is not None else None
        if known is None or region.get("type") == "choices":
            copy = {**region, "value": dict(region.get("value") or {})}
            found.append(copy)
            if own is not None and region.get("type") != "relation":
                by_id[own] = copy
        else:
            known["value"].update(region.get("value") or {})
            known["type"] = max((str(known.get("type")), str(region.get("type"))), key=lambda kind: kind in _LABELS[:5])
    return [region for region in found if region.get("type") != "relation"]


def kind_of(region: dict[str, Any]) -> str:
    """Return rectangle, polygon, ellipse, brush, keypoint, choices or another type's name."""
    value = region.get("value") or {}
    given = str(region.get("type", ""))
    if given == "labels":
        given = (
            "polygon"
            if "points" in value
            else "brush"
            if "rle" in value
            else "rectangle"
            if "width" in value
            else given
        )
    return given.removesuffix("labels") if given != "labels" else given


def labels_of(value: dict[str, Any]) -> list[str]:
    """Return the labels, or choices, of a region."""
    return [str(label) for key in _LABELS if isinstance(value.get(key), list) for label in value[key]]


def shape_of(kind: str, value: Value, frame: Frame, points: Sequence[Value | None] = ()) -> Shape:
    """Return the shape of a region.

    Args:
        kind: as ``kind_of`` returns it.
        value: places in percent of the image.
        frame: the image.
        points: values of its key points, None for one that is missing; none at all makes no pose of it.

    Raises:
        ShapeError, TypeError, ValueError, LookupError: when the value means nothing.
    """
    if kind == "choices":
        return Shape("class")
    if kind == "brush":
        return frame.mask(unpacked(value["rle"], frame.width, frame.height))
    if kind == "polygon":
        return frame.polygon([[place for point in value["points"] for place in _pixels(frame, point[0], point[1])]])
    return _placed(kind, value, frame, points)


def _placed(kind: str, value: Value, frame: Frame, points: Sequence[Value | None]) -> Shape:
    left, top = _pixels(frame, value["x"], value["y"])
    turn = _number(value.get("rotation") or 0)
    if kind == "ellipse":
        return frame.ellipse((left, top), _pixels(frame, value["radiusX"], value["radiusY"]), turn)
    if kind == "keypoint":
        return frame.pose([left, top, 2.0])
    width, height = _pixels(frame, value["width"], value["height"])
    if points:
        return frame.pose(_keypoints(frame, points), (left, top, left + width, top + height))
    return _rectangle(frame, (left, top), (width, height), turn)


def _rectangle(frame: Frame, corner: tuple[float, float], size: tuple[float, float], degrees: float) -> Shape:
    """Return a box turned about its upper left corner."""
    (left, top), (width, height) = corner, size
    if not degrees % 360:
        return frame.box(left, top, left + width, top + height)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    centre = (left + width / 2 * cos - height / 2 * sin, top + width / 2 * sin + height / 2 * cos)
    return frame.rotated(centre, size, degrees)


def _keypoints(frame: Frame, points: Sequence[Value | None]) -> list[float]:
    placed = [(0.0, 0.0, 0.0) if point is None else (*_pixels(frame, point["x"], point["y"]), 2.0) for point in points]
    return [value for point in placed for value in point]


def _pixels(frame: Frame, x: Any, y: Any) -> tuple[float, float]:
    return _number(x) * frame.width / 100, _number(y) * frame.height / 100


def _number(value: Any) -> float:
    found = float(value)
    if not math.isfinite(found):
        raise ShapeError(f"{value} is no number")
    return found
