"""Shares out groups of images so that each class comes in the same shares.

What lives here: iterative stratification (Sechidis, Tsoumakas and Vlahavas 2011, "On the stratification of multi-label
data"), for groups instead of single images. What does not: what a group is, which class an image has (``assignment``).

The class with the fewest images left goes first, its largest groups first: each goes where that class is missed most.
Where less than the group itself is at stake, the split that would be least full gets it, so that many rare classes do
not all fill one split. Only whole numbers and plain products of them are compared, and ties fall by a digest: so the
same groups give the same splits on any machine and in any order.
"""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class Unit:
    """Images that stay together.

    Attributes:
        size: its images that training uses.
        classes: how many of them have a class, by class.
        order: a digest that decides between equals.
    """

    size: int
    classes: dict[int, int]
    order: bytes


def distribute(units: list[Unit], shares: list[float], learner: int | None = None) -> list[int]:
    """Return the share that each unit goes to.

    Args:
        units: what is shared out, at least as many as there are shares.
        shares: > 0, together 1.
        learner: the share that every class must have an image in, when there is one such.
    """
    table = _Table(units, shares, learner)
    while (rarest := table.pop_rarest()) is not None:
        for index in table.of_class(rarest):
            table.place(index, table.choose(index, rarest))
    for index in table.unplaced():
        table.place(index, table.least_full(index, range(len(shares))))
    table.fill_empty()
    return table.placed


class _Table:
    """What is placed, and what each share still misses."""

    def __init__(self, units: list[Unit], shares: list[float], learner: int | None) -> None:
        self.units, self.learner = units, learner
        self.placed = [-1] * len(units)
        total = sum(unit.size for unit in units)
        self.room = [share * max(total, 1) for share in shares]
        self.filled = [0] * len(shares)
        self.left: dict[int, int] = {}
        self._members: dict[int, list[int]] = {}
        for index, unit in enumerate(units):
            for cls, count in unit.classes.items():
                self.left[cls] = self.left.get(cls, 0) + count
                self._members.setdefault(cls, []).append(index)
        self.missed = {cls: [share * count for share in shares] for cls, count in self.left.items()}
        self.learned: set[int] = set()
        self._queue = [(count, cls) for cls, count in self.left.items()]
        heapq.heapify(self._queue)

    def pop_rarest(self) -> int | None:
        """Return the class with the fewest images left to place, None when all are placed."""
        while self._queue:
            count, cls = heapq.heappop(self._queue)
            if count and count == self.left[cls]:  # else it was queued again with what is left since
                return cls
        return None

    def of_class(self, cls: int) -> list[int]:
        """Return the unplaced units with a class, those with most of it first."""
        found = [index for index in self._members[cls] if self.placed[index] < 0]
        return sorted(found, key=lambda index: (-self.units[index].classes[cls], self.units[index].order))

    def unplaced(self) -> list[int]:
        """Return the units that have no class, the largest first."""
        found = [index for index, share in enumerate(self.placed) if share < 0]
        return sorted(found, key=lambda index: (-self.units[index].size, self.units[index].order))

    def choose(self, index: int, cls: int) -> int:
        """Return the share that misses the class of a unit most, of those that have room for the better half of it."""
        if self.learner is not None and cls not in self.learned:
            return self.learner
        unit, missed, every = self.units[index], self.missed[cls], range(len(self.room))
        roomy = [s for s in every if self.filled[s] + unit.size / 2 <= self.room[s]] or every
        most = max(missed[s] for s in roomy)
        near = [s for s in roomy if missed[s] == most or (missed[s] > 0 and missed[s] > most - unit.classes[cls])]
        return near[0] if len(near) == 1 else self.least_full(index, near)

    def least_full(self, index: int, among: list[int] | range) -> int:
        """Return the share of ``among`` that would be least full with a unit."""
        unit, turn = self.units[index], self.units[index].order[0]
        count = len(self.room)
        return min(among, key=lambda s: ((self.filled[s] + unit.size) / self.room[s], (s + turn) % count))

    def place(self, index: int, share: int) -> None:
        """Put a unit into a share."""
        unit = self.units[index]
        self.placed[index] = share
        self.filled[share] += unit.size
        for cls, count in unit.classes.items():
            self.missed[cls][share] -= count
            self.left[cls] -= count
            heapq.heappush(self._queue, (self.left[cls], cls))
        if share == self.learner:
            self.learned.update(unit.classes)

    def fill_empty(self) -> None:
        """Give each share that got nothing a unit of the share that has the most: a small one that it can spare."""
        for share in range(len(self.room)):
            if share in self.placed:
                continue
            counts = [self.placed.count(other) for other in range(len(self.room))]
            donor = counts.index(max(counts))
            given = [index for index, other in enumerate(self.placed) if other == donor]
            self.placed[self._spare(given)] = share

    def _spare(self, given: list[int]) -> int:
        holders = Counter(cls for index in given for cls in self.units[index].classes)

        def cost(index: int) -> tuple[int, int, bytes]:
            unit = self.units[index]
            return sum(holders[cls] == 1 for cls in unit.classes), unit.size, unit.order

        return min(given, key=cost)
