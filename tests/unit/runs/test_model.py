"""States and records of a run."""

from __future__ import annotations

import math

import orjson

from workbench.runs.model import ENDED, NEXT, Headline, RunResult, RunState, new_run_id, now


def test_a_queued_run_cannot_be_completed_and_a_completed_one_stays_so() -> None:
    assert RunState.COMPLETED not in NEXT[RunState.QUEUED]
    assert NEXT[RunState.COMPLETED] == frozenset()


def test_a_run_that_ended_otherwise_can_be_queued_again_and_only_queued() -> None:
    for state in ENDED - {RunState.COMPLETED}:
        assert NEXT[state] == {RunState.QUEUED}


def test_a_run_that_is_being_cancelled_can_only_end() -> None:
    assert NEXT[RunState.CANCELLING] == ENDED


def test_exactly_four_states_are_ends() -> None:
    assert {state for state in RunState if state.ended} == ENDED
    assert {state.value for state in ENDED} == {"cancelled", "failed", "crashed", "completed"}


def test_ids_never_repeat_and_say_their_kind() -> None:
    ids = {new_run_id("train") for _ in range(200)}
    assert len(ids) == 200
    assert all(made.startswith("train-20") for made in ids)


def test_times_are_utc_with_milliseconds() -> None:
    assert now().endswith("Z")
    assert len(now()) == len("2026-11-22T20:53:00.123Z")


def test_a_result_whose_numbers_are_not_finite_can_be_read_again() -> None:
    result = RunResult(run="r", attempt=1, headline=Headline(name="mAP", value=math.nan), metrics={"loss": "NaN"})
    back = RunResult.model_validate(orjson.loads(result.model_dump_json()))
    assert back.headline is not None
    assert math.isnan(back.headline.value)
    assert back.metrics == {"loss": "NaN"}
