"""Cancelling a run, wherever it stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from workbench.errors import ConflictError, EngineError, StorageError
from workbench.runs import stop
from workbench.runs.model import RunResult, RunState
from workbench.runs.supervision.memory import MemoryLauncher
from workbench.workspace import Workspace

Record = Callable[..., str]
CPU = {"device": "cpu"}


def started(launcher: MemoryLauncher) -> list[str]:
    return [launch.run_id for launch in launcher.launches.values()]


def test_a_run_that_waits_is_cancelled_at_once_and_leaves_the_queue(
    workspace: Workspace, submit: Record, launcher: MemoryLauncher
) -> None:
    submit(parameters=CPU)
    waits = workspace.run(submit(parameters=CPU))
    waits.cancel("Not needed.")
    assert (waits.state, waits.standing.reason) == (RunState.CANCELLED, "Not needed.")
    assert workspace.dispatcher.queue.ticket(waits.id) is None
    assert launcher.cancelled == []


def test_a_run_that_was_launched_is_cancelled_with_its_launch(
    workspace: Workspace, submit: Record, launcher: MemoryLauncher
) -> None:
    run_id = submit()
    workspace.dispatcher.cancel(workspace.ledger, run_id)
    assert workspace.ledger.state(run_id) is RunState.CANCELLED
    assert launcher.cancelled == ["memory-1"]
    assert workspace.dispatcher.queue.ticket(run_id) is None


def test_a_run_that_goes_is_asked_and_keeps_its_slot_until_it_is_gone(
    workspace: Workspace, submit: Record, launcher: MemoryLauncher, attempts: Any
) -> None:
    run_id, behind = submit(parameters=CPU), submit(parameters=CPU)
    child = attempts.process(run_id)
    workspace.dispatcher.cancel(workspace.ledger, run_id)
    workspace.dispatcher.tick()
    assert workspace.ledger.state(run_id) is RunState.CANCELLING
    assert started(launcher) == [run_id]
    attempts.end(child)
    workspace.dispatcher.tick()
    assert workspace.ledger.state(run_id) is RunState.CANCELLED
    assert started(launcher) == [run_id, behind]


def test_a_run_that_waits_for_its_next_attempt_can_be_cancelled(
    workspace: Workspace, submit: Record, attempts: Any
) -> None:
    run_id = submit()
    attempts.end(attempts.process(run_id))
    workspace.dispatcher.tick()
    assert workspace.ledger.standing(run_id).waits
    workspace.dispatcher.cancel(workspace.ledger, run_id)
    assert workspace.ledger.state(run_id) is RunState.CANCELLED


def test_a_run_that_ended_is_not_cancelled_and_nothing_is_asked(
    workspace: Workspace, submit: Record, launcher: MemoryLauncher
) -> None:
    run_id = submit()
    workspace.ledger.move(run_id, RunState.RUNNING, "attempt-1", attempt=1)
    workspace.ledger.complete(run_id, RunResult(run=run_id, attempt=1), "attempt-1")
    with pytest.raises(ConflictError, match="it is completed"):
        workspace.dispatcher.cancel(workspace.ledger, run_id)
    assert launcher.cancelled == []
    assert not workspace.paths.run(run_id).stop.exists()


def test_a_run_is_cancelled_also_while_the_engine_is_away(
    workspace: Workspace, submit: Record, attempts: Any, launcher: MemoryLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_launch: str) -> Any:
        raise EngineError("The server does not answer.")

    monkeypatch.setattr(launcher, "cancel", away)
    monkeypatch.setattr(launcher, "state", away)
    goes, waits = submit(parameters=CPU), submit(parameters={"device": "mps"})
    child = attempts.process(goes)
    for run_id in (goes, waits):
        workspace.dispatcher.cancel(workspace.ledger, run_id)
    assert child.wait(10) == -15
    assert workspace.ledger.state(waits) is RunState.CANCELLED
    assert workspace.dispatcher.settle(workspace.ledger, goes).state is RunState.CANCELLED


def test_all_runs_of_a_user_are_cancelled_also_when_one_cannot_be(
    workspace: Workspace,
    submit: Record,
    elsewhere: Record,
    other: Workspace,
    attempts: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken, waits, away = submit(parameters=CPU), submit(parameters=CPU), elsewhere(parameters=CPU)
    real = stop.ask

    def full(run: Any, wish: Any) -> None:
        if run.root.name == broken:
            raise StorageError("Could not write: No space left on device.")
        real(run, wish)

    monkeypatch.setattr(stop, "ask", full)
    assert workspace.dispatcher.cancel_all("The engine was stopped.") == [waits, away]
    workspace.dispatcher.settle_all()
    assert [workspace.ledger.state(waits), other.ledger.state(away)] == [RunState.CANCELLED] * 2
