"""How accurate a checkpoint and its export are on the same labelled images, and how sure the difference is.

What lives here: mean average precision, and a paired bootstrap over images. What does not: which answers are right
(``accuracy_hits``), the verdict (``certificate``).

The interval is the percentile interval of Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13:
images are drawn with replacement, the same ones for both models, and the drop is measured on each draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from workbench.exports.accuracy_hits import THRESHOLDS, Floats, Hits

ACCURACY_IMAGES: Final = 500
"""Accuracy is measured on so many images at most."""
RESAMPLES: Final = 1000
LEVELS: Final = (2.5, 97.5)
"""Percentiles between which 95 % of the draws lie."""
_SEED: Final = 0
_DRAWN_AT_ONCE: Final = 100
_GRID: Final[Floats] = np.linspace(0, 1, 101)
# Trapezoids of width 0.01, as a sum over the points of the grid
_AREAS: Final[Floats] = np.concatenate([[0.0, 0.005], np.full(99, 0.01), [0.005]]).cumsum()

Counts = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Accuracy:
    """How accurate both are.

    Attributes:
        metric: ``mAP50-95`` of boxes, masks, keypoints or rotated boxes, or ``top-1``.
        checkpoint: 0-1.
        export: 0-1.
        drop: from one to the other, in points (hundredths); negative when the export is better.
        low: 95 % of the draws have a drop between this
        high: and this.
        images: with a truth, on which it was measured.
        targets: objects in them.
    """

    metric: str
    checkpoint: float
    export: float
    drop: float
    low: float
    high: float
    images: int
    targets: int

    def __str__(self) -> str:
        return (
            f"{self.metric} {100 * self.checkpoint:.1f} -> {100 * self.export:.1f}, drop {points(self.drop)} points "
            f"(95 %: {points(self.low)} to {points(self.high)}), {self.images} images"
        )


def compare(task: str, checkpoint: Sequence[Hits], export: Sequence[Hits], images: int) -> Accuracy:
    """Return how accurate both are.

    Args:
        task: of the model.
        checkpoint: its hits, image by image.
        export: its hits in the same images.
        images: how many of them have a truth.
    """
    draws = _draws(len(checkpoint))
    if task == "classify":
        values = [_shares(each, draws) for each in (checkpoint, export)]
    else:
        values = [mean_precisions(each, draws) for each in (checkpoint, export)]
    before, after = values
    drops = 100 * (before - after)
    low, high = np.percentile(drops[1:][~np.isnan(drops[1:])], LEVELS)
    return Accuracy(
        metric="top-1" if task == "classify" else "mAP50-95",
        checkpoint=float(before[0]),
        export=float(after[0]),
        drop=float(drops[0]),
        low=float(low),
        high=float(high),
        images=images,
        targets=sum(len(each.targets) for each in checkpoint),
    )


def mean_precisions(hits: Sequence[Hits], draws: Counts) -> Floats:
    """Return the mean average precision of each draw: over the classes that are there, and all thresholds.

    Args:
        hits: of each image.
        draws: how often each image is in each draw: shape (draws, images).

    Returns:
        Shape (draws,), 0-1; NaN for a draw in which nothing is there.
    """
    table = _table(hits)
    targets = np.concatenate([np.full(len(each.targets), number) for number, each in enumerate(hits)]).astype(np.int64)
    classes = np.concatenate([each.targets for each in hits])
    present = np.unique(classes)
    precisions = np.full((len(present), len(draws)), np.nan)
    for row, label in enumerate(present):
        of_class = table.of(label)
        for start in range(0, len(draws), _DRAWN_AT_ONCE):
            part = draws[start : start + _DRAWN_AT_ONCE]
            there = part[:, targets[classes == label]].sum(axis=1, dtype=np.int64)
            precisions[row, start : start + _DRAWN_AT_ONCE] = _precisions(of_class, part, there)
    counted = ~np.isnan(precisions)
    return _shared(np.nansum(precisions, axis=0), counted.sum(axis=0))


@dataclass(frozen=True)
class _Table:
    """Answers of all images, by descending confidence."""

    right: npt.NDArray[np.bool_]
    images: npt.NDArray[np.int64]
    classes: npt.NDArray[np.int64]

    def of(self, label: int) -> _Table:
        mine = self.classes == label
        return _Table(self.right[mine], self.images[mine], self.classes[mine])


def _table(hits: Sequence[Hits]) -> _Table:
    order = np.argsort(-np.concatenate([each.confidence for each in hits]), kind="stable")
    images = np.concatenate([np.full(len(each.confidence), number) for number, each in enumerate(hits)])
    right = np.concatenate([each.right for each in hits])
    classes = np.concatenate([each.classes for each in hits])
    return _Table(right[order], images[order].astype(np.int64), classes[order])


def _precisions(answers: _Table, draws: Counts, there: npt.NDArray[np.int64]) -> Floats:
    """Return the average precision of one class in each draw, over all thresholds; NaN where it is not there.

    Precision only rises at a hit, so that the envelope of the whole curve is that of its values at hits: all others
    are left out. What is drawn twice counts twice.
    """
    answered = draws[:, answers.images].cumsum(axis=1, dtype=np.int32)
    total = np.zeros(len(draws))
    for level in range(len(THRESHOLDS)):
        at = np.flatnonzero(answers.right[:, level])
        if len(at):
            total += _area(draws[:, answers.images[at]].cumsum(axis=1, dtype=np.int32), answered[:, at], there)
    return np.where(there > 0, total / len(THRESHOLDS), np.nan)


def _area(hit: Counts, answered: Counts, there: npt.NDArray[np.int64]) -> Floats:
    """Return the area below the envelope of precision over recall, by trapezoids on COCO's 101 points of recall."""
    precision = np.divide(hit, answered, out=np.zeros(hit.shape), where=answered > 0)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    recall = hit / np.maximum(there, 1)[:, None]
    reached = _AREAS[np.searchsorted(_GRID, recall, side="left")]
    found: Floats = (envelope * np.diff(reached, axis=1, prepend=0.0)).sum(axis=1)
    return found


def _shares(hits: Sequence[Hits], draws: Counts) -> Floats:
    right = np.array([float(each.right.sum()) for each in hits])
    known = np.array([len(each.targets) for each in hits])
    return _shared(draws @ right, draws @ known)


def _shared(values: Floats, counts: npt.NDArray[np.integer[Any]]) -> Floats:
    """Return values by their counts; NaN where there is none."""
    found: Floats = np.divide(values, counts, out=np.full(len(values), np.nan), where=counts > 0)
    return found


def _draws(images: int) -> Counts:
    """Return how often each image is in each draw; the first draw is the images as they are."""
    random = np.random.default_rng(_SEED)
    drawn = random.multinomial(images, np.full(images, 1 / images), size=RESAMPLES)
    return np.concatenate([np.ones((1, images)), drawn]).astype(np.int32)


def points(value: float) -> str:
    """Return a drop as people read it; never ``-0.0``."""
    return f"{value + 0.0 if abs(value) >= 0.05 else 0.0:.1f}"
