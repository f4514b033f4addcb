"""What is counted while an index is written: objects by image, by class and by split.

What lives here: the arithmetic. What does not: the files that the counts go to (``writer``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from workbench.datasets.content import table
from workbench.datasets.index.tables import COUNTS, MARKS, MEDIUM_AREA, SIZES, SMALL_AREA, STATS

Ints = NDArray[np.int64]
_NAMES = [name for name, _ in COUNTS]
_OF_SPLITS = ("images", "background", "dropped")
_IMAGE_BITS = 40
_PART = 1 << 20


def size_of(area: NDArray[np.float64]) -> NDArray[np.int8]:
    """Return 0, 1 or 2 for small, medium and large areas in square pixels; -1 where there is none."""
    found = np.digitize(area, [SMALL_AREA, MEDIUM_AREA]).astype(np.int8)
    found[~(area > 0)] = -1
    return found


def columns_of(place: Ints, sizes: NDArray[np.int8], length: int) -> dict[str, NDArray[np.int32]]:
    """Return how many objects, and how many of each size, there are at each of ``length`` places."""
    counted = {"objects": np.bincount(place, minlength=length)}
    for number, name in enumerate(SIZES):
        counted[name] = np.bincount(place[sizes == number], minlength=length)
    return {name: column.astype(np.int32) for name, column in counted.items()}


class Marks:
    """Collects which classes an image has, batch by batch of ascending images."""

    def __init__(self) -> None:
        self._parts: list[dict[str, NDArray[Any]]] = []

    def add(self, cls: Ints, image_id: Ints, sizes: NDArray[np.int8]) -> None:
        """Count the objects of some images: their classes, images and sizes."""
        if not len(cls):
            return
        keys, place = np.unique((cls << _IMAGE_BITS) | image_id, return_inverse=True)
        part: dict[str, NDArray[Any]] = dict(columns_of(place, sizes, len(keys)))
        part["cls"] = (keys >> _IMAGE_BITS).astype(np.int32)
        part["image_id"] = (keys & ((1 << _IMAGE_BITS) - 1)).astype(np.int64)
        self._parts.append(part)

    def table(self) -> pa.Table:
        """Return all of them by (cls, image_id), schema ``MARKS``; what was collected is given away."""
        parts, self._parts = self._parts, []
        if not parts:
            return MARKS.empty_table()
        cls = np.concatenate([part.pop("cls") for part in parts])
        # Each batch is sorted, and its images come behind those of the batch before: a stable sort by class is enough
        order = np.argsort(cls.astype(np.int16) if cls.max() < 1 << 15 else cls, kind="stable")
        columns = {"cls": cls[order]}
        for name in ("image_id", *_NAMES):  # one column after the other: all at once would take the memory twice
            columns[name] = np.concatenate([part.pop(name) for part in parts])[order]
        return table(MARKS, columns)


class Splits:
    """Counts the images of each split, batch by batch of ascending images."""

    def __init__(self) -> None:
        self.runs: list[tuple[str, int, int]] = []
        self._totals: dict[str, dict[str, int]] = {}

    def add(self, first: int, images: pa.Table, counts: dict[str, NDArray[np.int32]]) -> None:
        """Count some images, of which the first has the id ``first``."""
        import pyarrow.compute as pc

        words = images["split"].combine_chunks().dictionary_encode()
        codes = words.indices.to_numpy()
        dropped = pc.equal(images["effect"].combine_chunks(), "drop").fill_null(False).to_numpy(zero_copy_only=False)
        for split, begin, end in _runs(codes, words.dictionary.to_pylist()):
            self._extend(split, first + begin, first + end)
            total = self._totals.setdefault(split, dict.fromkeys((*_NAMES, *_OF_SPLITS), 0))
            part = slice(begin, end)
            for name in _NAMES:
                total[name] += int(counts[name][part].sum())
            total["images"] += end - begin
            total["background"] += int((counts["objects"][part] == 0).sum())
            total["dropped"] += int(dropped[part].sum())

    def _extend(self, split: str, begin: int, end: int) -> None:
        if self.runs and self.runs[-1][0] == split:
            begin = self.runs.pop()[1]
        self.runs.append((split, begin, end))

    def stats(self, marks: pa.Table, classes: int) -> pa.Table:
        """Return the statistics of all splits, schema ``STATS``; rows of classes that a split lacks are left out."""
        names = sorted(self._totals, key=split_order)
        totals = {key: [self._totals[name][key] for name in names] for key in (*_NAMES, *_OF_SPLITS)}
        parts = [table(STATS, {"split": names, **totals}, len(names))]
        parts_of_marks = (marks.slice(begin, _PART) for begin in range(0, len(marks), _PART))
        counted = class_counts(parts_of_marks, code_splits(self.runs, names), (classes, len(names)))
        for number, name in enumerate(names):
            there = np.flatnonzero(counted["images"][:, number])
            columns = {key: column[there, number] for key, column in counted.items()}
            parts.append(table(STATS, {"split": [name] * len(there), "cls": there.astype(np.int32), **columns}))
        return pa.concat_tables(parts).combine_chunks()


def split_order(name: str) -> tuple[int, str]:
    """Return the key that sorts splits as people name them: train, val, test, others."""
    return {"train": 0, "val": 1, "test": 2}.get(name, 3), name


def code_splits(runs: list[tuple[str, int, int]], names: list[str]) -> NDArray[np.int16]:
    """Return the number of each image's split in ``names``."""
    codes = [np.full(end - begin, names.index(split), np.int16) for split, begin, end in runs]
    return np.concatenate(codes) if codes else np.empty(0, np.int16)


def class_counts(parts: Iterable[pa.Table], code: NDArray[np.int16], shape: tuple[int, int]) -> dict[str, Ints]:
    """Return ``images`` and the sums of the counts of marks, by class and code.

    Args:
        parts: columns of ``MARKS``, some rows at a time: a whole column of 64-bit numbers takes memory.
        code: by image, its column in what is returned; -1 for those that do not count.
        shape: number of classes, number of codes.
    """
    counted = {name: np.zeros(shape[0] * shape[1], np.int64) for name in ("images", *_NAMES)}
    for part in parts:
        at = code[part["image_id"].to_numpy()]
        there = np.flatnonzero(at >= 0)
        place = (part["cls"].to_numpy().astype(np.int64) * shape[1] + at)[there]
        counted["images"] += np.bincount(place, minlength=shape[0] * shape[1])
        for name in _NAMES:
            found = np.bincount(place, part[name].to_numpy()[there], minlength=shape[0] * shape[1])
            counted[name] += found.astype(np.int64)
    return {name: column.reshape(shape) for name, column in counted.items()}


def _runs(codes: NDArray[Any], names: list[str]) -> list[tuple[str, int, int]]:
    if not len(codes):
        return []
    ends = [*(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(codes)]
    begins = [0, *ends[:-1]]
    return [(names[codes[begin]], begin, end) for begin, end in zip(begins, ends, strict=True)]
