"""Where a run stands: what the ledger's lines add up to."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.runs.model import NEXT, RunState
from workbench.runs.standing import Standing, fold

Event = dict[str, Any]
STATES = st.sampled_from(list(RunState))
AT = st.integers(1, 50)


def step(state: RunState, at: float = 1.0, **fields: Any) -> Event:
    return {"at": at, "kind": "state", "state": state.value, **fields}


def launch(number: int, at: float = 1.0) -> Event:
    return {"at": at, "kind": "launch", "number": number, "launch": f"flow-{number}"}


def run(*, at: float = 1.0, attempt: int = 1, **fields: Any) -> Event:
    return step(RunState.RUNNING, at, attempt=attempt, **fields)


STEPS = st.lists(st.builds(step, STATES, AT), max_size=8)
FEW = settings(max_examples=50, deadline=None)


@FEW
@given(STEPS)
def test_a_run_only_ever_takes_a_step_that_is_allowed(steps: list[Event]) -> None:
    reached = RunState.QUEUED
    for length in range(1, len(steps) + 1):
        following = fold(steps[:length]).state
        assert following is reached or following in NEXT[reached]
        reached = following


@FEW
@given(STEPS)
def test_of_two_ends_the_first_stands_until_somebody_queues_the_run_again(steps: list[Event]) -> None:
    others = [one for one in steps if one["state"] != RunState.QUEUED]
    ended = next((at for at in range(len(others)) if fold(others[: at + 1]).state.ended), None)
    if ended is not None:
        assert fold(others) == fold(others[: ended + 1])


@FEW
@given(STEPS, st.permutations(range(8)))
def test_the_order_of_the_lines_counts_and_not_their_times(steps: list[Event], times: list[int]) -> None:
    moved = [{**one, "at": float(at + 1)} for one, at in zip(steps, times, strict=False)]
    found = fold(moved)
    assert found.state is fold(steps).state
    assert found.failures == fold(steps).failures
    assert found.used_s >= 0.0


@FEW
@given(STEPS)
def test_other_kinds_of_lines_change_nothing(steps: list[Event]) -> None:
    noise = [{"at": 3.0, "kind": "log", "state": "failed", "message": "The database was not told."}]
    assert fold([*noise, *(line for one in steps for line in (one, *noise))]) == fold(steps)


def test_a_run_without_a_word_is_queued_and_waits() -> None:
    assert fold([]) == Standing()
    assert fold([]).waits


def test_a_run_waits_until_it_is_launched() -> None:
    assert fold([step(RunState.QUEUED, 5.0)]).waits
    launched = fold([step(RunState.QUEUED, 5.0), launch(1, 6.0)])
    assert not launched.waits
    assert (launched.launch, launched.launch_id, launched.launched_at) == (1, "flow-1", 6.0)
    assert not fold([step(RunState.QUEUED), run()]).waits


def test_a_lost_launch_leaves_the_run_waiting_for_the_next_number() -> None:
    lost = fold([step(RunState.QUEUED), launch(1), step(RunState.QUEUED, 9.0, after="crashed", due_at=19.0)])
    assert lost.waits
    assert (lost.launch, lost.launch_id, lost.failures, lost.due_at) == (1, None, 1, 19.0)


def test_a_launch_that_is_noted_after_its_attempt_began_is_the_one_that_goes() -> None:
    found = fold([step(RunState.QUEUED), run(launch=1), launch(1)])
    assert (found.state, found.launch_id) == (RunState.RUNNING, "flow-1")


def test_a_launch_that_is_noted_after_its_attempt_ended_is_not_waited_for() -> None:
    """Whoever launched it was killed before noting it, and another one repeats the note."""
    came_and_went = [step(RunState.QUEUED), run(launch=1), step(RunState.QUEUED, after="failed")]
    assert fold(came_and_went).launch == 1
    assert fold([*came_and_went, launch(1)]).waits
    assert not fold([*came_and_went, launch(2)]).waits


def test_failed_attempts_count_and_interrupted_ones_do_not() -> None:
    lines = [step(RunState.QUEUED), run(), step(RunState.QUEUED, after="failed")]
    assert fold(lines).failures == 1
    lines += [run(attempt=2), step(RunState.QUEUED, after="crashed", counts=False)]
    assert (fold(lines).failures, fold(lines).attempt) == (1, 2)
    lines += [run(attempt=3), step(RunState.QUEUED, after="crashed")]
    assert fold(lines).failures == 2


def test_resuming_by_hand_forgets_failures_and_hours_but_no_attempt_and_no_change() -> None:
    lines = [step(RunState.QUEUED), run(at=10.0), step(RunState.QUEUED, 40.0, after="failed", changes={"epochs": 5})]
    lines += [run(at=50.0, attempt=2), step(RunState.FAILED, 70.0, reason="odd")]
    ended = fold(lines)
    assert (ended.failures, ended.used_s, ended.attempt) == (1, 50.0, 2)
    resumed = fold([*lines, step(RunState.QUEUED, 80.0, changes={"device": "cpu"})])
    assert (resumed.failures, resumed.used_s, resumed.attempt, resumed.reason) == (0, 0.0, 2, "")
    assert resumed.changes == {"epochs": 5, "device": "cpu"}


def test_only_the_time_of_attempts_is_used_and_not_that_of_waiting() -> None:
    lines = [step(RunState.QUEUED, 0.0), launch(1, 100.0), run(at=110.0), step(RunState.QUEUED, 130.0, after="failed")]
    assert fold(lines).used_s == 20.0
    lines += [run(at=500.0, attempt=2), step(RunState.CANCELLING, 505.0), step(RunState.CANCELLED, 510.0)]
    assert fold(lines).used_s == 30.0


def test_an_attempt_is_timed_by_the_clock_that_nobody_sets_and_that_sleeps_with_the_machine() -> None:
    going = {**run(at=1000.0), "monotonic": 50.0, "boot": "one"}
    same = {**step(RunState.QUEUED, 9000.0, after="failed"), "monotonic": 70.0, "boot": "one"}
    assert fold([step(RunState.QUEUED), going, same]).used_s == 20.0
    assert fold([step(RunState.QUEUED), going, {**same, "boot": "two"}]).used_s == 8000.0


def test_a_clock_that_was_set_back_takes_no_time_away() -> None:
    lines = [step(RunState.QUEUED, 100.0), run(at=1000.0), step(RunState.QUEUED, 10.0, after="failed")]
    assert fold(lines).used_s == 0.0


def test_a_time_to_wait_for_is_over_when_the_run_goes_on() -> None:
    waits = [step(RunState.QUEUED), run(), step(RunState.QUEUED, after="failed", due_at=99.0)]
    assert fold(waits).due_at == 99.0
    assert fold([*waits, run(attempt=2)]).due_at == 0.0
