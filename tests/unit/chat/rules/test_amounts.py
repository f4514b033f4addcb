"""What a number does to a field depends on the words around it: set, add, multiply."""

from __future__ import annotations

import pytest

from tests.unit.chat.rules.heard import changes


@pytest.mark.parametrize(
    "text",
    ["epochs 50", "epochs = 50", "set epochs to 50", "50 epochs", "에폭 50", "에폭을 50으로", "에폭 오십으로 해줘"],
)
def test_a_number_with_a_field_is_its_value(text):
    assert changes(text) == ["epochs=50"]


@pytest.mark.parametrize(
    "text", ["reduce the batch to 8", "raise the batch to 8", "배치를 8로 줄여줘", "배치 8까지 올려"]
)
def test_a_target_is_the_value_whatever_the_verb(text):
    assert changes(text) == ["batch=8"]


@pytest.mark.parametrize(
    "text", ["20 more epochs", "add 20 epochs", "epochs +20", "raise epochs by 20", "에폭 20 더", "에폭 20만 늘려줘"]
)
def test_more_adds(text):
    assert changes(text) == ["epochs+20"]


@pytest.mark.parametrize(
    "text", ["20 fewer epochs", "reduce epochs by 20", "minus 20 epochs", "subtract 20 epochs", "에폭 20만 줄여줘"]
)
def test_less_subtracts(text):
    assert changes(text) == ["epochs+-20"]


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("double the batch", "batch*2"),
        ("batch 3배로", "batch*3"),
        ("halve the batch", "batch*0.5"),
        ("배치를 절반으로 줄여줘", "batch*0.5"),
        ("batch divided by 4", "batch*0.25"),
        ("배치를 4로 나눠", "batch*0.25"),
        ("cut the batch by a quarter", "batch*0.75"),
    ],
)
def test_factors_multiply(text, change):
    assert changes(text) == [change]


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("reduce epochs by 20%", "epochs*0.8"),
        ("에폭 20% 줄여줘", "epochs*0.8"),
        ("raise the learning rate by 50%", "lr0*1.5"),
        ("80% of the current batch", "batch*0.8"),
        ("set mosaic to 50%", "mosaic=0.5"),
        ("모자이크 30%", "mosaic=0.3"),
    ],
)
def test_percent_are_the_value_of_a_share_and_a_part_of_anything_else(text, change):
    assert changes(text) == [change]


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("train for two hours", "time=2"),
        ("한 시간 반만 학습", "time=1.5"),
        ("640px", "imgsz=640"),
        ("1280x1280", "imgsz=1280"),
        ("freeze 10 layers", "freeze=10"),
        ("10 layers should stay locked", "freeze=10"),
        ("레이어 10개 얼려줘", "freeze=10"),
        ("16 at a time", "batch=16"),
        ("80% of the GPU memory", "batch=0.8"),
        ("use 30% of the data", "fraction=0.3"),
    ],
)
def test_a_unit_names_the_field(text, change):
    assert changes(text) == [change]


def test_a_time_that_was_not_limited_is_not_added_to():
    assert changes("train two hours longer") == ["time=2"]


@pytest.mark.parametrize("text", ["it stopped at epoch 12", "37에폭에서 멈췄어"])
def test_a_number_that_says_when_something_happened_changes_nothing(text):
    assert changes(text) == []


def test_whole_numbers_stay_whole():
    (op,) = changes("에폭 8.0으로")
    assert op == "epochs=8"
