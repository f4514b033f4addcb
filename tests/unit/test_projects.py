"""Projects and sessions."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from tests.scripted import Scripted
from workbench.chat.conversation import Conversation
from workbench.database import SessionRow
from workbench.errors import ConflictError, RequestError, UnknownNameError
from workbench.rebuild import drift
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow  # goes through much of the house

Record = Callable[..., str]


def test_an_id_is_never_longer_than_the_database_takes(workspace: Workspace) -> None:
    """Postgres refuses what SQLite takes."""
    project = "p" * 80
    workspace.projects.create(project)
    made = [workspace.projects.open_session(project, name) for name in ("n" * 60, "n" * 61, "n" * 62, "short")]
    assert len(set(made)) == len(made)
    assert max(map(len, made)) <= SessionRow.__table__.c.id.type.length
    assert made[-1].endswith("-short")
    assert [workspace.projects.session(each)["project"] for each in made] == [project] * len(made)
    assert drift(workspace) == []


def talk(workspace: Workspace, session: str) -> Conversation:
    found = workspace.projects.session(session)
    return Conversation(workspace.paths.conversation(found["project"], found["id"]), Scripted())


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


@pytest.mark.parametrize("names", [("헬멧", "안전모", "사람", "차", "배", "말"), ("same",) * 6])
def test_sessions_that_are_opened_at_once_get_ids_of_their_own(workspace: Workspace, names: tuple[str, ...]) -> None:
    """Each opens its own file of the database, as six processes do."""
    start = Barrier(len(names))

    def opened(name: str) -> tuple[str, str]:
        mine = Workspace(workspace.paths.root, settings=workspace.settings).projects
        start.wait()
        return name, mine.open_session(mine.ensure("default"), name)

    with ThreadPoolExecutor(len(names)) as pool:
        made = set(pool.map(opened, names))
    assert len({key for _, key in made}) == len(set(names))
    assert {(row["name"], row["id"]) for row in workspace.projects.sessions()} == made
    assert drift(workspace) == []


def test_the_files_of_a_session_whose_row_was_lost_are_given_to_nobody(workspace: Workspace) -> None:
    workspace.projects.create("a")
    for name, left in (("one", workspace.paths.session), ("two", workspace.paths.conversation)):
        left("a", f"a-{name}").parent.mkdir(exist_ok=True)
        left("a", f"a-{name}").write_text("{}")
        assert workspace.projects.open_session("a", name) == f"a-{name}-2"


@pytest.mark.parametrize(
    ("name", "kept"),
    [("\x1b[31mred\n", "red"), ("  two\t words ", "two words"), ("x" * 80, "x" * 80), ("안전모", "안전모")],
)
def test_a_name_of_a_session_is_one_visible_line(workspace: Workspace, name: str, kept: str) -> None:
    workspace.projects.create("a")
    made = workspace.projects.open_session("a", name)
    assert workspace.projects.session(kept)["id"] == made == workspace.projects.open_session("a", name)
    other = workspace.projects.open_session("a", "other")
    with pytest.raises(ConflictError, match="is there already"):
        workspace.projects.rename_session(other, name)


@pytest.mark.parametrize("name", ["", "  ", "\x1b[31m", "\u202e", "x" * 81, "한" * 100_000])
def test_what_is_no_name_of_a_session_is_refused(workspace: Workspace, name: str) -> None:
    workspace.projects.create("a")
    made = workspace.projects.open_session("a", "one")
    for refused in (
        workspace.projects.open_session,
        lambda _project, text: workspace.projects.rename_session(made, text),
    ):
        with pytest.raises(RequestError, match="session's name") as error:
            refused("a", name)
        assert len(str(error.value)) < 250
    assert [row["name"] for row in workspace.projects.sessions()] == ["one"]


def test_no_session_is_called_as_another_ones_id(workspace: Workspace) -> None:
    for project in ("a", "b"):
        workspace.projects.create(project)
    one, two = (workspace.projects.open_session("a", name) for name in ("one", "two"))
    for refused in (
        workspace.projects.open_session,
        lambda _project, text: workspace.projects.rename_session(two, text),
    ):
        with pytest.raises(ConflictError, match="'a-one' is the id of a session of project 'a'"):
            refused("b", one)
    assert workspace.projects.rename_session(one, one)["name"] == one
    workspace.projects.rename_session(two, "a-three")
    assert workspace.projects.open_session("a", "three") == "a-three-2"


def test_a_session_is_looked_up_without_being_made(workspace: Workspace) -> None:
    workspace.projects.create("other")
    workspace.projects.open_session("other")
    with pytest.raises(UnknownNameError, match="No session is called '20"):
        workspace.projects.session(None)
    assert workspace.projects.session(None, "other")["project"] == "other"
    made = workspace.projects.open_session(workspace.projects.ensure("default"))
    assert workspace.projects.session(None)["id"] == made
    assert len(workspace.projects.sessions()) == 2


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


def test_sessions_are_listed_with_their_turns_and_the_last_words(workspace: Workspace) -> None:
    workspace.projects.create("a")
    silent, spoken, edited = (workspace.projects.open_session("a", name) for name in ("one", "two", "three"))
    chat = talk(workspace, spoken)
    chat.say("epochs=5")
    turn = chat.say("에폭 10")
    for batch in range(1, 200):
        turn = chat.edit({"batch": batch})
    talk(workspace, edited).edit({"batch": 2})
    found = {row["id"]: row for row in workspace.projects.summaries("a")}
    assert [(row["turns"], row["last"]) for row in found.values()] == [(0, ""), (201, "에폭 10"), (1, "")]
    assert (found[silent]["last_at"], found[spoken]["last_at"]) == ("", turn.at)
    assert list(workspace.projects.summaries("nothing")) == []


def test_a_session_is_reopened_with_what_was_said_also_under_another_name(workspace: Workspace) -> None:
    workspace.projects.create("a")
    made = workspace.projects.open_session("a", "one.two")
    talk(workspace, made).say("epochs=5")
    workspace.projects.rename_session(made, "uno")
    again = talk(workspace, workspace.projects.open_session("a", "uno"))
    assert [turn.text for turn in again.turns()] == ["epochs=5"]
    assert again.draft.changes() == {"epochs": 5}
    assert drift(workspace) == []


def test_a_deleted_session_takes_what_was_said_with_it(workspace: Workspace) -> None:
    workspace.projects.create("a")
    made = workspace.projects.open_session("a", "one")
    talk(workspace, made).say("epochs=5")
    workspace.projects.delete_session(made)
    assert workspace.projects.open_session("a", "one") == made
    assert talk(workspace, made).turns() == ()
    talk(workspace, made).say("epochs=6")
    workspace.projects.delete("a")
    assert not workspace.paths.conversation("a", made).exists()


def test_an_exported_session_holds_its_conversation_without_secrets_and_paths(
    workspace: Workspace, record: Record
) -> None:
    workspace.projects.ensure("default")
    made = workspace.projects.open_session("default", "one")
    record(session=made, note="weights in /data/someone/best.pt")
    chat = talk(workspace, made)
    chat.edit({"model": "/data/someone/best.pt"})
    chat.say("epochs=5 with hf_abcdefghijklmnop from /data/someone/x")
    found = workspace.projects.export_session(made)
    assert found["conversation"]["config"] == {"model": "<path>", "epochs": 5}
    assert [turn["text"] for turn in found["conversation"]["turns"]] == ["", "epochs=5 with <secret> from <path>"]
    assert found["runs"][0]["spec"]["note"] == "weights in <path>"
    assert "someone" not in repr(found)
