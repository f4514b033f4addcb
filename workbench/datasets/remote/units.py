"""What is fetched in one go: one object, or a stretch of a shard that holds many small files.

What lives here: dividing entries into units, and units among the stripes that jobs share. What does not: fetching
(``fetch``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from workbench.datasets.remote.entries import Entry
from workbench.datasets.store.locks import STRIPES

BLOCK_BYTES = 8 << 20  # of a shard: what one job fetches of it in one go
GAP_BYTES = 256 << 10  # reading over it is cheaper than asking twice: 30 ms at 10 MB/s
_LIKE_ONE = 4096  # an entry without a size, and the cost of a request, counted as bytes


@dataclass(frozen=True)
class Unit:
    """What is fetched in one go.

    Attributes:
        stripe: 0..255, the lock that it needs.
        entries: one, or several of one shard, by offset.
    """

    stripe: int
    entries: tuple[Entry, ...]

    @property
    def cost(self) -> int:
        """Bytes, about."""
        return sum(_LIKE_ONE + max(0, one.size) for one in self.entries)


@dataclass(frozen=True)
class Stretch:
    """Bytes ``start`` to ``end`` of a shard, and the entries in them."""

    start: int
    end: int
    entries: tuple[Entry, ...]


def divide(entries: Iterable[Entry]) -> dict[int, list[Unit]]:
    """Return the units of ``entries`` by stripe: the same file falls into the same stripe in every job."""
    divided: dict[int, list[Unit]] = {}
    packed = []
    for entry in entries:
        if entry.offset >= 0:
            packed.append(entry)
        else:
            stripe = entry.key[0] % STRIPES
            divided.setdefault(stripe, []).append(Unit(stripe, (entry,)))
    packed.sort(key=lambda one: (one.place, one.offset))
    for (place, block), members in groupby(packed, key=lambda one: (one.place, one.offset // BLOCK_BYTES)):
        stripe = (sum(place.encode("utf-8", "surrogateescape")) + block) % STRIPES
        divided.setdefault(stripe, []).append(Unit(stripe, tuple(members)))
    return divided


def stretches(entries: Sequence[Entry], gap_bytes: int = GAP_BYTES) -> list[Stretch]:
    """Return the ranges of a shard that hold ``entries`` (by offset); those with a small gap between are one."""
    merged: list[Stretch] = []
    for entry in entries:
        end = entry.offset + entry.size
        if merged and entry.offset - merged[-1].end <= gap_bytes:
            last = merged.pop()
            merged.append(Stretch(last.start, max(last.end, end), (*last.entries, entry)))
        else:
            merged.append(Stretch(entry.offset, end, (entry,)))
    return merged
