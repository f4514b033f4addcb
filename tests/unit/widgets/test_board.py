"""What a run board answers, and what it notices."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.boards import HEADLINE, Yard
from workbench.errors import EngineError
from workbench.runs.model import RunState
from workbench.runs.supervision.memory import MemoryLauncher
from workbench.widgets.state.board_acts import Acts, hindrances
from workbench.widgets.state.board_detail import BoardDetail
from workbench.widgets.state.messages import plain
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow  # goes through much of the house


@pytest.fixture
def yard(tmp_path: Path, workspace: Workspace) -> Iterator[Yard]:
    made = Yard(tmp_path, workspace)
    yield made
    made.close()


@pytest.fixture
def state(workspace: Workspace) -> BoardDetail:
    made = BoardDetail(workspace)
    made.acts = Acts(workspace, moment_s=10.0)  # a busy machine is no reason to be late
    return made


def ask(state: BoardDetail, kind: str, **body: Any) -> Any:
    """Return what is answered, which strict JSON must be able to say."""
    content = state.answer({"v": 1, "id": "1", "view": "v", "kind": kind, **body}).content
    json.dumps(content, allow_nan=False)
    return content if content["kind"] == "error" else content["data"]


def names(answer: Any) -> list[str]:
    return [item["run"]["name"] if "run" in item else f"[{item['head']['label']}]" for item in answer["items"]]


def topics(state: BoardDetail) -> dict[str, Any]:
    found = dict(state.tick())
    json.dumps(plain(found), allow_nan=False)
    return found


def test_all_runs_are_listed_newest_first_with_their_states_counted(yard: Yard, state: BoardDetail) -> None:
    yard.five()
    answer = ask(state, "rows")
    assert names(answer) == ["stopped", "<b>bold</b>", "야간 학습", "first try", "waiting"]
    assert answer["tally"] == dict.fromkeys(("queued", "completed", "failed", "crashed", "cancelled"), 1)
    first = answer["items"][3]["run"]
    assert (first["state"], first["fraction"], first["epoch"]) == ("completed", 1.0, 20)
    assert first["headline"] == {"name": HEADLINE, "value": 0.7715, "final": True}
    bold = answer["items"][1]["run"]
    assert (bold["headline"]["value"], bold["headline"]["nan"], bold["spark"]["points"]) == (None, True, [None] * 3)
    assert answer["items"][2]["run"]["reason"] == "RuntimeError: CUDA out of memory"
    assert answer["items"][4]["run"]["going"] is True


def test_only_the_rows_of_the_window_are_sent(yard: Yard, state: BoardDetail) -> None:
    yard.many(30)
    answer = ask(state, "rows", start=10, count=5, sort="name")
    assert (len(answer["items"]), answer["total"], answer["start"]) == (5, 30, 10)


SORTS = ("state", "name", "progress", "-eta", "place", "headline", "-started", "duration", "attempt", "config.imgsz")


@pytest.mark.parametrize("sort", SORTS)
def test_runs_are_sorted_by_any_column(yard: Yard, state: BoardDetail, sort: str) -> None:
    yard.five()
    assert len(ask(state, "rows", sort=sort)["items"]) == 5


def test_a_sort_by_progress_puts_what_nobody_knows_last(yard: Yard, state: BoardDetail) -> None:
    yard.five()
    assert names(ask(state, "rows", sort="-progress"))[:2] == ["first try", "야간 학습"]
    assert names(ask(state, "rows", sort="progress"))[-1] == "waiting"


def test_runs_are_grouped_by_a_setting_of_their_config(yard: Yard, state: BoardDetail) -> None:
    for name, imgsz in (("a", 320), ("b", 640), ("c", 320)):
        yard.record(name, settings={"imgsz": imgsz})
    answer = ask(state, "rows", group="config.imgsz", closed=["=640"], fields=["imgsz"])
    assert names(answer) == ["[320]", "c", "a", "[640]"]
    assert answer["items"][1]["run"]["settings"] == {"imgsz": 320}


@pytest.mark.parametrize(("body", "says"), [({"sort": "hedline"}, "hedline"), ({"group": "name"}, "group 'name'")])
def test_an_unknown_column_is_said(state: BoardDetail, body: dict[str, str], says: str) -> None:
    error = ask(state, "rows", **body)
    assert error["kind"] == "error"
    assert says in error["data"]["happened"]


def test_a_run_that_another_process_starts_is_noticed_and_then_moves(yard: Yard, state: BoardDetail) -> None:
    ask(state, "hello")
    run = yard.record("elsewhere")
    assert topics(state)["stale"]["tally"] == {"queued": 1}
    yard.begin(run, alive=True)
    assert topics(state)["stale"]["tally"] == {"running": 1}
    ask(state, "rows")
    assert topics(state) == {}
    yard.measure(run, range(1, 4))
    (row,) = topics(state)["rows"]
    assert (row["id"], row["epoch"], row["spark"]["points"][-1]) == (run, 4, pytest.approx(0.3147, abs=1e-4))
    assert topics(state) == {}  # the time that passes by itself is no change


def test_a_run_whose_process_is_gone_is_settled_by_whoever_looks(yard: Yard, state: BoardDetail) -> None:
    run = yard.record()
    yard.begin(run, alive=True)
    assert ask(state, "rows")["tally"] == {"running": 1}
    topics(state)
    yard.kill(run)
    state._settled_at = 0.0
    assert topics(state)["stale"]["tally"] == {"queued": 1}


def test_a_look_without_a_change_reads_no_run(yard: Yard, state: BoardDetail, monkeypatch: pytest.MonkeyPatch) -> None:
    yard.five()
    yard.workspace.run(ask(state, "rows")["items"][4]["run"]["id"]).cancel()
    ask(state, "rows")
    topics(state)
    monkeypatch.setattr(state, "row", lambda *_: pytest.fail("a row was read"))
    monkeypatch.setattr(state.roster, "_read", lambda: pytest.fail("all rows were read"))
    assert topics(state) == {}


def test_deleted_runs_are_gone(yard: Yard, state: BoardDetail) -> None:
    ids = yard.five()
    ask(state, "hello")
    yard.workspace.ledger.delete(ids["stopped"])
    ask(state, "hello")  # of another view: the first one has not heard of it
    assert topics(state)["stale"]["gone"] == [ids["stopped"]]
    assert ask(state, "open", run=ids["stopped"])["kind"] == "error"


def test_a_waiting_run_is_cancelled_and_resumed_and_its_spec_is_started_anew(
    yard: Yard, state: BoardDetail, launcher: MemoryLauncher
) -> None:
    run = yard.record("it")
    sent = state.answer({"v": 1, "id": "1", "kind": "act", "act": "cancel", "run": run}).content
    assert (sent["kind"], sent["python"]) == ("ok", f'ws.run("{run}").cancel()')
    assert launcher.cancelled == ["memory-1"]
    assert yard.workspace.ledger.state(run) is RunState.CANCELLED
    assert ask(state, "act", act="resume", run=run) == {"pending": False, "made": ""}
    assert yard.workspace.ledger.state(run) is RunState.QUEUED
    made = ask(state, "act", act="restart", run=run)["made"]
    assert yard.workspace.ledger.spec(made).config == yard.workspace.ledger.spec(run).config


def test_deleting_removes_the_folder_and_a_run_that_goes_on_is_not_deleted(yard: Yard, state: BoardDetail) -> None:
    ids = yard.five()
    error = ask(state, "act", act="delete", run=ids["waiting"])
    assert error["data"]["expected"] == "Only a run that has ended can be deleted."
    ask(state, "act", act="delete", run=ids["stopped"])
    assert not yard.paths(ids["stopped"]).root.exists()
    assert "stopped" not in names(ask(state, "rows"))


def test_a_server_that_is_away_changes_no_row_and_an_act_says_what_is_wrong(
    yard: Yard, state: BoardDetail, launcher: MemoryLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = yard.five()
    before = ask(state, "rows")

    def away(*_: object) -> str:
        raise EngineError("The server is away.", "A server.", "Start it.")

    for name in ("start", "cancel", "state", "watch", "alive"):
        monkeypatch.setattr(launcher, name, away)
    assert ask(state, "rows")["items"] == before["items"]
    assert ask(state, "act", act="restart", run=ids["stopped"])["data"]["happened"] == "The server is away."
    assert ask(state, "act", act="cancel", run=ids["waiting"])["pending"] is False  # its folder says that it is to end


def test_an_act_that_takes_long_is_told_at_its_end(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    run = yard.record()
    acts = Acts(yard.workspace, moment_s=0.0)
    monkeypatch.setattr(acts, "_perform", lambda doing: time.sleep(0.05) or "new")
    doing = acts.do("restart", run)
    assert (doing.late, acts.busy) == (True, {run: "restart"})
    assert doing.done.wait(5)
    assert acts.late() == [{"run": run, "act": "restart", "made": "new", "error": None}]
    assert (acts.late(), acts.busy) == ([], {})


def test_two_acts_on_one_run_at_once_are_refused(
    yard: Yard, state: BoardDetail, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = yard.record()
    state.acts = Acts(yard.workspace, moment_s=0.0)
    monkeypatch.setattr(state.acts, "_perform", lambda doing: time.sleep(0.2) or "")
    assert ask(state, "act", act="cancel", run=run)["pending"] is True
    assert "busy" in ask(state, "act", act="cancel", run=run)["data"]["happened"]


@pytest.mark.parametrize(
    ("run_state", "possible"),
    [
        ("queued", "cancel restart"),
        ("running", "cancel restart"),
        ("completed", "restart delete"),
        ("failed", "resume restart delete"),
    ],
)
def test_what_is_possible_follows_from_the_state(run_state: str, possible: str) -> None:
    found = hindrances(RunState(run_state))
    assert {act for act, why in found.items() if not why} == set(possible.split())
    assert hindrances(RunState.FAILED, damaged=True)["resume"] == "damaged"


def test_a_readonly_board_has_no_acts_and_settles_nothing(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yard.workspace, "look", lambda: pytest.fail("it looked"))
    state = BoardDetail(yard.workspace, readonly=True)
    run = yard.record()
    ask(state, "hello")
    assert ask(state, "act", act="cancel", run=run)["data"]["todo"] == "This widget only shows."
    assert "act" not in state.kinds


def test_a_damaged_run_is_shown_as_that_and_hides_no_other(yard: Yard, state: BoardDetail) -> None:
    ids = yard.five()
    yard.paths(ids["first try"]).spec.write_bytes(b"{")
    row = next(item["run"] for item in ask(state, "rows")["items"] if item["run"]["id"] == ids["first try"])
    assert "run.json" in row["damage"]
    assert (row["hindrances"]["resume"], row["hindrances"]["delete"]) == ("damaged", "")
    details = ask(state, "open", run=ids["first try"])
    assert ("run.json" in details["damage"], details["config"]) == (True, [])
    assert len(ask(state, "rows", group="config.imgsz")["items"]) == 7
