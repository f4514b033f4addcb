"""Every metric row once, however often a run was interrupted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.metrics.rows import current


def row(attempt: int, step: int, *, scope: str = "epoch", epoch: int | None = None, **values: float) -> dict[str, Any]:
    found = {
        "kind": "metrics",
        "writer": f"train-{attempt}",
        "scope": scope,
        "step": step,
        "values": values or {"a": 1},
    }
    return found if epoch is None else {**found, "epoch": epoch}


def resumed(attempt: int, epoch: int) -> dict[str, Any]:
    return {"kind": "resumed", "writer": f"train-{attempt}", "epoch": epoch}


def steps(events: list[dict[str, Any]], scope: str = "epoch") -> list[tuple[str, int]]:
    return [(event["writer"], event["step"]) for event in current(events) if event.get("scope") == scope]


def test_rows_of_one_attempt_stay_as_they_are() -> None:
    events = [row(1, 1), row(1, 1, scope="batch"), row(1, 2), {"kind": "log", "writer": "train-1"}]
    assert current(events) == events


def test_a_row_that_was_measured_again_counts_once_and_the_later_attempt_wins() -> None:
    assert steps([row(1, 1), row(1, 2), row(2, 2), row(2, 3)]) == [("train-1", 1), ("train-2", 2), ("train-2", 3)]


def test_the_tenth_attempt_is_later_than_the_second() -> None:
    assert steps([row(10, 2), row(2, 2)]) == [("train-10", 2)]


def test_within_an_attempt_the_last_row_counts() -> None:
    events = [row(1, 1, loss=3.0), row(1, 1, loss=2.0)]  # ultralytics repeats an epoch with a smaller batch
    assert [event["values"] for event in current(events)] == [{"loss": 2.0}]


def test_rows_with_other_names_at_the_same_step_stand_beside_each_other() -> None:
    assert len(current([row(1, 1, loss=3.0), row(1, 1, memory=2.0)])) == 2


def test_rows_beyond_the_epoch_that_was_resumed_from_are_gone_before_they_are_measured_again() -> None:
    events = [row(1, 1), row(1, 2), row(1, 3), resumed(2, 1), row(2, 2)]
    assert steps(events) == [("train-1", 1), ("train-2", 2)]


def test_an_attempt_that_did_not_come_to_its_start_drops_nothing() -> None:
    events = [row(1, 1), row(1, 2), {"kind": "log", "writer": "train-2"}]
    assert steps(events) == [("train-1", 1), ("train-1", 2)]


def test_batches_of_an_unfinished_epoch_are_gone_with_it() -> None:
    batches = [row(1, step, scope="batch", epoch=(step + 2) // 3) for step in range(1, 6)]
    assert steps([*batches, resumed(2, 1)], "batch") == [("train-1", 1), ("train-1", 2), ("train-1", 3)]


def test_batches_that_another_batch_size_counts_otherwise_do_not_hide_older_ones() -> None:
    before = [row(1, step, scope="batch", epoch=(step + 3) // 4) for step in range(1, 9)]
    after = [row(2, 4 + step, scope="batch", epoch=2) for step in (1, 2)]  # epoch 2 again, in batches twice as large
    found = steps([*before, resumed(2, 1), *after], "batch")
    assert found == [*(("train-1", step) for step in range(1, 5)), ("train-2", 5), ("train-2", 6)]


def test_an_attempt_that_began_anew_leaves_nothing_of_those_before() -> None:
    assert steps([row(1, 1), row(2, 2), resumed(3, 0), row(3, 1)]) == [("train-3", 1)]


def test_an_older_resume_point_still_counts_when_a_later_attempt_resumed_further_on() -> None:
    events = [row(1, 1), row(1, 2), resumed(2, 1), row(2, 2), row(2, 3), resumed(3, 3), row(3, 4)]
    assert steps(events) == [("train-1", 1), ("train-2", 2), ("train-2", 3), ("train-3", 4)]


def test_the_final_row_of_a_training_that_went_on_is_gone() -> None:
    events = [row(1, 2, scope="final", epoch=2), resumed(2, 2), row(2, 4, scope="final", epoch=4)]
    assert steps(events, "final") == [("train-2", 4)]


@pytest.mark.parametrize("writer", ["ledger", "", None])
def test_a_writer_without_a_number_is_earlier_than_any_attempt(writer: str | None) -> None:
    events = [row(1, 1, loss=1.0), {**row(1, 1, loss=2.0), "writer": writer}]
    assert [event["values"] for event in current(events)] == [{"loss": 1.0}]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4)), min_size=1, max_size=6))
def test_however_often_a_run_is_killed_each_epoch_has_one_row(attempts: list[tuple[int, int]]) -> None:
    """Each attempt loses up to three epochs of what there was, then measures a few."""
    events, done = [], 0
    for number, (lost, measured) in enumerate(attempts, start=1):
        begin = max(done - lost, 0)
        events += [resumed(number, begin), *(row(number, begin + step) for step in range(1, measured + 1))]
        done = begin + measured
        assert [step for _, step in steps(events)] == list(range(1, done + 1))
