"""What a widget's script asks, and what it is answered whatever it asks."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pytest

from workbench.errors import ConflictError
from workbench.widgets.state.messages import Nothing, Reply, Request, StateModel, answers, plain


class Step(Request):
    by: int = 1


class Counter(StateModel):
    """Counts."""

    def __init__(self, *, readonly: bool = False) -> None:
        super().__init__(readonly=readonly)
        self.value = 0

    @answers("read")
    def read(self, _request: Nothing) -> Reply:
        return Reply({"value": self.value}, [b"\x01"])

    @answers("add", acts=True)
    def add(self, request: Step) -> Reply:
        if request.by < 0:
            raise ConflictError("by is -1.", "1 or more.", "Ask for more.")
        self.value += request.by
        return Reply({"value": self.value}, python=f"counter.add({request.by})")

    @answers("break")
    def break_(self, _request: Nothing) -> Reply:
        raise ZeroDivisionError("on purpose")

    @answers("strange")
    def strange(self, _request: Nothing) -> Reply:
        return Reply({"value": object()})


class Slower(Counter):
    """Overrides an answer without marking it again."""

    def add(self, request: Step) -> Reply:
        return super().add(Step(by=request.by * 10))


def ask(model: StateModel, kind: str, **body: Any) -> dict[str, Any]:
    return model.answer({"v": 1, "id": "a:1", "view": "a", "kind": kind, **body}).content


def test_a_request_is_answered_under_its_id_with_the_line_that_does_the_same() -> None:
    assert ask(Counter(), "add", by=2) == {
        "v": 1,
        "id": "a:1",
        "kind": "ok",
        "data": {"value": 2},
        "python": "counter.add(2)",
    }


def test_bytes_travel_beside_the_answer() -> None:
    assert Counter().answer({"v": 1, "id": "1", "kind": "read"}).buffers == [b"\x01"]


def test_an_override_answers_for_what_it_overrides() -> None:
    assert ask(Slower(), "add", by=2)["data"] == {"value": 20}


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({"v": 1, "id": "1", "kind": "fly"}, "asked for 'fly'"),
        ({"v": 2, "id": "1", "kind": "read"}, "of version 2"),
        ({"v": 1, "id": "1", "kind": "add", "by": "many"}, "by: "),
        ({"v": 1, "id": "1", "kind": "add", "more": 1}, "more: Extra inputs are not permitted"),
        ("text", "asked for 'None'"),
        (None, "asked for 'None'"),
        ({"v": 1, "id": "1", "kind": ["read"]}, "asked for '['read']'"),
    ],
)
def test_what_is_no_request_is_told_so(message: Any, said: str) -> None:
    answer = Counter().answer(message).content
    assert answer["kind"] == "error"
    assert said in answer["data"]["happened"]
    assert answer["data"]["expected"]


def test_errors_of_the_workbench_keep_their_three_beats() -> None:
    told = ask(Counter(), "add", by=-1)
    assert (told["kind"], told["id"]) == ("error", "a:1")
    assert told["data"] == {"happened": "by is -1.", "expected": "1 or more.", "todo": "Ask for more."}


@pytest.mark.parametrize(("kind", "said"), [("break", "ZeroDivisionError: on purpose"), ("strange", "object cannot")])
def test_a_fault_is_answered_too_and_logged(kind: str, said: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        told = ask(Counter(), kind)
    assert told["kind"] == "error"
    assert said in told["data"]["happened"]
    assert kind in caplog.text


def test_a_read_only_model_does_not_know_what_acts() -> None:
    model = Counter(readonly=True)
    assert model.kinds == ["break", "hello", "read", "strange"]
    told = ask(model, "add", by=2)
    assert (told["kind"], model.value) == ("error", 0)
    assert told["data"]["todo"] == "This widget only shows."


class Colour(Enum):
    RED = "red"


def test_what_is_sent_is_strict_json() -> None:
    value = {
        "nan": float("nan"),
        "inf": np.float64("-inf"),
        "int": np.int64(3),
        "bool": np.bool_(True),
        "decimal": Decimal("1.5"),
        "enum": Colour.RED,
        "time": datetime(2026, 1, 2, tzinfo=UTC),
        "path": PurePosixPath("a/b"),
        4: (1, {2}),
    }
    assert json.loads(json.dumps(plain(value), allow_nan=False)) == {
        "nan": None,
        "inf": None,
        "int": 3,
        "bool": True,
        "decimal": 1.5,
        "enum": "red",
        "time": "2026-01-02T00:00:00+00:00",
        "path": "a/b",
        "4": [1, [2]],
    }


def test_what_json_has_no_word_for_is_refused() -> None:
    with pytest.raises(TypeError, match="object cannot be sent"):
        plain([object()])
