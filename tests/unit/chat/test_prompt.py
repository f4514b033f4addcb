"""What leaves the machine of a turn."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.chat import prompt
from workbench.chat.context import Context, DatasetFact, RunFact
from workbench.chat.turn import Memory, Situation
from workbench.config import limits
from workbench.config.schema import DEFAULTS

pytestmark = pytest.mark.slow  # goes through much of the house


def situation(context: Context | None = None, memory: Memory | None = None, **values: object) -> Situation:
    return Situation({**DEFAULTS, **values}, DEFAULTS, context or Context(), memory or Memory())


def sent(text: str, where: Situation) -> Any:
    return prompt.message(text, where).data


def test_a_turn_without_facts_is_its_words_alone() -> None:
    assert sent("30 epochs", situation()) == {"text": "30 epochs", "changed": {}}


def test_the_instruction_names_every_field_that_can_be_set_and_no_other() -> None:
    named = {line.partition(" = ")[0] for line in prompt.instruction().splitlines() if " = " in line}
    assert set(limits.fields()) - set(limits.OWNED) <= named
    assert not named & set(limits.OWNED)
    assert "epochs = 100: an integer from 1 to 100000. " in prompt.instruction()


def test_only_what_differs_from_the_defaults_that_the_instruction_names_is_sent() -> None:
    base = {**DEFAULTS, "model": "yolo26n.pt"}
    data = sent("hi", Situation({**base, "epochs": 5}, base))
    assert data["changed"] == {"model": "yolo26n.pt", "epochs": 5}


def test_the_chosen_dataset_is_sent_as_its_id() -> None:
    context = Context(datasets=(DatasetFact("a"), DatasetFact("b")))
    memory = Memory(focus=("data",), applied={"data": ("a", "b")}, intent="configure")
    data = sent("hi", situation(context, memory, data="b"))
    assert data["changed"] == {"data": "d2"}
    assert data["before"] == {"focus": ["data"], "intent": "configure", "applied": {"data": ["d1", "d2"]}}


def test_of_many_datasets_those_that_the_words_name_are_sent_and_the_message_stays_short() -> None:
    classes = tuple(f"class-{number}" for number in range(1000))
    many = tuple(DatasetFact(f"set-{n}", "detect", 9, classes, "of " + "x" * 900) for n in range(300))
    many += (DatasetFact("부품-결함", "detect", 9),)
    for text, name in (("train on set-244 please", "set-244"), ("부품-결함으로 학습해줘", "부품-결함")):
        message = prompt.message(text, situation(Context(datasets=many)))
        assert message.datasets["d1"] == name
        assert len(message.datasets) == prompt.DATASETS_MAX
        assert len(message.text) < 16_000


def test_of_many_runs_the_one_that_is_meant_is_sent() -> None:
    runs = tuple(RunFact(f"train-{number}", "completed") for number in range(100))
    message = prompt.message("how is it", situation(Context(runs=runs, run="train-77")))
    assert message.runs["r1"] == "train-77"
    assert message.data["run"] == "r1"
    assert len(message.runs) == prompt.RUNS_MAX


def test_a_long_conversation_sends_no_more_than_a_short_one() -> None:
    memory = Memory(focus=tuple(limits.fields()), applied=dict.fromkeys(limits.fields(), (0, 1)))
    before = sent("hi", situation(memory=memory))["before"]
    assert [len(before[name]) for name in ("focus", "applied")] == [6, 6]


def test_a_path_is_hidden_and_known_again() -> None:
    message = prompt.message("use /data/someone/best.pt now", situation())
    assert message.data["text"] == "use <path> now"
    assert message.hidden == {"<path>": "/data/someone/best.pt"}


def test_where_two_things_are_hidden_neither_is_guessed() -> None:
    key = "AIzaSyTheKeyOfNobody-0123456789abcdefg"
    for text in ("/data/a/one.pt and /data/b/two.pt", f"/data/a/one.pt with {key}", key):
        message = prompt.message(text, situation())
        assert message.hidden == {}
        assert key not in message.text


@given(st.text(max_size=300))
def test_names_of_any_kind_stay_short_plain_data(name: str) -> None:
    context = Context(
        datasets=(DatasetFact(name, description=name, classes=(name,)),), runs=(RunFact("x", "failed", name),)
    )
    message = prompt.message("hi", situation(context))
    assert json.loads(message.text) == message.data
    sent = message.data["datasets"][0].get("name", "")
    assert len(sent) <= 80
    assert sent.isprintable()
    assert message.datasets == {"d1": name}
