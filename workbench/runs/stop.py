"""The wish that an attempt saves and ends: left in the run's folder, found by whoever does the work.

What lives here: the wish, and the way out of whoever found it. What does not: signals and killing (``supervise``).

    StoppedError    an attempt that found the wish, saved, and ended
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from workbench import storage
from workbench.errors import RunError, StorageError
from workbench.paths import RunPaths

Why = Literal["cancel", "timeout", "silence", "interrupt"]


@dataclass(frozen=True)
class Stop:
    """Why an attempt is to end.

    Attributes:
        why: ``cancel`` (somebody asked), ``timeout`` (``max_hours``), ``silence`` (no sign of life) or ``interrupt``
            (its process is to end, and the run is to go on later).
        reason: the same in a sentence.
        at: when, in unix seconds.
    """

    why: Why
    reason: str
    at: float


class StoppedError(RunError):
    """The attempt found the wish to stop, saved, and ended."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The run was asked to stop: {reason}", todo="What it had saved is kept.", state="cancelled")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.reason,)


def ask(run: RunPaths, stop: Stop) -> None:
    """Leave the wish; the first one stands.

    Raises:
        StorageError: when it cannot be written.
    """
    if read_stop(run.stop) is None:
        storage.put_json(run.stop, asdict(stop))


def read_stop(path: Path) -> Stop | None:
    """Return the wish; None when there is none."""
    try:
        return Stop(**storage.get_json(path)) if path.exists() else None
    except (StorageError, TypeError):  # it was taken back at this moment
        return None


def take_back(run: RunPaths) -> None:
    """Remove the wish: a new attempt begins."""
    run.stop.unlink(missing_ok=True)
