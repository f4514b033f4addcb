"""States and records of a run."""

from __future__ import annotations

import math

import orjson
from hypothesis import given
from hypothesis import strategies as st

from workbench.runs.model import ENDED, NEXT, Headline, RunResult, RunState, fold, new_run_id, now

STATES = st.sampled_from(list(RunState))
STREAM = st.lists(st.tuples(st.integers(0, 50), STATES), max_size=8)


def events(stream: list[tuple[int, RunState]]) -> list[dict[str, object]]:
    return [{"at": at, "kind": "state", "state": state.value} for at, state in stream]


@given(STREAM, STREAM)
def test_any_interleaving_of_two_writers_gives_a_state_that_can_be_reached(
    one: list[tuple[int, RunState]], two: list[tuple[int, RunState]]
) -> None:
    merged = sorted(events(one) + events(two), key=lambda event: int(str(event["at"])))
    reached = RunState.QUEUED
    for length in range(1, len(merged) + 1):
        following = fold(merged[:length])
        assert following is reached or following in NEXT[reached]
        reached = following


@given(st.lists(STATES.filter(lambda state: state is not RunState.QUEUED), max_size=10))
def test_the_first_end_stands(steps: list[RunState]) -> None:
    ended = next((at for at in range(len(steps)) if fold(events([(0, s) for s in steps[: at + 1]])).ended), None)
    if ended is not None:
        first = fold(events([(0, state) for state in steps[: ended + 1]]))
        assert fold(events([(0, state) for state in steps])) is first


def test_a_run_without_a_word_is_queued_and_other_kinds_of_events_change_nothing() -> None:
    assert fold([]) is RunState.QUEUED
    assert fold([{"kind": "log", "state": "failed"}]) is RunState.QUEUED


def test_a_queued_run_cannot_be_completed_and_a_completed_one_stays_so() -> None:
    assert RunState.COMPLETED not in NEXT[RunState.QUEUED]
    assert NEXT[RunState.COMPLETED] == frozenset()


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
