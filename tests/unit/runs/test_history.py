"""Questions about what the runs of a workspace measured."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from workbench.errors import ConflictError, RequestError, StorageError, UnknownNameError
from workbench.metrics.store import manifest
from workbench.metrics.writer import Writer
from workbench.runs import history as module
from workbench.runs.model import RunState
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow
Record = Callable[..., str]


def measure(workspace: Workspace, run: str, losses: list[float], writer: str = "train-1") -> None:
    with Writer(workspace.paths.run(run).events, writer) as log:
        for epoch, loss in enumerate(losses, start=1):
            log.log(epoch, {"loss": loss}, scope="epoch", epoch=epoch)


@pytest.fixture
def two(workspace: Workspace, record: Record) -> tuple[str, str]:
    first = record(name="first", config={"epochs": 3, "lr0": 0.01, "data": "digits"})
    second = record(name="second", config={"epochs": 2, "lr0": 0.01, "data": "digits"})
    measure(workspace, first, [3.0, 2.0, 1.0])
    measure(workspace, second, [5.0, 4.0])
    return first, second


def test_runs_are_compared_by_the_names_of_their_owner(workspace: Workspace, two: tuple[str, str]) -> None:
    found = workspace.history.compare(["first", "second"], ["loss"])
    assert {run: series["loss"].values.tolist() for run, series in found.items()} == {
        two[0]: [3.0, 2.0, 1.0],
        two[1]: [5.0, 4.0],
    }


def test_the_settings_that_differ_are_named(workspace: Workspace, two: tuple[str, str]) -> None:
    assert workspace.history.differences(["first", "second"]) == {two[0]: {"epochs": 3}, two[1]: {"epochs": 2}}


def test_a_run_has_the_history_that_the_workspace_has(workspace: Workspace, two: tuple[str, str]) -> None:
    run = workspace.run("first")
    assert run.history.last() == {"loss": 1.0}
    assert np.array_equal(run.history.series("loss").steps, [1, 2, 3])


def test_every_series_of_every_run_has_a_row(workspace: Workspace, two: tuple[str, str]) -> None:
    table = workspace.history.summary()
    assert sorted(zip(table["run"].to_pylist(), table["last"].to_pylist(), strict=True)) == sorted(
        [(two[0], 1.0), (two[1], 4.0)]
    )
    assert workspace.history.summary([two[1]]).num_rows == 1


def test_sql_joins_what_was_measured_with_what_was_set(workspace: Workspace, two: tuple[str, str]) -> None:
    statement = """
        select runs.name, params.value as epochs, summary.min
        from summary join runs on runs.id = summary.run join params on params.run = runs.id
        where params.name = 'epochs' order by runs.name
    """
    assert workspace.history.query(statement).to_pylist() == [
        {"name": "first", "epochs": "3", "min": 1.0},
        {"name": "second", "epochs": "2", "min": 4.0},
    ]
    points = workspace.history.query("select count(*) as n, max(value) as most from metrics").to_pylist()
    assert points == [{"n": 5, "most": 5.0}]


def test_what_came_meanwhile_is_in_the_next_answer(workspace: Workspace, two: tuple[str, str]) -> None:
    assert workspace.history.of("second").last() == {"loss": 4.0}
    with Writer(workspace.paths.run(two[1]).events, "train-1") as log:
        log.log(3, {"loss": 3.5}, scope="epoch")
    assert workspace.history.of("second").last() == {"loss": 3.5}
    assert workspace.history.query("select max(step) as s from metrics where value = 3.5").to_pylist() == [{"s": 3}]


def test_a_workspace_without_runs_has_empty_answers(workspace: Workspace) -> None:
    assert workspace.history.summary().num_rows == 0
    assert workspace.history.query("select * from metrics").num_rows == 0


def test_a_damaged_run_keeps_nobody_from_asking_about_the_others(workspace: Workspace, two: tuple[str, str]) -> None:
    workspace.paths.run(two[0]).spec.write_bytes(b"{")
    found = workspace.history.query("select distinct run from params").to_pylist()
    assert found == [{"run": two[1]}]


def test_nothing_can_be_changed_by_a_question(workspace: Workspace, two: tuple[str, str]) -> None:
    with pytest.raises(RequestError):
        workspace.history.query("delete from metrics")


def test_an_unknown_run_or_metric_is_named(workspace: Workspace, two: tuple[str, str]) -> None:
    with pytest.raises(UnknownNameError, match="'third'"):
        workspace.history.of("third")
    with pytest.raises(UnknownNameError, match="loss"):
        workspace.run("first").history.series("los")


def test_a_run_that_somebody_compacts_is_not_archived_in_part(
    workspace: Workspace, two: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WAIT_S", 0.1)
    workspace.ledger.move(two[0], RunState.FAILED, "attempt-1")
    folder = workspace.paths.run(two[0]).metrics
    folder.mkdir()
    with (folder / "compact.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ConflictError, match="being compacted"):
            workspace.history.archive("first", (tmp_path / "there").as_uri())
    assert not (tmp_path / "there").exists()


def test_a_run_that_crashed_is_compacted_by_whoever_looks_first(workspace: Workspace, two: tuple[str, str]) -> None:
    workspace.ledger.move(two[0], RunState.CRASHED, "supervisor")
    assert workspace.run("first").history.last() == {"loss": 1.0}
    assert (workspace.paths.run(two[0]).metrics / manifest.NAME).is_file()


def test_a_disk_that_takes_no_compaction_is_read_from_its_logs(
    workspace: Workspace, two: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(events: Path, metrics: Path) -> None:
        raise StorageError("Full.")

    monkeypatch.setattr(module, "compact", full)
    workspace.ledger.move(two[0], RunState.CRASHED, "supervisor")
    assert workspace.run("first").history.last() == {"loss": 1.0}
