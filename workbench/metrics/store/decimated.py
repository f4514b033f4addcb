"""A series as few points, from the level of the pyramid that fits.

What lives here: which rows and buckets of a run are read for how many points. What does not: the choice among them
(``pyramid``), reading them (``generation``).
"""

from __future__ import annotations

import numpy as np

from workbench.metrics.store.generation import Generation
from workbench.metrics.store.merged import Merged
from workbench.metrics.store.points import Key, Rows
from workbench.metrics.store.pyramid import WIDTH, XY, Buckets, Points, buckets, level_sizes, points, thin, thin_points


def series(run: Merged, key: Key, limit: int | None, steps: tuple[int, int] | None) -> tuple[Points, int]:
    """Return the points of a series, at most ``limit`` of them, and how many there are.

    Args:
        run: the run as it is now.
        key: the series; it may have no points.
        limit: >= ``pyramid.LEAST_POINTS``; None for every point.
        steps: the least and the greatest step to look at; None for all.
    """
    count = run.compacted(key)
    rows = run.rows(key) if count is None else run.tail(key)
    tail = _plain(_between(rows, steps))
    generation = run.generation
    if generation is None or not count:
        return _thinned([tail], limit)
    start, stop = (0, count) if steps is None else _range(generation, key, steps)
    total = stop - start + len(tail)
    level = 0 if limit is None else _level(total, limit, len(level_sizes(count)))
    if level == 0 or limit is None:
        return _thinned([generation.points(key, start, stop), tail], limit)
    if stop <= start:
        return _thinned([tail], limit)
    found = _Range(generation, key, start, stop)
    return thin(
        np.concatenate([*found.buckets(level), *_bucketed(tail, level)]),
        np.concatenate([found.first(), tail[-1:] if len(tail) else found.last()]),
        limit,
    ), total


class _Range:
    """The compacted points ``start`` to ``stop`` of a series (not empty), at some level.

    The buckets at both ends stand for points outside of the range too; these points are read one by one.
    """

    def __init__(self, generation: Generation, key: Key, start: int, stop: int) -> None:
        self._generation, self._key, self._start, self._stop = generation, key, start, stop
        self._count = generation.count(key)

    def buckets(self, level: int) -> list[Buckets]:
        size = WIDTH**level
        first = -(-self._start // size)
        last = -(-self._count // size) if self._stop == self._count else self._stop // size
        if first >= last:
            return [*_bucketed(self._points(self._start, self._stop), level)]
        ends = min(last * size, self._count)
        return [
            *_bucketed(self._points(self._start, first * size), level),
            self._generation.buckets(self._key, level, first, last),
            *_bucketed(self._points(ends, self._stop), level),
        ]

    def first(self) -> Points:
        if self._start == 0:
            found = self._generation.manifest.summary(self._key)
            return points(np.array([found.first_step]), np.array([found.first]), np.array([found.first_at]))
        return self._points(self._start, self._start + 1)

    def last(self) -> Points:
        if self._stop == self._count:
            found = self._generation.manifest.summary(self._key)
            return points(np.array([found.last_step]), np.array([found.last]), np.array([found.last_at]))
        return self._points(self._stop - 1, self._stop)

    def _points(self, start: int, stop: int) -> Points:
        return self._generation.points(self._key, start, stop) if stop > start else np.empty(0, XY)


def _bucketed(rows: Points, level: int) -> list[Buckets]:
    return [buckets(rows, WIDTH**level)] if len(rows) else []


def _level(total: int, limit: int, levels: int) -> int:
    """Return the coarsest level that has a bucket or more for each point that is shown; 0 for the points themselves."""
    level = 0
    while level < levels and total // WIDTH ** (level + 1) >= limit:
        level += 1
    return level


def _thinned(parts: list[Points], limit: int | None) -> tuple[Points, int]:
    filled = [part for part in parts if len(part)] or parts[:1]
    together = filled[0] if len(filled) == 1 else np.concatenate(filled)
    if limit is None or len(together) <= limit:
        return together, len(together)
    return thin_points(together, limit), len(together)


def _plain(rows: Rows) -> Points:
    return points(rows["step"], rows["value"], rows["at"])


def _between(rows: Rows, steps: tuple[int, int] | None) -> Rows:
    if steps is None:
        return rows
    start = np.searchsorted(rows["step"], steps[0], side="left")
    return rows[start : np.searchsorted(rows["step"], steps[1], side="right")]


def _range(generation: Generation, key: Key, steps: tuple[int, int]) -> tuple[int, int]:
    start = generation.find(key, steps[0])
    return start, max(generation.find(key, steps[1], behind=True), start)
