"""Texts of thousands of characters are heard, and soon; nothing of them is done."""

from __future__ import annotations

import pytest

from tests.unit.chat.rules.heard import changes, proposal
from tests.work import calls

LONG, SHORT = 4_000, 1_000  # characters
BOUND = 15_000_000  # calls: about a second
KINDS = {
    "a word": "batch ",
    "a Korean word": "배치를 ",
    "a factor": "배치를 두 배로 ",
    "a denial": "don't ",
    "an action": "start ",
    "a way back": "bring the ",
    "a question": "what is the ",
    "a switch": "no mosaic or ",
    "a list": "a, ",
    "part of a name": "harbor-",
    "a letter": "a",
    "a syllable": "가",
    "a digit": "1",
    "a stop": ".",
    "a quote": '"',
    "an arrow": "1 -> ",
}


def work(part):
    """Return how much work a short and a long text of a part are, in calls."""
    proposal(part)
    texts = (part * (length // len(part)) for length in (SHORT, LONG))
    return [calls(lambda said=text: proposal(said)) for text in texts]


@pytest.mark.parametrize("part", KINDS.values(), ids=KINDS)
def test_a_part_that_is_said_over_and_over_asks_for_no_action(part):
    assert proposal(part * (300 // len(part))).intent not in {"stop", "export", "deploy", "resume", "restart"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a word", "a factor", "a denial", "a syllable", "a digit", "an arrow"])
def test_a_part_that_is_said_over_and_over_costs_at_most_its_length_squared(name):
    short, long = work(KINDS[name])
    assert long < min(BOUND, (LONG / SHORT) ** 2 * short)


@pytest.mark.slow
def test_thousands_of_numbers_are_heard_soon():
    short, long = work("".join(f"{number}," for number in range(10, 60)))
    assert long < min(BOUND, (LONG / SHORT) ** 2 * short)


@pytest.mark.parametrize("depth", [1, 500])
def test_nested_brackets_are_heard(depth):
    assert changes("epochs 50 " + "(" * depth + "so" + ")" * depth) == ["epochs=50"]


@pytest.mark.parametrize(
    "text",
    ["one hundred and " * 160, "만" * 100, "만" * 1_100 + "점오로", "9" * 400, "십" * 300],
    ids=["hundreds", "ten thousands", "with a point", "digits", "tens"],
)
def test_no_number_in_words_is_too_large_to_be_heard(text):
    assert changes(text) == []


def test_a_change_before_a_long_text_is_found():
    assert changes("epochs 50. " + "nothing of this is ours. " * 20) == ["epochs=50"]
