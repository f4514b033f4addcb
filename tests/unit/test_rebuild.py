"""The database made again from the folders."""

from __future__ import annotations

from collections.abc import Callable

from workbench.database import RunRow
from workbench.metrics.log import EventLog
from workbench.rebuild import drift, rebuild
from workbench.runs.ledger import WRITER
from workbench.runs.model import Headline, RunResult, RunState
from workbench.workspace import Workspace

Record = Callable[..., str]


def fill(workspace: Workspace, record: Record) -> None:
    workspace.projects.create("other", "note")
    workspace.projects.open_session("other", "one")
    record(name="waits", tags=("x",))
    done = record()
    result = RunResult(run=done, attempt=1, headline=Headline(name="mAP", value=0.5), seconds=3.0)
    workspace.ledger.complete(done, result, "attempt-1")
    made = record("export", source=done)
    workspace.ledger.complete(made, RunResult(run=made, attempt=1, details={"bytes": 3}), "attempt-1")


def test_rows_made_again_are_the_rows_that_were(workspace: Workspace, record: Record) -> None:
    fill(workspace, record)
    before = workspace.database.dump()
    assert drift(workspace) == []
    workspace.database.replace_all([])
    assert drift(workspace) == ["projects", "sessions", "runs", "exports"]
    assert rebuild(workspace)["runs"] == 3
    assert workspace.database.dump() == before
    assert drift(workspace) == []


def test_a_deleted_database_is_made_again(workspace: Workspace, record: Record) -> None:
    fill(workspace, record)
    before = workspace.database.dump()
    workspace.database.engine.dispose()
    for path in workspace.paths.root.glob("workbench.db*"):
        path.unlink()
    fresh = Workspace(workspace.paths.root, settings=workspace.settings)
    assert fresh.runs() == []
    rebuild(fresh)
    assert fresh.database.dump() == before


def test_a_row_that_lies_is_found_and_mended(workspace: Workspace, record: Record) -> None:
    run = record()
    with EventLog(workspace.paths.run(run).events, WRITER) as log:
        log.append("state", state="running")  # its process was killed before it could put the row
    assert drift(workspace) == ["runs"]
    rebuild(workspace)
    assert workspace.ledger.rows()[0].state == RunState.RUNNING.value


def test_a_row_without_a_folder_goes(workspace: Workspace, record: Record) -> None:
    record()
    ghost = workspace.ledger.rows()[0].row() | {"id": "train-ghost"}
    workspace.database.put(RunRow(**ghost))
    rebuild(workspace)
    assert "train-ghost" not in [row.id for row in workspace.ledger.rows()]
