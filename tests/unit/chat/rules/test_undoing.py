"""Ways back: one field, several changes, what stays as it is."""

from __future__ import annotations

import pytest

from tests.unit.chat.rules.heard import proposal
from tests.unit.chat.rules.talked import talk

pytestmark = pytest.mark.slow  # goes through much of the house

SET_BACK = {"mosaic": 1.0, "mixup": 0.0}  # from 0.4 and 0.3


@pytest.mark.parametrize(
    "turns",
    [
        ("mosaic off", "bring mosaic back"),
        ("mosaic off", "epochs 50", "bring the mosaic back"),
        ("모자이크 꺼줘", "모자이크 다시 살려줘"),
        ("모자이크 꺼줘", "에폭 50", "모자이크는 다시 살려줘"),
    ],
)
def test_what_is_brought_back_is_as_it_was_and_the_rest_stays(turns):
    found = talk(*turns, mosaic=0.7)
    assert found.turn.intent == "undo"
    assert found.changed == {"mosaic": 0.7}


@pytest.mark.parametrize("text", ["put the batch back", "give me my batch back"])
def test_a_field_may_be_put_back_after_other_changes(text):
    assert talk("batch 8", "epochs 40", text).config == {"epochs": 40}


@pytest.mark.parametrize("text", ["don't bring mosaic back", "should we bring mosaic back?"])
def test_what_is_not_to_come_back_stays_off(text):
    found = talk("mosaic off", text)
    assert found.turn.intent != "undo"
    assert found.config == {"mosaic": 0.0}


@pytest.mark.parametrize(
    "text",
    [
        "undo the last two",
        "undo the last two changes",
        "undo both of those",
        "undo twice",
        "둘 다 되돌려줘",
        "마지막 두 개 되돌려줘",
        "최근 변경 두 개 취소해줘",
        "두 번 되돌려줘",
    ],
)
def test_the_last_two_changes_go_back_and_the_one_before_stays(text):
    assert talk("epochs 50", "batch 8", "imgsz 320", text).config == {"epochs": 50}


def test_the_last_three_go_back():
    assert talk("seed 4", "epochs 50", "batch 8", "imgsz 320", "undo the last 3").config == {"seed": 4}


@pytest.mark.parametrize("text", ["undo 0 steps", "undo the last 0 changes", "undo zero times", "0번 되돌려줘"])
def test_an_undo_of_no_steps_is_heard_as_a_legal_one(text):
    assert proposal(text).target.steps == 1


@pytest.mark.parametrize(
    ("first", "text"),
    [
        ("reset mosaic", "mixup too"),
        ("reset mosaic", "and mixup too please"),
        ("reset mosaic", "mixup as well"),
        ("모자이크 초기화해줘", "믹스업도"),
    ],
)
def test_another_field_too_after_a_reset_is_reset(first, text):
    found = talk(first, text, mosaic=0.4, mixup=0.3)
    assert found.turn.intent == "reset"
    assert found.config == SET_BACK


@pytest.mark.parametrize("text", ["mixup too?", "is mixup reset too?"])
def test_a_question_after_a_reset_resets_nothing(text):
    assert talk("reset mosaic", text, mosaic=0.4, mixup=0.3).changed == {}


def test_another_field_too_after_an_undo_is_undone():
    assert talk("mosaic 0.4", "mixup 0.3", "undo mosaic", "mixup too").config == {}


def test_a_value_said_with_too_is_set_and_not_reset():
    found = talk("reset mosaic", "mixup 0.1 too", mosaic=0.4, mixup=0.3)
    assert found.changed == {"mixup": 0.1}


@pytest.mark.parametrize(
    ("text", "config"),
    [
        ("batch 8... no, leave the batch", {}),
        ("batch 8, epochs 50. no wait, keep the batch", {"epochs": 50}),
        ("batch 8 and epochs 50. oh no, leave the epochs alone", {"batch": 8}),
        ("배치 8, 에폭 50. 아니다 배치는 그대로 둬", {"epochs": 50}),
    ],
)
def test_what_is_kept_after_a_correction_is_not_changed(text, config):
    assert talk(text).config == config


@pytest.mark.parametrize("text", ["keep batch, imgsz 320", "배치는 유지하고 이미지 320"])
def test_what_is_kept_beside_a_change_stays(text):
    assert talk(text, batch=12).config == {"imgsz": 320}


@pytest.mark.parametrize("text", ["leave everything as it is", "다 그대로 둬"])
def test_all_may_stay_as_it_is(text):
    assert talk("batch 8", text).changed == {}
