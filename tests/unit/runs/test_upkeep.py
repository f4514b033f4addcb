"""What goes on beside an attempt can fail without the attempt noticing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import until
from workbench.errors import StorageError
from workbench.metrics.store import manifest
from workbench.metrics.tail import read_events
from workbench.metrics.writer import Writer
from workbench.runs import upkeep
from workbench.runs.model import RunState
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow
Record = Callable[..., str]


def measure(workspace: Workspace, run: str) -> None:
    with Writer(workspace.paths.run(run).events, "train-1") as log:
        log.log(1, {"loss": 1.0})


def test_the_system_is_sampled_while_the_attempt_goes_on(workspace: Workspace, record: Record) -> None:
    run = record()
    with upkeep.beside(workspace.ledger, run, 1):
        assert any(thread.name == "system metrics" for thread in threading.enumerate())
    rows = [event for event in read_events(workspace.paths.run(run).events) if event["kind"] == "metrics"]
    assert {row["scope"] for row in rows} == {"system"}
    assert {row["writer"] for row in rows} == {"system-1"}
    until(lambda: not any(thread.name in {"system metrics", "upkeep"} for thread in threading.enumerate()), 5)


def test_an_attempt_goes_on_where_nothing_can_be_kept_beside_it(
    workspace: Workspace, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: Any) -> None:
        raise StorageError("The disk is full.")

    monkeypatch.setattr(upkeep, "Writer", full)
    went_on = []
    with upkeep.beside(workspace.ledger, record(), 1):
        went_on.append(True)
    assert went_on


def test_an_error_of_the_attempt_comes_through(workspace: Workspace, record: Record) -> None:
    with pytest.raises(ZeroDivisionError), upkeep.beside(workspace.ledger, record(), 1):
        raise ZeroDivisionError


def test_a_log_that_grows_long_is_compacted_on_the_way(
    workspace: Workspace, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = record()
    measure(workspace, run)
    monkeypatch.setattr(upkeep, "_LOOK_S", 0.05)
    monkeypatch.setattr(upkeep, "is_due", lambda events, metrics: not (metrics / manifest.NAME).exists())
    folder: Path = workspace.paths.run(run).metrics
    with upkeep.beside(workspace.ledger, run, 1):
        until((folder / manifest.NAME).is_file, 20)


def test_trackers_are_told_again_when_whoever_told_them_is_gone(
    workspace: Workspace, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr(upkeep, "_LOOK_S", 0.05)
    monkeypatch.setenv("OBSERVABILITY_BACKENDS", "database")
    monkeypatch.setattr(upkeep.forward, "start", lambda *_arguments: True)
    monkeypatch.setattr(upkeep.forward, "keep_on", lambda *arguments: asked.append(arguments))
    run = record()
    with upkeep.beside(workspace.ledger, run, 1):
        until(lambda: len(asked) >= 2, 5)
    assert asked[0] == (workspace.paths.root, run, ("database",))


def test_a_run_is_sorted_out_when_it_has_ended_and_not_before(workspace: Workspace, record: Record) -> None:
    run = record()
    measure(workspace, run)
    made = workspace.paths.run(run).metrics / manifest.NAME
    upkeep.sort_out(workspace.ledger, run)
    assert not made.exists()
    workspace.ledger.move(run, RunState.FAILED, "attempt-1")
    upkeep.sort_out(workspace.ledger, run)
    assert made.is_file()


def test_a_run_that_cannot_be_sorted_out_stays_as_it_ended(
    workspace: Workspace, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(events: Path, metrics: Path) -> None:
        raise StorageError("The disk is full.")

    monkeypatch.setattr(upkeep, "compact", full)
    run = record()
    workspace.ledger.move(run, RunState.FAILED, "attempt-1")
    upkeep.sort_out(workspace.ledger, run)
    assert workspace.ledger.state(run) is RunState.FAILED
