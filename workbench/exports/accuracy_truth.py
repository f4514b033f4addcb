"""The truth about images, from the labels beside them.

What lives here: labels as ultralytics reads them, for each task. What does not: which answers hit it
(``accuracy_hits``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from workbench.datasets.labels import Rules, check
from workbench.datasets.listing import Companions, Finder
from workbench.exports.accuracy_hits import Floats, Truth

TASKS: Final = ("detect", "segment", "classify", "pose", "obb")
_OUTLINED: Final = ("segment", "obb")


def truths(images: Sequence[Path], task: str, names: Sequence[str], points: tuple[int, int]) -> list[Truth | None]:
    """Return what is in each image; None for one whose labels a training would drop. Empty when none has any.

    Args:
        images: with labels beside them, or in folders named by their classes.
        task: of the model.
        names: of its classes, by id.
        points: number and values (2 or 3) of an object's keypoints; zeros without keypoints.
    """
    if task not in TASKS:
        return []
    found = _folders(images, names) if task == "classify" else _files(images, task, len(names), points)
    return found if any(truth is not None and len(truth.classes) for truth in found) else []


def _folders(images: Sequence[Path], names: Sequence[str]) -> list[Truth | None]:
    numbers = {name: number for number, name in enumerate(names)}
    empty = np.zeros((0, 4))
    found = [numbers.get(image.parent.name) for image in images]
    return [None if number is None else Truth(np.array([number], dtype=np.int64), empty) for number in found]


def _files(images: Sequence[Path], task: str, classes: int, points: tuple[int, int]) -> list[Truth | None]:
    finder = Finder("", Companions("labels", (".txt",)))
    pose = task == "pose"
    count, values = points
    rules = Rules(classes, keypoint_values=count * values, pose=pose, keypoint_dimensions=values)
    found: list[Truth | None] = []
    for image in images:
        label = finder.labels(str(image.parent), [image.name])[0]
        verdict = check(Path(label), rules) if label else None
        if verdict is None:
            found.append(_truth((), task, points))  # nothing is there, as in a training
        else:
            found.append(None if verdict.faults else _truth(verdict.rows, task, points))
    return found


def _truth(rows: Sequence[tuple[float, ...]], task: str, points: tuple[int, int]) -> Truth | None:
    classes = np.array([int(row[0]) for row in rows], dtype=np.int64)
    outlines = tuple(np.array(row[1:]).reshape(-1, 2) for row in rows if len(row) > 6 and task != "pose")
    if task in _OUTLINED and (len(outlines) < len(rows) or (task == "obb" and {len(each) for each in outlines} - {4})):
        return None  # boxes, where outlines are asked for
    boxes = np.array([_around(each) for each in outlines] if outlines else [row[1:5] for row in rows], dtype=np.float64)
    keypoints = None
    if task == "pose":
        keypoints = np.array([row[5:] for row in rows], dtype=np.float64).reshape(len(rows), *points)
        if points[1] == 2:
            # As ultralytics has it: a point outside is one that was not marked
            seen = (keypoints >= 0).all(axis=2, keepdims=True).astype(np.float64)
            keypoints = np.concatenate([keypoints, seen], axis=2)
    return Truth(classes, boxes.reshape(-1, 4), outlines if task in _OUTLINED else (), keypoints)


def _around(outline: Floats) -> Floats:
    low, high = outline.min(axis=0), outline.max(axis=0)
    return np.concatenate([(low + high) / 2, high - low])
