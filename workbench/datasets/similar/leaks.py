"""What images that are there twice mean for a dataset: leaks between its splits, and duplicates within one.

What lives here: rows for the issues. What does not: finding the pairs (``pairs``), what the rules say to people
(``lint``).

An image gets at most one leak and one duplicate, the strongest: the same bytes or pixels go before a near duplicate,
and that before a group. A leak is told of the image in the later split: val leaks from train, test from both.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from workbench.datasets.content import ISSUES, table
from workbench.datasets.similar.pairs import BYTES, NEAR, PIXELS, Pairs

_SPLITS = ("train", "val", "test")
_HOW = {BYTES: "the same bytes as", PIXELS: "the same pixels as", NEAR: "nearly the same picture as"}


class _Other(NamedTuple):
    """An image that another is a copy of, and how; the strongest sorts first, the earliest of equals."""

    near: bool
    unlikeness: float
    row: int
    kind: str


@dataclass(frozen=True)
class _Told:
    rule: str
    row: int
    other: int
    how: str


def leaks(pairs: Pairs, groups: pa.Array | None = None) -> pa.Table:
    """Return the issues: leak-exact, leak-near, leak-group, duplicate-exact and duplicate-near.

    Args:
        pairs: what ``find`` found.
        groups: string, one per image of ``pairs.images``, null for an image of its own; see ``groups.keys``.

    Returns:
        Schema ``content.ISSUES``, in the order of the images; ``detail`` names the counterpart. Images in no split have
        none, and an image that is listed twice is no duplicate of itself.
    """
    ranks, files = _ranks(pairs.images), pairs.images["file"].to_pylist()
    found: list[_Told] = []
    for row, others in _others(pairs, ranks).items():
        before = [other for other in others if ranks[other.row] < ranks[row]]
        beside = [o for o in others if ranks[o.row] == ranks[row] and o.row < row and files[o.row] != files[row]]
        for subject, counterparts in (("leak", before), ("duplicate", beside)):
            if counterparts:
                best = min(counterparts)
                rule = f"{subject}-{'near' if best.kind == NEAR else 'exact'}"
                found.append(_Told(rule, row, best.row, _HOW[best.kind]))
    if groups is not None:
        found.extend(_torn(ranks, groups, {told.row for told in found if told.rule.startswith("leak")}))
    return _issues(pairs.images, sorted(found, key=lambda told: (told.row, told.rule)))


def _ranks(images: pa.Table) -> list[int]:
    """Return how late each image's split is, 0 for train; -1 for an image in no split."""
    splits = images["split"].to_pylist()
    order = [*_SPLITS, *sorted(set(splits) - {*_SPLITS, "", None})]
    rank = {split: index for index, split in enumerate(order)}
    return [rank.get(split, -1) for split in splits]


def _others(pairs: Pairs, ranks: list[int]) -> dict[int, list[_Other]]:
    """Return what each image is like: of each set of copies only the first in each split, or black frames explode."""
    ids = pairs.images["image_id"].to_numpy()
    first = np.searchsorted(ids, pairs.table["a"].to_numpy()).tolist()
    second = np.searchsorted(ids, pairs.table["b"].to_numpy()).tolist()
    kinds, alike = pairs.table["kind"].to_pylist(), pairs.table["likeness"].to_pylist()
    copies: dict[int, list[int]] = {row: [row] for row in {*first, *second}}
    for one, other, kind in zip(first, second, kinds, strict=True):
        if kind == BYTES:
            copies[one].append(other)
    firsts = {stand_in: _firsts(rows, ranks) for stand_in, rows in copies.items()}
    found: dict[int, list[_Other]] = defaultdict(list)

    def tell(one: int, other: int, kind: str, likeness: float) -> None:
        others = [_Other(kind == NEAR, -likeness, row, kind) for row in firsts[other]]
        for row in copies[one]:
            if ranks[row] >= 0:
                found[row].extend(others)

    for stand_in, rows in copies.items():
        if len(rows) > 1:
            tell(stand_in, stand_in, BYTES, 1.0)
    for one, other, kind, likeness in zip(first, second, kinds, alike, strict=True):
        if kind != BYTES:
            tell(one, other, kind, likeness)
            tell(other, one, kind, likeness)
    return found


def _firsts(rows: list[int], ranks: list[int]) -> list[int]:
    """Return the first of ``rows`` in each split."""
    found: dict[int, int] = {}
    for row in sorted(rows):
        if ranks[row] >= 0:
            found.setdefault(ranks[row], row)
    return list(found.values())


def _torn(ranks: list[int], groups: pa.Array, leaking: set[int]) -> list[_Told]:
    """Return the images whose group reaches into an earlier split."""
    given = groups.combine_chunks() if isinstance(groups, pa.ChunkedArray) else groups
    codes = given.dictionary_encode()
    numbers = codes.indices.fill_null(-1).to_numpy().astype(np.int64)
    late = np.array(ranks, np.int64)
    rows = np.flatnonzero((numbers >= 0) & (late >= 0))
    order = rows[np.lexsort((rows, late[rows], numbers[rows]))]
    heads = np.unique(numbers[order], return_index=True)
    head = dict(zip(heads[0].tolist(), order[heads[1]].tolist(), strict=True))
    names = codes.dictionary.to_pylist()
    found = []
    for row in rows.tolist():
        other = head[int(numbers[row])]
        if ranks[other] < ranks[row] and row not in leaking:
            found.append(_Told("leak-group", row, other, f"of the group '{names[numbers[row]]}' like"))
    return found


def _issues(images: pa.Table, told: list[_Told]) -> pa.Table:
    taken = images.take(pa.array([each.row for each in told], pa.int64()))
    others = images.take(pa.array([each.other for each in told], pa.int64()))
    named = zip(others["split"].to_pylist(), others["path"].to_pylist(), strict=True)
    columns = {
        "rule": [each.rule for each in told],
        "image_id": taken["image_id"],
        "path": taken["path"],
        "line": [0] * len(told),
        "detail": [f"{each.how} {split} image '{path}'" for each, (split, path) in zip(told, named, strict=True)],
        "effect": ["keep"] * len(told),
    }
    return table(ISSUES, columns, len(told))
