"""The schedules of this user as Prefect deployments.

What lives here: putting them there, taking them away, and the scheduler that ``workbench.schedules.scheduler`` finds by
its entry point. What does not: the files (``entries``), what happens when one is woken (``scheduled``), and its process
(``due``). Importing this module does not import Prefect.
"""

from __future__ import annotations

import logging
import shlex
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pipelines import engine, entries, remains, systemd
from pipelines.api import Api
from pipelines.registration import POOL
from workbench.errors import EngineError, WorkbenchError
from workbench.paths import EnginePaths, WorkspacePaths
from workbench.processes import terminate
from workbench.schedules.collection import missed
from workbench.schedules.files import file_of, find
from workbench.schedules.scheduler import Entry, Watch
from workbench.settings import Settings, environment

FLOW: Final = "fire-schedule"
ENTRYPOINT: Final = "pipelines.scheduled.fire_schedule"
PARAMETERS: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "workspace": {"type": "string", "title": "workspace", "position": 0},
        "name": {"type": "string", "title": "name", "position": 1},
    },
    "required": ["workspace", "name"],
}
_ANSWER_S = 10.0

_LOG = logging.getLogger(__name__)


class PrefectScheduler:
    """Has schedules woken by Prefect: one deployment each.

    Args:
        settings: say whether the engine is the local one or a shared server.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def start(self) -> None:
        """Start the engine and what watches it, unless they live; the worker restores what the engine's folder keeps.

        Raises:
            EngineError: when the engine does not start.
        """
        engine.ensure(self._settings)
        engine.watch(self._settings)

    def put(self, entry: Entry) -> None:
        """Wake ``entry`` at its times from now on, in the environment of this process; a former one is replaced.

        Raises:
            EngineError: when the engine does not start or refuses the schedule.
            StorageError: when the engine's folder cannot be written.
        """
        paths = self._settings.engine
        shared = self._settings.prefect_api_url is not None
        file = None if shared else entries.write(paths, entries.Kept(entry, environment()))
        try:
            with Api(engine.ensure(self._settings).api_url) as api:
                publish(api, entry, file)
        except BaseException:
            if file:
                file.unlink(missing_ok=True)
            raise
        if file:
            engine.watch(self._settings)
            engine.wake(paths)

    def remove(self, workspace: Path, name: str) -> None:
        """Never wake it again, and leave nothing of it; what an engine that is down still has goes when it starts.

        Raises:
            EngineError: when a shared server does not answer.
        """
        paths, known = self._settings.engine, entries.key(workspace, name)
        entries.file_of(paths, known).unlink(missing_ok=True)
        if not self._settings.prefect_api_url and not engine.status(self._settings).answers:
            return
        with Api(self._url(), timeout_s=_ANSWER_S) as api:
            deployment = api.deployments(FLOW).get(known)
            if deployment:
                withdraw(api, paths, deployment)

    def watch(self, workspace: Path) -> Watch:
        """Return whether the schedules of a workspace would be woken; starts nothing."""
        status, shared = engine.status(self._settings), self._settings.prefect_api_url is not None
        names: dict[str, str] = {}
        alive = status.answers and status.worker
        if alive:
            with suppress(EngineError), Api(self._url(), timeout_s=_ANSWER_S) as api:
                names = api.deployments(FLOW)
        mark = entries.mark(workspace)
        known = frozenset(name.removesuffix(mark) for name in names if name.endswith(mark))
        if shared:
            return Watch(alive, known, boots=alive)
        boot = systemd.look(self._settings.engine, environment())
        return Watch(alive, known, boot.boots, boot.advice)

    def _url(self) -> str:
        found = engine.recorded(self._settings)
        return self._settings.prefect_api_url or (found.api_url if found else "")


def publish(api: Api, entry: Entry, file: Path | None) -> str:
    """Create or update the deployment of a schedule, with its next flow runs, and return its id.

    Args:
        api: the server.
        entry: the schedule.
        file: what the engine keeps of it; None for a server that others run: its workers have their own variables.
    """
    command = [sys.executable, "-P", "-m", "pipelines.due", str(file)]
    schedules = [
        {"active": True, "schedule": {"cron": rule.cron, "timezone": entry.timezone, "day_or": rule.day_or}}
        for rule in entry.rules
    ]
    fields = {
        "entrypoint": ENTRYPOINT,
        "work_pool_name": POOL,
        "parameter_openapi_schema": PARAMETERS,
        "parameters": {"workspace": str(entry.workspace), "name": entry.name},
        "job_variables": {"command": shlex.join(command), "working_dir": str(file.parent)} if file else {},
        "schedules": schedules,
    }
    api.ensure_work_pool(POOL)
    deployment = api.put_deployment(FLOW, entries.key(entry.workspace, entry.name), fields)
    api.schedule_runs(deployment)
    return deployment


def withdraw(api: Api, paths: EnginePaths, deployment: str) -> None:
    """Delete a schedule's deployment and its flow runs, and end the processes that wait for their time."""
    waiting = api.flow_runs(deployment, ["PENDING"])
    api.delete_deployment(deployment)
    jobs = [job for run in waiting if (job := remains.job(paths, run["id"]))]
    terminate(jobs, grace_s=0)


def restore(api: Api, paths: EnginePaths) -> None:
    """Make the server agree with the engine's folder, and make up for what was missed while the engine was down.

    Whatever was missed fires once. A schedule that Prefect refuses is passed over: the others are to be woken.
    """
    known = {file.stem: (file, one.entry) for file, one in entries.everything(paths)}
    for name, (file, entry) in list(known.items()):
        if entry.workspace.is_dir() and not file_of(WorkspacePaths(entry.workspace), entry.name).exists():
            file.unlink(missing_ok=True)  # its record was removed by hand, or while the engine was down
            del known[name]
    for name, deployment in api.deployments(FLOW).items():
        if name in known:
            api.delete_flow_runs(deployment, ["SCHEDULED"])
        else:
            withdraw(api, paths, deployment)
    for name, (file, entry) in known.items():
        try:
            deployment = publish(api, entry, file)
            due = _missed(entry)
            if due:
                api.create_flow_run(deployment, f"{name} missed {time.time():.0f}", {}, {}, due)
        except WorkbenchError as error:
            _LOG.warning("Schedule %s is not woken: %s", name, error)


def _missed(entry: Entry) -> datetime | None:
    schedule = find(WorkspacePaths(entry.workspace), entry.name)
    return missed(schedule, datetime.now(UTC)) if schedule else None
