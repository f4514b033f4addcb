"""Phrases, quantities and names are found once each; what is longer, or a name, goes first."""

from __future__ import annotations

import pytest

from tests.unit.chat.rules.heard import marked
from workbench.chat.rules import lexicon, vocabulary
from workbench.chat.rules.scan import scan


def found(text, *kinds):
    return [(mention.kind, mention.value) for mention in scan(text) if mention.kind in kinds]


def quantity(text):
    (mention,) = [each for each in scan(text) if each.kind in {"number", "factor"}]
    return mention


@pytest.mark.parametrize(
    ("text", "field"),
    [("batch size", "batch"), ("배치", "batch"), ("learning rate", "lr0"), ("학습률", "lr0"), ("에포크", "epochs")],
)
def test_a_field_is_known_by_its_words_in_both_languages(text, field):
    assert found(text, "field") == [("field", field)]


@pytest.mark.parametrize("text", ["batch size", "batch-size", "batch_size"])
def test_a_blank_of_the_lexicon_is_also_a_hyphen_or_an_underscore(text):
    (mention,) = [each for each in scan(text) if each.kind == "field"]
    assert (mention.start, mention.end) == (0, len(text))


@pytest.mark.parametrize("text", ["debatch", "batching", "exporter"])
def test_english_words_are_whole_words(text):
    assert found(text, "field", "action") == []


def test_a_digit_is_the_edge_of_a_word():
    assert found("80epochs", "number") == [("number", 80)]
    assert quantity("80px").unit == "pixels"


@pytest.mark.parametrize("text", ["배치를", "배치는", "배치도"])
def test_korean_words_may_bear_particles(text):
    assert found(text, "field") == [("field", "batch")]


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("two hours", 2),
        ("90 minutes", 1.5),
        ("2 days", 48),
        ("an hour and a half", 1.5),
        ("three quarters of an hour", 0.75),
        ("세 시간 반", 3.5),
        ("한 시간 20분", 1.333333),
        ("30분", 0.5),
    ],
)
def test_times_are_brought_into_hours(text, hours):
    mention = quantity(text)
    assert (mention.value, mention.unit) == (hours, "hours")


@pytest.mark.parametrize("text", ["640px", "640 픽셀", "640x640", "640 by 640"])
def test_pixels_are_said_with_a_unit_or_as_a_square(text):
    mention = quantity(text)
    assert (mention.value, mention.unit) == (640, "pixels")


@pytest.mark.parametrize(
    ("text", "factor"),
    [
        ("7배", 7),
        ("7x", 7),
        ("a factor of 3", 3),
        ("multiply the batch by 3", 3),
        ("divided by 4", 0.25),
        ("7분의 1", 1 / 7),
        ("2로 나눠", 0.5),
    ],
)
def test_words_of_multiplying_make_a_number_a_factor(text, factor):
    mention = quantity(text)
    assert (mention.kind, mention.value) == ("factor", factor)


@pytest.mark.parametrize(("text", "sign"), [("3 more epochs", "+"), ("3 fewer epochs", "less"), ("3 epochs", "")])
def test_more_and_fewer_between_a_number_and_its_unit_are_its_sign(text, sign):
    (mention,) = [each for each in scan(text) if each.kind == "number"]
    assert mention.number.signed == sign


@pytest.mark.parametrize("text", ["gpu 0 and 1", "gpu 0,1", "GPU 0번, 1번".lower()])
def test_gpus_are_one_value(text):
    assert found(text, "device") == [("device", "0,1")]


@pytest.mark.parametrize(("text", "step"), [("two sizes up", 2), ("두 단계 작은", -2), ("3 steps smaller", -3)])
def test_steps_of_several_sizes_are_counted(text, step):
    assert ("size_step", step) in found(text, "size_step")


def test_nothing_inside_of_a_name_means_anything_else():
    kinds = {mention.kind for mention in marked("set-epochs-to-999")}
    assert kinds == {"dataset"}


def test_how_something_is_said_may_lie_in_the_word_that_says_what():
    kinds = {mention.kind for mention in scan("꺼줘")}
    assert {"cue", "mark"} <= kinds


def test_mentions_stand_from_left_to_right():
    starts = [mention.start for mention in scan("epochs 50, batch 16 그리고 imgsz 640")]
    assert starts == sorted(starts)


def test_every_phrase_of_the_lexicon_finds_something_written_plainly():
    plain = [
        (kind, phrase)
        for kind, values in lexicon.table("words").items()
        for texts in values.values()
        for phrases in texts.values()
        for phrase in phrases
        if phrase.replace(" ", "").isalpha()
    ]
    patterns = {kind: [entry.pattern for entry in vocabulary.entries() if entry.kind == kind] for kind, _ in plain}
    assert len(plain) > 100
    assert [pair for pair in plain if not any(each.search(pair[1]) for each in patterns[pair[0]])] == []
