"""A shared server, whose workers are not ours: asked sparingly, and told what nobody there knows.

What lives here: what its answers mean for launches. What does not: starting and cancelling them (``launcher``).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines.api import Api
from pipelines.registration import register
from workbench.errors import EngineError
from workbench.metrics.tail import read_events
from workbench.paths import WorkspacePaths
from workbench.runs.ledger import WRITER
from workbench.runs.standing import fold

EVERY_S = 5.0
SWEEP_S = 60.0
STUCK_S = 60.0  # a worker may have to fetch an image first; a launch too many is refused by the run's record
_ANSWER_S = 5.0
_ASKED_S = 60.0
_TELLS_S = 30.0  # by then whoever ended a run has told the server, if he still can


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
        self._due_at, self._sweep_at = -math.inf, -math.inf
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
                if now >= self._sweep_at:  # dead flow runs may be what those that wait are waiting for
                    self._sweep_at = now + SWEEP_S
                    sweep(api, register(api))
        except EngineError as error:
            self._silence = error
            raise
        finally:
            self._due_at = self._clock() + EVERY_S


def is_stuck(run: Mapping[str, Any]) -> bool:
    """Return whether a launch that was taken up and has not begun never will: its worker or its process died."""
    age = datetime.now(UTC) - datetime.fromisoformat(run["state"]["timestamp"])
    return age.total_seconds() > STUCK_S


def sweep(api: Api, deployment_id: str) -> None:
    """Close the flow runs whose run is over, as far as its folder can be read here.

    One that was killed together with its worker, or that ended while the server's database was away, stays
    ``RUNNING`` for ever, and takes a slot of the work pool.
    """
    for run in api.flow_runs(deployment_id, ["PENDING", "RUNNING"]):
        end = _end(run["parameters"])
        if end:
            api.set_flow_run_state(run["id"], end)


def _end(parameters: Mapping[str, Any]) -> str | None:
    """Return the state in which a flow run with these parameters should be; None when it may be as it is."""
    workspace, run_id = Path(str(parameters.get("workspace", ""))), str(parameters.get("run_id", ""))
    launch = parameters.get("launch", 1)
    if not run_id or not workspace.is_absolute() or not isinstance(launch, int):
        return None
    run = WorkspacePaths(workspace).run(run_id)
    try:
        if not run.spec.is_file():
            return None
        completed, standing = run.result.is_file(), fold(read_events(run.events, (WRITER,)))
    except OSError:  # somebody else's
        return None
    # A launch that is being made now may be here before its number is noted.
    replaced = launch < standing.launch or (standing.waits and launch == standing.launch)
    over = (completed or standing.state.ended) and not 0 <= time.time() - standing.since < _TELLS_S
    if not replaced and not over:
        return None
    return "COMPLETED" if completed else "CRASHED"
