"""Starting recorded runs through Prefect.

What lives here: the launcher that ``runs.supervision.launcher`` finds by its entry point. What does not: the engine
(``engine``) and what a job does (``flows``). Importing this module does not import Prefect.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pipelines import elsewhere, engine, handover, remains
from pipelines.api import Api
from workbench.errors import EngineError
from workbench.processes import terminate
from workbench.runs.supervision.launcher import LaunchState
from workbench.settings import Settings

_ANSWER_S = 5.0
_START_S = 15.0  # from being taken up to the job's process, on a machine that is busy starting many
_STATES: Final[dict[str, LaunchState]] = {
    "SCHEDULED": "waiting",
    "PENDING": "active",
    "RUNNING": "active",
    "CANCELLING": "active",
    "PAUSED": "waiting",
    "COMPLETED": "ended",
    "FAILED": "ended",
    "CRASHED": "ended",
    "CANCELLED": "ended",
}


class PrefectLauncher:
    """Starts each run as one flow run, executed by the worker in a process of its own.

    Args:
        settings: say whether the engine is the local one or a shared server.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._elsewhere = elsewhere.Answers(settings.prefect_api_url) if settings.prefect_api_url else None

    def start(self, workspace: Path, run_id: str, launch: int, environment: Mapping[str, str]) -> str:
        """Start ``run_id`` and return the flow run's id.

        Args:
            workspace: the workspace folder.
            run_id: a queued run; run ids never repeat, whatever the workspace.
            launch: 1 for the first launch, 2 after it was queued again, …; the same number starts nothing twice.
            environment: the variables that the run sees; a worker elsewhere has its own.

        Raises:
            EngineError: when the engine does not start or refuses the run.
            StorageError: when the engine's folder cannot be written.
        """
        state = engine.ensure(self._settings)
        key = f"{run_id}-{launch}"
        parameters = {"workspace": str(workspace.absolute()), "run_id": run_id, "launch": launch}
        handed = handover.put(self._settings.engine.root, key, environment) if state.local else None
        with Api(state.api_url) as api:
            if self._elsewhere and launch > 1:
                elsewhere.sweep(api, state.deployment_id)
            run = api.create_flow_run(state.deployment_id, key, parameters, self._job(handed))
        if handed:
            engine.wake(self._settings.engine)
        if handed and run["state_type"] not in {"SCHEDULED", "PENDING"}:
            handover.take(handed)  # launched before: its job has had its own
        return str(run["id"])

    def cancel(self, launch_id: str) -> None:
        """Ask the flow run to end and return at once; its job gets SIGTERM, and 30 s to save.

        A flow run that still waits is cancelled on the spot; one that has ended stays as it is.

        Raises:
            EngineError: when the server does not answer. Nothing is started to tell it.
        """
        with Api(self._address(), timeout_s=_ANSWER_S) as api:
            api.set_flow_run_state(launch_id, "CANCELLING")
        found = engine.recorded(self._settings)
        job = remains.job(self._settings.engine, launch_id) if found else None
        if found and job and job.ppid() != found.worker_pid:
            terminate([job], grace_s=0)  # its worker died and was replaced by one that does not know it

    def state(self, launch_id: str) -> LaunchState:
        """Return where the flow run stands; ``unknown`` also when the server knows nothing of it.

        Raises:
            EngineError: when the engine does not start, or a shared server does not answer.
        """
        run = self._elsewhere.flow_run(launch_id) if self._elsewhere else self._flow_run(launch_id)
        if run is None:
            return "unknown"
        state = _STATES.get(run["state_type"] or "", "unknown")
        return "ended" if state == "active" and self._never_begins(run) else state

    def alive(self) -> bool:
        """Return whether the server answers and a worker would take a run up."""
        status = engine.status(self._settings)
        return status.answers and status.worker

    def watch(self) -> None:
        """Start the watcher unless it lives."""
        engine.watch(self._settings)

    def _flow_run(self, launch_id: str) -> dict[str, Any] | None:
        with Api(engine.ensure(self._settings).api_url) as api:
            return api.flow_run(launch_id)

    def _never_begins(self, run: dict[str, Any]) -> bool:
        if self._elsewhere:
            return elsewhere.is_stuck(run)
        return _gone(run) and not remains.job(self._settings.engine, run["id"])

    def _address(self) -> str:
        if self._settings.prefect_api_url:
            return self._settings.prefect_api_url
        found = engine.recorded(self._settings)
        if found is None:
            raise EngineError("The engine is not running.", "A local Prefect server.", "`workbench doctor` shows it.")
        return found.api_url

    def _job(self, handed: Path | None) -> dict[str, str]:
        """Return how the worker starts the job: in this very Python environment, with these very variables."""
        if handed is None:
            return {}  # a worker elsewhere has its own Python and its own variables
        command = [sys.executable, "-P", "-m", "pipelines.job", str(handed)]
        return {"command": shlex.join(command), "working_dir": str(self._settings.engine.root)}


def _gone(run: dict[str, Any]) -> bool:
    """Return whether a run without a process has ended, although nobody told the server.

    Its job was killed, alone or together with its worker; or it was cancelled between being taken up and being
    started, when Prefect's engine steps back and leaves the flow run ``CANCELLING``.
    """
    return bool(run["start_time"] or _age_s(run) > _START_S)


def _age_s(run: dict[str, Any]) -> float:
    since = datetime.now(UTC) - datetime.fromisoformat(run["state"]["timestamp"])
    return since.total_seconds()
