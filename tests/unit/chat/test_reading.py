"""How an answer of Gemini is read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from workbench.chat import reading
from workbench.chat.prompt import Message
from workbench.chat.turn import INTENTS, Op

EMPTY = Message(data={})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)


def read(message: Message = EMPTY, **reply: Any) -> Any:
    return reading.read(json.dumps({"language": "en", "intent": "configure", "ops": [], **reply}), message)


def op(name: str, value: Any, kind: str = "set") -> dict[str, Any]:
    return {"field": name, "op": kind, "value": value, "evidence": "so"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("epochs", 30),
            ("epochs", -3),
            ("lr0", 0.01),
            ("batch", 0.7),
            ("batch", -1),
            ("time", None),
            ("cos_lr", True),
        ),
        *(
            ("device", "0,1"),
            ("device", [0, 1]),
            ("device", "cpu"),
            ("optimizer", "Lion"),
            ("model", "m"),
            ("cache", "ram"),
        ),
        *(("freeze", ["23.cv2"]), ("fraction", 0.5), ("quantize", "int8"), ("epoch", 5), ("amp", "bf16")),
    ],
)
def test_a_value_keeps_its_type_and_one_out_of_range_is_left_to_the_judge(name: str, value: Any) -> None:
    (change,) = read(ops=[op(name, value)]).ops
    expected = tuple(value) if isinstance(change.value, tuple) else value
    assert (change.field, change.value, type(change.value)) == (name, expected, type(expected))


@pytest.mark.parametrize("name", ["epochs", "batch", "lr0", "time", "patience", "cos_lr", "max_hours"])
def test_text_is_no_value_of_a_number(name: str) -> None:
    with pytest.raises(ValidationError):
        read(ops=[op(name, "12")])


def test_a_value_beside_unset_means_nothing() -> None:
    assert read(ops=[op("epochs", 5, "unset")]).ops == (Op(field="epochs", op="unset", evidence="so"),)


def test_forty_changes_are_read_and_one_more_is_not() -> None:
    forty = [op("epochs", number + 1) for number in range(40)]
    assert len(read(ops=forty).ops) == 40
    with pytest.raises(ValueError, match="40"):
        read(Message({}, datasets={"d1": "a"}), ops=forty, dataset={"id": "d1", "evidence": "a"})


@pytest.mark.parametrize("intent", INTENTS)
def test_words_are_kept_only_where_they_claim_nothing(intent: str) -> None:
    assert bool(read(intent=intent, reply="I started it.").reply) == (intent in ("ask", "explain", "compare"))


def test_what_gemini_is_sent_of_the_schema_is_what_it_is_held_against() -> None:
    message = Message({}, datasets={"d1": "a"}, runs={"r1": "b"}, options={})
    sent = reading.schema(message)
    assert set(sent["properties"]) == set(reading.Reply.model_fields) - {"option"}
    assert set(sent["properties"]["ops"]["items"]["properties"]) == set(reading.SaidOp.model_fields)
    assert sent["properties"]["intent"]["enum"] == list(INTENTS)
    assert sent["properties"]["runs"]["items"]["enum"] == ["r1"]
    words = json.dumps(sent)
    assert not [word for word in ("$ref", "$defs", "additionalProperties", "maxItems", "title") if word in words]
    assert not {"dataset", "run", "runs"} & set(reading.schema(EMPTY)["properties"])


@given(JSON)
def test_whatever_json_comes_in_is_read_or_refused_with_a_reason(value: Any) -> None:
    for answer in (value, {"language": "en", "intent": "configure", "ops": value}, {"question": value, "ops": []}):
        reasons = []
        try:
            reading.read(json.dumps(answer), EMPTY)
        except ValueError as error:
            reasons.append(reading.reason(error))
        assert all(0 < len(reason) <= 200 for reason in reasons)


def test_a_reason_does_not_quote_the_answer() -> None:
    with pytest.raises(ValidationError) as caught:
        read(ops=[{**op("epochs", 3), "op": "hunter2"}])
    assert "hunter2" not in reading.reason(caught.value)
    assert reading.reason(caught.value).startswith("ops.0.op: ")


@given(st.text(max_size=200))
def test_prose_in_pieces_holds_nothing_invisible(text: str) -> None:
    pieces = [text[start : start + 7] for start in range(0, len(text), 7)]
    shown = "".join(reading.flowing(piece) for piece in pieces)
    assert all(char == "\n" or char.isprintable() or char in "\u200d\ufe0f" for char in shown)
