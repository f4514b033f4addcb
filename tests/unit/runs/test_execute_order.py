"""Executing a run, with a stand-in for its notebook: which attempt begins, and what is written when it ends."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import pytest

from workbench import storage
from workbench.errors import ConflictError, LeaseError, ParameterError, RunError
from workbench.runs import execute as execute_module
from workbench.runs import lease, stop
from workbench.runs.execute import execute
from workbench.runs.lease import Lease, is_held
from workbench.runs.ledger import Ledger
from workbench.runs.model import Policy, RunResult, RunState
from workbench.runs.stop import Stop, read_stop
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow

Record = Callable[..., str]
Play = Callable[..., None]
POLICY = Policy(attempts=2)


class Asked(BaseException):
    """What SIGTERM becomes in a job of Prefect's."""


@pytest.fixture
def play(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Return a setter of what happens in the place of the notebook: ``play(error)`` raises, ``play()`` finishes."""

    def set_(error: BaseException | None = None, meanwhile: Callable[[], object] = lambda: None) -> None:
        def notebook(ledger: Ledger, run_id: str, number: int) -> None:
            attempt = ledger.paths.run(run_id).attempt(number)
            storage.put(attempt.scratch / "cache", b"x")
            meanwhile()
            if error is not None:
                raise error
            storage.put(attempt.notebook, b"{}")
            storage.put(attempt.result, RunResult(run=run_id, attempt=number, images=3).model_dump_json().encode())

        monkeypatch.setattr(execute_module, "_run_notebook", notebook)

    set_()
    return set_


@pytest.fixture
def go(workspace: Workspace, play: Play) -> Callable[..., Any]:
    """Return an executor: ``go(run_id, launch=None, cancelled=False)``."""
    return lambda run_id, launch=None, cancelled=False: execute(workspace.paths.root, run_id, launch, lambda: cancelled)


def where(workspace: Workspace, run_id: str) -> tuple[str, int, int]:
    standing = workspace.ledger.standing(run_id)
    return standing.state.value, standing.attempt, standing.failures


def test_a_run_that_finishes_is_complete(workspace: Workspace, record: Record, go: Any) -> None:
    run_id = record()
    assert go(run_id).images == 3
    assert where(workspace, run_id) == ("completed", 1, 0)
    run = workspace.paths.run(run_id)
    assert not is_held(run.lease)
    assert not run.attempt(1).scratch.exists()


def test_every_attempt_gets_a_number_of_its_own(workspace: Workspace, record: Record, play: Play, go: Any) -> None:
    run_id = record(policy=POLICY)
    play(RunError("RuntimeError: odd", state="failed"))
    for number, (state, failures) in enumerate((("queued", 1), ("failed", 1)), start=1):
        with pytest.raises(RunError, match="odd"):
            go(run_id)
        assert where(workspace, run_id) == (state, number, failures)
    workspace.ledger.move(run_id, RunState.QUEUED, "resume")
    workspace.paths.run(run_id).attempt(7).root.mkdir()  # its line in the ledger was torn
    play()
    go(run_id)
    assert where(workspace, run_id) == ("completed", 8, 0)


def test_a_wish_meant_for_an_earlier_attempt_does_not_stop_this_one(
    workspace: Workspace, record: Record, play: Play, go: Any
) -> None:
    run_id = record()
    run = workspace.paths.run(run_id)
    stop.ask(run, Stop("silence", "No sign of life.", 1.0))
    seen: list[Stop | None] = []
    play(meanwhile=lambda: seen.append(read_stop(run.stop)))
    go(run_id)
    assert seen == [None]


def test_only_the_newest_launch_of_a_run_is_executed(workspace: Workspace, record: Record, go: Any) -> None:
    run_id = record()
    for number in (1, 2):
        workspace.ledger.launched(run_id, number, f"flow-{number}")
    with pytest.raises(ConflictError, match=r"Launch 1 .* comes too late: launch 2 has replaced it"):
        go(run_id, launch=1)
    assert where(workspace, run_id) == ("queued", 0, 0)
    go(run_id, launch=2)
    assert where(workspace, run_id) == ("completed", 1, 0)


def test_an_attempt_says_which_launch_it_serves(workspace: Workspace, record: Record, play: Play, go: Any) -> None:
    """Whoever launched it was killed before noting the launch; the next one needs another number."""
    run_id = record()
    play(RunError("RuntimeError: odd", state="failed"))
    with pytest.raises(RunError):
        go(run_id, launch=1)
    assert workspace.ledger.standing(run_id).launch == 1


def test_a_run_that_runs_or_has_ended_is_not_executed_again(workspace: Workspace, record: Record, go: Any) -> None:
    run_id = record()
    for state in (RunState.RUNNING, RunState.FAILED):
        workspace.ledger.move(run_id, state, "ledger", attempt=1)
        with pytest.raises(ConflictError):
            go(run_id)
        assert workspace.ledger.state(run_id) is state


def test_a_run_that_another_process_executes_is_left_to_it(
    workspace: Workspace, record: Record, go: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "_PROBE_S", 0.0)
    run_id = record()
    with Lease(workspace.paths.run(run_id).lease), pytest.raises(LeaseError):
        go(run_id)
    assert where(workspace, run_id) == ("queued", 0, 0)


def test_a_run_cancelled_before_it_begins_is_not_executed(
    workspace: Workspace, record: Record, play: Play, go: Any
) -> None:
    run_id = record()
    workspace.ledger.move(run_id, RunState.CANCELLING, "ledger", reason="Not needed.")
    play(AssertionError("executed"))
    with pytest.raises(RunError, match="cancelled before it began"):
        go(run_id)
    assert where(workspace, run_id) == ("cancelled", 0, 0)
    assert workspace.ledger.standing(run_id).reason == "Not needed."


@pytest.mark.parametrize(
    ("error", "then"),
    [
        (RunError("RuntimeError: odd", state="failed", error_name="RuntimeError"), "queued"),
        (RunError("The kernel died.", state="crashed"), "queued"),
        (MemoryError("no memory"), "queued"),
        (ParameterError("The notebook has no parameter 'x'."), "failed"),
        (RunError("ConfigError: odd", state="failed", error_name="ConfigError", refused=True), "failed"),
        (RunError("ModuleNotFoundError: x", state="failed", error_name="ModuleNotFoundError"), "failed"),
    ],
)
def test_what_may_end_better_next_time_is_tried_again(
    workspace: Workspace, record: Record, play: Play, go: Any, error: Exception, then: str
) -> None:
    run_id = record(policy=POLICY)
    play(error)
    with pytest.raises(type(error)):
        go(run_id)
    assert where(workspace, run_id)[0] == then
    assert not workspace.paths.run(run_id).attempt(1).scratch.exists()
    assert not is_held(workspace.paths.run(run_id).lease)


def test_a_process_that_is_asked_to_end_by_the_machine_costs_no_attempt(
    workspace: Workspace, record: Record, play: Play, go: Any
) -> None:
    run_id = record(policy=Policy(attempts=1))
    play(Asked())
    with pytest.raises(RunError, match="was interrupted and is queued"):
        go(run_id)
    assert where(workspace, run_id) == ("queued", 1, 0)
    assert workspace.ledger.standing(run_id).waits


@pytest.mark.parametrize(("error", "cancelled"), [(Asked(), True), (KeyboardInterrupt(), False)])
def test_a_run_that_somebody_ends_is_cancelled(
    workspace: Workspace, record: Record, play: Play, go: Any, error: BaseException, cancelled: bool
) -> None:
    run_id = record(policy=POLICY)
    play(error)
    with pytest.raises(RunError, match="was interrupted and is cancelled"):
        go(run_id, cancelled=cancelled)
    assert where(workspace, run_id) == ("cancelled", 1, 0)


def test_a_cancel_while_it_runs_is_the_end_whatever_the_notebook_says(
    workspace: Workspace, record: Record, play: Play, go: Any
) -> None:
    run_id = record(policy=POLICY)

    def cancel() -> None:
        workspace.ledger.move(run_id, RunState.CANCELLING, "ledger", reason="Not needed.")

    play(RunError("KeyboardInterrupt: ", state="failed"), meanwhile=cancel)
    with pytest.raises(RunError):
        go(run_id)
    assert where(workspace, run_id) == ("cancelled", 1, 0)


def test_a_second_signal_does_not_cut_the_record(
    workspace: Workspace, record: Record, play: Play, go: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, real = record(policy=POLICY), execute_module.close_attempt

    def signalled(*arguments: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        real(*arguments)

    monkeypatch.setattr(execute_module, "close_attempt", signalled)
    play(KeyboardInterrupt())
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(RunError):
        go(run_id)
    assert where(workspace, run_id)[0] == "cancelled"
    assert signal.getsignal(signal.SIGINT) is before


def test_a_notebook_of_ones_own_needs_no_result_and_one_of_ours_does(
    workspace: Workspace, record: Record, go: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def notebook(ledger: Ledger, run_id: str, number: int) -> None:
        storage.put(ledger.paths.run(run_id).attempt(number).notebook, b"{}")

    monkeypatch.setattr(execute_module, "_run_notebook", notebook)
    ours, own = record(policy=Policy(attempts=1)), record("notebook")
    storage.put(workspace.paths.run(own).notebook, b"{}")
    assert go(own).attempt == 1
    with pytest.raises(RunError, match="without a result"):
        go(ours)
    assert where(workspace, ours)[0] == "failed"
