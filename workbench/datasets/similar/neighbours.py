"""Which 64-bit hashes differ in few bits, among all pairs.

What lives here: multi-index hashing. What does not: what a hash stands for (``hashes``).

Two hashes that differ in at most 12 bits differ in at most 3 bits in the first of four bands of 16 bits, or in at most
2 in another: were it not so, they would differ in 4 + 3 + 3 + 3. So it is enough to compare those that share a band but
for that many bits (Norouzi, Punjani and Fleet 2012, "Fast search in Hamming space with multi-index hashing").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import cast

import numpy as np
from numpy.typing import NDArray

RADIUS = 12
"""Bits; the bands below find every pair within it."""

_BANDS, _WIDTH, _SLACK = 4, 16, (3, 2, 2, 2)
_SERVED = 256  # close ones after which a hash asks no more, it only answers: one scene filmed for hours
_CROWD = 64  # others of a band, on average, beyond which an even sample of them is compared
_CHUNK = 1 << 18  # pairs compared at once
_POOL = 1 << 20  # pairs held before the farther ones go

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Found:
    """Pairs of hashes that are close.

    Attributes:
        first: int64, shape (N,): index of one hash.
        second: int64, shape (N,): index of another; greater than ``first``.
        bits: uint8, shape (N,): in how many they differ.
        sampled: whether hashes were so alike that not all were compared: some have more than 256 that are close.
    """

    first: Ints
    second: Ints
    bits: NDArray[np.uint8]
    sampled: bool


def within(hashes: NDArray[np.uint64], sides: Ints, keep: int = 8) -> Found:
    """Return the pairs of hashes that differ in at most ``RADIUS`` bits.

    Args:
        hashes: uint64, shape (N,).
        sides: int64, shape (N,), >= 0: e.g. the split of each.
        keep: how many nearest of its own side, and of the other sides, each hash keeps. A pair stays when either keeps
            it, so a cluster of n costs n times this, not n squared.
    """
    pool = _Pool(sides, keep, np.zeros(len(sides), np.int64))
    for band in range(_BANDS):
        _search(hashes, band, pool)
    pool.prune()
    order = np.lexsort((pool.second, pool.first))
    return Found(pool.first[order], pool.second[order], pool.bits[order], pool.sampled)


@dataclass
class _Pool:
    """The nearest pairs so far."""

    sides: Ints
    keep: int
    close: Ints  # how many close ones each hash has met
    sampled: bool = False
    first: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    second: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    bits: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))
    waiting: list[tuple[Ints, Ints, NDArray[np.uint8]]] = field(default_factory=list)

    def add(self, first: Ints, second: Ints, bits: NDArray[np.uint8]) -> None:
        if len(first):
            for one in (first, second):
                self.close += np.bincount(one, minlength=len(self.close))
            self.waiting.append((np.minimum(first, second), np.maximum(first, second), bits))
            if sum(len(part[0]) for part in self.waiting) > _POOL:
                self.prune()

    def prune(self) -> None:
        parts = [(self.first, self.second, self.bits), *self.waiting]
        self.waiting = []
        first, second, bits = (np.concatenate([part[column] for part in parts]) for column in range(3))
        _, places = np.unique(first * len(self.sides) + second, return_index=True)
        first, second, bits = first[places], second[places], bits[places]
        kept = self._near(first, second, bits)
        self.first, self.second, self.bits = first[kept], second[kept], bits[kept]

    def _near(self, first: Ints, second: Ints, bits: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Return which pairs are among the nearest ``keep`` of either hash, on its side or across."""
        one, other = np.concatenate([first, second]), np.concatenate([second, first])
        lane = one * 2 + (self.sides[one] != self.sides[other])
        order = np.lexsort((other, np.concatenate([bits, bits]), lane))
        begins = np.flatnonzero(np.diff(lane[order], prepend=-1))
        rank = np.arange(len(order)) - np.repeat(begins, np.diff(begins, append=len(order)))
        kept = np.zeros(len(order), bool)
        kept[order[rank < self.keep]] = True
        return kept[: len(first)] | kept[len(first) :]


def _search(hashes: NDArray[np.uint64], band: int, pool: _Pool) -> None:
    keys = ((hashes >> np.uint64(_WIDTH * band)) & np.uint64(0xFFFF)).astype(np.int64)
    order = np.argsort(keys, kind="stable")
    keys, ordered = keys[order], hashes[order]
    starts = np.concatenate([[0], np.cumsum(np.bincount(keys, minlength=1 << _WIDTH))])
    for mask in _masks(_SLACK[band]):
        other = keys ^ mask
        served = pool.close[order] >= _SERVED
        if served.any():
            pool.sampled, rows = True, np.flatnonzero(~served)
            low = starts[other[rows]]
        else:  # each pair of buckets once
            rows = np.flatnonzero(keys < other) if mask else np.arange(len(keys))
            low = starts[other[rows]] if mask else rows + 1
        count = starts[other[rows] + 1] - low
        rows, low, count = (values[count > 0] for values in (rows, low, count))
        whole = count
        if count.sum() > _CROWD * len(rows):
            count, pool.sampled = np.minimum(count, _CROWD), True
        for part in _parts(count):
            left = np.repeat(rows[part], count[part])
            right = _spread(low[part], count[part], whole[part])
            bits = np.bitwise_count(ordered[left] ^ ordered[right])
            close = (bits <= RADIUS) & (left != right)
            pool.add(order[left[close]], order[right[close]], bits[close])


def _masks(slack: int) -> Iterator[int]:
    for flipped in range(slack + 1):
        for places in combinations(range(_WIDTH), flipped):
            yield sum(1 << place for place in places)


def _parts(count: Ints) -> Iterator[slice]:
    """Cut the rows so that each part compares about ``_CHUNK`` pairs."""
    ends = np.cumsum(count)
    begin = 0
    while begin < len(count):
        done = ends[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(ends, done + _CHUNK, side="right")))
        yield slice(begin, end)
        begin = end


def _spread(low: Ints, count: Ints, whole: Ints) -> Ints:
    """Return ``count`` places from each ``low`` on, spread evenly over ``whole`` places."""
    ends = np.cumsum(count)
    nth = np.arange(ends[-1]) - np.repeat(ends - count, count)
    if count is not whole and (count != whole).any():
        nth = nth * np.repeat(whole, count) // np.repeat(count, count)
    return cast("Ints", np.repeat(low, count) + nth)
