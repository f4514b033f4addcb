"""Live points of runs from the database that all machines reach."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from workbench.database import Database
from workbench.metrics.store.shared import live_points
from workbench.tracking.base import Measured, Started
from workbench.tracking.database import DatabaseTracker

STARTED = Started(run="train-1", name="x", kind="train", project="p", session="s", at=1.0)


@pytest.fixture
def tracker(tmp_path: Path, plain_environment: None) -> DatabaseTracker:
    folder = tmp_path / "runs" / "train-1" / "trackers" / "database"
    folder.mkdir(parents=True)
    made = DatabaseTracker(folder)
    made.open(STARTED, None)
    return made


@pytest.fixture
def database(tmp_path: Path, tracker: DatabaseTracker) -> Database:
    return Database.open(tmp_path / "workbench.db")


def rows(*steps: int, add: float = 0.0) -> list[Measured]:
    return [Measured("batch", step, {"loss": step + add}, 100.0 + step, epoch=1) for step in steps]


def test_a_run_that_nobody_told_of_has_no_points(database: Database) -> None:
    found = live_points(database, "nobody")
    assert (found.table.num_rows, found.sequence, found.more) == (0, 0, False)


def test_points_come_as_columns_with_numbers_that_are_not_finite(database: Database, tracker: DatabaseTracker) -> None:
    values = {"nan": math.nan, "up": math.inf, "down": -math.inf}
    tracker.send([Measured("epoch", 3, values, 50.0), *rows(1)])
    table = live_points(database, "train-1").table
    found = {row["name"]: row for row in table.to_pylist()}
    assert found["down"]["value"] == -math.inf
    assert math.isnan(found["nan"]["value"])
    assert table.column("value").null_count == 0
    assert (found["up"]["scope"], found["up"]["step"], found["up"]["at"], found["up"]["epoch"]) == (
        "epoch",
        3,
        50.0,
        None,
    )
    assert found["loss"]["epoch"] == 1


def test_a_reader_goes_on_from_a_sequence_and_sees_what_changed(database: Database, tracker: DatabaseTracker) -> None:
    tracker.send(rows(1, 2, 3))
    first = live_points(database, "train-1")
    tracker.send(rows(2, 3))
    assert live_points(database, "train-1", first.sequence).table.num_rows == 0
    tracker.send([*rows(4), *rows(2, add=0.5)])
    second = live_points(database, "train-1", first.sequence)
    assert sorted(zip(*(second.table.column(name).to_pylist() for name in ("step", "value")), strict=True)) == [
        (2, 2.5),
        (4, 4.0),
    ]
    assert live_points(database, "train-1", second.sequence).sequence == second.sequence


def test_many_points_come_in_parts_that_leave_none_out(database: Database, tracker: DatabaseTracker) -> None:
    for first in range(0, 100, 10):
        tracker.send(rows(*range(first, first + 10)))
    steps: list[int] = []
    sequence, more, calls = 0, True, 0
    while more:
        found = live_points(database, "train-1", sequence, limit=25)
        sequence, more, calls = found.sequence, found.more, calls + 1
        steps += found.table.column("step").to_pylist()
    assert sorted(steps) == list(range(100))
    assert calls > 2
