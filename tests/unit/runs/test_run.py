"""A run in the hands of a person."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from workbench.config.schema import TrainingConfig
from workbench.errors import ConfigError, ConflictError, EngineError, RunError
from workbench.runs import run as run_module
from workbench.runs.lease import Lease
from workbench.runs.model import Policy, RunResult, RunState
from workbench.runs.run import Run
from workbench.runs.supervision import remains
from workbench.runs.supervision.memory import MemoryLauncher
from workbench.runs.supervision.remains import Swept
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow

Record = Callable[..., str]
ONCE = Policy(attempts=1)


@pytest.fixture
def started(workspace: Workspace, submit: Record) -> Run:
    return workspace.run(submit(parameters=TrainingConfig(data="digits", device="cpu").parameters(), policy=ONCE))


@pytest.fixture
def failed(started: Run, workspace: Workspace) -> Run:
    workspace.ledger.move(started.id, RunState.RUNNING, "attempt-1", attempt=1)
    workspace.ledger.move(started.id, RunState.FAILED, "attempt-1", reason="RuntimeError: out of memory")
    workspace.look()
    return started


def launch(run: Run) -> str:
    assert run.launch_id is not None
    return run.launch_id


def test_a_run_that_waits_is_cancelled_on_the_spot(started: Run, launcher: MemoryLauncher) -> None:
    started.cancel("It is not needed.")
    assert (started.state, started.standing.reason) == (RunState.CANCELLED, "It is not needed.")
    assert launcher.cancelled == [launch(started)]


def test_a_run_that_goes_is_cancelling_until_its_process_is_gone(started: Run, attempts: Any) -> None:
    child = attempts.process(started.id)
    started.cancel()
    assert started.state is RunState.CANCELLING
    attempts.end(child)
    started.settle()
    assert started.state is RunState.CANCELLED


def test_cancelling_twice_is_no_error_and_asks_again(started: Run, launcher: MemoryLauncher, attempts: Any) -> None:
    attempts.process(started.id)
    launcher.begin(launch(started))
    started.cancel("First.")
    started.cancel("Second.")
    assert launcher.cancelled == [launch(started)] * 2
    assert started.standing.reason == "First."


def test_a_run_that_ended_cannot_be_cancelled(failed: Run) -> None:
    with pytest.raises(ConflictError, match="it is failed"):
        failed.cancel()


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


def test_a_run_whose_process_went_without_a_word_has_crashed(started: Run, attempts: Any) -> None:
    attempts.end(attempts.process(started.id))
    started.settle()
    assert started.state is RunState.CRASHED
    assert started.events()[-1]["reason"] == "Its process ended without a word."


def test_a_run_whose_process_still_writes_is_not_called_crashed(started: Run, attempts: Any) -> None:
    attempts.running(started.id)
    with Lease(started.paths.lease):
        started.settle()
    assert started.state is RunState.RUNNING


def test_a_run_that_ends_by_itself_while_it_is_settled_keeps_its_own_end(
    started: Run, workspace: Workspace, attempts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts.running(started.id)

    def ended(*_what: object) -> Swept:
        workspace.ledger.move(started.id, RunState.FAILED, "attempt-1", reason="own")
        return Swept(0)

    monkeypatch.setattr(remains, "sweep", ended)
    started.settle()
    assert (started.state, started.standing.reason) == (RunState.FAILED, "own")


def test_waiting_gives_the_result_and_every_event(started: Run, workspace: Workspace, attempts: Any) -> None:
    def job() -> None:
        attempts.running(started.id)
        workspace.ledger.complete(started.id, RunResult(run=started.id, attempt=1, images=3), "attempt-1")

    seen: list[str] = []
    thread = threading.Timer(0.1, job)
    thread.start()
    result = started.wait(lambda event: seen.append(event.get("state", event["kind"])))
    thread.join()
    assert result.images == 3
    assert seen == ["queued", "launch", "running", "completed"]


def test_waiting_goes_on_while_a_run_is_tried_again(
    started: Run, workspace: Workspace, attempts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "POLL_S", 0.01)
    attempts.running(started.id)
    workspace.ledger.move(started.id, RunState.QUEUED, "attempt-1", after="failed", reason="RuntimeError: odd")

    def job() -> None:
        workspace.ledger.move(started.id, RunState.RUNNING, "attempt-2", attempt=2)
        workspace.ledger.complete(started.id, RunResult(run=started.id, attempt=2), "attempt-2")

    thread = threading.Timer(0.05, job)
    thread.start()
    assert started.wait().attempt == 2
    thread.join()


def test_waiting_for_a_run_that_fails_says_why(started: Run, workspace: Workspace) -> None:
    workspace.ledger.move(started.id, RunState.FAILED, "ledger", reason="ValueError: no such layer")
    with pytest.raises(RunError, match="ended failed: ValueError: no such layer") as caught:
        started.wait()
    assert caught.value.fields == {"run": started.id, "state": "failed"}


def test_whoever_waits_finds_a_run_that_is_gone(started: Run, attempts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "_LOOK_S", 0.0)
    monkeypatch.setattr(run_module, "POLL_S", 0.01)
    attempts.running(started.id)
    with pytest.raises(RunError, match="ended crashed"):
        started.wait()


def test_metrics_come_by_scope_with_their_step(started: Run) -> None:
    from workbench.metrics.log import EventLog

    with EventLog(started.paths.events, "train-1") as log:
        log.append("metrics", step=1, scope="batch", values={"loss": 2.0})
        log.append("metrics", step=1, scope="epoch", values={"loss": "Infinity"})
    assert started.metrics() == [{"step": 1, "loss": float("inf")}]
    assert started.metrics("batch") == [{"step": 1, "loss": 2.0}]


def test_a_run_without_checkpoint_or_notebook_says_so(started: Run) -> None:
    assert started.notebook is None
    assert started.heartbeat is None
    assert started.attempts() == []
    with pytest.raises(RunError, match="has no checkpoint"):
        started.checkpoint  # noqa: B018


def test_every_attempt_keeps_its_own_notebook_and_log(started: Run, attempts: Any) -> None:
    for number in (1, 2):
        paths = started.paths.attempt(number)
        paths.root.mkdir(parents=True)
        paths.log.write_text(f"attempt {number}")
    started.paths.attempt(1).notebook.write_text("{}")
    beat = attempts.beat(started.id, attempt=2)
    assert [sorted(found) for found in started.attempts()] == [["attempt", "log", "notebook"], ["attempt", "log"]]
    assert started.notebook is None  # the second attempt has executed nothing yet
    assert started.heartbeat == beat


def test_a_run_that_waits_says_its_place(workspace: Workspace, started: Run, submit: Record) -> None:
    waits = workspace.run(submit(parameters={"device": "cpu"}))
    assert waits.place == (1, "cpu")
    assert started.place is None


def test_a_resumed_run_is_launched_again_and_its_failures_are_forgotten(failed: Run, launcher: MemoryLauncher) -> None:
    failed.resume()
    assert [launch.number for launch in launcher.launches.values()] == [1, 2]
    assert launcher.launches[launch(failed)].number == 2
    standing = failed.standing
    assert (standing.state, standing.attempt, standing.failures) == (RunState.QUEUED, 1, 0)
    assert launcher.watched > 0


@pytest.mark.parametrize("state", [RunState.CRASHED, RunState.CANCELLED])
def test_a_run_that_crashed_or_was_cancelled_is_resumed_too(
    started: Run, workspace: Workspace, state: RunState
) -> None:
    workspace.ledger.move(started.id, state, "ledger")
    started.resume()
    assert started.state is RunState.QUEUED


def test_a_completed_run_is_not_resumed(started: Run, workspace: Workspace) -> None:
    workspace.ledger.complete(started.id, RunResult(run=started.id, attempt=1), "attempt-1")
    with pytest.raises(ConflictError, match="nothing to resume") as caught:
        started.resume(epochs=50)
    assert "workbench runs restart" in caught.value.todo
    assert started.standing.changes == {}


def test_a_run_that_goes_on_is_not_resumed(started: Run, attempts: Any) -> None:
    for _ in range(2):
        with pytest.raises(ConflictError, match="it goes on already"):
            started.resume()
        if started.state is RunState.QUEUED:
            attempts.running(started.id)


def test_of_two_who_resume_a_run_at_once_one_does(
    failed: Run, workspace: Workspace, launcher: MemoryLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one resumes it after the first one has looked at it."""
    real = workspace.ledger.move

    def after_another(run_id: str, *step: Any, **fields: Any) -> None:
        monkeypatch.setattr(workspace.ledger, "move", real)
        workspace.run(run_id).resume(epochs=60)
        real(run_id, *step, **fields)

    monkeypatch.setattr(workspace.ledger, "move", after_another)
    with pytest.raises(ConflictError, match="is queued: it goes on already"):
        failed.resume(epochs=50)
    assert failed.standing.changes == {"epochs": 60}
    assert len(launcher.launches) == 2


def test_changes_are_recorded_and_add_up(failed: Run, workspace: Workspace) -> None:
    failed.resume(epochs=50)
    workspace.ledger.move(failed.id, RunState.FAILED, "ledger")
    failed.resume(device=0, close_mosaic=5)
    assert failed.standing.changes == {"epochs": 50, "device": 0, "settings": {"close_mosaic": 5}}
    assert failed.spec.parameters["epochs"] == TrainingConfig().epochs
    ticket = workspace.dispatcher.queue.ticket(failed.id)
    assert ticket is not None
    assert ticket.slot == "gpu-0"


@pytest.mark.parametrize("changes", [{"lr0": 0.5}, {"epochs": -1}, {"no_such_key": 1}, {"epochs": 50, "seed": 7}])
def test_changes_that_cannot_be_made_on_the_way_resume_nothing(
    failed: Run, launcher: MemoryLauncher, changes: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError):
        failed.resume(**changes)
    assert failed.state is RunState.FAILED
    assert len(launcher.launches) == 1


def test_changes_for_a_run_that_trains_nothing_are_refused(workspace: Workspace, record: Record) -> None:
    run = workspace.run(record("export"))
    workspace.ledger.move(run.id, RunState.FAILED, "ledger")
    with pytest.raises(ConfigError, match="of kind export"):
        run.resume(epochs=50)
    run.resume()
    assert run.state is RunState.QUEUED


def test_a_resumed_run_that_cannot_be_started_now_stays_queued(
    failed: Run, workspace: Workspace, launcher: MemoryLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_start: object) -> str:
        raise EngineError("The server does not start.")

    with monkeypatch.context() as patch:
        patch.setattr(launcher, "start", away)
        with pytest.raises(EngineError):
            failed.resume()
    assert failed.standing.waits
    workspace.dispatcher.tick()
    assert launcher.launches[launch(failed)].number == 2
