"""Runs at every point of their way: queued, gone into by a process of their own, and left by it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest

from workbench import storage
from workbench.processes import alive, identify, kill, members
from workbench.runs.heartbeat import Beat
from workbench.runs.ledger import Ledger
from workbench.runs.model import RunSpec, RunState, new_run_id
from workbench.runs.supervision.remains import MARK, mark_of
from workbench.settings import environment
from workbench.workspace import Workspace

Record = Callable[..., str]

# Holds the lease given as its argument until it is told to end; imports nothing that takes long.
HOLDS = """
import fcntl, sys, time
file = open(sys.argv[1], "a")
fcntl.flock(file, fcntl.LOCK_EX)
print("ready", flush=True)
time.sleep(60)
"""
SLEEPS = "import time; print('ready', flush=True); time.sleep(60)"
# Deaf to being asked, with a child that has lost its parent and one in a session of its own.
DEAF = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
sleep = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
subprocess.Popen(sleep, start_new_session=True)
if os.fork() == 0:
    subprocess.Popen(sleep, start_new_session=True)
    os._exit(0)
os.wait()
print("ready", flush=True)
time.sleep(60)
"""


@dataclass
class Attempts:
    """Puts runs where a test needs them; what it starts is ended with the test."""

    workspace: Workspace
    children: list[subprocess.Popen[str]] = field(default_factory=list)
    orphans: list[psutil.Process] = field(default_factory=list)

    @property
    def ledger(self) -> Ledger:
        return self.workspace.ledger

    def running(self, run_id: str, attempt: int = 1) -> None:
        """Write that the run runs, without any process."""
        self.ledger.paths.run(run_id).attempt(attempt).root.mkdir(parents=True)
        self.ledger.move(run_id, RunState.RUNNING, f"attempt-{attempt}", attempt=attempt)

    def process(self, run_id: str, attempt: int = 1) -> subprocess.Popen[str]:
        """Start a process that holds the run's lease, and write that the run runs."""
        run = self.ledger.paths.run(run_id)
        child = self.start(HOLDS, str(run.lease))
        self.ledger.paths.run(run_id).lease.write_bytes(orjson.dumps({**asdict(identify(child.pid)), "host": "here"}))
        self.running(run_id, attempt)
        return child

    def kernel(self, run_id: str, attempt: int = 1, code: str = SLEEPS) -> subprocess.Popen[str]:
        """Start a process that carries the attempt's mark."""
        return self.start(code, **{MARK: mark_of(run_id, attempt)})

    def deaf(self, run_id: str, attempt: int = 1) -> list[psutil.Process]:
        """Start three marked processes: one that does not listen, its child, and one that has lost its parent."""
        self.kernel(run_id, attempt, DEAF)
        mark, deadline = {MARK: mark_of(run_id, attempt)}, time.monotonic() + 10
        while len(found := members(mark)) < 3:  # one that has just been started shows no environment for an instant
            assert time.monotonic() < deadline, "waited too long"
            time.sleep(0.01)
        self.orphans += found
        return found

    def start(self, code: str, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-S", "-c", code, *arguments]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment(**variables))
        self.children.append(child)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        return child

    def end(self, child: subprocess.Popen[str]) -> None:
        """Kill a process, as by ``kill -9``."""
        child.kill()
        child.wait()

    def beat(self, run_id: str, attempt: int = 1, **fields: Any) -> Beat:
        """Write a sign of life; left out, it was given now, by this very process, which polls."""
        given = {"phase": "train", "epoch": 2, "batch": 7, "at": time.time(), "monotonic": time.monotonic()}
        given |= {"longest_s": 0.1, "polls": True, "host": "here", **asdict(identify(psutil.Process().pid)), **fields}
        beat = Beat(**given)
        storage.put_json(self.ledger.paths.run(run_id).attempt(attempt).heartbeat, asdict(beat))
        return beat


@pytest.fixture
def attempts(workspace: Workspace) -> Iterator[Attempts]:
    made = Attempts(workspace)
    yield made
    kill(alive(made.orphans))
    for child in made.children:
        child.kill()
        child.wait()
        if child.stdout is not None:
            child.stdout.close()


@pytest.fixture
def submit(workspace: Workspace, record: Record) -> Record:
    """Return a maker of a run that was recorded and handed to the dispatcher."""

    def make(kind: Any = "train", **fields: Any) -> str:
        run_id = record(kind, **fields)
        workspace.dispatcher.submit(workspace.ledger, run_id)
        return run_id

    return make


@pytest.fixture
def other(tmp_path: Path, workspace: Workspace) -> Workspace:
    """Another workspace of the same user, with the same launcher."""
    return Workspace(tmp_path / "other", settings=workspace.settings, launcher=workspace.dispatcher._launchers(None))


@pytest.fixture
def elsewhere(other: Workspace) -> Record:
    """Return a maker of a run in the other workspace, handed to its own dispatcher."""

    def make(**fields: Any) -> str:
        filed = {"kind": "train", "notebook": "train", "project": "default", "session": "s", **fields}
        spec = RunSpec(id=new_run_id("train"), **filed)
        other.ledger.record(spec)
        other.dispatcher.submit(other.ledger, spec.id)
        return spec.id

    return make
