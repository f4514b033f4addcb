"""The rules on conversations that people wrote, half of them in Korean, and what a failure is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.contract.chat.scoring import Conversation, Kind, failed, read, score
from workbench.chat.evaluation import answer
from workbench.chat.turn import INTENTS

FOLDER = Path(__file__).with_name("conversations")


@dataclass(frozen=True)
class Bounds:
    """What the rules must reach on a file: shares of its conversations."""

    least: int
    accuracy: float
    harm: float = 0.02
    needless: float = 0.03


# Of the unseen ones none was read while the rules were written, so they say how the rules do on what comes next.
BOUNDS = {"seen.jsonl": Bounds(300, 0.95, harm=0.01), "unseen.jsonl": Bounds(100, 0.90)}


@pytest.mark.parametrize("name", BOUNDS)
def test_the_rules_understand_what_people_wrote(name: str) -> None:
    bounds, found = BOUNDS[name], score(read(FOLDER / name), answer)
    assert found.count >= bounds.least
    assert found.accuracy >= bounds.accuracy, str(found)
    assert found.harm <= bounds.harm, (found.harmed, str(found))
    assert found.needlessness <= bounds.needless, (found.needless, str(found))


def test_every_file_of_conversations_has_its_bounds_and_says_what_can_be_checked() -> None:
    assert {path.name for path in FOLDER.glob("*.jsonl")} == set(BOUNDS)
    known = [conversation for name in BOUNDS for conversation in read(FOLDER / name)]
    assert len({conversation.id for conversation in known}) == len(known)
    assert sum(conversation.lang == "en" for conversation in known) >= len(known) / 3
    assert sum(conversation.lang == "ko" for conversation in known) >= len(known) / 3
    for conversation in known:
        expect = conversation.expect
        assert not set(expect) - {"config", "intent", "may", "clarify", "reject", "export", "deploy"}, conversation.id
        wanted = [expect["intent"]] if isinstance(expect["intent"], str) else expect["intent"]
        assert set(wanted) <= set(INTENTS), conversation.id
        assert conversation.turns, conversation.id


def done(conversation: Conversation) -> dict[str, Any]:
    """Return the outcome that is expected."""
    expect, start = conversation.expect, conversation.context.get("config", {})
    config = {
        name: value["any_of"][0] if isinstance(value, dict) else value for name, value in expect["config"].items()
    }
    return {
        "config": {**answer(conversation.context, ())["config"], **start, **config},
        "intent": expect["intent"] if isinstance(expect["intent"], str) else expect["intent"][0],
        "clarify": expect.get("clarify", []),
        "reject": expect.get("reject", []),
        "export": expect.get("export", []),
        "deploy": expect.get("deploy"),
    }


@pytest.mark.parametrize("name", BOUNDS)
def test_what_is_expected_is_right_and_doing_nothing_is_not(name: str) -> None:
    known = read(FOLDER / name)
    by_turns = {(str(conversation.context), conversation.turns): conversation for conversation in known}

    def perfect(context: Mapping[str, Any], turns: Sequence[str]) -> Mapping[str, Any]:
        return done(by_turns[str(context), tuple(turns)])

    def idle(context: Mapping[str, Any], turns: Sequence[str]) -> Mapping[str, Any]:
        return {**answer(context, ()), "intent": "configure"}

    assert str(score(known, perfect)).splitlines()[1:] == []
    assert score(known, perfect).needless == ()
    assert score(known, idle).accuracy < 0.1
    assert score(known, idle).harm == 0


EXPECTED = {
    "config": {"epochs": 50, "device": {"any_of": ["0", "0,1"]}},
    "may": ["task"],
    "intent": ["configure", "start"],
}
REFUSED = {"config": {}, "intent": "configure", "reject": ["batch"]}
ASKED = {"config": {}, "intent": "configure", "clarify": ["lr0", "epochs"]}
SHIPPED = {"config": {}, "intent": "deploy", "deploy": "edge"}
GIVEN = {"config": {}, "intent": "export", "export": ["onnx", "engine"]}


@pytest.mark.parametrize(
    ("expect", "changes", "kinds"),
    [
        (EXPECTED, {}, []),
        (EXPECTED, {"intent": "start", "task": "segment", "device": "cuda:0"}, []),
        (EXPECTED, {"device": [0, 1]}, []),
        (EXPECTED, {"epochs": 100}, ["missed"]),
        (EXPECTED, {"epochs": 51}, ["wrong"]),
        (EXPECTED, {"batch": 8}, ["unrequested"]),
        (EXPECTED, {"lr0": 0.02}, ["unrequested"]),
        (EXPECTED, {"intent": "deploy"}, ["action"]),
        (EXPECTED, {"intent": "ask"}, ["intent"]),
        (EXPECTED, {"reject": ["batch"]}, ["false-reject"]),
        (REFUSED, {}, []),
        (REFUSED, {"reject": []}, ["no-reject"]),
        (ASKED, {"clarify": ["epochs"]}, []),
        (ASKED, {"clarify": ["batch"]}, ["no-clarify"]),
        (SHIPPED, {}, []),
        (SHIPPED, {"deploy": "endpoint"}, ["target"]),
        (GIVEN, {"export": ["engine", "onnx"]}, []),
        (GIVEN, {"export": ["onnx"]}, ["target"]),
    ],
)
def test_each_way_to_fail_is_told_from_the_others(
    expect: Mapping[str, Any], changes: Mapping[str, Any], kinds: list[Kind]
) -> None:
    conversation = Conversation("one", "en", (), {"config": {"lr0": 0.05}}, ("so",), expect)
    outcome = done(conversation)
    config = {name: value for name, value in changes.items() if name in outcome["config"]}
    other = {name: value for name, value in changes.items() if name not in config}
    found = failed(conversation, {**outcome, **other, "config": {**outcome["config"], **config}})
    assert [failure.kind for failure in found] == kinds
