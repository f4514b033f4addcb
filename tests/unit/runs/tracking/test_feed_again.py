"""Whoever feeds a run looks again before it leaves: the next one may have come too early to stay."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.paths import RunPaths
from workbench.runs.lease import Lease
from workbench.runs.model import RunState
from workbench.runs.tracking import forward
from workbench.tracking.delivery import state
from workbench.tracking.delivery.forwarder import Limits
from workbench.workspace import Workspace


class Rounds:
    """Stands in for the forwarder; ``during`` is called in each round."""

    def __init__(self, during: Callable[[int], None]) -> None:
        self.count, self._during = 0, during

    def __call__(self, *_args: object) -> Rounds:
        return self

    def run(self, _stop: threading.Event) -> None:
        self.count += 1
        self._during(self.count)


@pytest.fixture
def folder(workspace: Workspace, record: Callable[..., str]) -> Path:
    run_id = record()
    workspace.ledger.move(run_id, RunState.RUNNING, "attempt-1", attempt=1)
    run = workspace.paths.run(run_id)
    run.trackers.mkdir()
    return run.root


def feed(folder: Path, stop: threading.Event | None = None) -> None:
    forward.feed(folder, ["mlflow"], Limits(), stop or threading.Event())


def test_a_run_that_went_on_meanwhile_is_fed_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leases: list[Lease] = []

    def during(count: int) -> None:
        if count == 1:
            leases.append(Lease(folder / "lease"))
        else:
            leases.pop().close()

    rounds = Rounds(during)
    monkeypatch.setattr(forward, "Forwarder", rounds)
    feed(folder)
    assert rounds.count == 2


@pytest.mark.parametrize("stopped", [True, False])
def test_a_run_that_goes_on_is_left_when_nobody_listens_or_somebody_asks(
    folder: Path, monkeypatch: pytest.MonkeyPatch, stopped: bool
) -> None:
    stop = threading.Event()

    def during(_count: int) -> None:
        if stopped:
            state.save(folder / "trackers", "mlflow", state.Delivery(stopped=True))
        else:
            stop.set()

    rounds = Rounds(during)
    monkeypatch.setattr(forward, "Forwarder", rounds)
    with Lease(folder / "lease"):
        feed(folder, stop)
    assert rounds.count == 1


def test_a_run_that_somebody_else_feeds_is_left_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = Rounds(lambda _count: None)
    monkeypatch.setattr(forward, "Forwarder", rounds)
    monkeypatch.setattr(forward, "_WAIT_S", 0.1)
    with forward.feeding(RunPaths(folder)) as alone:
        assert alone
        feed(folder)
    assert rounds.count == 0
