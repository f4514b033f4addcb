"""One local Prefect server, worker and watcher per user and machine: started when needed, kept, stopped on request.

What lives here: ``ensure``, ``status`` and ``stop``. What does not: the processes' own code (``serve``, ``work``,
``job``) and the launching of runs (``launcher``).

They live in sessions of their own and outlast whoever started them. The watcher settles what became of runs, starts
the next, and starts server and worker again when they died. A dead server is started again on
its old port while the worker and its jobs go on: they find it where it was. With PREFECT_API_URL set nothing is
started here: that server and its workers belong to whoever runs them.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import filelock

import workbench
from pipelines import handover, listening, remains, variables
from pipelines import state as record
from pipelines.api import Api
from pipelines.registration import POOL, WORKER, register
from pipelines.state import EngineState
from workbench.errors import EngineError, storage_error
from workbench.paths import EnginePaths
from workbench.processes import Process, identify, kill, spawn
from workbench.runs.lease import is_held
from workbench.runs.supervision.dispatcher import Dispatcher
from workbench.runs.supervision.launcher import Launchers
from workbench.settings import Settings

START_S = 120.0
STOP_S = 40.0  # a job may take 30 s to save and end
_HEALTH_S = 2.0
_HANGS_S = 20.0
_POLL_S = 0.1
_LOG_LINES = 8


@dataclass(frozen=True)
class EngineStatus:
    """What is known of the engine now.

    Attributes:
        state: what was recorded; None when nothing is.
        server: whether the server's process lives (a shared server: whether it answers).
        worker: whether the worker's process lives (a shared server: whether any worker is online).
        watcher: whether the watcher lives.
        answers: whether the server answers.
    """

    state: EngineState | None
    server: bool
    worker: bool
    watcher: bool
    answers: bool


def ensure(settings: Settings) -> EngineState:
    """Return a running engine, starting what is missing of it.

    Raises:
        EngineError: when the server or the worker does not start, or a shared server does not answer.
        StorageError: when the engine's folder cannot be written.
    """
    if settings.prefect_api_url:
        with Api(settings.prefect_api_url) as api:
            return EngineState(api_url=api.url, deployment_id=register(api))
    paths = settings.engine
    found = record.read(paths.state)
    if found and found.complete and _answers(found, _HEALTH_S):
        return found
    with _locked(paths):
        handover.sweep(paths.root)
        return _Start(paths).run()


def recorded(settings: Settings) -> EngineState | None:
    """Return the engine of this machine as it was recorded; None when there is none, or a shared server is used."""
    return None if settings.prefect_api_url else record.read(settings.engine.state)


def watch(settings: Settings) -> None:
    """Start the watcher unless it lives, and return at once.

    Raises:
        StorageError: when the engine's folder cannot be written.
    """
    paths = settings.engine
    if is_held(paths.watcher):
        return
    try:
        paths.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Two that are started at once settle it by the lock; one of them ends.
        spawn(
            [sys.executable, "-P", "-m", "pipelines.watch"], variables.watcher_environment(paths), paths.log("watcher")
        )
    except OSError as error:
        raise storage_error(error, paths.root) from error


def status(settings: Settings) -> EngineStatus:
    """Look at the engine without starting anything."""
    if settings.prefect_api_url:
        state = EngineState(api_url=settings.prefect_api_url)
        answers = _answers(state, _HEALTH_S)
        return EngineStatus(state, answers, answers and _online(state), is_held(settings.engine.watcher), answers)
    found, watcher = record.read(settings.engine.state), is_held(settings.engine.watcher)
    if found is None:
        return EngineStatus(None, server=False, worker=False, watcher=watcher, answers=False)
    server = found.server is not None and found.server.find() is not None
    worker = found.worker is not None and found.worker.find() is not None
    return EngineStatus(found, server, worker, watcher, server and _answers(found, _HEALTH_S))


def stop(settings: Settings, grace_s: float = STOP_S, *, cancel: bool = True) -> list[str]:
    """Stop the watcher, the jobs, the worker and the server, and return what was stopped.

    Args:
        settings: says which engine; a shared server is left alone.
        grace_s: how long jobs may take to save and end before they are killed.
        cancel: whether the runs of this user are cancelled; otherwise they go on when the engine is started again.

    Raises:
        EngineError: when a process survives even that.
    """
    paths = settings.engine
    if not paths.root.is_dir():
        return []
    dispatcher = Dispatcher(settings, Launchers(settings))
    with _locked(paths):
        stopped = remains.end_watcher(paths)
        if cancel:
            stopped += [f"run {run_id}" for run_id in dispatcher.cancel_all("The engine was stopped.")]
        if not settings.prefect_api_url:
            stopped += remains.end(paths, record.read(paths.state), grace_s)
            paths.state.unlink(missing_ok=True)
    dispatcher.settle_all()
    return stopped


def wake(paths: EnginePaths) -> None:
    """Tell the local worker that something is due."""
    _wake_file(paths).touch()


def _wake_file(paths: EnginePaths) -> Path:
    return paths.root / "wake"


class _Start:
    """One start, which leaves nothing of its own running when it does not succeed."""

    def __init__(self, paths: EnginePaths) -> None:
        self._paths = paths
        self._state = record.read(paths.state) or EngineState(api_url="")
        self._started: list[tuple[subprocess.Popen[bytes], Process]] = []

    def run(self) -> EngineState:
        try:
            if not self._serves():
                self._start_server()
            works = self._state.worker is not None and self._state.worker.find() is not None
            if not works:
                self._start_worker()
            with Api(self._state.api_url) as api:
                self._await(lambda: api.healthy(_HEALTH_S), "server")
                self._await(lambda: works or _heartbeat(api) >= self._state.started_at, "worker")
                self._keep(deployment_id=register(api))
        except BaseException:
            kill(process for _, one in self._started if (process := one.find()))
            raise
        return self._state

    def _serves(self) -> bool:
        """Return whether the recorded server is well; one that hangs is ended."""
        server = self._state.server.find() if self._state.server else None
        if server is None:
            return False
        if _answers(self._state, _HANGS_S):
            return True
        kill([server])
        return False

    def _start_server(self) -> None:
        listener = listening.bind(self._state.port)
        port = int(listener.getsockname()[1])
        if port != self._state.port:
            remains.end(self._paths, self._state, STOP_S)  # its worker and jobs would look for the old port
        url = f"http://127.0.0.1:{port}/api"
        with listener:
            process = self._spawn("server", url, "pipelines.serve", str(listener.fileno()), fd=listener.fileno())
        self._keep(api_url=url, port=port, server=process, started_at=time.time(), versions=_versions())

    def _start_worker(self) -> None:
        self._keep(started_at=time.time())
        process = self._spawn("worker", self._state.api_url, "pipelines.work", str(_wake_file(self._paths)))
        self._keep(worker=process)

    def _spawn(self, name: str, url: str, module: str, argument: str, fd: int | None = None) -> Process:
        # -P: a folder named `pipelines` in the working directory must not be imported in our place.
        command = [sys.executable, "-P", "-m", module, argument]
        environment = variables.engine_environment(self._paths, url)
        popen = spawn(command, environment, self._paths.log(name), [] if fd is None else [fd])
        process = identify(popen.pid)
        self._started.append((popen, process))
        return process

    def _keep(self, **changes: object) -> None:
        self._state = replace(self._state, **changes)  # type: ignore[arg-type]
        record.write(self._paths.state, self._state)

    def _await(self, ready: Callable[[], bool], name: str) -> None:
        deadline = time.monotonic() + START_S
        while not ready():
            ended = [popen.returncode for popen, _ in self._started if popen.poll() is not None]
            if ended or time.monotonic() > deadline:
                raise self._failed(name, ended)
            time.sleep(_POLL_S)

    def _failed(self, name: str, ended: list[int]) -> EngineError:
        log = self._paths.log(name)
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:] if log.is_file() else []
        how = f"ended with status {ended[0]}" if ended else f"was not ready after {START_S:.0f} s"
        return EngineError(
            f"The local Prefect {name} {how}. Its last words:\n" + "\n".join(lines),
            "A server and a worker that start within seconds.",
            f"Read {log}; free memory or disk if that is what is missing; then try again.",
            log=str(log),
        )


def _answers(state: EngineState, timeout_s: float) -> bool:
    with Api(state.api_url) as api:
        return api.healthy(timeout_s)


def _online(state: EngineState) -> bool:
    with Api(state.api_url) as api:
        return any(worker.get("status") == "ONLINE" for worker in api.workers(POOL))


def _heartbeat(api: Api) -> float:
    """Return when the local worker last reported, in seconds since the epoch; 0.0 for never."""
    beats = [worker["last_heartbeat_time"] for worker in api.workers(POOL) if worker["name"] == WORKER]
    return datetime.fromisoformat(beats[0]).astimezone(UTC).timestamp() if beats and beats[0] else 0.0


def _versions() -> dict[str, str]:
    return {
        "workbench": workbench.__version__,
        "prefect": version("prefect"),
        "python": platform.python_version(),
        "executable": sys.executable,
    }


@contextmanager
def _locked(paths: EnginePaths) -> Iterator[None]:
    try:
        paths.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        paths.prefect_home.mkdir(mode=0o700, exist_ok=True)
        with filelock.FileLock(paths.lock, timeout=START_S + STOP_S):
            yield
    except filelock.Timeout as error:
        raise EngineError(
            f"Another process has been starting or stopping the engine for {START_S + STOP_S:.0f} s.",
            f"A start of a few seconds under the lock {paths.lock}.",
            "End that process, then try again.",
            lock=str(paths.lock),
        ) from error
    except OSError as error:
        raise storage_error(error, paths.root) from error
