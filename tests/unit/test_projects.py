"""Projects and sessions."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from workbench.errors import ConflictError, RequestError, UnknownNameError
from workbench.rebuild import drift
from workbench.workspace import Workspace

Record = Callable[..., str]


def test_a_project_is_made_shown_and_deleted(workspace: Workspace) -> None:
    workspace.projects.create("digits", "a note")
    found = workspace.projects.show("digits")
    assert (found["name"], found["note"], found["sessions"], found["runs"]) == ("digits", "a note", [], [])
    assert [row["name"] for row in workspace.projects.list()] == ["digits"]
    workspace.projects.delete("digits")
    assert workspace.projects.list() == []
    assert workspace.projects.names_on_disk() == []
    assert drift(workspace) == []


@pytest.mark.parametrize("name", ["", "Upper", "a b", "../up", ".hidden", "x" * 81, "한글"])
def test_a_name_that_is_no_folder_is_refused(workspace: Workspace, name: str) -> None:
    with pytest.raises(RequestError, match="no project name"):
        workspace.projects.create(name)


def test_a_taken_name_is_refused(workspace: Workspace) -> None:
    workspace.projects.create("a")
    with pytest.raises(ConflictError, match="'a' is there already"):
        workspace.projects.create("a")


def test_only_the_default_project_makes_itself(workspace: Workspace) -> None:
    assert workspace.projects.ensure("default") == "default"
    assert workspace.projects.ensure("default") == "default"
    with pytest.raises(UnknownNameError, match="Did you mean 'default'"):
        workspace.projects.ensure("defalt")


def test_a_project_with_runs_is_not_deleted(workspace: Workspace, record: Record) -> None:
    record()
    with pytest.raises(ConflictError, match="has 1 run"):
        workspace.projects.delete("default")


def test_a_session_is_made_once_and_found_by_its_name_and_id(workspace: Workspace) -> None:
    workspace.projects.create("a")
    made = workspace.projects.open_session("a", "First try!")
    assert made == "a-first-try"
    assert workspace.projects.open_session("a", "First try!") == made
    assert workspace.projects.open_session("a", made) == made
    assert workspace.projects.session("First try!")["id"] == made


def test_sessions_of_like_names_get_ids_of_their_own(workspace: Workspace) -> None:
    workspace.projects.create("a")
    ids = [workspace.projects.open_session("a", name) for name in ("한글", "中文", "x y", "x-y")]
    assert ids == ["a-session", "a-session-2", "a-x-y", "a-x-y-2"]


def test_a_session_without_a_name_is_the_day(workspace: Workspace) -> None:
    workspace.projects.create("a")
    first = workspace.projects.open_session("a")
    assert workspace.projects.open_session("a") == first
    assert first.startswith("a-20")


def test_a_name_that_two_projects_sessions_share_is_refused(workspace: Workspace) -> None:
    """Both projects have a session of today; neither is deleted by that name."""
    ids = []
    for project in ("a", "b"):
        workspace.projects.create(project)
        ids.append(workspace.projects.open_session(project, "2026-01-01"))
    with pytest.raises(UnknownNameError, match=r"2 sessions are called '2026-01-01'.*a-2026-01-01, b-2026-01-01"):
        workspace.projects.delete_session("2026-01-01")
    assert workspace.projects.session(ids[1])["project"] == "b"


def test_a_session_gets_another_name_and_keeps_its_id(workspace: Workspace) -> None:
    workspace.projects.create("a")
    made = workspace.projects.open_session("a", "one")
    workspace.projects.open_session("a", "two")
    assert workspace.projects.rename_session(made, "uno")["name"] == "uno"
    assert workspace.projects.session(made)["name"] == "uno"
    with pytest.raises(ConflictError, match="'two' is there already"):
        workspace.projects.rename_session(made, "two")
    assert drift(workspace) == []


def test_a_session_with_runs_is_not_deleted_and_an_empty_one_is(workspace: Workspace, record: Record) -> None:
    workspace.projects.ensure("default")
    made = workspace.projects.open_session("default", "one")
    record(session=made)
    with pytest.raises(ConflictError, match="has 1 run"):
        workspace.projects.delete_session(made)
    other = workspace.projects.open_session("default", "two")
    workspace.projects.delete_session(other)
    with pytest.raises(UnknownNameError):
        workspace.projects.session(other)
    assert drift(workspace) == []


def test_an_exported_session_holds_its_runs(workspace: Workspace, record: Record) -> None:
    workspace.projects.ensure("default")
    made = workspace.projects.open_session("default", "one")
    run = record(session=made, note="why")
    found = workspace.projects.export_session(made)
    assert [(item["spec"]["id"], item["spec"]["note"], item["state"], item["result"]) for item in found["runs"]] == [
        (run, "why", "queued", None)
    ]
