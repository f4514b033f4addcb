"""A run as it is now: its compacted part and what the logs hold beyond it, as one.

What lives here: finding out what is new, and merging it with the compacted part. What does not: the questions that are
asked (``reader``), the form of either part (``generation``, ``logs``).

Most of the time the tail of a series lies behind its compacted part, and the two are only put side by side. Where it
does not (a step was logged again, an attempt resumed), all points of the series are read and settled until the next
compaction.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from workbench.errors import StorageError
from workbench.metrics.rows import UNTOUCHED
from workbench.metrics.store import manifest as manifests
from workbench.metrics.store.generation import Folder, Generation, open_generation
from workbench.metrics.store.logs import LogTail
from workbench.metrics.store.points import POINT, Array, Key, Rows, by_key
from workbench.metrics.store.rule import Rule
from workbench.metrics.store.summary import Summary, joined, summarise

_log = logging.getLogger(__name__)


class Merged:
    """The points of one run.

    Args:
        events: the run's ``events`` folder; None when there are no logs, e.g. in an archive.
        generation: the compacted part; None when there is none, or it is not to be trusted.

    Every method raises GoneError, DamagedError or ShrunkError when what it builds on is no longer there.
    """

    def __init__(self, events: Path | None, generation: Generation | None) -> None:
        self.generation = generation
        known = generation.manifest if generation is not None else None
        self._kept = dict(known.kept) if known is not None else {}
        self._compacted = known.index if known is not None else {}
        self._writers = list(known.covered) if known is not None else []
        self._tail = LogTail(events, known.covered if known else {}, self._kept) if events is not None else None
        self._new: dict[Key, list[Rows]] = {}
        self._settled: dict[Key, Rows] = {}
        self._empty: dict[Key, bool] = {}
        self._rule = Rule(self._writers, self._kept)

    def refresh(self) -> None:
        """Read what has been logged since the last call."""
        if self._tail is None:
            return
        before = len(self._tail.writers), dict(self._tail.kept)
        polled = list(self._tail.poll())
        if before != (len(self._tail.writers), self._tail.kept):
            self._rule = Rule(self._tail.writers.items, self._tail.kept)
            self._settled.clear()
            self._empty.clear()
        for number, rows in by_key(np.concatenate(polled)).items() if polled else ():
            key = self._tail.keys[number]
            self._new.setdefault(key, []).append(rows)
            self._settled.pop(key, None)

    @property
    def attempts(self) -> Array:
        """The attempt of each writer, by its number in the rows."""
        return self._rule.attempts

    @property
    def resumed(self) -> bool:
        """Whether an attempt has resumed since the last compaction."""
        return self._tail is not None and self._tail.kept != self._kept

    @property
    def outdated(self) -> bool:
        """Whether the compacted part lacks points that count again."""
        return self.resumed and self.generation is not None and self.generation.manifest.hides

    @property
    def untouched(self) -> bool:
        """Whether nothing has been measured since the last compaction."""
        return not self._new and not self.resumed

    def keys(self) -> list[Key]:
        """Return the series that have points, sorted."""
        return list(self)

    def __iter__(self) -> Iterator[Key]:
        yield from sorted(key for key in {*self._compacted, *self._new} if key in self)

    def __contains__(self, key: Key) -> bool:
        if len(self.tail(key)):
            return True
        if key not in self._compacted:
            return False
        if self.resumed and key not in self._empty:
            self._empty[key] = not len(self.rows(key))
        return not self._empty.get(key, False)

    def tail(self, key: Key) -> Rows:
        """Return the points of a series that the logs hold beyond the compacted part, by ascending step."""
        found = self._settled.get(key)
        if found is None:
            parts = self._new.get(key)
            if not parts:
                return np.empty(0, POINT)
            if len(parts) > 1:
                parts[:] = [np.concatenate(parts)]
            found = self._settled[key] = self._rule.settle(parts[0], key.scope)
        return found

    def compacted(self, key: Key) -> int | None:
        """Return how many compacted points of a series stand before its tail; None when they must be settled first."""
        if self.generation is None or key not in self._compacted:
            return 0
        if self.resumed and key.scope != UNTOUCHED:
            return None
        tail = self.tail(key)
        if len(tail) and tail["step"][0] <= self.generation.manifest.summary(key).last_step:
            return None
        return self.generation.count(key)

    def rows(self, key: Key) -> Rows:
        """Return all points of a series, by ascending step."""
        count = self.compacted(key)
        if self.generation is None or count == 0:
            return self.tail(key)
        former = self.generation.rows(key)
        new = self._new.get(key, [])
        if count is None:
            return self._rule.settle(np.concatenate([former, *new]), key.scope)
        return np.concatenate([former, self.tail(key)]) if new else former

    def summary(self, key: Key) -> Summary:
        """Return the summary of a series that has points."""
        count = self.compacted(key)
        if count is None or count == 0 or self.generation is None:
            return summarise(key, self.rows(key))
        former = self.generation.manifest.summary(key)
        tail = self.tail(key)
        return joined(former, summarise(key, tail)) if len(tail) else former


class Source:
    """Where one run is read from, again and again.

    Args:
        events: as for ``Merged``.
        folder: where the compacted part lies.
    """

    def __init__(self, events: Path | None, folder: Folder) -> None:
        self._events, self._folder = events, folder
        self._stamp: object = None
        self._distrusted: object = None
        self._merged: Merged | None = None

    def current(self) -> Merged:
        """Return the run as it is now.

        Raises:
            GoneError, DamagedError, ShrunkError: as ``Merged``; ask again after ``start_over`` or ``distrust``.
        """
        stamp = self._folder.stamp(manifests.NAME)
        merged, self._merged = self._merged, None  # what could not be read to its end is not gone on with
        if merged is None or stamp != self._stamp:
            self._stamp = stamp
            trusted = stamp is not None and stamp != self._distrusted
            merged = Merged(self._events, open_generation(self._folder) if trusted else None)
        merged.refresh()
        if merged.outdated:
            merged = Merged(self._events, None)
            merged.refresh()
        self._merged = merged
        return merged

    def start_over(self) -> None:
        """Forget what has been read."""
        self._merged = None

    def distrust(self, error: Exception) -> None:
        """Go by the logs alone until there is another manifest.

        Raises:
            StorageError: when there are no logs.
        """
        if self._events is None:
            raise StorageError(
                f"The compacted metrics of a run cannot be read: {error}.",
                "The files as they were written; there are no logs to go by instead.",
                "Put them there once more, from the run's own folder.",
            ) from error
        _log.warning("What was read in '%s' does not hold (%s): the logs are read anew.", self._events, error)
        self._distrusted = self._stamp
        self._merged = None
