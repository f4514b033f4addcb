"""What holds of every conversation, whatever is said, edited and clicked in which order."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scripted import Scripted
from workbench.chat.context import Context, DatasetFact
from workbench.chat.conversation import Conversation
from workbench.errors import ConflictError

pytestmark = pytest.mark.slow  # goes through much of the house

Act = Callable[[Conversation], Any]

CONTEXT = Context(datasets=(DatasetFact("helmets", "detect"), DatasetFact("streets", "segment")))
VALUES = {
    "epochs": st.sampled_from((1, 5, 9)),
    "batch": st.sampled_from((8, 16, -1, 0.5)),
    "model": st.sampled_from(("yolo26s.pt", "yolo11n.yaml", "yolo26n-seg.pt", "own.pt")),
    "task": st.sampled_from(("detect", "segment", "pose")),
    "data": st.sampled_from(("helmets", "streets")),
    "freeze": st.sampled_from((None, 3, [0, 1])),
}
EDITS = st.fixed_dictionaries({}, optional=VALUES).filter(bool)
SAID = st.one_of(
    EDITS.map(lambda edit: " ".join(f"{name}={value}" for name, value in edit.items() if name != "freeze") or "help"),
    st.sampled_from(("batch*=2", "epochs*=0.5", "epochs=0", "model+=1", "ask epochs", "start", "status", "!", "")),
)
MOVES = st.sampled_from(("undo", "undo 2", "redo", "redo 2", "undo batch", "undo model", "reset", "reset epochs data"))


def _say(text: str) -> Act:
    return lambda chat: chat.say(text, CONTEXT)


def _edit(values: dict[str, Any]) -> Act:
    return lambda chat: chat.edit(values, CONTEXT)


CHANGES = st.one_of(SAID.map(_say), EDITS.map(_edit))
ACTS = st.one_of(
    CHANGES,
    MOVES.map(_say),
    st.integers(1, 3).map(lambda steps: lambda chat: chat.undo(steps)),
    st.just(lambda chat: chat.redo()),
    st.integers(1, 9).map(lambda turn: lambda chat: chat.undo(turn=str(turn))),
)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.lists(CHANGES, min_size=1, max_size=8), st.lists(CHANGES, max_size=3))
def test_undo_gives_back_every_former_config_and_redo_gives_it_again(acts: list[Act], before: list[Act]) -> None:
    chat = Conversation(None, Scripted())
    for act in before:
        act(chat)
    seen = [chat.draft.digest]
    for act in acts:
        act(chat)
        if chat.draft.digest != seen[-1]:
            seen.append(chat.draft.digest)
    for digest in reversed(seen[:-1]):
        assert chat.undo().changes
        assert chat.draft.digest == digest
    for digest in seen[1:]:
        assert chat.redo().changes
        assert chat.draft.digest == digest
    assert chat.redo().changes == ()


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.lists(ACTS, max_size=12))
def test_the_log_folded_from_the_start_is_the_conversation_as_it_is(acts: list[Act]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c.conversation.jsonl"
        chat, other = Conversation(path, Scripted()), Conversation(path, Scripted())
        for place, act in enumerate(acts):
            act(chat if place % 3 else other)
        fresh = Conversation(path, Scripted())
        for known in (chat, other):
            assert fresh.turns() == known.turns()
            assert fresh.memory == known.memory
            assert dict(fresh.draft.values) == dict(known.draft.values)
            assert all(fresh.draft.provenance(name) == known.draft.provenance(name) for name in fresh.draft.values)
            assert fresh.draft.undo() == known.draft.undo()
            assert fresh.draft.redo() == known.draft.redo()


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.lists(ACTS, max_size=12))
def test_what_the_turns_say_was_changed_is_what_was_changed(acts: list[Act]) -> None:
    """The changes shown, one after another, lead from the defaults to the config, which is legal all the way."""
    chat = Conversation(None, Scripted())
    values = dict(chat.draft.base)
    for act in acts:
        for change in act(chat).changes:
            assert values[change.field] == change.before
            values[change.field] = change.after
        assert values == dict(chat.draft.values)
        assert chat.draft.config().model_dump() == values


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(ACTS, st.just(_say("start"))), max_size=12))
def test_a_card_is_confirmed_once_at_most_and_only_for_the_config_that_it_shows(acts: list[Act]) -> None:
    chat = Conversation(None, Scripted())
    chat.edit({"data": "helmets"})
    for act in acts:
        act(chat)
        for turn in chat.turns():
            card = turn.card
            if card is None:
                continue
            fits = card.state == "open" and card.digest == chat.draft.digest
            try:
                chat.confirm(card.id)
            except ConflictError:
                assert not fits
            else:
                assert fits
                assert card.what["config"] == chat.draft.config().changes()
