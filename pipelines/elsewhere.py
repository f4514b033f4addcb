"""Launches on a shared server, whose workers are not ours: asked about sparingly, and closed when nobody there can.

What lives here: what its answers mean. What does not: starting and cancelling launches (``launcher``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from pipelines.api import Api
from workbench.errors import EngineError

EVERY_S = 5.0
STUCK_S = 60.0  # a worker may have to fetch an image first; a launch too many is refused by the run's record
_ANSWER_S = 5.0
_ASKED_S = 60.0
_OCCUPYING = frozenset({"PENDING", "RUNNING"})  # Prefect counts these against the limit of a work pool


class Answers:
    """Flow runs of one server as they were a moment ago.

    A watcher asks about each of a hundred waiting runs every second; the server is asked about all of them at once,
    every ``EVERY_S``. While it is silent its last answers hold, and whoever asks does not wait for it each time.

    Args:
        url: its REST API.
        clock: seconds, never going back.
    """

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._url, self._clock = url, clock
        self._asked: dict[str, float] = {}
        self._runs: dict[str, dict[str, Any] | None] = {}
        self._due_at = clock()
        self._silence: EngineError | None = None

    def flow_run(self, flow_run_id: str) -> dict[str, Any] | None:
        """Return a flow run as the server knows it; None when it does not.

        Raises:
            EngineError: when the server does not answer.
        """
        now = self._clock()
        self._asked[flow_run_id] = now
        new = flow_run_id not in self._runs
        if now >= self._due_at or (new and self._silence is None):
            self._ask(now)
        elif new and self._silence is not None:
            raise self._silence
        return self._runs[flow_run_id]

    def _ask(self, now: float) -> None:
        self._asked = {one: at for one, at in self._asked.items() if now - at < _ASKED_S}
        try:
            with Api(self._url, timeout_s=_ANSWER_S) as api:
                found = {run["id"]: run for run in api.flow_runs_by_id(list(self._asked))}
            self._runs, self._silence = {one: found.get(one) for one in self._asked}, None
        except EngineError as error:
            self._silence = error
            raise
        finally:
            self._due_at = self._clock() + EVERY_S


def is_stuck(run: dict[str, Any]) -> bool:
    """Return whether a launch that was taken up and has not begun never will: its worker or its process died."""
    age = datetime.now(UTC) - datetime.fromisoformat(run["state"]["timestamp"])
    return age.total_seconds() > STUCK_S


def close(api: Api, names: Sequence[str]) -> None:
    """Close those of the flow runs ``names`` whose process is gone.

    One that was killed together with its worker stays ``RUNNING`` for ever, and takes a slot of the work pool.
    """
    for run in api.flow_runs_by_name(names):
        if run["state_type"] in _OCCUPYING:
            api.set_flow_run_state(run["id"], "CRASHED")
