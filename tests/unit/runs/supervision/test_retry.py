"""How an attempt is closed, and whether another one follows."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.runs import stop
from workbench.runs.model import Policy, RunState
from workbench.runs.standing import Standing
from workbench.runs.stop import Stop
from workbench.runs.supervision.retry import End, close_attempt, delay_s, may_help
from workbench.workspace import Workspace

Record = Callable[..., str]
FAILED = End(RunState.FAILED, "RuntimeError: odd")
POLICY = Policy(attempts=3, first_delay_s=10, factor=2, max_delay_s=600)


@pytest.fixture
def close(workspace: Workspace, record: Record, attempts: Any) -> Callable[..., Standing]:
    """Return a closer of the first attempt of a new run: ``close(end, **policy)`` gives where the run then stands."""

    def do(end: End, wish: Stop | None = None, state: RunState = RunState.RUNNING, **policy: Any) -> Standing:
        run = record(policy=POLICY.model_copy(update=policy))
        attempts.running(run)
        if wish is not None:
            stop.ask(workspace.paths.run(run), wish)
        if state is not RunState.RUNNING:
            workspace.ledger.move(run, state, "ledger", reason="Not needed.")
        close_attempt(workspace.ledger, run, end, "attempt-1")
        return workspace.ledger.standing(run)

    return do


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 1000), st.floats(0, 3600), st.floats(1, 100), st.floats(0, 3600))
def test_every_delay_lies_within_a_quarter_of_the_policys(
    failures: int, first_s: float, factor: float, longest_s: float
) -> None:
    policy = Policy(first_delay_s=first_s, factor=factor, max_delay_s=longest_s)
    plain = min(first_s * factor ** min(failures - 1, 64), longest_s)
    assert plain * 0.75 <= delay_s(policy, failures) <= plain * 1.25


def test_delays_grow_up_to_the_longest() -> None:
    steps = [delay_s(POLICY, failures) for failures in range(1, 12)]
    assert [round(seconds / 2.0) for seconds in steps[:1]] in ([4], [5], [6])
    assert 15 <= steps[1] <= 25
    assert 30 <= steps[2] <= 50
    assert all(450 <= seconds <= 750 for seconds in steps[7:])


def test_runs_that_failed_together_do_not_come_back_together() -> None:
    assert len({delay_s(POLICY, 1) for _ in range(20)}) > 10


def test_a_failed_attempt_is_queued_again_after_its_delay(close: Callable[..., Standing]) -> None:
    before = time.time()
    standing = close(FAILED)
    assert standing.waits
    assert 7 <= standing.due_at - before <= 14
    assert (standing.failures, standing.attempt) == (1, 1)
    assert standing.reason.startswith("RuntimeError: odd. Attempt 2 of 3 follows in ")


def test_the_last_attempt_is_the_end(close: Callable[..., Standing]) -> None:
    standing = close(FAILED, attempts=1)
    assert (standing.state, standing.reason) == (RunState.FAILED, "RuntimeError: odd")


def test_a_run_is_tried_as_often_as_its_policy_says(workspace: Workspace, record: Record, attempts: Any) -> None:
    run, seen = record(policy=POLICY), []
    for number in (1, 2, 3):
        attempts.running(run, number)
        close_attempt(workspace.ledger, run, FAILED, f"attempt-{number}")
        seen.append(workspace.ledger.state(run))
    assert seen == [RunState.QUEUED, RunState.QUEUED, RunState.FAILED]


def test_an_end_that_would_come_again_is_not_tried_again(close: Callable[..., Standing]) -> None:
    assert close(End(RunState.FAILED, "ParameterError: no such key", again=False)).state is RunState.FAILED


@pytest.mark.parametrize(
    ("error", "again"),
    [
        ({"error": "RunError", "error_name": "RuntimeError"}, True),
        ({"error": "StorageError"}, True),
        ({}, True),
        ({"error_name": "ModuleNotFoundError"}, False),
        ({"error_name": "SyntaxError"}, False),
        ({"error_name": "RuntimeError", "refused": True}, False),
    ],
)
def test_what_the_notebooks_own_code_would_say_again_is_not_tried_again(error: dict[str, Any], again: bool) -> None:
    assert may_help(error) is again


def test_an_interruption_from_outside_costs_no_attempt_and_no_delay(
    workspace: Workspace, record: Record, attempts: Any
) -> None:
    run = record(policy=POLICY.model_copy(update={"attempts": 1}))
    for number in range(1, 5):
        attempts.running(run, number)
        interrupted = End(RunState.CRASHED, "Its process was asked to end.", counts=False)
        close_attempt(workspace.ledger, run, interrupted, f"attempt-{number}")
        standing = workspace.ledger.standing(run)
        assert standing.waits
        assert (standing.failures, standing.attempt) == (0, number)
        assert standing.due_at <= time.time()
        assert standing.reason == "Its process was asked to end. It goes on in 0 s."


def test_a_cancelled_attempt_is_the_end_with_the_words_of_whoever_cancelled_it(
    close: Callable[..., Standing],
) -> None:
    asked = Stop("cancel", "Not needed.", time.time())
    for end in (FAILED, End(RunState.CRASHED, "", counts=False), End(RunState.CANCELLED, "StoppedError.")):
        for state in (RunState.RUNNING, RunState.CANCELLING):
            standing = close(end, wish=asked, state=state)
            assert (standing.state, standing.reason) == (RunState.CANCELLED, "Not needed.")


def test_a_run_that_is_being_cancelled_is_cancelled_also_when_the_wish_was_never_written(
    close: Callable[..., Standing],
) -> None:
    assert close(FAILED, state=RunState.CANCELLING).state is RunState.CANCELLED


HEEDED = End(RunState.CANCELLED, "StoppedError: saved.", {"stopped": True})
KILLED = End(RunState.CRASHED, "It did not end 45 s after it was asked to.")


@pytest.mark.parametrize("end", [HEEDED, KILLED, End(RunState.CRASHED, "", counts=False)])
def test_an_attempt_over_its_time_has_failed_and_is_not_tried_again(close: Callable[..., Standing], end: End) -> None:
    standing = close(end, wish=Stop("timeout", "Longer than max_hours.", 1.0))
    assert (standing.state, standing.reason) == (RunState.FAILED, "Longer than max_hours.")


@pytest.mark.parametrize("end", [HEEDED, KILLED])
def test_an_attempt_that_hung_has_crashed_and_is_tried_again(close: Callable[..., Standing], end: End) -> None:
    wish = Stop("silence", "It gave no sign of life.", 1.0)
    standing = close(end, wish=wish)
    assert standing.waits
    assert standing.failures == 1
    assert standing.reason.startswith("It gave no sign of life. Attempt 2 of 3 follows")
    assert close(end, wish=wish, attempts=1).state is RunState.CRASHED


def test_an_attempt_that_a_person_ended_is_cancelled_whatever_else_was_wished(
    close: Callable[..., Standing],
) -> None:
    ended = End(RunState.CANCELLED, "Somebody asked for it.")
    for why in ("timeout", "silence"):
        assert close(ended, wish=Stop(why, "x", 1.0)).state is RunState.CANCELLED


def test_a_wish_that_was_meant_for_the_attempt_before_does_not_end_a_lost_launch(
    workspace: Workspace, record: Record, attempts: Any
) -> None:
    """The run was cancelled, then resumed by hand, and then its launch was lost before it began."""
    run = record(policy=POLICY)
    stop.ask(workspace.paths.run(run), Stop("cancel", "Not needed.", 1.0))
    close_attempt(workspace.ledger, run, End(RunState.CRASHED, "Its process ended before it began."), "supervisor")
    assert workspace.ledger.standing(run).waits


def test_a_run_that_was_moved_meanwhile_is_left_alone(workspace: Workspace, record: Record, attempts: Any) -> None:
    run = record(policy=POLICY)
    attempts.running(run)
    seen = workspace.ledger.standing(run)
    workspace.ledger.move(run, RunState.QUEUED, "attempt-1", after="failed", due_at=9.0)
    before = workspace.ledger.events(run)
    close_attempt(workspace.ledger, run, End(RunState.CRASHED, "gone"), "supervisor", seen)
    assert workspace.ledger.events(run) == before


def test_a_cancel_that_comes_in_between_is_heeded(
    workspace: Workspace, record: Record, attempts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody cancels while the process of the run, which holds the lease, writes that it failed."""
    run, real = record(policy=POLICY), workspace.ledger.move
    attempts.running(run)

    def late(*step: Any, **fields: Any) -> None:
        monkeypatch.setattr(workspace.ledger, "move", real)
        real(run, RunState.CANCELLING, "ledger", reason="Not needed.")
        real(*step, **fields)

    monkeypatch.setattr(workspace.ledger, "move", late)
    close_attempt(workspace.ledger, run, FAILED, "attempt-1")
    assert workspace.ledger.state(run) is RunState.CANCELLED


def test_the_error_of_a_failed_attempt_is_kept(workspace: Workspace, record: Record, attempts: Any) -> None:
    run = record(policy=POLICY)
    attempts.running(run)
    close_attempt(workspace.ledger, run, End(RunState.FAILED, "odd", {"error": "RunError", "cell": 3}), "attempt-1")
    assert workspace.ledger.events(run)[-1]["error"] == {"error": "RunError", "cell": 3}
