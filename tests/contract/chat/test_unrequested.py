"""Generated turns, of which nobody has read the most: what was not asked for is neither changed nor offered.

``CHAT_TURNS`` says how many, ``CHAT_SEED`` which ones; ``make fuzz-chat`` takes 10,000.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.contract.chat.generated import Said, Talk, talks
from workbench.chat.conversation import Conversation
from workbench.chat.records import Turn
from workbench.chat.rules import RulesEngine
from workbench.chat.turn import ACTIONS
from workbench.config.schema import DEFAULTS, TrainingConfig

pytestmark = pytest.mark.xdist_group("generated turns")  # which are heard once
TURNS, SEED = int(os.environ.get("CHAT_TURNS", "1500")), int(os.environ.get("CHAT_SEED", "1"))
ROOT = Path(__file__).parents[3]
BASE = {**DEFAULTS, "model": "yolo26n.pt"}
# Not the engine's own: who says none of these has not asked for it.
GO = {
    "start": r"start|begin|launch|kick|\bgo\b|\brun (?:it|this)|let'?s|시작|ㄱㄱ|(?<![가-힣])고고|돌려|돌리|출발|학습",
    "stop": r"stop|kill|abort|cancel|halt|terminate|멈|중단|중지|정지|그만|꺼|취소|종료",
    "restart": r"restart|re-?run|\bagain\b|\bover\b|scratch|beginning|재시작|처음부터|다시|새로",
    "resume": r"resume|continue|carry on|pick|keep going|이어|재개|계속|마저",
    "export": r"\bexport(?!er)|convert|내보내|변환|뽑",
    "deploy": r"\bdeploy|serve|endpoint|배포|서빙|올려|띄워",
    "undo": r"undo|back|revert|never ?mind|되돌|취소|원래|이전|전으로",
    "reset": r"reset|default|초기|기본",
}
FORMATS = {"engine": "tensorrt", "litert": "tflite"}
RANGES = {
    "epochs": (1, 1e6),
    "imgsz": (32, 1e5),
    "lr0": (0, 1),
    "mosaic": (0, 1),
    "mixup": (0, 1),
    "patience": (0, 1e6),
}
SHOWN, MUDDLED_MAX, MISSED_MAX = 15, 0.02, 0.05


@dataclass(frozen=True)
class Heard:
    """A turn, and what came of it.

    Attributes:
        talk: the conversation.
        said: what was said.
        turn: what came of it.
        values: the config afterwards.
        picked: the intent of the turn before, if this one is, letter by letter, an answer that it offered.
    """

    talk: Talk
    said: Said
    turn: Turn
    values: Mapping[str, Any]
    picked: str = ""

    @property
    def back(self) -> bool:
        """Whether something was taken back."""
        return self.turn.intent in {"undo", "reset"}


def hear(talk: Talk) -> Iterator[Heard]:
    """Hold a conversation."""
    conversation = Conversation(None, RulesEngine(), base=BASE)
    if talk.start:
        conversation.edit(talk.start)
    before: Turn | None = None
    for said in talk.turns:
        offered = before.question.options if before and before.question else ()
        picked = before.intent if before and said.text in {option.label for option in offered} else ""
        try:
            turn = conversation.say(said.text, talk.context)
        except Exception as error:
            error.add_note(f"It was said: {said.text!r}")
            raise
        yield Heard(talk, said, turn, conversation.draft.values, picked)
        before = turn


@pytest.fixture(scope="module")
def heard() -> list[Heard]:
    return [turn for talk in talks(SEED, TURNS) for turn in hear(talk)]


def faults(heard: Iterable[Heard], fault: Callable[[Heard], Any]) -> list[str]:
    """Return the turns at which ``fault`` finds something, and what."""
    return [f"{turn.said.text[:200]!r}: {what}" for turn in heard if (what := fault(turn))]


def told(found: list[str]) -> str:
    """Return the first of them, a line each."""
    return "\n".join([f"{len(found)} turns", *found[:SHOWN]])


def plain(text: str) -> str:
    """Return a text as it is compared: no invisible characters, one width, lower case, single blanks."""
    kept = (" " if char.isspace() else char for char in text if char.isspace() or unicodedata.category(char)[0] != "C")
    return " ".join(unicodedata.normalize("NFKC", "".join(kept)).casefold().split())


def invisible(text: str) -> str:
    """Return the characters that a terminal or a page would obey; one of them joins emoji."""
    return "".join(char for char in text if unicodedata.category(char)[0] == "C" and char not in "\n\u200d")


def unasked(turn: Heard) -> str:
    """Return the action that nobody asked for, or the fields that nobody asked to change."""
    said, got = turn.said, turn.turn
    if turn.picked == got.intent:
        return ""
    if got.intent in ACTIONS and got.intent not in said.acts:
        return f"{got.intent} of {sorted(said.kinds)}"
    if turn.back:
        return "" if got.intent in said.kinds else f"{got.intent} of {sorted(said.kinds)}"
    if said.spoilt and "wish" in said.kinds:  # which field was meant may be what got lost
        return ""
    changed = {each.field: (each.after, each.evidence) for each in got.changes if each.field not in said.fields}
    return f"{changed} of {sorted(said.kinds)}" if changed else ""


def test_no_action_is_offered_without_its_go_word_in_the_persons_own_words(heard: list[Heard]) -> None:
    def fault(turn: Heard) -> str:
        wanted, words = turn.turn.intent, f"{turn.said.meant.lower()} {plain(turn.said.meant)}"
        silent = wanted in GO and wanted != turn.picked and not re.search(GO[wanted], words)
        return wanted if silent or (turn.turn.card and turn.turn.card.action != wanted) else ""

    found = faults(heard, fault)
    assert not found, told(found)


def test_no_field_is_written_without_evidence_in_the_persons_own_words(heard: list[Heard]) -> None:
    def fault(turn: Heard) -> list[Any]:
        text, words = plain(turn.said.text), plain(turn.said.words)
        # "train on cpu" is said of the device also where a dataset is called cpu.
        names = {plain(dataset.name) for dataset in turn.talk.context.datasets}
        return [
            (change.field, change.after, change.evidence)
            for change in ([] if turn.back else turn.turn.changes)
            if not change.evidence.strip()
            # Only a dataset, and what follows from it, is asked for by a name.
            or (
                plain(change.evidence) not in names
                and plain(change.evidence)
                not in (text if change.field == "data" or change.source == "dataset" else words)
            )
        ]

    found = faults(heard, fault)
    assert not found, told(found)


def test_questions_and_chatter_change_nothing(heard: list[Heard]) -> None:
    def fault(turn: Heard) -> Any:
        quiet = not turn.said.spoilt and turn.said.kinds <= {"question", "chatter"}
        return quiet and ([(change.field, change.after) for change in turn.turn.changes] or turn.turn.card)

    assert sum(turn.said.kinds <= {"question", "chatter"} for turn in heard) > len(heard) / 20
    found = faults(heard, fault)
    assert not found, told(found)


def test_a_clear_turn_does_only_what_it_asks_for(heard: list[Heard]) -> None:
    assert sum(turn.said.clear for turn in heard) > len(heard) / 3
    found = faults([turn for turn in heard if turn.said.clear], unasked)
    assert not found, told(found)


def test_of_muddled_turns_hardly_any_does_what_it_does_not_ask_for(heard: list[Heard]) -> None:
    muddled = [turn for turn in heard if not turn.said.clear]
    found = faults(muddled, unasked)
    assert len(found) <= MUDDLED_MAX * len(muddled), told(found)


def test_what_is_written_is_what_was_said(heard: list[Heard]) -> None:
    def fault(turn: Heard) -> list[Any]:
        wishes = [part for part in turn.said.parts if part.fields]
        said = {name: value for part in wishes for name, value in part.values.items()}
        once = {name for name in said if sum(name in part.fields for part in wishes) == 1}
        return [
            (change.field, change.after, said[change.field], change.evidence)
            for change in ([] if turn.back else turn.turn.changes)
            if change.field in once and change.after != pytest.approx(said[change.field])
        ]

    clear = [turn for turn in heard if turn.said.clear and "number" not in turn.said.kinds]
    found = faults(clear, fault)
    assert not found, told(found)


def test_what_is_wished_for_alone_is_done(heard: list[Heard]) -> None:
    """An engine that does nothing would pass all the others."""

    def fault(turn: Heard) -> list[str]:
        said = [(name, value) for part in turn.said.parts for name, value in part.values.items()]
        return sorted(
            {name for name, _ in said} - {name for name, value in said if turn.values[name] == pytest.approx(value)}
        )

    alone = [turn for turn in heard if turn.said.clear and all(part.values for part in turn.said.parts)]
    assert len(alone) > len(heard) / 50
    found = faults(alone, fault)
    assert len(found) <= MISSED_MAX * len(alone), told(found)


def test_no_value_is_ever_illegal(heard: list[Heard]) -> None:
    def fault(turn: Heard) -> list[str]:
        TrainingConfig.model_validate(dict(turn.values))
        wrong = [name for name, (low, high) in RANGES.items() if not low <= turn.values[name] <= high]
        changed = {change.field: change.after for change in turn.turn.changes}
        context = turn.talk.context
        devices = {*(context.devices or ()), "0,1" if "1" in (context.devices or ()) else "cpu", "None"}
        names = {*(dataset.name for dataset in context.datasets), ""}
        wrong += ["device"] if context.devices and str(changed.get("device")) not in devices else []
        wrong += ["data"] if context.datasets and not turn.back and changed.get("data", "") not in names else []
        return [f"{name}={turn.values[name]!r}" for name in wrong]

    found = faults([turn for turn in heard if turn.turn.changes], fault)
    assert not found, told(found)


def test_a_card_names_only_what_exists_and_what_was_said(heard: list[Heard]) -> None:
    def fault(turn: Heard) -> Any:
        what = turn.turn.card.what if turn.turn.card else {}
        formats = [FORMATS.get(name, name) for name in what.get("formats", ())]
        unsaid = [name for name in formats if name != "onnx" and name not in plain(turn.said.meant)]
        run = what.get("run")
        unknown = run is not None and run not in {each.id for each in turn.talk.context.runs}
        return (
            unsaid or (unknown and run) or (what.get("dataset", "") != turn.values["data"] if "config" in what else "")
        )

    assert sum(turn.turn.card is not None for turn in heard) > len(heard) / 50
    found = faults(heard, fault)
    assert not found, told(found)


def test_every_turn_gets_an_answer_that_no_terminal_obeys(heard: list[Heard]) -> None:
    def shown(turn: Turn) -> Iterator[str]:
        yield turn.reply
        if turn.question:
            yield turn.question.text
            yield from (option.label for option in turn.question.options)

    def fault(turn: Heard) -> Any:
        return not turn.turn.reply.strip() or [hex(ord(char)) for text in shown(turn.turn) for char in invisible(text)]

    found = faults(heard, fault)
    assert not found, told(found)


def outcome(turns: int) -> str:
    """Return what becomes of generated turns, time aside, as one word."""
    rows = [{**turn.turn.to_payload(), "at": ""} for talk in talks(SEED, turns) for turn in hear(talk)]
    return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()


def test_the_same_words_in_the_same_situation_always_mean_the_same() -> None:
    first = outcome(400)
    assert outcome(400) == first
    code = "from tests.contract.chat import test_unrequested; print(test_unrequested.outcome(400))"
    for order in ("1", "2"):  # in which a set is walked
        variables = {**os.environ, "PYTHONHASHSEED": order, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
        assert (done.stdout.strip(), done.stderr) == (first, "")
