"""A run in the hands of a person."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from workbench.errors import ConflictError, EngineError, RunError
from workbench.runs import run as run_module
from workbench.runs.lease import Lease
from workbench.runs.memory import MemoryLauncher
from workbench.runs.model import RunResult, RunState
from workbench.workspace import Workspace

Record = Callable[..., str]


@pytest.fixture
def started(workspace: Workspace, record: Record) -> run_module.Run:
    run_id = record()
    workspace.ledger.launched(run_id, workspace.launcher.start(workspace.paths.root, run_id))
    return workspace.run(run_id)


def launch(run: run_module.Run) -> str:
    assert run.launch_id is not None
    return run.launch_id


def test_a_run_that_waits_is_cancelled_on_the_spot(started: run_module.Run, launcher: MemoryLauncher) -> None:
    started.cancel()
    assert started.state is RunState.CANCELLED
    assert launcher.cancelled == [launch(started)]


def test_a_run_that_goes_is_cancelling_until_its_process_is_gone(
    started: run_module.Run, launcher: MemoryLauncher, workspace: Workspace
) -> None:
    launcher.begin(launch(started))
    workspace.ledger.move(started.id, RunState.RUNNING, "attempt-1")
    started.cancel()
    assert started.state is RunState.CANCELLING
    launcher.end(launch(started))
    started.settle()
    assert started.state is RunState.CANCELLED


def test_cancelling_twice_asks_the_launcher_again(
    started: run_module.Run, launcher: MemoryLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first wish was recorded, and then the engine did not answer."""
    launcher.begin(launch(started))

    def away(_launch: str) -> None:
        raise EngineError("The server does not answer.")

    with monkeypatch.context() as patch:
        patch.setattr(launcher, "cancel", away)
        with pytest.raises(EngineError):
            started.cancel()
    started.cancel()
    assert launcher.cancelled == [launch(started)]


def test_a_run_that_ended_cannot_be_cancelled(started: run_module.Run, workspace: Workspace) -> None:
    workspace.ledger.move(started.id, RunState.FAILED, "ledger")
    with pytest.raises(ConflictError, match="it is failed"):
        started.cancel()


def test_a_run_that_nobody_started_can_be_cancelled(workspace: Workspace, record: Record) -> None:
    """Its starter was killed between the record and the launch."""
    run = workspace.run(record())
    run.cancel()
    assert run.state is RunState.CANCELLED
    workspace.delete(run)


def test_a_run_that_is_being_started_is_left_alone(workspace: Workspace, record: Record) -> None:
    run = workspace.run(record())
    run.settle()
    assert run.state is RunState.QUEUED


def test_a_run_whose_process_went_without_a_word_has_crashed(
    started: run_module.Run, launcher: MemoryLauncher, workspace: Workspace
) -> None:
    workspace.ledger.move(started.id, RunState.RUNNING, "attempt-1")
    launcher.end(launch(started))
    started.settle()
    assert started.state is RunState.CRASHED
    assert started.events()[-1]["reason"] == "Its process ended without a word."


def test_a_run_whose_process_still_writes_is_not_called_crashed(
    started: run_module.Run, launcher: MemoryLauncher, workspace: Workspace
) -> None:
    workspace.ledger.move(started.id, RunState.RUNNING, "attempt-1")
    launcher.end(launch(started))
    with Lease(started.paths.lease):
        started.settle()
    assert started.state is RunState.RUNNING


def test_a_run_that_ends_by_itself_while_it_is_settled_keeps_its_own_end(
    started: run_module.Run, launcher: MemoryLauncher, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.ledger.move(started.id, RunState.RUNNING, "attempt-1")

    def ended(_launch: str) -> str:
        workspace.ledger.move(started.id, RunState.FAILED, "attempt-1", reason="own")
        return "ended"

    monkeypatch.setattr(launcher, "state", ended)
    started.settle()
    assert started.state is RunState.FAILED


def test_waiting_gives_the_result_and_every_event(started: run_module.Run, workspace: Workspace) -> None:
    def job() -> None:
        workspace.ledger.move(started.id, RunState.RUNNING, "attempt-1")
        workspace.ledger.complete(started.id, RunResult(run=started.id, attempt=1, images=3), "attempt-1")

    seen: list[str] = []
    thread = threading.Timer(0.1, job)
    thread.start()
    result = started.wait(lambda event: seen.append(event.get("state", event["kind"])))
    thread.join()
    assert result.images == 3
    assert seen == ["queued", "launch", "running", "completed"]


def test_waiting_for_a_run_that_fails_says_why(started: run_module.Run, workspace: Workspace) -> None:
    workspace.ledger.move(started.id, RunState.FAILED, "ledger", reason="ValueError: no such layer")
    with pytest.raises(RunError, match="ended failed: ValueError: no such layer") as caught:
        started.wait()
    assert caught.value.fields == {"run": started.id, "state": "failed"}


def test_whoever_waits_finds_a_run_that_is_gone(
    started: run_module.Run, launcher: MemoryLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "_LOST_S", 0.0)
    launcher.end(launch(started))
    with pytest.raises(RunError, match="ended crashed"):
        started.wait()


def test_metrics_come_by_scope_with_their_step(started: run_module.Run, workspace: Workspace) -> None:
    from workbench.metrics.log import EventLog

    with EventLog(started.paths.events, "train-1") as log:
        log.append("metrics", step=1, scope="batch", values={"loss": 2.0})
        log.append("metrics", step=1, scope="epoch", values={"loss": "Infinity"})
    assert started.metrics() == [{"step": 1, "loss": float("inf")}]
    assert started.metrics("batch") == [{"step": 1, "loss": 2.0}]


def test_a_run_without_checkpoint_or_notebook_says_so(started: run_module.Run) -> None:
    assert started.notebook is None
    with pytest.raises(RunError, match="has no checkpoint"):
        started.checkpoint  # noqa: B018
