"""Cards: actions that wait for a person, and happen once at most."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.scripted import Scripted
from workbench.chat.context import Context, DatasetFact, RunFact
from workbench.chat.conversation import Conversation
from workbench.chat.turn import Op, Target, TurnProposal
from workbench.errors import ConflictError, UnknownNameError

DATASETS = (DatasetFact("streets", "segment"), DatasetFact("helmets", "detect"), DatasetFact("\x1b[2Jodd", "detect"))


@pytest.fixture
def chat(tmp_path: Path) -> Conversation:
    conversation = Conversation(tmp_path / "c.conversation.jsonl", Scripted())
    conversation.edit({"data": "helmets", "epochs": 5})
    return conversation


def again(chat: Conversation) -> Conversation:
    return Conversation(chat.path, Scripted())


def runs(**states: str) -> Context:
    return Context(runs=tuple(RunFact(name, state) for name, state in states.items()))


def test_an_action_waits_on_a_card_that_shows_the_whole_config(chat: Conversation) -> None:
    turn = chat.say("start batch=8")
    assert turn.card is not None
    assert (turn.card.action, turn.card.state, turn.card.digest) == ("start", "open", chat.draft.digest)
    assert turn.card.what == {"config": {"data": "helmets", "epochs": 5, "batch": 8}, "dataset": "helmets"}
    assert again(chat).card(turn.card.id) == turn.card


def test_a_card_is_confirmed_carried_out_and_settled_once(chat: Conversation) -> None:
    card = chat.say("start").card
    assert card is not None
    with pytest.raises(ConflictError, match="not been confirmed"):
        chat.settle(card.id, {"run": "r1"})
    assert chat.confirm(card.id).state == "confirmed"
    for other in (chat, again(chat)):
        with pytest.raises(ConflictError, match="confirmed already"):
            other.confirm(card.id)
        with pytest.raises(ConflictError, match="confirmed already"):
            other.decline(card.id)
    done = again(chat).settle(card.id, {"run": "r1"})
    assert (done.state, done.result) == ("done", {"run": "r1"})
    assert chat.turns()[-1].card == done
    for step in (chat.confirm, chat.decline, lambda name: chat.settle(name, "late")):
        with pytest.raises(ConflictError, match="carried out already"):
            step(card.id)


def test_a_confirmation_outlives_a_loss_of_power(chat: Conversation, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it starts would be started again otherwise."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    card = chat.say("start").card
    assert card is not None
    assert synced == []
    chat.confirm(card.id)
    assert len(synced) == 1


def test_a_failure_is_kept_without_the_secrets_in_it(chat: Conversation) -> None:
    card = chat.say("start").card
    assert card is not None
    chat.confirm(card.id)
    failed = chat.settle(card.id, "no access with hf_" + "a" * 30)
    assert (failed.state, failed.result) == ("failed", {"error": "no access with <secret>"})


def test_a_declined_card_stays_declined(chat: Conversation) -> None:
    card = chat.say("start").card
    assert card is not None
    assert chat.decline(card.id).state == "declined"
    with pytest.raises(ConflictError, match="declined"):
        chat.confirm(card.id)


def test_a_card_is_for_the_config_that_was_seen(chat: Conversation) -> None:
    """It goes out of date by any change, and is good again when the config is that very one again."""
    card = chat.say("start").card
    assert card is not None
    again(chat).edit({"epochs": 500})
    assert chat.card(card.id).state == "stale"
    with pytest.raises(ConflictError, match="out of date") as refused:
        chat.confirm(card.id)
    assert refused.value.fields == {"key": "card_stale", "card": card.id, "state": "stale"}
    chat.undo()
    assert chat.confirm(card.id).state == "confirmed"


def test_a_new_card_takes_the_place_of_the_one_before(chat: Conversation) -> None:
    first, second = chat.say("start").card, chat.say("start").card
    assert first is not None
    assert second is not None
    assert first.digest == second.digest
    assert [turn.card.state for turn in chat.turns() if turn.card] == ["stale", "open"]
    with pytest.raises(ConflictError, match="another card came after it"):
        chat.confirm(first.id)
    assert chat.confirm(second.id).state == "confirmed"
    assert chat.card(second.id).state == "confirmed"
    chat.say("start")
    assert chat.card(second.id).state == "confirmed"


def test_of_many_who_confirm_at_once_one_succeeds(chat: Conversation) -> None:
    card = chat.say("start").card
    assert card is not None
    barrier, won = threading.Barrier(8), []

    def confirm(conversation: Conversation) -> None:
        barrier.wait()
        try:
            won.append(conversation.confirm(card.id))
        except ConflictError:
            return

    threads = [threading.Thread(target=confirm, args=(again(chat) if odd % 2 else chat,)) for odd in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def test_there_is_no_card_of_another_name(chat: Conversation) -> None:
    for step in (chat.confirm, chat.decline, chat.card, lambda name: chat.settle(name, {})):
        with pytest.raises(UnknownNameError, match="no card 'c99'"):
            step("c99")


def test_errors_are_in_the_language_of_the_conversation(chat: Conversation) -> None:
    chat.engine.script = [TurnProposal(language="ko")]  # type: ignore[attr-defined]
    chat.say("안녕")
    with pytest.raises(UnknownNameError, match="카드가 없습니다"):
        chat.confirm("c99")


def test_a_start_without_a_dataset_asks_for_one_and_goes_on_when_it_is_chosen(tmp_path: Path) -> None:
    chat, context = Conversation(tmp_path / "c", Scripted()), Context(datasets=DATASETS)
    asked = chat.say("start epochs=5", context)
    assert asked.card is None
    assert asked.question is not None
    assert (asked.question.kind, asked.question.about) == ("dataset", ("data",))
    # Those of the config's task come first; a name that is no plain text gets no button.
    assert [option.label for option in asked.question.options] == ["helmets", "streets"]
    turn = chat.answer(asked.id, 1, context)
    assert turn.card is not None
    assert turn.card.what["config"]["data"] == "streets"
    assert chat.draft.values["task"] == "segment"
    assert chat.confirm(turn.card.id).state == "confirmed"


def test_a_start_where_there_is_no_dataset_at_all_offers_no_button(tmp_path: Path) -> None:
    turn = Conversation(tmp_path / "c", Scripted()).say("start")
    assert turn.card is None
    assert turn.question is not None
    assert turn.question.options == ()


def test_an_action_with_an_open_question_gets_no_card_until_it_is_answered(chat: Conversation) -> None:
    """What would start is not what the person wants yet."""
    half = Op(field="batch", op="scale", value=2, evidence="double")
    chat.edit({"batch": -1})
    target = Target(formats=("engine",))
    chat.engine.script = [TurnProposal(intent="export", ops=(half,), target=target)]  # type: ignore[attr-defined]
    asked = chat.say("double the batch and export", runs(a="completed"))
    assert asked.card is None
    assert asked.question is not None
    assert asked.question.kind == "amount"
    turn = chat.answer(asked.id, 0, runs(a="completed"))
    assert turn.card is not None
    assert turn.card.what == {"run": "a", "formats": ["engine"]}


@pytest.mark.parametrize(
    ("said", "context", "run", "note"),
    [
        ("stop", runs(a="completed"), None, "no_run_to_stop"),
        ("stop", runs(a="completed", b="running"), "b", ""),
        ("stop", runs(a="queued", b="running"), None, "which_run_to_stop"),
        ("stop", Context(runs=runs(a="queued", b="running").runs, run="b"), "b", ""),
        ("resume", runs(a="running", b="completed", c="failed"), "c", ""),
        ("resume", runs(a="running", b="completed"), None, "no_run_to_resume"),
        ("restart", runs(a="running", b="completed"), "b", ""),
        ("restart", Context(), None, "no_run_to_restart"),
        ("export", runs(a="failed", b="completed"), "b", ""),
        ("export", Context(runs=(RunFact("a", "completed", kind="export"),)), None, "no_run_to_export"),
        ("deploy", runs(a="cancelled"), None, "no_run_to_deploy"),
    ],
)
def test_an_action_is_offered_for_a_run_that_it_can_be_done_to(
    chat: Conversation, said: str, context: Context, run: str | None, note: str
) -> None:
    turn = chat.say(said, context)
    assert (turn.card.what["run"] if turn.card else None) == run
    assert [found.key for found in turn.notes] == ([note] if note else [])
    assert turn.reply


@pytest.mark.parametrize(
    ("intent", "target", "what"),
    [
        ("export", {"run": "b"}, {"run": "b", "formats": ["onnx"]}),
        ("export", {"formats": ("engine", "onnx", "engine")}, {"run": "a", "formats": ["engine", "onnx"]}),
        ("deploy", {}, {"run": "a", "deployment": "endpoint"}),
        ("deploy", {"run": "b", "deployment": "edge"}, {"run": "b", "deployment": "edge"}),
        ("restart", {"run": "gone"}, None),
    ],
)
def test_a_card_says_of_which_run_and_how(chat: Conversation, intent: Any, target: Any, what: Any) -> None:
    chat.engine.script = [TurnProposal(intent=intent, target=Target(**target))]  # type: ignore[attr-defined]
    turn = chat.say("do it", runs(a="completed", b="completed"))
    assert (turn.card.what if turn.card else None) == what
    assert [note.key for note in turn.notes] == ([] if what else ["no_such_run"])


@pytest.mark.parametrize(
    ("intent", "named", "key"),
    [
        ("stop", "done", "run_is_not_to_stop"),
        ("resume", "done", "run_is_not_to_resume"),
        ("restart", "going", "run_is_not_to_restart"),
        ("export", "broken", "run_is_not_to_export"),
        ("deploy", "broken", "run_is_not_to_deploy"),
        ("deploy", "made", "run_is_no_training"),
    ],
)
def test_of_a_run_that_was_named_its_own_state_is_told(chat: Conversation, intent: Any, named: str, key: str) -> None:
    context = runs(done="completed", going="running", broken="failed")
    context = replace(context, runs=(*context.runs, RunFact("made", "completed", kind="export")))
    chat.engine = Scripted(TurnProposal(intent=intent, target=Target(run=named)))
    turn = chat.say("do that", context)
    assert (turn.card, [note.key for note in turn.notes]) == (None, [key])
    assert turn.reply.startswith(f"Run {named} is ")


def offered(chat: Conversation, intent: Any, **target: Any) -> Any:
    context = replace(runs(done="completed"), formats=("onnx",), deployments=("endpoint",))
    chat.engine = Scripted(TurnProposal(intent=intent, target=Target(**target)))
    return chat.say("do that", context)


@pytest.mark.parametrize(
    ("intent", "target", "key"),
    [
        ("export", {"formats": ("coreml", "engine")}, "no_such_formats"),
        ("deploy", {"deployment": "edge"}, "no_such_deployments"),
    ],
)
def test_no_card_is_offered_that_can_never_be_carried_out(
    chat: Conversation, intent: str, target: dict[str, Any], key: str
) -> None:
    turn = offered(chat, intent, **target)
    assert (turn.card, [note.key for note in turn.notes]) == (None, [key])
    assert any(word in turn.reply for word in ("onnx", "endpoint"))


def test_of_several_formats_those_that_are_made_stand_on_the_card(chat: Conversation) -> None:
    turn = offered(chat, "export", formats=("coreml", "onnx"))
    assert turn.card is not None
    assert turn.card.what == {"run": "done", "formats": ["onnx"]}
    assert "coreml" in turn.reply
