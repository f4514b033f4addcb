"""A tracker that keeps everything in memory: the shortest example of one, and what tests look into.

What lives here: the runs that were told of, in this process. What does not: anything on disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workbench.tracking.base import Ended, EndState, File, Item, Measured, Model, Started, Text


@dataclass
class Kept:
    """One run as it was told.

    Attributes:
        started: what it is.
        state: how it ended; None while it goes on.
        points: ``(value, at)`` by scope, name and step: what is told again takes its own place.
        texts: by name and step.
        files: the bytes by kind, name and step.
        models: the newest of each name.
    """

    started: Started
    state: EndState | None = None
    points: dict[tuple[str, str, int], tuple[float, float]] = field(default_factory=dict)
    texts: dict[tuple[str, int], str] = field(default_factory=dict)
    files: dict[tuple[str, str, int | None], bytes] = field(default_factory=dict)
    models: dict[str, Model] = field(default_factory=dict)


class MemoryTracker:
    """Keeps what it is told in ``runs``, which all objects of this process share.

    Args:
        folder: private to the run; not used.
    """

    runs: dict[str, Kept] = {}  # noqa: RUF012  shared on purpose: a new object goes on where the last one stopped

    def __init__(self, folder: Path) -> None:
        self._folder, self._run = folder, ""

    @property
    def url(self) -> str | None:
        """No person can see it."""
        return None

    def open(self, started: Started, remote: str | None) -> str:
        """Begin the run, or go on with it."""
        self._run = remote or started.run
        kept = self.runs.setdefault(self._run, Kept(started))
        kept.started, kept.state = started, None
        return self._run

    def send(self, items: Sequence[Item]) -> None:
        """Keep what is new."""
        kept = self.runs[self._run]
        for item in items:
            match item:
                case Measured():
                    kept.points |= {(item.scope, name, item.step): (v, item.at) for name, v in item.values.items()}
                case Text():
                    kept.texts[item.name, item.step] = item.text
                case File():
                    if item.path.is_file():
                        kept.files[item.kind, item.name, item.step] = item.path.read_bytes()
                case Model():
                    kept.models[item.name] = item

    def close(self, ended: Ended | None) -> None:
        """Note how the run ended."""
        self.runs[self._run].state = ended.state if ended is not None else None
