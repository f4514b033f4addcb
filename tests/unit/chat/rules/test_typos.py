"""Mistyped words are mended where only one word can have been meant, and no deed is done by guess."""

from __future__ import annotations

import pytest

from tests.unit.chat.rules.heard import changes, situation, wanted
from workbench.chat.rules.line import Line
from workbench.chat.rules.marking import read


def mended(text):
    return read(Line.of(text), situation())[0]


@pytest.mark.parametrize(
    ("text", "right"),
    [("bacth", "batch"), ("learnign", "learning"), ("patiense", "patience"), ("애폭", "에폭"), ("뱃치를", "배치를")],
)
def test_a_slip_of_a_key_is_put_right(text, right):
    assert mended(text).text == right


@pytest.mark.parametrize(
    ("text", "expected"), [("epocs 50, bacth 8", ["epochs=50", "batch=8"]), ("애폭 50으로", ["epochs=50"])]
)
def test_a_change_is_understood_through_its_slips(text, expected):
    assert changes(text) == expected


@pytest.mark.parametrize("text", ["match", "path", "state", "patch", "light"])
def test_a_word_that_is_right_as_it_stands_is_left_alone(text):
    assert mended(text).text == text


def test_other_forms_of_a_word_are_no_slips():
    assert mended("modeled").text == "modeled"


@pytest.mark.parametrize("text", ["hows it goin", "wat is teh batch"])
def test_words_that_messages_shorten_are_written_out(text):
    assert {"goin", "teh", "wat", "hows"}.isdisjoint(mended(text).text.split())


def test_a_name_is_never_mended():
    assert mended("use harbor-night").text == "use harbor-night"


def test_the_words_that_are_quoted_are_the_persons_own():
    line = mended("set the bacth to 8")
    start = line.text.index("batch")
    assert line.quote(start, start + len("batch")) == "bacth"


@pytest.mark.parametrize("text", ["strat", "deply", "deeply", "rset", "배퐈"])
def test_a_misspelt_deed_that_stands_alone_is_no_order(text):
    assert wanted(text) not in {"start", "stop", "deploy", "undo", "reset", "export"}


@pytest.mark.parametrize(("text", "intent"), [("exprot run-7 to onnx", "export"), ("start trainng", "start")])
def test_a_misspelt_deed_beside_its_object_is_one(text, intent):
    assert wanted(text) == intent
