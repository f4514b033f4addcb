"""The log of a run as a spool: what a backend has not acknowledged yet, in batches.

What lives here: cutting the log into batches that are the same when they are read again. What does not: reading the
files (``metrics.subscribe``), what the events mean (``runs.tracking``), what was acknowledged (``state``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from workbench.metrics.subscribe import Cursor, Follower
from workbench.metrics.tail import Event

KINDS = ("metrics", "text", "file", "resumed")
RECORDS = 1000
POINTS = 10_000


@dataclass(frozen=True)
class Batch:
    """What lies between two places of the log.

    Attributes:
        events: those that may matter to a tracker, in the order of their time.
        offsets: the place after it, in bytes by writer.
        full: whether it was cut short, and more is there.
    """

    events: list[Event]
    offsets: dict[str, int]
    full: bool = False


def read_batch(folder: Path, offsets: Mapping[str, int], until: Mapping[str, int] | None = None) -> Batch:
    """Return the next events of a run.

    Args:
        folder: the run's ``events`` folder.
        offsets: where to begin, in bytes by writer.
        until: where to end; a batch that was read before is read again with the same events in the same order. Left
            out, the batch ends after 1000 records or 10,000 points.

    Raises:
        StorageError: when a log cannot be read.
    """
    follower = Follower(folder, Cursor(dict(offsets)), KINDS) if until is None else _Again(folder, offsets, until)
    events: list[Event] = []
    points, full = 0, False
    for event in follower.steps():
        if event is None:
            continue
        events.append(event)
        points += points_of(event) or 1
        full = until is None and (len(events) >= RECORDS or points >= POINTS)
        if full:
            break
    return Batch(events, dict(follower.cursor.offsets if until is None else {**offsets, **until}), full)


def points_behind(folder: Path, offsets: Mapping[str, int]) -> int:
    """Return how many points, texts and files the log holds after a place.

    Raises:
        StorageError: when a log cannot be read.
    """
    unread = Follower(folder, Cursor(dict(offsets)), KINDS).poll()
    return sum(points_of(event) or 1 for event in unread if event["kind"] != "resumed")


def points_of(event: Event) -> int:
    """Return how many points a line has; a notebook of the user's may write anything there."""
    values = event.get("values")
    return len(values) if isinstance(values, dict) else 0


class _Again(Follower):
    """Reads up to a place that was reached before, and knows of no writer that came later."""

    def __init__(self, folder: Path, offsets: Mapping[str, int], until: Mapping[str, int]) -> None:
        super().__init__(folder, Cursor(dict(offsets)), KINDS)
        self._until = until

    def _grown(self) -> list[tuple[str, int]]:
        ends = ((writer, min(size, self._until.get(writer, 0))) for writer, size in super()._grown())
        return [(writer, end) for writer, end in ends if end > self._offsets.get(writer, 0)]
