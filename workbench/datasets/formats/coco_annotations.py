"""COCO's annotations, from JSON to columns in pixels.

What lives here: one batch of annotations. What does not: the files, images and categories, and the fractions
(``coco``).

What is clean, which is nearly all, goes through numpy and Arrow as columns; an annotation that is not is looked at
alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from workbench.datasets.formats import shapes
from workbench.datasets.formats.draft import packed
from workbench.datasets.formats.shapes import ShapeError

_OWN = {"id", "image_id", "category_id", "bbox", "area", "iscrowd", "segmentation", "keypoints", "num_keypoints"}
_RINGS = pa.list_(pa.list_(pa.float64()))
_NOTHING = (math.nan,) * 4

RAW = pa.schema(
    [
        ("image", pa.string()),
        ("category", pa.string()),
        ("id", pa.string()),
        ("kind", pa.string()),
        ("left", pa.float64()),
        ("top", pa.float64()),
        ("w", pa.float64()),
        ("h", pa.float64()),
        ("area", pa.float64()),
        ("crowd", pa.bool_()),
        ("rings", _RINGS),
        ("rle", pa.string()),
        ("rle_width", pa.int64()),
        ("rle_height", pa.int64()),
        ("keypoints", pa.list_(pa.float64())),
        ("attributes", pa.string()),
    ]
)
"""An annotation in pixels; its image and category are ids of the file."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with one annotation: ``rule`` and ``detail`` of an issue, ``image`` and ``id`` of the file."""

    rule: str
    image: str | None
    id: str | None
    detail: str


@dataclass
class Columns:
    """Batches of annotations as tables of schema ``RAW``, and what was wrong."""

    tables: list[pa.Table] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def add(self, batch: list[Any]) -> None:
        """Add the annotations of one batch."""
        rows = [row for row in batch if isinstance(row, dict)]
        if len(rows) < len(batch):
            self.faults.append(
                Fault("label-columns", None, None, f"{len(batch) - len(rows)} annotations are no objects")
            )
        if rows:
            self.tables.append(self._table(rows))

    def _table(self, rows: list[dict[str, Any]]) -> pa.Table:
        rings, runs = self._segmentations(rows)
        keypoints = self._keypoints(rows)
        boxes = self._boxes(rows)
        areas = _numbers(row.get("area") for row in rows)
        self._complete(boxes, areas, rings, runs, keypoints)
        kinds = [
            "pose" if points else "polygon" if ring else "rle" if run else "box" if not math.isnan(left) else "class"
            for points, ring, run, left in zip(keypoints, rings, runs, boxes[:, 0].tolist(), strict=True)
        ]
        columns = {
            "image": ids(row.get("image_id") for row in rows),
            "category": ids(row.get("category_id") for row in rows),
            "id": ids(row.get("id") for row in rows),
            "kind": kinds,
            **{name: boxes[:, at] for at, name in enumerate(("left", "top", "w", "h"))},
            "area": areas,
            "crowd": [bool(row.get("iscrowd")) for row in rows],
            "rings": pa.array(rings, _RINGS),
            "rle": [run and run[0] for run in runs],
            "rle_width": [run and run[1] for run in runs],
            "rle_height": [run and run[2] for run in runs],
            "keypoints": keypoints,
            "attributes": [_extras(row) for row in rows],
        }
        return pa.table([pa.array(columns[name], RAW.field(name).type) for name in RAW.names], schema=RAW)

    def _fault(self, row: dict[str, Any], rule: str, detail: str) -> None:
        self.faults.append(Fault(rule, as_id(row.get("image_id")), as_id(row.get("id")), detail))

    def _boxes(self, rows: list[dict[str, Any]]) -> Any:
        """Return left, top, width, height of each, NaN where there is none; float64, shape (n, 4)."""
        given = [row.get("bbox") or _NOTHING for row in rows]
        try:
            boxes = np.array(given, dtype=np.float64)
            if boxes.shape == (len(rows), 4) and not np.isinf(boxes).any():
                return boxes
        except (TypeError, ValueError):
            pass
        return np.array([self._box(row, box) for row, box in zip(rows, given, strict=True)], dtype=np.float64)

    def _box(self, row: dict[str, Any], box: Any) -> Any:
        if isinstance(box, list | tuple) and len(box) != 4:
            self._fault(row, "label-columns", f"a bbox of {len(box)} numbers where 4 were expected")
            return _NOTHING
        values = _floats(box)
        if values is None:
            self._fault(row, "label-number", f"a bbox of {str(box)[:60]}")
            return _NOTHING
        return values

    def _keypoints(self, rows: list[dict[str, Any]]) -> list[list[float] | None]:
        return [self._points(row) if row.get("keypoints") else None for row in rows]

    def _points(self, row: dict[str, Any]) -> list[float] | None:
        values = _floats(row["keypoints"])
        if values is None:
            self._fault(row, "label-number", "key points that are no numbers")
        elif len(values) % 3:
            self._fault(row, "label-columns", f"{len(values)} numbers of key points where x y v of each were expected")
        else:
            return values
        return None

    def _segmentations(self, rows: list[dict[str, Any]]) -> tuple[list[Any], list[tuple[str, int, int] | None]]:
        rings: list[Any] = []
        runs: list[tuple[str, int, int] | None] = []
        for row in rows:
            given = row.get("segmentation")
            run = None
            ring = None
            if isinstance(given, dict):
                run = self._run(row, given)
            elif given:
                ring = self._polygon(row, given)
            rings.append(ring)
            runs.append(run)
        return rings, runs

    def _polygon(self, row: dict[str, Any], given: Any) -> list[list[float]] | None:
        whole = given if isinstance(given, list) and isinstance(given[0], list) else [given]
        kept = []
        for ring in whole:
            values = _floats(ring)
            if values is None:
                self._fault(row, "label-number", "a polygon that is no list of numbers")
                continue
            try:
                shapes.check_ring(values)
            except ShapeError as error:
                self._fault(row, "label-columns", str(error))
                continue
            kept.append(values)
        return kept or None

    def _run(self, row: dict[str, Any], given: dict[str, Any]) -> tuple[str, int, int] | None:
        try:
            height, width = (int(side) for side in given["size"])
            counts = given["counts"]
            if isinstance(counts, str):
                shapes.check_rle(counts, width, height)
                return counts, width, height
            return shapes.from_runs(counts, width, height), width, height
        except ShapeError as error:
            self._fault(row, "label-mask", str(error))
        except (KeyError, TypeError, ValueError, OverflowError):
            self._fault(row, "label-mask", "a run-length mask without size or counts")
        return None

    @staticmethod
    def _complete(boxes: Any, areas: Any, rings: list[Any], runs: list[Any], keypoints: list[Any]) -> None:
        """Fill in the boxes and areas that the file does not say, from the shapes."""
        for at in np.flatnonzero(np.isnan(boxes).any(axis=1)):
            boxes[at] = _around(rings[at], runs[at], keypoints[at])
        for at in np.flatnonzero(np.isnan(areas)):
            if rings[at]:
                areas[at] = sum(map(shapes.ring_area, rings[at]))
            elif runs[at]:
                areas[at] = shapes.measure(*runs[at])[4]
            else:
                areas[at] = 0 if np.isnan(boxes[at, 0]) else boxes[at, 2] * boxes[at, 3]


def _around(rings: Any, run: Any, keypoints: Any) -> tuple[float, ...]:
    if run:
        return shapes.measure(*run)[:4]
    marked = [
        value for at in range(0, len(keypoints or ()), 3) if keypoints[at + 2] for value in keypoints[at : at + 2]
    ]
    if not rings and not marked:
        return _NOTHING
    left, top, right, bottom = shapes.extent(rings or [marked])
    return left, top, right - left, bottom - top


def _extras(row: dict[str, Any]) -> str | None:
    if row.keys() <= _OWN:
        return None
    return packed({key: row[key] for key in sorted(row.keys() - _OWN)})


def _floats(values: Any) -> list[float] | None:
    """Return ``values`` as finite floats; None when they are not."""
    if not isinstance(values, list | tuple):
        return None
    try:
        found = [float(value) for value in values]
    except (TypeError, ValueError, OverflowError):
        return None
    return found if all(map(math.isfinite, found)) else None


def _numbers(values: Iterable[Any]) -> Any:
    """Return ``values`` as float64, NaN where there is no finite number."""
    listed = list(values)
    try:
        found = np.array(listed, dtype=np.float64)
    except (TypeError, ValueError):
        found = np.array([(_floats([value]) or [math.nan])[0] for value in listed])
    found[~np.isfinite(found)] = math.nan
    return found


def ids(values: Iterable[Any]) -> pa.Array:
    """Return ids, which are numbers or texts in JSON, as texts."""
    listed = list(values)
    try:
        return pa.array(listed, pa.int64()).cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([as_id(value) for value in listed], pa.string())


def as_id(value: Any) -> str | None:
    """Return an id as text; None for null."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return None if value is None else str(value)
