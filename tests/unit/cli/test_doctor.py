"""``init``, ``doctor`` and ``clean``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from workbench import storage
from workbench.runs.model import RunState
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow

Record = Callable[..., str]


def test_init_makes_a_workspace_with_a_project(say: Any, tmp_path: Any) -> None:
    assert say("init", "-w", str(tmp_path / "new"), "--json").json == {"workspace": str(tmp_path / "new")}
    assert (tmp_path / "new" / "projects" / "default" / "project.json").is_file()


def test_doctor_makes_a_deleted_database_again(say: Any, workspace: Workspace, record: Record) -> None:
    record(name="one")
    workspace.projects.open_session("default", "day")
    before = workspace.database.dump()
    workspace.database.engine.dispose()
    for path in workspace.paths.root.glob("workbench.db*"):
        path.unlink()
    assert say("doctor", "--json").json["drift"] == ["projects", "sessions", "runs"]
    found = say("doctor", "--rebuild", "--json").json
    assert found["drift"] == []
    assert found["rebuilt"]["runs"] == 1
    assert found["engine"]["running"] is False
    assert workspace.database.dump() == before
    assert "agrees with the folders" in say("doctor").out


def test_a_dry_run_removes_nothing_and_clean_only_what_nobody_uses(
    say: Any, workspace: Workspace, record: Record
) -> None:
    ended, waits = record(), record()
    for run in (ended, waits):
        storage.put(workspace.paths.run(run).attempt(1).scratch / "x", b"0" * 1000)
    workspace.ledger.move(ended, RunState.FAILED, "ledger")
    scratch = [workspace.paths.run(run).attempt(1).scratch for run in (ended, waits)]
    found = say("clean", "--dry-run", "--json").json
    assert (found["bytes_free"], found["removed"]) == (1000, [])
    assert all(path.is_dir() for path in scratch)
    assert say("clean", "--dry-run").out.rstrip().endswith("1.0 kB could be freed.")
    assert say("clean", "--yes", "--json").json["removed"] == [str(scratch[0])]
    assert [path.is_dir() for path in scratch] == [False, True]
    assert say("runs", "list", "--json").json["runs"][1]["id"] == ended
