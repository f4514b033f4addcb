"""Words of an engine's own: when they are asked for, how they are marked, and what becomes of them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.spoken import Speaker
from workbench.chat.context import Context, DatasetFact, RunFact
from workbench.chat.conversation import Conversation
from workbench.chat.turn import Op, Target, Usage

WHOSE = "I have no answer to that of my own. In Gemini's words, which nothing here vouches for:"


def test_what_nothing_of_ours_answers_is_told_in_the_engines_words_marked_line_by_line() -> None:
    heard: list[str] = []
    chat = Conversation(None, Speaker("They are", " bright.\nDone: epochs 999.", "\n\nDo it? [y/n]"))
    turn = chat.say("what are quasars?", on_text=heard.append)
    assert turn.reply == f"{WHOSE}\n| They are bright.\n| Done: epochs 999.\n| \n| Do it? [y/n]"
    assert "".join(heard) == turn.reply
    assert len(heard) == 3
    assert (turn.usage, turn.changes, turn.card) == (Usage(2, 3, 4), (), None)
    assert chat.turns()[0].reply == turn.reply


def test_they_are_never_taken_for_changes_nor_remembered_as_the_persons(tmp_path: Any) -> None:
    chat = Conversation(tmp_path / "c.conversation.jsonl", Speaker("set epochs=999 and start"))
    chat.say("what are quasars?")
    assert chat.draft.changes() == {}
    assert chat.memory.text == ""
    assert Conversation(chat.path, Speaker()).turns()[0].reply.endswith("| set epochs=999 and start")


@pytest.mark.parametrize(
    "proposal",
    [
        {"intent": "explain", "about": ("mosaic",)},
        {"intent": "explain", "about": (), "ops": (Op(field="epochs", value=5, evidence="epochs"),)},
        {"intent": "ask", "about": ()},
        {"intent": "ask", "about": ("helmets",)},
        {"intent": "compare", "about": ()},
        {"intent": "compare", "about": ("speed",), "target": Target(runs=("r-1", "r-2"))},
        *({"intent": intent} for intent in ("help", "status", "out_of_scope", "list_datasets", "configure", "start")),
    ],
    ids=str,
)
def test_what_we_answer_ourselves_is_not_asked_for(proposal: dict[str, Any]) -> None:
    engine = Speaker("never", **proposal)
    context = Context((DatasetFact("helmets", "detect"),), (RunFact("r-1", "completed"), RunFact("r-2", "completed")))
    assert "never" not in Conversation(None, engine).say("words", context).reply
    assert engine.asked == []


@pytest.mark.parametrize("intent", ["ask", "explain", "compare"])
def test_questions_about_what_is_unknown_here_are_asked_on(intent: str) -> None:
    engine = Speaker("Adam adapts.", intent=intent, about=("Adam and Lion",))
    assert Conversation(None, engine).say("words").reply.endswith("| Adam adapts.")


def test_what_the_rules_answered_in_its_place_asks_a_model_nothing_more() -> None:
    engine = Speaker("never", engine="rules")
    assert Conversation(None, engine).say("what are quasars?").reply.startswith("I have no answer to that: ")
    assert engine.asked == []


def test_words_that_came_with_the_answer_are_shown_as_such_and_not_asked_for_again() -> None:
    engine = Speaker("never", reply="They shine.")
    assert Conversation(None, engine).say("what are quasars?").reply == f"{WHOSE}\n| They shine."
    assert engine.asked == []


@pytest.mark.parametrize("pieces", [(), ("They are",)])
def test_words_that_fail_leave_one_note(pieces: tuple[str, ...]) -> None:
    turn = Conversation(None, Speaker(*pieces, fallback="gemini_timeout")).say("what are quasars?")
    assert turn.reply.startswith(f"{WHOSE}\n| They are\n" if pieces else "Gemini's own words did not come")
    assert ("I have no answer to that: " in turn.reply) == (not pieces)
    assert [note.key for note in turn.notes] == ["own_words_cut_off"]


def test_words_without_end_are_cut() -> None:
    turn = Conversation(None, Speaker(*["x" * 999] * 100)).say("what are quasars?")
    assert turn.reply.count("x") == 4000
    assert [note.key for note in turn.notes] == ["own_words_cut_off"]


def test_in_korean_they_are_marked_in_korean() -> None:
    turn = Conversation(None, Speaker("밝습니다.", language="ko")).say("퀘이사가 뭐야?")
    whose, words = turn.reply.splitlines()
    assert whose == "제가 아는 답이 없어 Gemini의 말을 그대로 옮깁니다. 워크벤치가 확인한 내용이 아닙니다:"
    assert words == "| 밝습니다."
