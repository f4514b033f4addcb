"""Short answers to what waits: a no, a yes, a number; and a card that no longer waits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.scripted import Scripted
from workbench.chat.context import Context, DatasetFact, RunFact
from workbench.chat.conversation import Conversation
from workbench.chat.turn import Op, Option, Question, TurnProposal
from workbench.errors import ConflictError, RequestError

DATASETS = Context(datasets=tuple(DatasetFact(name, "detect") for name in ("digits", "helmet", "pets")))


@pytest.fixture
def chat(tmp_path: Path) -> Conversation:
    conversation = Conversation(tmp_path / "c.conversation.jsonl", Scripted())
    conversation.edit({"data": "helmets", "epochs": 5})
    return conversation


def again(chat: Conversation) -> Conversation:
    return Conversation(chat.path, Scripted())


def engine(chat: Conversation) -> Any:
    return chat.engine


@pytest.mark.parametrize(
    ("text", "says"),
    [
        *((text, "Left alone") for text in ("no", "No!", "n", "nope, no", "dont", "don't", "don’t", "not now", "wait")),
        *((text, "Left alone") for text in ("later", "cancel that", "never mind", "forget it", "CANCEL")),
        *(
            (text, "하지 않았습니다")
            for text in ("아니", "아니요.", "ㄴㄴ", "하지마", "하지 마", "나중에", "취소", "취소해줘")
        ),
    ],
)
def test_a_no_declines_the_card_that_waits_and_nothing_else(chat: Conversation, text: str, says: str) -> None:
    card = chat.say("start").card
    assert card is not None
    before = dict(chat.draft.values)
    turn = chat.say(text)
    assert turn.reply.startswith(says)
    assert (turn.text, turn.by, turn.changes, turn.card) == (text, "chat", (), None)
    assert (chat.card(card.id).state, again(chat).card(card.id).state) == ("declined", "declined")
    assert dict(again(chat).draft.values) == before
    assert [said for said, _ in engine(chat).seen] == ["start"]
    with pytest.raises(ConflictError, match=r"declined|거절"):
        chat.confirm(card.id)


def test_words_that_call_off_say_that_the_config_stays(chat: Conversation) -> None:
    chat.say("start")
    assert chat.say("cancel that").reply.endswith("The config stays as it is.")


@pytest.mark.parametrize("text", ["yes", "ok", "네", "응"])
def test_a_yes_that_is_only_said_shows_the_card_again_and_confirms_nothing(chat: Conversation, text: str) -> None:
    asked = chat.say("start")
    assert asked.card is not None
    turn = chat.say(text)
    assert turn.language == ("ko" if text in "네응" else "en")
    assert len(turn.reply.splitlines()) == len(asked.reply.splitlines()) + 1
    assert (turn.changes, chat.card(asked.card.id).state) == ((), "open")
    assert chat.confirm(asked.card.id).state == "confirmed"


@pytest.mark.parametrize("text", ["no", "yes", "취소", "1"])
def test_a_short_answer_without_anything_that_waits_is_the_engines(chat: Conversation, text: str) -> None:
    chat.say(text)
    assert [said for said, _ in engine(chat).seen] == [text]


@pytest.mark.parametrize("text", ["no epochs=7", "yes and epochs=7", "nothing", "yesterday epochs=7"])
def test_whoever_says_more_than_no_is_heard_by_the_engine(chat: Conversation, text: str) -> None:
    chat.say("start")
    chat.say(text)
    assert engine(chat).seen[-1][0] == text


@pytest.mark.parametrize("text", ["2", "2)", "#2", "(2)", "2번", "helmet", " HELMET "])
def test_an_option_of_a_list_is_chosen_by_its_number_or_its_label(tmp_path: Path, text: str) -> None:
    chat = Conversation(tmp_path / "c", Scripted())
    chat.say("start epochs=5", DATASETS)
    turn = chat.say(text, DATASETS)
    assert (turn.text, turn.by) == (text.strip(), "chat")
    assert [(change.field, change.after, change.evidence) for change in turn.changes] == [
        ("data", "helmet", text.strip())
    ]
    assert turn.card is not None
    assert (turn.card.action, chat.draft.values["epochs"]) == ("start", 5)
    assert chat.memory.pending is None
    assert chat.confirm(turn.card.id).state == "confirmed"


def test_a_number_that_no_option_has_changes_nothing_and_the_question_goes_on_waiting(tmp_path: Path) -> None:
    chat = Conversation(tmp_path / "c", Scripted())
    chat.say("start", DATASETS)
    assert chat.say("7", DATASETS).reply == "There is no option 7."
    assert chat.say("0", DATASETS).reply == "There is no option 0."
    assert chat.say("3", DATASETS).card is not None


@pytest.mark.parametrize(("text", "batch"), [("8", 16), ("2)", 32), ("32", 32)])
def test_where_an_amount_is_asked_for_a_bare_number_is_the_amount(chat: Conversation, text: str, batch: int) -> None:
    options = tuple(Option(label=str(size), ops=(Op(field="batch", value=size),)) for size in (8, 32))
    options = options if text != "8" else options[1:]
    asked = TurnProposal(questions=(Question(about=("batch",), options=options),))
    engine(chat).script = [asked]
    chat.say("another batch")
    chat.say(text)
    assert chat.draft.values["batch"] == batch
    assert (engine(chat).seen[-1][0] == text) == (text == "8")


def test_a_size_is_chosen_by_number_where_no_number_can_be_meant(chat: Conversation) -> None:
    options = tuple(Option(label=size, ops=(Op(field="model", value=size),)) for size in ("s", "m"))
    engine(chat).script = [TurnProposal(questions=(Question(about=("model",), options=options),))]
    chat.say("another model")
    assert [change.after for change in chat.say("2").changes] == ["yolo26m.yaml"]


def test_short_answers_are_logged_and_replayed_like_any_turn(tmp_path: Path) -> None:
    chat = Conversation(tmp_path / "c", Scripted())
    for text in ("start epochs=5", "2", "yes", "no", "epochs=6", "start", "취소"):
        chat.say(text, DATASETS)
    assert [turn.text for turn in again(chat).turns()] == [turn.text for turn in chat.turns()]
    assert again(chat).turns() == chat.turns()
    assert chat.replay(Scripted(), DATASETS) == []
    assert again(chat).draft.changes() == {"data": "helmet", "epochs": 6}


def test_a_card_that_no_longer_waits_is_said_when_the_config_changes(chat: Conversation) -> None:
    chat.say("start")
    for turn in (chat.say("batch=8"), chat.say("imgsz=320")):
        assert ("No longer waiting" in turn.reply) == (turn.text == "batch=8")
    chat.say("start")
    assert [note.key for note in chat.edit({"epochs": 9}).notes] == ["card_expired"]
    chat.say("start")
    assert [note.key for note in chat.undo().notes] == ["card_expired"]
    chat.say("start")
    assert chat.say("start batch=4").notes == ()


def test_whether_a_run_is_stopped_does_not_depend_on_the_config(chat: Conversation) -> None:
    context = Context(runs=(RunFact("a", "running"),))
    card = chat.say("stop", context).card
    assert card is not None
    assert chat.say("epochs=50", context).notes == ()
    assert chat.confirm(card.id).state == "confirmed"


class Broken(Scripted):
    """Fails at some texts, as no engine should."""

    def understand(self, text: str, situation: Any) -> Any:
        if text == "boom":
            raise IndexError("secret of the engine")
        return super().understand(text, situation)


def test_a_fault_of_the_engine_changes_nothing_and_is_told_and_logged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chat = Conversation(tmp_path / "c", Broken())
    chat.say("epochs=5")
    turn = chat.say("boom")
    assert "the fault is ours" in turn.reply
    assert "secret" not in turn.reply
    assert (turn.intent, turn.changes, chat.draft.changes()) == ("out_of_scope", (), {"epochs": 5})
    assert "IndexError: secret of the engine" in turn.detail
    assert turn.detail.startswith("Traceback")
    assert capsys.readouterr().err == ""
    assert chat.say("epochs=6").changes != ()
    assert [turn.text for turn in again(chat).turns()] == ["epochs=5", "boom", "epochs=6"]


@pytest.mark.parametrize("text", [None, 5, b"epochs 5", ["epochs 5"]])
def test_what_is_no_text_is_refused_with_what_to_do(chat: Conversation, text: Any) -> None:
    with pytest.raises(RequestError, match=r"no text.*(\n.*)*ws\.chat"):
        chat.say(text)
