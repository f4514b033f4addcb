"""A change that a person does not want is not made, and what they want instead is."""

from __future__ import annotations

import pytest

from tests.unit.chat.rules.heard import changes, proposal

pytestmark = pytest.mark.slow  # goes through much of the house


@pytest.mark.parametrize(
    "text",
    [
        "don't raise lr",
        "don't raise the batch",
        "do not increase epochs",
        "never lower the learning rate",
        "please don't make the images bigger",
        "배치 올리지 마",
        "학습률 높이지 마",
        "lr은 올리지 말아줘",
        "이미지 크기 키우지 마세요",
    ],
)
def test_a_denied_move_changes_nothing_and_asks_nothing(text):
    turn = proposal(text)
    assert (turn.ops, turn.questions) == ((), ())


@pytest.mark.parametrize(
    "text",
    [
        "don't set the batch to 8",
        "please do not reduce the batch to 4",
        "don't raise the batch by 8",
        "don't add 20 epochs",
        "do not double the epochs",
        "don't halve the batch",
        "never use 50 epochs",
        "don't use a batch of 8",
        "배치 8로 하지 마",
        "배치 두 배로 하지 마",
        "배치 절반으로 줄이지 마",
        "에폭 20 늘리지 마",
        "에폭을 100으로 늘리지 말아줘",
    ],
)
def test_a_denied_value_is_not_set(text):
    assert changes(text, focus=("batch",), intent="configure") == []


@pytest.mark.parametrize("text", ["don't double it", "don't triple that", "두 배로 늘리지 마"])
def test_a_denied_factor_is_no_factor_of_the_field_spoken_of(text):
    assert changes(text, focus=("batch",), applied={"batch": (8, 16)}, intent="configure") == []


@pytest.mark.parametrize(
    "text", ["don't turn mosaic off", "do not switch mosaic off", "모자이크 끄지 마", "mosaic 끄지 마세요"]
)
def test_a_denied_switch_is_not_moved(text):
    assert changes(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "don't use SGD",
        "SGD 쓰지 마",
        "don't use yolo26x",
        "don't go a size up",
        "한 단계 큰 모델로 하지 마",
        "don't use gpu 0",
        "don't use harbor-night",
        "harbor-night 쓰지 마",
    ],
)
def test_a_denied_word_is_not_chosen(text):
    assert changes(text) == []


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("don't raise the lr, lower it to 0.001", "lr0=0.001"),
        ("don't raise the batch, set epochs to 50", "epochs=50"),
        ("배치 올리지 말고 에폭을 50으로", "epochs=50"),
        ("don't use batch 64, use 32", "batch=32"),
        ("배치 64로 하지 말고 32로", "batch=32"),
        ("don't set epochs to 50 but to 80", "epochs=80"),
        ("don't use SGD, use AdamW", "optimizer=AdamW"),
        ("don't touch lr, seed 42", "seed=42"),
        ("don't start yet, set the batch to 8", "batch=8"),
        ("아직 시작하지 마 배치 8로 해줘", "batch=8"),
    ],
)
def test_what_is_wanted_instead_of_what_is_denied_is_done(text, change):
    assert changes(text) == [change]


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("don't forget to set the batch to 8", "batch=8"),
        ("why don't you set the batch to 8", "batch=8"),
        ("don't go over 50 epochs", "epochs=50"),
        ("에폭 50 넘기지 마", "epochs=50"),
    ],
)
def test_a_limit_and_a_reminder_deny_nothing(text, change):
    assert changes(text) == [change]


@pytest.mark.parametrize("text", ["don't use mosaic", "mosaic 쓰지 마", "모자이크 하지 마"])
def test_to_use_something_no_longer_switches_it_off(text):
    assert changes(text) == ["mosaic=0"]


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("isn't batch 8 too small?", "batch=8"),
        ("don't you think 50 epochs is enough?", "epochs=50"),
        ("wouldn't SGD be better?", "optimizer=SGD"),
        ("배치 8이면 너무 작지 않아?", "batch"),
        ("에폭 50은 너무 적지 않나?", "epochs"),
        ("SGD가 낫지 않을까?", "optimizer=SGD"),
    ],
)
def test_a_negated_question_asks_for_an_opinion(text, about):
    turn = proposal(text)
    assert (turn.intent, turn.ops) == ("explain", ())
    assert about in turn.about


@pytest.mark.parametrize("text", ["why isn't the batch 8?", "왜 배치가 8이 아니야?"])
def test_a_question_why_something_is_not_so_changes_nothing(text):
    assert changes(text) == []
