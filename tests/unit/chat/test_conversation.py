"""A conversation: what is said, edited and clicked, and what it adds up to."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.scripted import Scripted
from tests.work import calls
from workbench.chat.cleaning import LONGEST
from workbench.chat.context import Context, DatasetFact
from workbench.chat.conversation import Conversation
from workbench.chat.turn import Op, Option, Question, Situation, TurnProposal, Understood
from workbench.config.schema import DEFAULTS
from workbench.errors import ConfigError, ConflictError, StorageError, UnknownNameError

DATASETS = Context(datasets=(DatasetFact("streets", "segment"), DatasetFact("helmets", "detect")))
HALF = Question(
    about=("lr0",), options=(Option(label="0.005", ops=(Op(field="lr0", value=0.005),)), Option(label="no"))
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "default-day.conversation.jsonl"


def talk(path: Path | None, *script: TurnProposal, **options: Any) -> Conversation:
    return Conversation(path, Scripted(*script), **options)


def changes(conversation: Conversation) -> dict[str, Any]:
    return conversation.draft.changes()


def test_what_is_said_changes_the_config_and_says_so(path: Path) -> None:
    chat = talk(path)
    turn = chat.say("epochs=5 batch*=2")
    assert [(change.field, change.before, change.after) for change in turn.changes] == [
        ("epochs", 100, 5),
        ("batch", 16, 32),
    ]
    assert (turn.id, turn.by, turn.engine, turn.intent) == ("1", "chat", "rules", "configure")
    assert changes(chat) == {"epochs": 5, "batch": 32}
    assert "100" in turn.reply
    assert "5" in turn.reply


def test_an_illegal_value_is_refused_and_the_rest_of_the_turn_is_done(path: Path) -> None:
    turn = talk(path).say("epochs=0 batch=8")
    assert [(refusal.field, refusal.reason, refusal.nearest) for refusal in turn.refusals] == [
        ("epochs", "out_of_range", 1)
    ]
    assert [change.field for change in turn.changes] == ["batch"]


def test_the_form_and_the_chat_change_the_same_config(path: Path) -> None:
    chat, form = talk(path), talk(path)
    chat.say("epochs=5")
    edited = form.edit({"batch": 8, "epochs": 0, "nope": 1, "lr0": object()})
    assert (edited.by, edited.text, edited.engine) == ("form", "", "")
    assert [refusal.field for refusal in edited.refusals] == ["epochs", "nope", "lr0"]
    assert changes(chat) == changes(form) == {"epochs": 5, "batch": 8}
    assert [turn.by for turn in chat.turns()] == ["chat", "form"]
    assert chat.draft.provenance("batch").turn == "2"


def test_what_an_engine_understood_is_judged_on_the_config_as_it_has_become(path: Path) -> None:
    """An engine may take seconds; the form edits the very field meanwhile."""

    class Slow(Scripted):
        def understand(self, text: str, situation: Any) -> Understood:
            talk(path).edit({"batch": 10})
            return super().understand(text, situation)

    turn = Conversation(path, Slow()).say("batch*=2")
    assert [(change.before, change.after) for change in turn.changes] == [(10, 20)]


def test_an_engine_is_not_asked_under_the_lock(path: Path) -> None:
    class Nosy(Scripted):
        def understand(self, text: str, situation: Any) -> Understood:
            assert talk(path).say("seed=3").changes
            return super().understand(text, situation)

    Conversation(path, Nosy()).say("epochs=5")
    assert changes(talk(path)) == {"seed": 3, "epochs": 5}


def test_a_suggestion_changes_the_config_after_a_click_only(path: Path) -> None:
    chat = talk(path, TurnProposal(ops=(Op(field="mosaic", value=0.0, evidence="no such words"),)))
    turn = chat.say("make it better")
    assert (turn.changes, [op.field for op in turn.suggestions]) == ((), ["mosaic"])
    clicked = chat.accept(turn.id, 0)
    assert [change.field for change in clicked.changes] == ["mosaic"]
    origin = chat.draft.provenance("mosaic")
    assert (origin.source, origin.evidence, origin.turn, origin.previous) == ("model_suggestion", "", "2", 1.0)
    assert chat.turns()[0].accepted == (0,)
    with pytest.raises(ConflictError, match="clicked already"):
        chat.accept(turn.id, 0)
    for turn_id, index in (("1", 1), ("1", -1), ("9", 0)):
        with pytest.raises(UnknownNameError):
            chat.accept(turn_id, index)
    assert len(chat.turns()) == 2


def test_an_option_is_chosen_once_and_closes_the_question(path: Path) -> None:
    chat = talk(path, TurnProposal(questions=(HALF,)))
    asked = chat.say("lower the learning rate")
    assert asked.question is not None
    assert chat.memory.pending == asked.question
    assert chat.memory.focus == ("lr0",)
    clicked = chat.answer(asked.id, 0)
    assert (clicked.text, changes(chat)) == ("0.005", {"lr0": 0.005})
    assert chat.draft.provenance("lr0").evidence == "0.005"
    assert chat.memory.pending is None
    assert chat.turns()[0].answered == 0
    with pytest.raises(ConflictError, match="clicked already"):
        chat.answer(asked.id, 1)


@pytest.mark.parametrize(
    ("said", "waits"), [("ask epochs", True), ("batch=0", True), ("batch=8", False), ("status", True), ("undo", False)]
)
def test_a_question_waits_through_other_questions_and_no_longer(path: Path, said: str, waits: bool) -> None:
    chat = talk(path, TurnProposal(questions=(HALF,)))
    chat.say("lower the learning rate")
    chat.edit({"seed": 1})
    chat.say(said)
    assert (chat.memory.pending is not None) == waits


def test_it_means_what_was_last_spoken_of_and_not_what_a_form_did(path: Path) -> None:
    chat = talk(path)
    chat.say("epochs=5")
    chat.say("lr0=0.1 batch=8")
    chat.edit({"seed": 3})
    chat.say("ask imgsz")
    assert chat.memory.focus == ("imgsz", "lr0", "batch", "epochs")
    assert chat.memory.applied == {"lr0": (0.01, 0.1), "batch": (16, 8)}
    assert chat.memory.intent == "ask"


def test_undo_takes_back_turn_by_turn_whoever_changed_it(path: Path) -> None:
    chat = talk(path)
    chat.say("epochs=5 batch=8")
    chat.edit({"epochs": 9})
    chat.say("ask epochs")
    assert [(change.before, change.after) for change in chat.say("undo").changes] == [(9, 5)]
    assert changes(chat) == {"epochs": 5, "batch": 8}
    chat.undo()
    assert changes(chat) == {}
    assert [note.key for note in chat.undo().notes] == ["nothing_to_undo"]
    assert changes(talk(path)) == {}
    chat.say("redo 2")
    assert changes(chat) == {"epochs": 9, "batch": 8}
    assert [note.key for note in chat.redo().notes] == ["nothing_to_redo"]


def test_one_field_or_one_turn_is_taken_back_among_later_ones(path: Path) -> None:
    chat = talk(path)
    for said in ("epochs=5 seed=1", "batch=8", "epochs=9"):
        chat.say(said)
    chat.undo(field="batch")
    assert changes(chat) == {"epochs": 9, "seed": 1}
    turn = chat.undo(turn="1")
    assert changes(chat) == {"epochs": 9}
    assert [(note.key, list(note.values["fields"])) for note in turn.notes] == [("kept", ["epochs"])]
    chat.say("undo epochs")
    assert changes(chat) == {"epochs": 5}


def test_a_word_that_is_no_field_does_not_undo_or_reset_everything(path: Path) -> None:
    chat = talk(path)
    chat.say("epochs=5 batch=8")
    for said in ("undo nonsense", "reset nonsense"):
        assert chat.say(said).changes == ()
    assert changes(chat) == {"epochs": 5, "batch": 8}


def test_a_reset_goes_back_to_the_defaults_and_can_be_undone(path: Path) -> None:
    chat = talk(path, base={"model": "yolo26s.pt", "epochs": 7})
    chat.say("epochs=5 batch=8 model=yolo26m.pt")
    chat.say("reset epochs")
    assert changes(chat) == {"batch": 8, "model": "yolo26m.pt"}
    chat.say("reset epochs=50")
    assert changes(chat) == {"epochs": 50}
    chat.undo()
    assert changes(chat) == {"batch": 8, "model": "yolo26m.pt"}
    assert [note.key for note in talk(None).reset().notes] == ["nothing_to_reset"]


def test_the_defaults_of_a_conversation_are_kept_with_it(path: Path) -> None:
    talk(path, base={"model": "yolo26s.pt", "epochs": 7}).say("batch=8")
    later = talk(path, base={"epochs": 1})
    assert (later.draft.base["epochs"], later.draft.base["model"]) == (7, "yolo26s.pt")
    assert dict(talk(None).draft.base) == dict(DEFAULTS)
    with pytest.raises(ConfigError):
        talk(path, base={"epochs": 0})


@pytest.mark.parametrize("text", ["", "   \n\t", "👍🏻🚀", "?!…", "\u202e\u200b", "\x00\x1b[2J"[:1], "-" * 3999])
def test_what_holds_no_word_is_answered_without_an_engine(path: Path, text: str) -> None:
    chat = talk(path)
    chat.say("epochs=5")
    memory = chat.memory
    turn = chat.say(text)
    assert len(chat.engine.seen) == 1  # type: ignore[attr-defined]
    assert (turn.changes, turn.card, turn.intent) == ((), None, "out_of_scope")
    assert turn.reply
    assert chat.memory == memory


@pytest.mark.parametrize(
    "text", ["epochs=5 " * 12_000, "x" * (LONGEST + 1), "가" * 100_000, "\u200b" * 90_000 + "epochs=5"]
)
def test_what_nobody_types_is_answered_without_an_engine(path: Path, text: str) -> None:
    chat = talk(path)
    turn = chat.say(text)
    assert chat.engine.seen == []  # type: ignore[attr-defined]
    assert f"{LONGEST:,}" in turn.reply
    assert turn.language == ("ko" if "가" in text else "en")
    assert path.stat().st_size < 4000


@pytest.mark.parametrize(
    "text", ["'; DROP TABLE runs; --", "<script>alert(1)</script>", "𝓮𝓹𝓸𝓬𝓱𝓼", "Привет", "\ud800 lone", "{reply} {0} %s"]
)
def test_odd_text_is_kept_and_read_again(path: Path, text: str) -> None:
    chat = talk(path)
    turn = chat.say(text)
    assert talk(path).turns() == chat.turns() == (turn,)


def test_control_characters_reach_neither_engine_nor_log(path: Path) -> None:
    chat = talk(path)
    turn = chat.say("epochs=5\x1b[31m\u202e seed=2")
    assert turn.text == "epochs=5 seed=2"
    assert chat.engine.seen[0][0] == turn.text  # type: ignore[attr-defined]


def test_secrets_are_not_kept(path: Path) -> None:
    secret = "AIza" + "b" * 35
    said = f"epochs=5 my key is {secret}"
    chat = talk(path, TurnProposal(ops=(Op(field="epochs", value=5, evidence=said),), reply=f"I heard {secret}"))
    turn = chat.say(said)
    assert [change.after for change in turn.changes] == [5]
    assert chat.engine.seen[0][0] == said  # type: ignore[attr-defined]
    assert secret.encode() not in path.read_bytes()
    assert secret not in repr(turn)


def test_context_is_not_kept(path: Path) -> None:
    talk(path).say("epochs=5", DATASETS)
    assert b"streets" not in path.read_bytes()


def test_a_patch_keeps_a_path_that_somebody_chose(path: Path) -> None:
    weights = "/data/someone/best.pt"
    chat = talk(path)
    chat.edit({"model": weights})
    assert chat.draft.values["model"] == weights
    assert talk(path).draft.values["model"] == weights


def test_values_come_back_from_the_log_in_the_form_that_they_had(path: Path) -> None:
    chat = talk(path)
    chat.edit({"freeze": [0, 1, 2], "classes": (3,), "time": 1.5, "device": [0, 1], "batch": -1})
    again = talk(path)
    assert dict(again.draft.values) == dict(chat.draft.values)
    assert again.draft.digest == chat.draft.digest
    assert again.draft.config() == chat.draft.config()
    assert again.turns()[0].changes == chat.turns()[0].changes


def test_a_conversation_that_was_deleted_is_not_begun_anew_by_those_who_still_have_it(path: Path) -> None:
    chat = talk(path)
    chat.say("epochs=5")
    path.unlink()
    for act in (lambda: chat.say("epochs=6"), lambda: chat.edit({"seed": 1}), chat.turns):
        with pytest.raises(UnknownNameError, match="'default-day' is no longer there"):
            act()
    assert not path.exists()


def test_a_turn_that_the_disk_did_not_take_has_not_happened(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = talk(path)
    chat.say("epochs=5")
    before, write = path.read_bytes(), os.write

    def full(file: int, data: bytes) -> int:
        if len(data) < 20:
            raise OSError(28, "No space left on device")
        return write(file, data[:-10])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(StorageError, match="No space left"):
            chat.say("epochs=6")
    assert path.read_bytes() == before
    assert changes(chat) == {"epochs": 5}
    assert chat.say("epochs=7").id == "2"
    assert changes(talk(path)) == {"epochs": 7}


def test_lines_of_another_version_and_damaged_ones_are_passed_over(path: Path) -> None:
    chat = talk(path)
    chat.say("epochs=5")
    lines = path.read_bytes()
    turn: dict[str, Any] = orjson.loads(lines.splitlines()[1])
    odd = [
        b"\x00\xff garbage",
        b"[]",
        b'{"kind": "news"}',
        b'{"kind": "turn"}',
        b'{"kind": "card", "id": "c9", "state": "confirmed"}',
        orjson.dumps({**turn, "turn": {**turn["turn"], "id": "x"}}),
        orjson.dumps({**turn, "patches": [{"changes": 3}]}),
        orjson.dumps({**turn, "turn": {**turn["turn"], "id": "2", "from_the_future": 1}}),
    ]
    path.write_bytes(lines + b"\n".join(odd) + b"\n")
    later = talk(path)
    assert [turn.id for turn in later.turns()] == ["1", "2"]
    assert later.say("epochs=6").id == "3"
    assert changes(chat) == {"epochs": 6}


def test_fifty_turns_take_no_time_of_their_own_and_read_no_line_twice(path: Path) -> None:
    chat = talk(path)
    chat.say("epochs=1")
    costs = [calls(lambda n=number: chat.say(f"epochs={n} batch={n}")) for number in range(2, 52)]
    assert costs[-1] <= 1.1 * costs[1]
    assert [turn.id for turn in talk(path).turns()] == [str(number) for number in range(1, 52)]


def test_a_conversation_in_memory_is_like_one_on_disk(path: Path) -> None:
    kept, passing = talk(path), talk(None)
    for chat in (kept, passing):
        chat.say("epochs=5")
        chat.edit({"batch": 8})
        chat.undo()
    assert changes(kept) == changes(passing) == {"epochs": 5}
    assert [turn.id for turn in passing.turns()] == ["1", "2", "3"]


def test_a_damaged_first_line_costs_no_later_change(tmp_path: Path) -> None:
    path = tmp_path / "c.conversation.jsonl"
    before = Conversation(path, Scripted())
    before.say("epochs=50")
    first, rest = path.read_bytes().split(b"\n", 1)
    path.write_bytes(b"\x00" * len(first) + b"\n" + rest)
    after = Conversation(path, Scripted())
    after.say("imgsz=320")
    assert after.draft.changes() == {"epochs": 50, "imgsz": 320}
    assert Conversation(path, Scripted()).draft.changes() == {"epochs": 50, "imgsz": 320}


@pytest.mark.parametrize(
    "line",
    [
        b'{"kind":"turn","turn":5,"patches":[]}',
        b'{"kind":"turn","turn":{"id":"9"},"patches":null}',
        b'{"kind":"turn","turn":[],"patches":[{}]}',
        b'{"kind":"card","id":[],"state":"open"}',
        b'{"kind":"card","id":5}',
        b'{"kind":"opened","base":5}',
        b'{"kind":[1]}',
    ],
)
def test_a_line_of_another_shape_costs_only_itself(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "c.conversation.jsonl"
    chat = Conversation(path, Scripted())
    chat.say("epochs=50")
    other = Conversation(path, Scripted())
    path.write_bytes(path.read_bytes() + line + b"\n")
    other.say("batch=8")
    assert chat.draft.changes() == other.draft.changes() == {"epochs": 50, "batch": 8}
    assert [turn.id for turn in chat.turns()] == ["1", "2"]


def test_what_was_sent_is_kept_in_memory_for_the_last_turns_only(tmp_path: Path) -> None:
    class Sending(Scripted):
        def understand(self, text: str, situation: Situation) -> Understood:
            return replace(super().understand(text, situation), sent={"text": text})

    path = tmp_path / "c.conversation.jsonl"
    chat = Conversation(path, Sending())
    for seed in range(12):
        chat.say(f"seed={seed + 1}")
    for conversation in (chat, Conversation(path, Scripted())):
        sent = [turn.sent for turn in conversation.turns()]
        assert sent[:2] == [{}, {}]
        assert sent[2:] == [{"text": f"seed={seed + 1}"} for seed in range(2, 12)]
    assert path.read_text().count('"sent":{"text"') == 12
