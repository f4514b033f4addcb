"""Carrying out what a view selects.

What lives here: from a plan to the ids of images. What does not: the plan (``compiled``).
"""

from __future__ import annotations

from functools import reduce

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from workbench.datasets.index.compiled import Condition, Every, InSplits, Marked, Plan, Some, Without
from workbench.datasets.index.generation import About
from workbench.datasets.index.rows import Rows
from workbench.datasets.index.sql import Database

Mask = NDArray[np.bool_]


class Chooser:
    """Says of every image whether a plan selects it.

    Args:
        about: the index.
        marks: which classes an image has.
        classes: schema ``INDEXED_CLASSES``.
        database: for all other conditions.
    """

    def __init__(self, about: About, marks: Rows, classes: pa.Table, database: Database) -> None:
        self._about, self._marks, self._database = about, marks, database
        self._first = classes["first_mark"].to_numpy()
        self._images = classes["images"].to_numpy()

    def ids(self, plan: Plan) -> NDArray[np.int64]:
        """Return the ids of the selected images, ascending."""
        return np.flatnonzero(self._mask(plan))

    def _mask(self, plan: Plan) -> Mask:
        match plan:
            case Every(parts):
                return reduce(np.logical_and, map(self._mask, parts), np.ones(self._about.images, np.bool_))
            case Some(parts):
                return reduce(np.logical_or, map(self._mask, parts), self._none())
            case Without(part):
                return ~self._mask(part)
            case InSplits(splits):
                return self._in(splits)
            case Marked(classes, sizes):
                return self._of(*(self._marked(cls, sizes) for cls in classes))
            case Condition():
                return self._of(self._database.images(plan))

    def _none(self) -> Mask:
        return np.zeros(self._about.images, np.bool_)

    def _of(self, *found: NDArray[np.int64]) -> Mask:
        mask = self._none()
        for ids in found:
            mask[ids] = True
        return mask

    def _in(self, splits: tuple[str, ...]) -> Mask:
        mask = self._none()
        for split, begin, end in self._about.runs:
            mask[begin:end] = split in splits
        return mask

    def _marked(self, cls: int, sizes: tuple[str, ...]) -> NDArray[np.int64]:
        first = int(self._first[cls])
        found = self._marks.span(first, first + int(self._images[cls]), ("image_id", *sizes))
        ids: NDArray[np.int64] = found["image_id"].to_numpy()
        if not sizes:
            return ids
        return ids[np.logical_or.reduce([found[size].to_numpy() > 0 for size in sizes])]
