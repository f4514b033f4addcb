"""Recording runs, and what becomes of them."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from workbench import storage
from workbench.database import Database, RunRow
from workbench.errors import ConflictError, RunError, StorageError, UnknownNameError
from workbench.metrics.log import EventLog
from workbench.rebuild import drift
from workbench.runs.ledger import WRITER
from workbench.runs.model import Headline, RunResult, RunSpec, RunState
from workbench.workspace import Workspace

Record = Callable[..., str]


def spec(run_id: str = "train-1") -> RunSpec:
    return RunSpec(id=run_id, kind="train", notebook="train", project="default", session="s")


def test_a_recorded_run_is_queued_in_its_folder_and_in_its_row(workspace: Workspace, record: Record) -> None:
    run = record(name="first", tags=("a", "b"))
    assert workspace.ledger.state(run) is RunState.QUEUED
    row = workspace.ledger.rows()[0]
    assert (row.id, row.state, row.name, row.tags) == (run, "queued", "first", ["a", "b"])


def test_the_diff_of_the_code_is_kept_beside_the_spec(workspace: Workspace) -> None:
    workspace.ledger.record(spec(), "+ one line")
    assert workspace.paths.run("train-1").code.read_text() == "+ one line"


def test_a_run_that_cannot_be_written_whole_leaves_nothing(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_file: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)  # run.json is written already; the first event is not
        with pytest.raises(StorageError, match="No space left"):
            workspace.ledger.record(spec())
    assert list(workspace.paths.runs.iterdir()) == []
    assert workspace.ledger.rows() == []


def test_a_run_whose_row_cannot_be_written_leaves_no_folder(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_rows: object) -> None:
        raise StorageError("The database did not answer.")

    monkeypatch.setattr(workspace.ledger.database, "put", refuse)
    with pytest.raises(StorageError, match="database"):
        workspace.ledger.record(spec())
    assert list(workspace.paths.runs.iterdir()) == []


def test_the_same_id_is_not_recorded_over_an_old_run(workspace: Workspace) -> None:
    workspace.ledger.record(spec())
    with pytest.raises(StorageError):
        workspace.ledger.record(spec())
    assert workspace.ledger.ids_on_disk() == ["train-1"]


def test_a_step_that_is_not_possible_is_refused_and_not_written(workspace: Workspace, record: Record) -> None:
    run = record()
    with pytest.raises(ConflictError, match="cannot become completed: it is queued"):
        workspace.ledger.move(run, RunState.COMPLETED, "ledger")
    assert [event["state"] for event in workspace.ledger.events(run)] == ["queued"]


def test_a_step_reaches_the_row(workspace: Workspace, record: Record) -> None:
    run = record()
    workspace.ledger.move(run, RunState.RUNNING, "attempt-1", attempt=1)
    assert workspace.ledger.rows(state="running")[0].id == run


def test_a_step_that_was_decided_on_before_the_run_moved_is_refused(workspace: Workspace, record: Record) -> None:
    run = record()
    seen = workspace.ledger.standing(run)
    workspace.ledger.move(run, RunState.RUNNING, "attempt-1", attempt=1, since=seen)
    with pytest.raises(ConflictError, match="it is running"):
        workspace.ledger.move(run, RunState.FAILED, "supervisor", since=seen)
    assert workspace.ledger.state(run) is RunState.RUNNING


def test_of_many_who_take_the_same_step_at_once_one_takes_it(workspace: Workspace, record: Record) -> None:
    run = record()
    seen, together, took = workspace.ledger.standing(run), threading.Barrier(6), []

    def take(number: int) -> None:
        together.wait()
        with suppress(ConflictError):
            workspace.ledger.move(run, RunState.RUNNING, "launch", since=seen, attempt=number)
            took.append(number)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(took) == 1
    assert workspace.ledger.standing(run).attempt == took[0]


def test_what_the_ledger_wrote_counts_in_its_order_also_when_the_clock_was_set_back(
    workspace: Workspace, record: Record
) -> None:
    run = record()
    for state, at in ((RunState.RUNNING, 2_000_000_000.0), (RunState.FAILED, 1_000.0)):
        with EventLog(workspace.paths.run(run).events, WRITER, clock=lambda at=at: at) as log:
            log.append("state", state=state.value, attempt=1)
    assert workspace.ledger.state(run) is RunState.FAILED
    assert workspace.ledger.standing(run).used_s == 0.0


def test_only_what_the_ledger_wrote_says_where_a_run_stands(workspace: Workspace, record: Record) -> None:
    run = record()
    with EventLog(workspace.paths.run(run).events, "train-1") as log:
        log.append("state", state="failed")
    assert workspace.ledger.state(run) is RunState.QUEUED


def test_the_runs_that_have_not_ended_come_oldest_first(named: Workspace) -> None:
    ids = [row.id for row in reversed(named.ledger.rows())]
    assert named.ledger.unended() == ids
    named.ledger.move(ids[1], RunState.FAILED, "ledger")
    storage.remove(named.paths.run(ids[2]).root)
    assert named.ledger.unended() == ids[:1]


def test_a_result_makes_a_run_complete_whatever_the_events_say(workspace: Workspace, record: Record) -> None:
    run = record()
    workspace.ledger.move(run, RunState.CRASHED, "ledger")
    workspace.ledger.complete(run, RunResult(run=run, attempt=1, seconds=2.0), "attempt-1")
    assert workspace.ledger.state(run) is RunState.COMPLETED
    row = workspace.ledger.rows()[0]
    assert (row.state, row.seconds) == ("completed", 2.0)


def test_a_headline_that_is_no_number_does_not_make_the_rows_differ(workspace: Workspace, record: Record) -> None:
    run = record()
    result = RunResult(run=run, attempt=1, headline=Headline(name="mAP", value=float("nan")))
    workspace.ledger.complete(run, result, "attempt-1")
    assert workspace.ledger.rows()[0].headline_value is None
    assert drift(workspace) == []


def test_a_run_without_a_result_says_where_it_stands(workspace: Workspace, record: Record) -> None:
    with pytest.raises(RunError, match="it is queued") as caught:
        workspace.ledger.result(record())
    assert caught.value.fields["state"] == "queued"


def test_a_row_follows_a_step_that_another_process_takes_meanwhile(
    workspace: Workspace, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process reports the end, and puts its row, between our reading the folder and our putting the row."""
    run, database = record(), workspace.ledger.database
    workspace.ledger.move(run, RunState.RUNNING, "attempt-1")
    real: list[Callable[..., None]] = [database.put]

    def slow_put(*rows: RunRow) -> None:
        monkeypatch.setattr(database, "put", real[0])
        with EventLog(workspace.paths.run(run).events, WRITER) as log:
            log.append("state", state="cancelled")
        real[0](*workspace.ledger.build_rows(run))
        real[0](*rows)

    monkeypatch.setattr(database, "put", slow_put)
    workspace.ledger.move(run, RunState.CANCELLING, "ledger")
    assert workspace.ledger.state(run) is RunState.CANCELLED
    assert workspace.ledger.rows()[0].state == "cancelled"


def test_a_run_that_is_not_there_has_no_state(workspace: Workspace) -> None:
    for ask in (workspace.ledger.state, workspace.ledger.spec):
        with pytest.raises(UnknownNameError, match="No run 'nope'"):
            ask("nope")
    with pytest.raises(UnknownNameError):
        workspace.ledger.move("nope", RunState.RUNNING, "ledger")
    with pytest.raises(UnknownNameError):
        workspace.ledger.launched("nope", 1, "launch")
    assert not workspace.paths.run("nope").root.exists()


def test_a_damaged_spec_is_a_storage_error(workspace: Workspace, record: Record) -> None:
    path = workspace.paths.run(record()).spec
    for damage in (b'{"id": "x"}', b"{", b"[]"):
        path.write_bytes(damage)
        with pytest.raises(StorageError):
            workspace.ledger.spec(path.parent.name)


@pytest.fixture
def named(workspace: Workspace, record: Record) -> Workspace:
    record(id="train-20260101-000000-aaaaaa", name="twin", created_at="2026-01-01T00:00:00.000Z")
    record(id="train-20260102-000000-bbbbbb", name="twin", created_at="2026-01-02T00:00:00.000Z")
    record("export", id="export-20260103-000000-cccccc", name="one", created_at="2026-01-03T00:00:00.000Z")
    return workspace


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("train-20260101-000000-aaaaaa", "train-20260101-000000-aaaaaa"),
        ("train-20260102", "train-20260102-000000-bbbbbb"),
        ("export", "export-20260103-000000-cccccc"),
        ("one", "export-20260103-000000-cccccc"),
        ("last", "export-20260103-000000-cccccc"),
        ("twin", "train-20260102-000000-bbbbbb"),
    ],
)
def test_a_run_is_found_by_id_prefix_name_and_last(named: Workspace, name: str, found: str) -> None:
    assert named.ledger.resolve(name) == found


@pytest.mark.parametrize(("name", "says"), [("train-2026", "2 runs fit"), ("nope", "No run is named"), ("", "No run")])
def test_a_name_that_fits_none_or_several_is_refused(named: Workspace, name: str, says: str) -> None:
    with pytest.raises(UnknownNameError, match=says):
        named.ledger.resolve(name)


def test_an_empty_name_means_no_run_even_when_there_is_only_one(workspace: Workspace, record: Record) -> None:
    record()
    with pytest.raises(UnknownNameError):
        workspace.ledger.resolve("")


def test_a_run_that_is_going_is_not_deleted(workspace: Workspace, record: Record) -> None:
    run = record()
    for state in (RunState.RUNNING, RunState.CANCELLING):
        with pytest.raises(ConflictError, match="Only a run that has ended"):
            workspace.ledger.delete(run)
        workspace.ledger.move(run, state, "ledger")
    workspace.ledger.move(run, RunState.CANCELLED, "ledger")
    workspace.ledger.delete(run)
    assert workspace.ledger.rows() == []
    assert list(workspace.paths.runs.iterdir()) == []


def test_a_run_whose_checkpoint_is_being_exported_is_not_deleted(workspace: Workspace, record: Record) -> None:
    run = record()
    workspace.ledger.move(run, RunState.FAILED, "ledger")
    reader = record("export", source=run)
    with pytest.raises(ConflictError, match=reader):
        workspace.ledger.delete(run)
    workspace.ledger.move(reader, RunState.FAILED, "ledger")
    workspace.ledger.delete(run)
    assert [row.id for row in workspace.ledger.rows()] == [reader]


def test_an_export_that_completed_has_a_row_of_its_own(workspace: Workspace, record: Record) -> None:
    run = record("export", source="train-x")
    details = {"format": "onnx", "bytes": 5, "parity": {"passed": True}}
    workspace.ledger.complete(run, RunResult(run=run, attempt=1, details=details), "attempt-1")
    exports = workspace.database.dump()["exports"]
    assert [(row["run"], row["source"], row["format"], row["parity"]) for row in exports] == [
        (run, "train-x", "onnx", "passed")
    ]
    workspace.ledger.delete(run)
    assert workspace.database.dump()["exports"] == []


def test_rows_are_filtered_and_come_newest_first(named: Workspace) -> None:
    assert [row.id[:5] for row in named.ledger.rows()] == ["expor", "train", "train"]
    assert len(named.ledger.rows(kind="train")) == 2
    assert named.ledger.rows(project="other") == []


def test_a_draft_that_a_killed_process_left_is_no_run(workspace: Workspace) -> None:
    draft = workspace.paths.runs / ".new-train-9-abcd"
    storage.put_json(draft / "run.json", {})
    assert workspace.ledger.ids_on_disk() == []


def test_a_record_survives_without_its_database(workspace: Workspace, record: Record, tmp_path: Path) -> None:
    run = record()
    fresh = type(workspace.ledger)(workspace.paths, Database.open(tmp_path / "other.db"))
    assert fresh.state(run) is RunState.QUEUED
    fresh.refresh(run)
    assert [row.id for row in fresh.rows()] == [run]
