"""A dataset is found by what is said of it, and asked for where several fit."""

from __future__ import annotations

import pytest

from tests.unit.chat.rules.heard import changes, proposal
from workbench.chat.context import DatasetFact
from workbench.chat.rules.choosing import choose, content_words
from workbench.chat.rules.finding import dataset_question
from workbench.chat.turn import Option

GATES = (
    DatasetFact("gate-2023", "detect", 100, ("car", "truck"), "front gate by day"),
    DatasetFact("gate-2024", "detect", 200, ("car", "truck"), "front gate by day"),
    DatasetFact("hives", "detect", 50, ("bee",), "bees at the hive, 야간"),
    DatasetFact("safety", "segment", 70, ("helmet", "vest"), "construction site"),
)


def chosen(text, task=""):
    return choose(content_words(text), GATES, task).names


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("the bees", "hives"),
        ("벌 데이터", "hives"),
        ("헬멧 쓴 사람들", "safety"),
        ("the vests", "safety"),
        ("night recordings", "hives"),
        ("helmt", "safety"),
    ],
)
def test_words_are_held_against_names_classes_and_descriptions_over_both_languages(text, name):
    assert chosen(text) == (name,)


def test_datasets_that_fit_alike_are_all_returned():
    assert set(chosen("the front gate")) == {"gate-2023", "gate-2024"}


def test_the_rare_word_decides():
    assert chosen("the gate of 2024") == ("gate-2024",)


def test_the_task_decides_between_datasets_that_fit_alike():
    facts = (DatasetFact("a", "detect", classes=("apple",)), DatasetFact("b", "segment", classes=("apple",)))
    assert choose(["apple"], facts, "segment").names == ("b",)


def test_nothing_fits_words_that_no_dataset_has():
    assert chosen("the submarines") == ()


@pytest.mark.parametrize("text", ["use the images", "그 데이터로 해줘", "50", "please"])
def test_words_around_a_name_say_nothing(text):
    assert content_words(text) == []


def test_korean_words_lose_their_particles():
    assert content_words("항구에서는 야간으로") == ["항구", "야간"]


@pytest.mark.parametrize(
    "text", ["use the night harbour data", "the night one", "야간 항구 데이터로 해줘", "train on boats and buoys"]
)
def test_what_is_said_of_a_dataset_chooses_it(text):
    assert changes(text) == ["data=harbor-night"]


@pytest.mark.parametrize("text", ["the second one", "두 번째 거로"])
def test_a_place_means_that_of_the_list_shown_before(text):
    assert changes(text, intent="list_datasets") == ["data=road-cracks"]


def test_a_place_means_that_of_the_buttons_under_a_question():
    asked = dataset_question(["stop", "harbor-night"])
    assert changes("the second one", pending=asked) == ["data=harbor-night"]


@pytest.mark.parametrize(
    ("text", "name"),
    [("the one with fewer images", "stop"), ("the one with more images", "harbor-night"), ("이미지 적은 거로", "stop")],
)
def test_a_size_answers_the_question_which_dataset_is_meant(text, name):
    assert changes(text, pending=dataset_question(["stop", "harbor-night"])) == [f"data={name}"]


@pytest.mark.parametrize("text", ["use that dataset", "그 데이터로 해줘"])
def test_that_dataset_is_the_one_spoken_of(text):
    assert changes(text, dataset="road-cracks") == ["data=road-cracks"]


@pytest.mark.parametrize("text", ["use the submarine data", "잠수함 데이터로 해줘"])
def test_a_dataset_that_nothing_fits_is_asked_for(text):
    turn = proposal(text)
    assert turn.ops == ()
    assert [question.kind for question in turn.questions] == ["dataset"]


def test_a_word_in_passing_chooses_nothing():
    assert changes("we had a nice night") == []


def test_a_question_has_at_most_four_buttons_that_choose():
    question = dataset_question(["a", "b", "c", "d", "e"])
    assert [option.label for option in question.options] == ["a", "b", "c", "d"]
    assert all(isinstance(option, Option) and option.ops[0].field == "data" for option in question.options)


@pytest.mark.parametrize("text", ["use road-cracks, not harbor-night", "harbor-night 말고 road-cracks로"])
def test_a_dataset_that_is_not_wanted_is_not_chosen(text):
    assert changes(text) == ["data=road-cracks"]
