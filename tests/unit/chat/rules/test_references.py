"""What was said before is taken up: a part of it, the same again, a correction, the second of two values."""

from __future__ import annotations

import pytest

from tests.unit.chat.rules.heard import changes
from tests.unit.chat.rules.talked import talk

pytestmark = pytest.mark.slow  # goes through much of the house


@pytest.mark.parametrize(
    ("turns", "config"),
    [
        (("epochs 80", "half of that"), {"epochs": 40}),
        (("epochs 80", "twice that"), {"epochs": 160}),
        (("epochs 80", "make it twice of that"), {"epochs": 160}),
        (("에폭 80으로", "그거의 절반으로"), {"epochs": 40}),
        (("에폭 80으로", "그 두 배로"), {"epochs": 160}),
        (("batch 8", "how many epochs are set?", "double the batch"), {"batch": 16}),
    ],
)
def test_a_part_of_that_is_of_the_value_changed_last(turns, config):
    assert talk(*turns, batch=4).config == config


@pytest.mark.parametrize(
    ("turns", "config"),
    [
        (("epochs 80", "and patience half of that"), {"epochs": 80, "patience": 40}),
        (("mosaic 0.8", "half of that for mixup"), {"mosaic": 0.8, "mixup": 0.4}),
        (("모자이크 0.8", "믹스업은 그 절반"), {"mosaic": 0.8, "mixup": 0.4}),
        (("epochs 80, patience half of that",), {"epochs": 80, "patience": 40}),
        (("모자이크 0.8, 믹스업은 그 절반",), {"mosaic": 0.8, "mixup": 0.4}),
        (("epochs 80", "half of that for the batch"), {"epochs": 80, "batch": 40}),
    ],
)
def test_a_part_of_that_may_be_for_another_field(turns, config):
    assert talk(*turns).config == config


@pytest.mark.parametrize(
    ("turns", "config"),
    [
        (("double the batch", "one more time"), {"batch": 64}),
        (("double the batch", "again"), {"batch": 64}),
        (("add 20 epochs", "once more"), {"epochs": 140}),
        (("에폭 20 더", "한 번만 더"), {"epochs": 140}),
        (("20 fewer epochs", "again"), {"epochs": 60}),
        (("model one size up", "one more"), {"model": "yolo26m.pt"}),
        (("모델 한 단계 크게", "한 단계 더"), {"model": "yolo26m.pt"}),
        (("double the batch", "what is mosaic?", "once more"), {"batch": 64}),
    ],
)
def test_one_more_does_a_relative_change_again(turns, config):
    assert talk(*turns).config == config


@pytest.mark.parametrize("text", ["one more", "한 단계 더"])
def test_one_more_goes_in_the_direction_of_the_change_before(text):
    assert talk("one size smaller", text, model="yolo26l.pt").config == {"model": "yolo26s.pt"}


@pytest.mark.parametrize("turns", [("epochs 50", "one more time"), ("what is mosaic?", "once more"), ("한 번 더",)])
def test_one_more_of_nothing_that_moves_changes_nothing(turns):
    assert talk(*turns).changed == {}


@pytest.mark.parametrize(
    ("turns", "config"),
    [
        (("epochs 30", "oops, 30 was for patience"), {"patience": 30}),
        (("epochs 30", "no, 30 was for patience"), {"patience": 30}),
        (("에폭 30", "아니 30은 patience 말한 거야"), {"patience": 30}),
        (("batch 90", "no wait, 90 was the number of epochs"), {"epochs": 90}),
        (("배치 90", "아니, 90은 에폭 말한 거였어"), {"epochs": 90}),
        (("epochs 320", "sorry, I meant the image size"), {"imgsz": 320}),
        (("320 epochs, oh sorry, I meant the image size",), {"imgsz": 320}),
    ],
)
def test_a_value_that_was_meant_for_another_field_leaves_the_first_as_it_was(turns, config):
    assert talk(*turns).config == config


def test_a_correction_that_says_its_own_value_leaves_the_change_before_alone():
    assert talk("epochs 320", "sorry, I meant imgsz 480").config == {"epochs": 320, "imgsz": 480}


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("epochs from 50 to 80", "epochs=80"),
        ("change epochs from 50 to 80", "epochs=80"),
        ("from 50 to 80 epochs", "epochs=80"),
        ("에폭 50에서 80으로 늘려", "epochs=80"),
        ("batch 32 -> 16", "batch=16"),
        ("batch 32->16", "batch=16"),
        ("batch: 32 => 16", "batch=16"),
        ("batch 32 → 16", "batch=16"),
        ("배치 32 -> 16", "batch=16"),
        ("배치를 32에서 16으로 줄여", "batch=16"),
        ("lower the batch from 32 to 16", "batch=16"),
        ("from a batch of 32 to 16", "batch=16"),
        ("imgsz 640 => 960", "imgsz=960"),
    ],
)
def test_of_two_values_with_a_way_between_them_the_second_counts(text, change):
    assert changes(text) == [change]


@pytest.mark.parametrize(
    "text",
    [
        "patience same as epochs",
        "set the patience to the same value as the epochs",
        "patience를 epochs와 똑같이",
        "patience는 에폭과 동일하게",
    ],
)
def test_the_same_as_another_field_is_its_value(text):
    assert talk(text, patience=40, epochs=70).config == {"patience": 70}


def test_the_same_as_a_value_that_the_field_cannot_have_changes_nothing():
    assert talk("set the patience to the same value as the flips").config == {}


@pytest.mark.parametrize("aside", ["what is mosaic?", "모자이크가 뭐야?"])
def test_a_place_means_the_fields_changed_last_also_after_a_question(aside):
    assert talk("batch 8 and epochs 50", aside, "the first one 12").config == {"batch": 12, "epochs": 50}
