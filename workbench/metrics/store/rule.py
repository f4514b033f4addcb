"""Which points count, by the hundred thousand.

What lives here: the rule of ``rows``, for the points of one series at a time. What does not: the points (``points``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from workbench.metrics.rows import UNTOUCHED, WITHOUT_EPOCH, attempt_of, epochs_left
from workbench.metrics.store.points import NO_EPOCH, Array, Rows

_ALL = np.iinfo(np.int64).max
_NEVER_BACK = (UNTOUCHED, WITHOUT_EPOCH)


class Rule:
    """Which points count, over all attempts of a run.

    Args:
        writers: the names of the writers, in the order of their numbers.
        kept: by attempt that resumed, the epochs that it kept of those before it.

    Attributes:
        hides: whether a point that counted hid one of the same step and an earlier epoch: when an attempt resumes and
            supersedes the one, the other counts again.
    """

    def __init__(self, writers: Sequence[str], kept: Mapping[int, int]) -> None:
        self._writers, self._kept = writers, kept
        self.hides = False

    @cached_property
    def attempts(self) -> Array:
        """The attempt of each writer, by its number."""
        return np.array([attempt_of(writer) for writer in self._writers], dtype="i4")

    @cached_property
    def _ranks(self) -> Array:
        """Which of two writers is later where their times are equal: the one that ``tail`` reads later."""
        order = sorted(range(len(self._writers)), key=lambda number: f"{self._writers[number]}.jsonl")
        ranks = np.empty(len(order), "i4")
        ranks[order] = np.arange(len(order), dtype="i4")
        return ranks

    @cached_property
    def _left(self) -> Array:
        """The epochs of each writer's attempt that later attempts went on from."""
        left = [epochs_left(int(attempt), self._kept) for attempt in self.attempts]
        return np.array([_ALL if epoch is None else epoch for epoch in left], dtype="i8")

    def settle(self, rows: Rows, scope: str) -> Rows:
        """Return the points of one series that count, by ascending step, each step once.

        Args:
            rows: of one series; those of one writer in the order in which it wrote them.
            scope: the scope of the series.
        """
        if self._kept and scope != UNTOUCHED and (self._left < _ALL).any():
            rows = rows[self._standing(rows, scope)]
        steps = rows["step"]
        if len(rows) < 2 or bool((steps[1:] > steps[:-1]).all()):
            return rows
        writer = rows["writer"]
        if bool((writer == writer[0]).all()):
            order = np.argsort(steps, kind="stable")
        else:
            order = np.lexsort((self._ranks[writer], rows["written"], self.attempts[writer], steps))
        rows = rows[order]
        last: Array = np.append(rows["step"][1:] != rows["step"][:-1], True)
        found: Rows = rows[last]
        if scope not in _NEVER_BACK and len(found) < len(rows):
            epochs = _epochs(rows)
            self.hides |= bool((epochs < np.repeat(epochs[last], np.diff(np.flatnonzero(last), prepend=-1))).any())
        return found

    def _standing(self, rows: Rows, scope: str) -> Array:
        left = self._left[rows["writer"]]
        if scope == WITHOUT_EPOCH:
            return np.asarray(left == _ALL)
        return np.asarray(_epochs(rows) <= left)


def _epochs(rows: Rows) -> Array:
    """Return the epochs as the rule takes them: the step where there is none."""
    return np.where(rows["epoch"] == NO_EPOCH, rows["step"], rows["epoch"])
