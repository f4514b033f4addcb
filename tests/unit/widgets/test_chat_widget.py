"""The chat without a browser: what it answers, what it tells all views, and that nobody waits for an engine."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.spoken import Speaker
from tests.tiny import data_yaml
from workbench.chat import gemini
from workbench.chat.conversation import Conversation
from workbench.chat.rules import RulesEngine
from workbench.chat.turn import Op, TurnProposal, Understood, Usage
from workbench.errors import RequestError
from workbench.settings import Settings
from workbench.widgets.chat import Chat, chat_view
from workbench.widgets.state.chat import SHOWN, ChatState
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow  # goes through much of the house

WAIT_S = 5.0


class View:
    """One browser's side: asks, and keeps what is told."""

    def __init__(self, state: ChatState) -> None:
        self.state, self.told, self.changed = state, [], threading.Condition()
        state.tell = self._hear

    def ask(self, kind: str, **body: Any) -> Any:
        content = self.state.answer({"v": 1, "id": "a:1", "kind": kind, **body}).content
        json.dumps(content, allow_nan=False)
        return content

    def data(self, kind: str, **body: Any) -> Any:
        content = self.ask(kind, **body)
        assert content["kind"] == "ok", content["data"]
        return content["data"]

    def say(self, text: str) -> dict[str, Any]:
        """Say something and return its row once nothing is under way."""
        self.data("say", text=text)
        self.until(lambda: not self.data("hello")["going"])
        row: dict[str, Any] = self.rows()[-1]
        return row

    def rows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.data("hello")["rows"]
        return rows

    def pushes(self, topic: str) -> list[Any]:
        return [data for found, data in self.told if found == topic]

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds, looking after each push; nothing is kept locked while it is asked."""
        deadline = time.monotonic() + WAIT_S
        while not holds():
            assert time.monotonic() < deadline
            with self.changed:
                self.changed.wait(0.05)

    def _hear(self, topic: str, data: Any) -> None:
        with self.changed:
            self.told.append((topic, json.loads(json.dumps(data, allow_nan=False))))
            self.changed.notify_all()


@pytest.fixture
def view(workspace: Workspace) -> View:
    return View(ChatState(workspace, "chat", "auto"))


@pytest.fixture
def helmets(workspace: Workspace, tmp_path: Path) -> None:
    workspace.datasets.add(data_yaml(tmp_path / "helmets", images=2), name="helmets")


def test_a_korean_turn_is_told_with_its_changes_their_words_and_where_they_come_from(view: View) -> None:
    row = view.say("yolo26s로 학습해줘, 640, 에폭 50")
    model, epochs = row["changes"]
    assert (model["label"], model["before"], model["after"]) == ("모델(model)", "yolo26n.yaml", "yolo26s.yaml")
    assert (epochs["after"], epochs["source_label"], epochs["evidence"]) == ("50", "사용자", "에폭 50")
    assert row["said"] == "이미지 크기(imgsz)는 이미 640입니다."
    assert (row["lang"], row["engine"], row["back"]) == ("ko", "rules", "undo")


def test_every_click_names_the_python_line_that_does_the_same(view: View) -> None:
    assert view.ask("say", text="epochs 'x'")["python"] == "chat.say(\"epochs 'x'\")"
    view.until(lambda: not view.data("hello")["going"])
    assert view.ask("undo", turn="")["python"] == "chat.undo()"
    assert view.ask("redo")["python"] == "chat.redo()"
    assert (
        view.ask("edit", values={"batch": 8, "model": "yolo26s.pt"})["python"]
        == "chat.edit(batch=8, model='yolo26s.pt')"
    )


def test_one_turn_is_taken_back_among_later_ones_and_done_again(view: View) -> None:
    view.say("epochs 50")
    view.say("batch 8")
    view.data("undo", turn="1")
    assert [row["back"] for row in view.rows()] == ["redo", "undo", ""]
    assert view.state.conversation.draft.changes() == {"batch": 8}
    view.data("redo")
    assert [row["back"] for row in view.rows()] == ["undo", "undo", "", ""]


def test_what_was_changed_again_since_offers_no_way_back(view: View) -> None:
    view.say("epochs 50")
    view.say("epochs 70")
    assert [row["back"] for row in view.rows()] == ["gone", "undo"]


def test_a_refusal_has_its_range_and_the_nearest_value_which_a_click_takes(view: View) -> None:
    row = view.say("set the batch to 99999999")
    (refusal,) = row["refusals"]
    assert "from 1 to 65536" in refusal["text"]
    assert refusal["text"].endswith("It stays 16.")
    assert (refusal["nearest"], row["said"]) == (65536, "")
    view.data("edit", values={"batch": refusal["nearest"]})
    assert (view.rows()[-1]["by"], view.rows()[-1]["changes"][0]["after"]) == ("form", "65536")


def test_a_question_is_answered_by_its_button_and_the_card_it_waited_for_is_confirmed(
    view: View, helmets: None
) -> None:
    row = view.say("start")
    assert row["question"] == {"text": "Which dataset should it train on?", "options": ["helmets"], "answered": None}
    view.data("choose", turn=row["id"], number=1)
    asked, chosen = view.rows()
    assert (asked["question"]["answered"], chosen["text"]) == (0, "helmets")
    assert chosen["card"]["lines"][0].startswith("Start a training? yolo26n.yaml on helmets")
    view.data("confirm", card=chosen["card"]["id"])
    view.until(lambda: view.rows()[-1]["card"]["state"] == "done")
    card = view.rows()[-1]["card"]
    (run,) = view.state.workspace.runs()
    assert (card["run"], card["outcome"]) == (run.id, f"Run '{run.id}' is queued.")


def test_a_card_tells_how_its_run_goes_on(view: View, helmets: None) -> None:
    card = _confirmed(view)
    run = view.state.workspace.run(card["run"])
    view.state.watch(True)
    try:
        run.cancel("for the test")
        view.until(lambda: bool(view.pushes("state")) and "is cancelled" in _outcome(view))
    finally:
        view.state.watch(False)


def test_what_keeps_a_card_from_being_done_is_told_and_stands_on_the_card(view: View, helmets: None) -> None:
    row = view.say("train helmets, start")
    view.state.workspace.datasets.remove("helmets")
    view.data("confirm", card=row["card"]["id"])
    view.until(lambda: bool(view.pushes("failed")))
    assert "helmets" in view.pushes("failed")[0]["happened"]
    assert view.rows()[0]["card"]["state"] == "failed"


def test_a_card_that_is_put_away_is_not_confirmed_any_more(view: View, helmets: None) -> None:
    card = view.say("train helmets, start")["card"]["id"]
    view.data("decline", card=card)
    view.data("confirm", card=card)
    view.until(lambda: bool(view.pushes("failed")))
    assert view.state.workspace.runs() == []


def test_what_an_engine_suggests_is_done_by_a_click_once(view: View) -> None:
    suggested = Understood(TurnProposal(ops=(Op(field="lr0", value=0.2),)), engine="gemini")
    view.state.conversation.engine = _Fixed(suggested)
    row = view.say("better results please")
    assert row["suggestions"] == [{"label": "learning rate (lr0) = 0.2", "accepted": False}]
    view.data("accept", turn=row["id"], number=1)
    assert view.rows()[0]["suggestions"][0]["accepted"]
    assert view.ask("accept", turn=row["id"], number=1)["kind"] == "error"


def test_an_engines_own_words_come_piece_by_piece_and_stand_apart_from_ours(view: View) -> None:
    view.state.conversation.engine = Speaker("They are", " bright.\n<b>Done</b>")
    row = view.say("what are quasars?")
    coming = [each["words"] for going in view.pushes("going") for each in going if each["words"]]
    assert coming[0].endswith("| They are")
    assert row["words"][1:] == ["They are bright.", "<b>Done</b>"]
    assert (row["said"], row["tokens"], row["engine"]) == ("", 9, "gemini")


def test_others_are_answered_while_an_engine_thinks_and_a_new_view_sees_what_is_under_way(view: View) -> None:
    gate = threading.Event()
    view.state.conversation.engine = _Waits(gate)
    view.data("say", text="epochs 5")
    view.data("say", text="epochs 6")
    assert [going["text"] for going in view.data("hello")["going"]] == ["epochs 5", "epochs 6"]
    view.data("edit", values={"batch": 4})
    gate.set()
    view.until(lambda: not view.data("hello")["going"])
    assert [row["text"] for row in view.rows()] == ["", "epochs 5", "epochs 6"]
    assert view.state.conversation.draft.changes() == {"batch": 4, "epochs": 6}


def test_what_was_sent_is_answered_on_request_without_secrets_and_its_tokens_are_counted(view: View) -> None:
    sent = {"text": "epochs 5", "api_key": "AIza" + "x" * 35}
    answer = Understood(TurnProposal(), engine="gemini", sent=sent, usage=Usage(7, 5, 2))
    view.state.conversation.engine = _Fixed(answer)
    row = view.say("epochs 5")
    assert row["sent"] is True
    assert view.data("sent", turn=row["id"])["sent"] == {"text": "epochs 5", "api_key": "<secret>"}
    assert view.data("hello")["head"]["tokens"] == 14


def test_what_another_process_writes_is_told_while_somebody_looks_and_not_after(view: View) -> None:
    state = view.state
    other = Conversation(state.conversation.path, RulesEngine())
    state.watch(True)
    other.say("epochs 33")
    view.until(lambda: bool(view.pushes("state")))
    assert view.pushes("state")[-1]["rows"][0]["changes"][0]["after"] == "33"
    state.watch(False)
    assert not [
        thread for thread in threading.enumerate() if thread.name == "follow-conversation" and not _ends(thread)
    ]


def test_only_rows_that_are_new_or_otherwise_are_told(view: View) -> None:
    view.say("epochs 50")
    view.say("batch 8")
    view.told.clear()
    view.data("undo", turn="1")
    (news,) = view.pushes("state")
    assert [row["id"] for row in news["rows"]] == ["1", "3"]


def test_a_long_conversation_begins_with_its_end_and_has_the_rest_on_request(view: View) -> None:
    for number in range(SHOWN + 5):
        view.state.conversation.edit({"epochs": number + 1})
    first = view.data("hello")
    assert (len(first["rows"]), first["earlier"], first["rows"][0]["id"]) == (SHOWN, True, "6")
    before = view.data("earlier", turn="6")
    assert ([row["id"] for row in before["rows"]], before["earlier"]) == (["1", "2", "3", "4", "5"], False)


def test_a_session_that_was_deleted_elsewhere_is_told_and_another_can_be_opened(view: View) -> None:
    view.say("epochs 50")
    view.state.workspace.projects.delete_session("chat")
    view.state.refresh()
    gone = view.pushes("state")[-1]["head"]["gone"]
    assert "no longer there" in gone["happened"]
    assert view.data("hello")["head"]["gone"] == gone
    view.data("new", name="again")
    assert view.data("hello")["head"]["session"]["name"] == "again"


def test_sessions_are_listed_renamed_deleted_and_exported_without_paths(view: View) -> None:
    view.say("epochs 50")
    view.data("new")
    listed = view.data("sessions")
    assert [row["turns"] for row in listed["sessions"] if row["id"] == "default-chat"] == [1]
    assert listed["here"] != "default-chat"
    view.data("rename", session="default-chat", name="밤샘")
    sent = view.state.answer({"v": 1, "id": "a", "kind": "export", "session": "default-chat"})
    record = json.loads(bytes(sent.buffers[0]))
    assert (record["name"], record["conversation"]["config"]) == ("밤샘", {"epochs": 50})
    view.data("delete", session=listed["here"])
    assert view.data("hello")["head"]["session"]["id"] != listed["here"]
    assert ("moved", view.state.place()) in view.told


def test_one_that_only_shows_has_no_answer_to_what_acts(workspace: Workspace) -> None:
    view = View(ChatState(workspace, "chat", "auto", readonly=True))
    assert view.data("hello")["rows"] == []
    for kind in ("say", "undo", "redo", "choose", "accept", "confirm", "decline", "edit", "engine", "new", "delete"):
        assert kind not in view.state.kinds
        assert view.ask(kind)["data"]["todo"] == "This widget only shows."


def test_gemini_can_be_chosen_only_with_a_key(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing is asked here, so Google's client need not be loaded.
    monkeypatch.setattr(gemini._Service, "_prepare", lambda _service: None)
    view = View(ChatState(workspace, "chat", "auto"))
    assert view.data("hello")["head"]["engines"] == ["rules"]
    assert view.ask("engine", engine="gemini")["kind"] == "error"
    with pytest.raises(RequestError):
        chat_view(workspace, engine="gemini")
    workspace.settings = Settings(google_api_key="AIzaTheKeyOfTheTests")  # type: ignore[arg-type]
    assert view.data("hello")["head"]["engines"] == ["rules", "gemini"]
    view.data("engine", engine="gemini")
    assert view.data("hello")["head"]["engine"] == "gemini"
    assert "AIza" not in json.dumps(view.told)


def test_python_reaches_what_the_page_shows(workspace: Workspace) -> None:
    chat = chat_view(workspace, "chat")
    assert isinstance(chat, Chat)
    assert chat.say("epochs 50").changes == {"epochs": (100, 50)}
    assert (chat.config.epochs, chat.session, repr(chat)) == (50, "default-chat", "<Chat of session default-chat>")
    chat.undo()
    assert chat.config.epochs == 100
    chat.redo()
    chat.use("rules")
    assert chat.config.epochs == 50
    assert [refusal.field for refusal in chat.edit(batch=8, imgsz=1).refusals] == ["imgsz"]
    chat.reset("epochs")
    assert chat.conversation.draft.changes() == {"batch": 8}
    assert chat.conversation.turns()[0].text == "epochs 50"
    chat.close()


class _Fixed:
    """Understands what it is told to."""

    def __init__(self, understood: Understood) -> None:
        self._understood = understood

    def understand(self, text: str, situation: Any) -> Understood:
        return self._understood


class _Waits(RulesEngine):
    """Understands once it may."""

    def __init__(self, gate: threading.Event) -> None:
        super().__init__()
        self._gate = gate

    def understand(self, text: str, situation: Any) -> Understood:
        assert self._gate.wait(WAIT_S)
        return super().understand(text, situation)


def _confirmed(view: View) -> dict[str, Any]:
    view.data("confirm", card=view.say("train helmets, start")["card"]["id"])
    view.until(lambda: view.rows()[-1]["card"]["state"] == "done")
    card: dict[str, Any] = view.rows()[-1]["card"]
    return card


def _outcome(view: View) -> str:
    rows: Iterator[Any] = (row for news in reversed(view.pushes("state")) for row in news["rows"] if row["card"])
    return str(next(rows, {"card": {"outcome": ""}})["card"]["outcome"])


def _ends(thread: threading.Thread) -> bool:
    thread.join(WAIT_S)
    return not thread.is_alive()
