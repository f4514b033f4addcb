"""A conversation said once more to another engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.scripted import Scripted, proposal
from workbench.chat.context import Context, DatasetFact
from workbench.chat.conversation import Conversation
from workbench.chat.turn import Op, TurnProposal, Understood


class Other(Scripted):
    """Understands like ``Scripted``, but for some texts.

    Args:
        otherwise: proposals by text.
    """

    def __init__(self, **otherwise: TurnProposal) -> None:
        super().__init__()
        self.otherwise = otherwise

    def understand(self, text: str, situation: Any) -> Understood:
        """Return another proposal for those, else what the words mean."""
        self.seen.append((text, situation))
        return Understood(self.otherwise.get(text.partition(" ")[0], proposal(text)))


@pytest.fixture
def chat(tmp_path: Path) -> Conversation:
    """Return one of every kind of turn."""
    suggestion = TurnProposal(ops=(Op(field="mosaic", value=0.0, evidence="unsaid"),))
    conversation = Conversation(tmp_path / "c.conversation.jsonl", Scripted(suggestion), base={"epochs": 7})
    conversation.say("better")
    conversation.accept("1", 0)
    conversation.say("batch=8 seed=1")
    conversation.edit({"seed": 2})
    conversation.say("batch*=2")
    conversation.undo(field="seed")
    conversation.say("")
    conversation.say("undo")
    conversation.redo()
    conversation.say("reset mosaic")
    conversation.say("start")
    return conversation


def test_the_same_engine_understands_the_same(chat: Conversation) -> None:
    engine = Other(better=TurnProposal(ops=(Op(field="mosaic", value=0.0, evidence="unsaid"),)))
    assert chat.replay(engine) == []
    assert [text for text, _ in engine.seen] == [turn.text for turn in chat.turns() if turn.by == "chat" and turn.text]
    assert engine.seen[0][1].values["epochs"] == 7


def test_what_is_understood_otherwise_is_reported_where_it_happens_and_once(chat: Conversation) -> None:
    engine = Other(**{"batch=8": TurnProposal(ops=(Op(field="batch", value=4, evidence="batch"),), intent="explain")})
    found = [(each.turn, each.what, each.then, each.now) for each in chat.replay(engine)]
    assert found[:3] == [("3", "intent", "configure", "explain"), ("3", "batch", 8, 16), ("3", "seed", 1, 0)]
    assert [each for each in found if each[0] == "4"] == []
    assert ("5", "batch", 16, 32) in found
    assert {each.text for each in chat.replay(engine) if each.turn == "3"} == {"batch=8 seed=1"}


def test_a_replay_changes_nothing(chat: Conversation) -> None:
    assert chat.path is not None
    before, turns = chat.path.read_bytes(), chat.turns()
    chat.replay(Other(**{"batch=8": TurnProposal(intent="help")}))
    assert (chat.path.read_bytes(), chat.turns()) == (before, turns)


def test_what_may_be_talked_about_is_given_for_all_turns_or_for_each(chat: Conversation) -> None:
    context = Context(datasets=(DatasetFact("helmets", "detect"),))
    for given in (context, lambda turn: context if turn.id == "3" else Context()):
        engine = Other()
        chat.replay(engine, given)
        assert dict(engine.seen)["batch=8 seed=1"].context == context


def test_after_a_turn_that_was_lost_clicks_still_mean_the_turns_they_name(tmp_path: Path) -> None:
    path = tmp_path / "q.conversation.jsonl"
    damaged = Conversation(path, Scripted())
    for text in ("epochs=50", "batch=4", "imgsz=320"):
        damaged.say(text)
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([*lines[:2], b"#" * len(lines[2]), *lines[3:]]))
    again = Conversation(path, Scripted())
    assert [turn.id for turn in again.turns()] == ["1", "3"]
    again.undo(turn="3")
    assert again.draft.changes() == {"epochs": 50}
    assert again.replay(Scripted()) == []
