"""When the worker asks the server, and what it does with the answer.

What lives here: the alarm, and the choice among flow runs that wait. What does not: the worker (``work``).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

POLL_S = 20.0
LEAD_S = (
    10.0  # a process needs 3 s to be ready, on a busy machine three times as long; Prefect holds it until it is due
)
_AGAIN_S = 1.0


class Alarm:
    """Says when to ask the server: at once when the wake file was touched, when it was set for, else at intervals.

    Args:
        path: the wake file; it need not exist.
        period_s: how long to stay silent at most.
        clock: seconds, never going back.
        wall: the time of day, in seconds since the epoch.
    """

    def __init__(
        self,
        path: Path,
        period_s: float = POLL_S,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._path, self._period_s, self._clock, self._wall = path, period_s, clock, wall
        self._touched = self._touch()
        self._due_at = clock()
        self._set_for = math.inf

    def rings(self) -> bool:
        """Return whether it is time, and wind the alarm up again when it is."""
        touched, now = self._touch(), self._clock()
        if touched == self._touched and now < self._due_at and self._wall() < self._set_for:
            return False
        self._touched, self._due_at, self._set_for = touched, now + self._period_s, math.inf
        return True

    def set_for(self, at: float) -> None:
        """Ring at ``at``, in seconds since the epoch: the clock of intervals stands still while a laptop sleeps."""
        self._set_for = at

    def again(self) -> None:
        """Ring in a moment."""
        self.set_for(self._wall() + _AGAIN_S)

    def _touch(self) -> int:
        try:
            return self._path.stat().st_mtime_ns
        except OSError:
            return 0


@dataclass(frozen=True)
class Choice:
    """What is to be done with flow runs that wait.

    Attributes:
        start: those whose process is to be started now.
        drop: those that another one stands for.
        look_at: when the next one is to be started, in seconds since the epoch; infinite when none is known.
    """

    start: list[Any]
    drop: list[Any]
    look_at: float


def choose(runs: Sequence[Any], now: float) -> Choice:
    """Sort flow runs that wait into those to start, those to drop and those to leave.

    Of the times that a schedule has missed, because server, worker or machine were not there, the last is made up for.

    Args:
        runs: Prefect's flow runs.
        now: seconds since the epoch.
    """
    near = [run for run in runs if _due(run) <= now + LEAD_S]
    missed: dict[Any, list[Any]] = {}
    for run in sorted(near, key=_due):
        if run.auto_scheduled and _due(run) <= now:
            missed.setdefault(run.deployment_id, []).append(run)
    drop = [run for late in missed.values() for run in late[:-1]]
    look_at = min((_due(run) - LEAD_S for run in runs if run not in near), default=math.inf)
    # The answer was perhaps full of what is dropped.
    return Choice([run for run in near if run not in drop], drop, now if drop else look_at)


def _due(run: Any) -> float:
    when = run.next_scheduled_start_time or run.expected_start_time
    return float(when.timestamp()) if when else 0.0
