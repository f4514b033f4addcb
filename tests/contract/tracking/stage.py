"""A run whose events a test writes, and whose trackers it feeds.

What lives here: the stage. What does not: the tracker (``filed``), what is shown on it (the test modules).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import psutil
import pytest

from tests.contract.tracking.filed import Filed
from workbench.metrics.log import EventLog
from workbench.paths import RunPaths
from workbench.processes import members
from workbench.runs.lease import Lease
from workbench.runs.model import RunResult, RunState
from workbench.runs.tracking.tracked import TrackedRun
from workbench.settings import TRACKER_MARK
from workbench.tracking.delivery import state
from workbench.tracking.delivery.forwarder import Feed, Forwarder, Limits
from workbench.workspace import Workspace

FAST = Limits(open_s=20.0, send_s=3.0, close_s=3.0, finish_s=15.0, tick_s=0.05, retry_s=(0.05, 0.2), foreign=3)


@dataclass
class Stage:
    """One run, whose events a test writes, and whose trackers it feeds."""

    workspace: Workspace
    run_id: str
    stop: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)
    leases: list[Lease] = field(default_factory=list)
    step: int = 0

    @property
    def paths(self) -> RunPaths:
        return self.workspace.ledger.paths.run(self.run_id)

    @property
    def filed(self) -> Filed:
        return Filed(self.paths.trackers)

    def begin(self, attempt: int = 1) -> None:
        self.leases.append(Lease(self.paths.lease))
        self.paths.attempt(attempt).root.mkdir(parents=True)
        self.workspace.ledger.move(self.run_id, RunState.RUNNING, f"attempt-{attempt}", attempt=attempt)

    def log(self, count: int, writer: str = "train-1", **fields: Any) -> None:
        with EventLog(self.paths.events, writer) as log:
            for _ in range(count):
                self.step += 1
                log.append("metrics", step=self.step, scope="batch", values={"loss": self.step / 2}, **fields)

    def end(self, to: RunState = RunState.COMPLETED) -> None:
        if to is RunState.COMPLETED:
            result = RunResult(run=self.run_id, attempt=1, metrics={"fitness": 0.5})
            self.workspace.ledger.complete(self.run_id, result, "attempt-1")
        else:
            self.workspace.ledger.move(self.run_id, to, "attempt-1", reason="It was so.")
        self.leases.pop().close()

    def feed(self, name: str = "filed", limits: Limits = FAST) -> Feed:
        return Feed(name, TrackedRun(self.paths.root), self.paths.trackers, limits)

    def forward(self, *names: str, limits: Limits = FAST) -> threading.Thread:
        forwarder = Forwarder(TrackedRun(self.paths.root), self.paths.trackers, names or ("filed",), limits)
        thread = threading.Thread(target=forwarder.run, args=(self.stop,))
        thread.start()
        self.threads.append(thread)
        return thread

    def delivery(self, name: str = "filed") -> state.Delivery:
        return state.load(self.paths.trackers, name)

    def workers(self, name: str = "filed") -> list[psutil.Process]:
        return members({TRACKER_MARK: str(self.paths.trackers / name)})


@pytest.fixture
def stage(workspace: Workspace, record: Callable[..., str]) -> Iterator[Stage]:
    made = Stage(workspace, record())
    yield made
    made.stop.set()
    for thread in made.threads:
        thread.join(30)
        assert not thread.is_alive()
    for lease in made.leases:
        lease.close()
    assert made.workers() == []
    assert made.workers("other") == []
