"""How far a run has come."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from tests.boards import HEADLINE, Yard
from workbench.errors import StorageError
from workbench.metrics.store.points import Key
from workbench.metrics.store.reader import RunMetrics
from workbench.runs.model import RunState
from workbench.widgets.state.board_depth import Depth, choose, read_depth, read_spec, time_left
from workbench.widgets.state.board_roster import Roster
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow  # goes through much of the house


@pytest.fixture
def yard(tmp_path: Path, workspace: Workspace) -> Yard:
    return Yard(tmp_path, workspace)


def depth(yard: Yard, run_id: str) -> Depth:
    roster = Roster(yard.workspace.ledger)
    roster.look()
    run, paths = roster.get(run_id), yard.paths(run_id)
    assert run is not None
    return read_depth(run, paths, read_spec(paths), RunMetrics(paths.events, paths.metrics))


def test_the_time_left_is_the_usual_epoch_times_those_that_are_left() -> None:
    assert time_left([10, 20, 30, 100], began=0, left=5, now=100) == 50  # one slow epoch changes little
    assert time_left([100, 110], began=0, left=2, now=115) == 15
    assert time_left([30], began=10, left=2, now=30) == 40
    assert time_left([30], began=10, left=1, now=99) == 0
    assert time_left([], began=10, left=2, now=30) is None


def test_the_headline_of_the_task_stands_for_a_run_else_a_loss_else_anything_but_the_machine() -> None:
    machine, loss, other = Key("system", "cpu"), Key("epoch", "val/box_loss"), Key("epoch", "lr")
    assert choose([machine, other, loss, Key("epoch", "top1")], "top1") == Key("epoch", "top1")
    assert choose([machine, other, loss], "top1") == loss
    assert choose([machine, other], None) == other
    assert choose([machine, Key("batch", "loss")], None) == Key("batch", "loss")
    assert choose([machine], None) is None


def test_a_run_that_trains_is_in_an_epoch_and_one_that_ended_has_finished_some(yard: Yard) -> None:
    run = yard.record()
    yard.begin(run)
    yard.measure(run, range(1, 6))
    found = depth(yard, run)
    assert (found.epoch, found.epochs, found.fraction, found.phase) == (6, 20, 0.25, "train")
    assert found.eta_s is not None
    assert found.curve.name == HEADLINE
    yard.end(run, RunState.FAILED, "out of memory")
    ended = depth(yard, run)
    assert (ended.epoch, ended.fraction, ended.eta_s, ended.standing.reason) == (5, 0.25, None, "out of memory")


def test_a_run_that_waits_has_come_nowhere(yard: Yard) -> None:
    found = depth(yard, yard.record())
    assert (found.epoch, found.fraction, found.duration_s, found.started) == (None, None, None, None)
    assert found.curve.points == ()


def test_a_completed_run_is_done_however_early_it_stopped(yard: Yard) -> None:
    run = yard.record()
    yard.begin(run)
    yard.measure(run, range(1, 4))
    yard.end(run, RunState.COMPLETED)
    found = depth(yard, run)
    assert (found.epoch, found.fraction, found.duration_s) == (3, 1.0, 312)


def test_a_run_that_measures_only_nan_has_points_and_no_number(yard: Yard) -> None:
    run = yard.record()
    yard.begin(run)
    yard.measure(run, range(1, 4), lambda epoch: math.nan)
    curve = depth(yard, run).curve
    assert curve.value is not None
    assert (len(curve.points), math.isnan(curve.value)) == (3, True)


@pytest.mark.parametrize("damage", [b"", b"[1]", b"{", b'{"parameters": 3}'])
def test_a_damaged_spec_says_so(yard: Yard, damage: bytes) -> None:
    run = yard.record()
    yard.paths(run).spec.write_bytes(damage)
    with pytest.raises(StorageError, match=r"run\.json"):
        read_spec(yard.paths(run))


def test_a_log_that_something_else_wrote_into_is_said_and_not_raised(yard: Yard) -> None:
    run = yard.record()
    with (yard.paths(run).events / "ledger.jsonl").open("ab") as log:
        log.write(b'{"at": 1, "kind": "state"}\n')
    assert "cannot be read" in depth(yard, run).damage


def test_settings_that_were_changed_on_the_way_count(yard: Yard) -> None:
    run = yard.record(epochs=20)
    yard.begin(run)
    yard.measure(run, range(1, 6))
    yard.end(run, RunState.FAILED)
    changes: dict[str, Any] = {"epochs": 10}
    yard.workspace.ledger.move(run, RunState.QUEUED, "resume", changes=changes)
    assert depth(yard, run).fraction == 0.5
