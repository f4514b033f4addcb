"""What the engine does before and without Prefect: its state file, its ends and its errors."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest

from pipelines import engine, listening, remains, state, variables
from pipelines.api import Api
from pipelines.state import EngineState
from workbench.errors import EngineError
from workbench.processes import Process, identify, kill, members, spawn
from workbench.runs.lease import Lease, is_held
from workbench.runs.model import Policy, RunSpec, RunState, new_run_id
from workbench.runs.supervision.memory import MemoryLauncher
from workbench.settings import RUN_MARK, Settings
from workbench.workspace import Workspace

ONCE = Policy(attempts=1)
HOLDS = """
import fcntl, time
with open("{path}", "w") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    time.sleep(60)
"""
SLEEPS = "import time; time.sleep(60)"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    found = Settings(workbench_engine_home=tmp_path / "engine", prefect_api_url=None)
    found.engine.prefect_home.mkdir(parents=True)
    return found


def member(settings: Settings, code: str = SLEEPS) -> Process:
    paths = settings.engine
    command = [sys.executable, "-S", "-c", code]
    return identify(spawn(command, variables.engine_environment(paths, "http://x/api"), paths.log("job")).pid)


def test_the_state_is_read_back_as_it_was_written(settings: Settings) -> None:
    written = EngineState("http://127.0.0.1:1/api", "d", 1, Process(1, 2, "boot"), None, 3.5, {"prefect": "3"})
    state.write(settings.engine.state, written)
    assert state.read(settings.engine.state) == written
    assert written.server_pid == 1
    assert written.worker_pid is None
    assert written.local


@pytest.mark.parametrize("text", ["", "{", "[]", '{"api_url": "x"}', '{"server": 1, "worker": 2}', '{"other": 1}'])
def test_a_damaged_state_is_no_state(settings: Settings, text: str) -> None:
    settings.engine.state.write_text(text)
    assert state.read(settings.engine.state) is None


def test_a_state_whose_pids_were_recycled_is_not_complete(settings: Settings) -> None:
    me = identify(os.getpid())
    running = EngineState("http://x/api", "d", 1, me, me)
    assert running.complete
    assert not replace(running, worker=Process(me.pid, me.ticks - 1, me.boot)).complete
    assert not replace(running, deployment_id="").complete


def test_stopping_never_touches_a_process_that_has_got_an_old_pid(settings: Settings) -> None:
    stranger = subprocess.Popen([sys.executable, "-S", "-c", SLEEPS])
    known = identify(stranger.pid)
    recycled = Process(known.pid, known.ticks - 1, known.boot)
    state.write(settings.engine.state, EngineState("http://127.0.0.1:1/api", "d", 1, recycled, recycled))
    try:
        assert engine.stop(settings, grace_s=1) == []
        assert stranger.poll() is None
        assert not settings.engine.state.exists()
    finally:
        stranger.kill()
        stranger.wait()


def test_stopping_what_never_ran_stops_nothing(tmp_path: Path) -> None:
    assert engine.stop(Settings(workbench_engine_home=tmp_path / "never", prefect_api_url=None)) == []
    assert not (tmp_path / "never").exists()


def test_stopping_ends_job_worker_and_server_in_that_order(settings: Settings) -> None:
    worker, job, server = (member(settings) for _ in range(3))
    state.write(settings.engine.state, EngineState("http://127.0.0.1:1/api", "d", 1, server, worker))
    stopped = engine.stop(settings, grace_s=5)
    assert stopped == [f"job (pid {job.pid})", f"worker (pid {worker.pid})", f"server (pid {server.pid})"]
    assert [one.find() for one in (worker, job, server)] == [None] * 3
    assert not settings.engine.state.exists()


def test_who_is_deaf_to_the_request_is_killed_after_the_grace(settings: Settings) -> None:
    deaf = member(settings, "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)")
    time.sleep(0.3)
    assert engine.stop(settings, grace_s=0.2) == [f"job (pid {deaf.pid})"]
    assert deaf.find() is None


def test_the_state_file_stays_when_a_process_survives(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    state.write(settings.engine.state, EngineState("http://127.0.0.1:1/api", port=1))
    monkeypatch.setattr(remains, "kill", lambda processes: [psutil.Process()])
    with pytest.raises(EngineError, match=f"survived being killed: {os.getpid()}"):
        engine.stop(settings, grace_s=0)
    assert settings.engine.state.exists()


def test_stopping_ends_the_watcher_first_and_leaves_the_wish_to_end_in_every_run(
    settings: Settings, tmp_path: Path, plain_environment: None
) -> None:
    launcher = MemoryLauncher()
    workspace = Workspace(tmp_path / "ws", settings=settings, launcher=launcher)
    workspace.projects.ensure("default")
    ids = []
    for where in (RunState.QUEUED, RunState.RUNNING):
        spec = RunSpec(
            id=new_run_id("notebook"), kind="notebook", notebook="x", project="default", session="s", policy=ONCE
        )
        workspace.ledger.record(spec)
        workspace.dispatcher.submit(workspace.ledger, spec.id)
        if where is RunState.RUNNING:
            workspace.ledger.move(spec.id, where, "attempt-1", attempt=1)
        ids.append(spec.id)
    watcher = member(settings, HOLDS.format(path=settings.engine.watcher))
    _until(lambda: is_held(settings.engine.watcher))
    settings.engine.watcher.write_text(json.dumps({**asdict(watcher), "host": "here", "since": 0}))
    stopped = engine.stop(settings, grace_s=1)
    assert stopped == [f"watcher (pid {watcher.pid})", *(f"run {run_id}" for run_id in ids)]
    assert watcher.find() is None
    assert [workspace.ledger.state(run_id) for run_id in ids] == [RunState.CANCELLED] * 2
    assert workspace.dispatcher.queue.tickets() == []


def test_stopping_without_cancelling_leaves_the_runs_as_they_are(
    settings: Settings, tmp_path: Path, plain_environment: None
) -> None:
    workspace = Workspace(tmp_path / "ws", settings=settings, launcher=MemoryLauncher())
    workspace.projects.ensure("default")
    workspace.ledger.record(RunSpec(id="n-1", kind="notebook", notebook="x", project="default", session="s"))
    workspace.dispatcher.submit(workspace.ledger, "n-1")
    assert engine.stop(settings, grace_s=0, cancel=False) == []
    assert workspace.ledger.state("n-1") is RunState.QUEUED
    assert [ticket.run_id for ticket in workspace.dispatcher.queue.tickets()] == ["n-1"]


def test_a_watcher_that_lives_is_not_started_again(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(engine, "spawn", lambda command, *_rest: started.append(command))
    with Lease(settings.engine.watcher):
        engine.watch(settings)
    assert started == []
    engine.watch(settings)
    assert started == [[sys.executable, "-P", "-m", "pipelines.watch"]]


def test_the_watcher_of_a_run_does_not_belong_to_that_run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run's own notebook may be who starts it; it must not end with that run."""
    monkeypatch.setenv(RUN_MARK, "train-1/1")
    for found in (
        variables.watcher_environment(settings.engine),
        variables.engine_environment(settings.engine, "http://x/api"),
    ):
        assert RUN_MARK not in found
        assert found[variables.MEMBER] == str(settings.engine.root)


def test_a_shared_server_is_never_stopped_and_asked_only_over_http(tmp_path: Path) -> None:
    shared = Settings(workbench_engine_home=tmp_path / "e", prefect_api_url="http://127.0.0.1:1/api")
    assert engine.stop(shared) == []
    assert not engine.status(shared).answers
    assert not (tmp_path / "e").exists()


def test_status_of_nothing_is_nothing(settings: Settings) -> None:
    assert engine.status(settings) == engine.EngineStatus(
        None, server=False, worker=False, watcher=False, answers=False
    )


def test_a_job_is_found_by_its_flow_run(settings: Settings) -> None:
    paths = settings.engine
    marks = {**variables.engine_environment(paths, "http://x/api"), variables.FLOW_RUN: "run-1"}
    job = identify(spawn([sys.executable, "-S", "-c", SLEEPS], marks, paths.log("job")).pid)
    try:
        deadline = time.monotonic() + 10  # a process that has just been started shows no environment for an instant
        while (found := remains.job(paths, "run-1")) is None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert found is not None
        assert found.pid == job.pid
        assert remains.job(paths, "run-2") is None
    finally:
        kill(process for one in [job] if (process := one.find()))


def test_a_server_that_fails_to_start_shows_its_last_words_and_leaves_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "spawn", _spawn_failing)
    with pytest.raises(EngineError, match=r"(?s)Prefect server ended with status 3.*No space left on device") as caught:
        engine.ensure(settings)
    assert caught.value.fields["log"] == str(settings.engine.log("server"))
    assert str(settings.engine.log("server")) in caught.value.todo
    assert _members(settings) == []


def test_an_interrupted_start_leaves_nothing_running(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(self: Api, timeout_s: float) -> bool:
        assert len(_members(settings)) == 2, "server and worker were started"
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "spawn", _spawn_sleeping)
    monkeypatch.setattr(Api, "healthy", interrupt)
    with pytest.raises(KeyboardInterrupt):
        engine.ensure(settings)
    assert _members(settings) == []


def test_the_old_port_is_taken_again_when_it_is_free_and_another_one_when_it_is_not() -> None:
    with listening.bind(None) as first:
        port = int(first.getsockname()[1])
        with listening.bind(port) as second:
            assert second.getsockname()[1] != port
    with listening.bind(port) as third:
        assert third.getsockname() == ("127.0.0.1", port)


def test_who_connects_before_the_server_accepts_waits() -> None:
    with listening.bind(None) as listener, socket.create_connection(listener.getsockname(), timeout=1) as early:
        early.sendall(b"x")
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.recv(1) == b"x"


def _until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


def _members(settings: Settings) -> list[psutil.Process]:
    return members({variables.MEMBER: str(settings.engine.root)})


def _spawn_failing(command: list[str], environment: dict[str, str], log: Path, fds: list[int]) -> object:
    code = "import sys; print('OSError: No space left on device'); sys.exit(3)"
    return spawn([sys.executable, "-S", "-c", code], environment, log, fds)


def _spawn_sleeping(command: list[str], environment: dict[str, str], log: Path, fds: list[int]) -> object:
    return spawn([sys.executable, "-S", "-c", SLEEPS], environment, log, fds)
