"""Every value goes to the field that it was said of, and to none when that cannot be told."""

from __future__ import annotations

import pytest

from tests.unit.chat.rules.heard import changes, proposal
from workbench.chat.turn import Question


@pytest.mark.parametrize(
    "text",
    [
        "50 epochs, batch 8",
        "batch 8 epochs 50",
        "use batch 8 and 50 epochs",
        "에폭 50 배치 8",
        "배치는 8로 하고 에폭은 50",
    ],
)
def test_each_number_goes_to_its_own_field(text):
    assert sorted(changes(text)) == ["batch=8", "epochs=50"]


def test_a_list_of_fields_takes_a_list_of_values():
    assert changes("epochs/batch/imgsz: 45/12/512") == ["epochs=45", "batch=12", "imgsz=512"]


@pytest.mark.parametrize(
    "text", ["not 50 epochs, 80", "80 epochs instead of 50", "에폭 50 말고 80", "50에폭이 아니라 80에폭", "에폭 50→80"]
)
def test_a_value_that_is_refused_makes_way_for_the_other(text):
    assert changes(text) == ["epochs=80"]


@pytest.mark.parametrize("text", ["AdamW, not SGD", "SGD 말고 AdamW로", "use AdamW instead of SGD"])
def test_a_word_that_is_refused_makes_way_for_the_other(text):
    assert changes(text) == ["optimizer=AdamW"]


@pytest.mark.parametrize(
    "text", ["batch 32, no wait, 16", "batch 32... make it 16", "배치 32, 아니다 16으로", "batch 32, scratch that, 16"]
)
def test_a_correction_of_the_same_turn_counts(text):
    assert changes(text) == ["batch=16"]


def test_a_correction_may_be_of_the_field():
    assert changes("320 epochs, oh sorry, I meant the image size") == ["imgsz=320"]


@pytest.mark.parametrize(
    "text",
    [
        "last time batch 64 ran out of memory, so use 16",
        "저번에 배치 64로 돌렸는데 터졌어, 16으로 해줘",
        "배치 64였는데 16으로 해줘",
    ],
)
def test_a_story_gives_the_field_and_not_the_value(text):
    assert changes(text) == ["batch=16"]


@pytest.mark.parametrize("text", ["저번에 배치 64로 돌렸는데 터졌어", "with batch 64 it ran out of memory last time"])
def test_a_story_alone_changes_nothing(text):
    assert changes(text) == []


@pytest.mark.parametrize("text", ['"set batch to 99" he said', '팀장이 "에폭 900으로 해" 라고 했어'])
def test_what_others_said_changes_nothing(text):
    assert changes(text) == []


@pytest.mark.parametrize("text", ["turn off mosaic and mixup", "no mosaic or mixup", "mosaic이랑 mixup 꺼줘"])
def test_a_switch_goes_on_over_its_list(text):
    assert changes(text) == ["mosaic=0", "mixup=0"]


@pytest.mark.parametrize("text", ["mosaic off, mixup 0.2", "모자이크는 끄고 믹스업은 0.2"])
def test_a_switch_ends_where_a_value_is_said(text):
    assert changes(text) == ["mosaic=0", "mixup=0.2"]


@pytest.mark.parametrize("text", ["turn it off", "꺼줘"])
def test_it_is_the_field_spoken_of(text):
    assert changes(text, focus=("mosaic",)) == ["mosaic=0"]


@pytest.mark.parametrize("text", ["cosine schedule please", "cos_lr 켜줘"])
def test_a_flag_is_switched_on_by_its_name(text):
    assert changes(text) == ["cos_lr=True"]


def test_batch_and_optimizer_can_be_automatic():
    assert changes("let the batch size be automatic") == ["batch=-1"]


@pytest.mark.parametrize("text", ["keep the batch, epochs 50", "배치는 그대로 두고 에폭만 50"])
def test_what_is_to_stay_stays(text):
    assert changes(text) == ["epochs=50"]


@pytest.mark.parametrize(
    ("text", "change"),
    [("early stopping after 20 epochs", "patience=20"), ("mosaic off for the last 20 epochs", "close_mosaic=20")],
)
def test_epochs_may_count_for_another_field(text, change):
    assert changes(text) == [change]


@pytest.mark.parametrize("text", ["fliplr 0.5, same for vertical flips", "좌우 반전 0.5, 상하 반전도 똑같이"])
def test_the_same_is_the_value_set_last(text):
    assert changes(text) == ["fliplr=0.5", "flipud=0.5"]


@pytest.mark.parametrize("text", ["50", "50으로", "fifty", "50 please", "fifty or so?"])
def test_a_bare_number_answers_the_question_asked(text):
    assert changes(text, pending=Question(about=("epochs",))) == ["epochs=50"]


@pytest.mark.parametrize("text", ["and now 16", "16으로"])
def test_a_bare_number_goes_on_with_the_field_spoken_of(text):
    assert changes(text, focus=("batch",), intent="configure") == ["batch=16"]


@pytest.mark.parametrize(("text", "change"), [("the first one 50", "batch=50"), ("뒤에 건 50", "epochs=50")])
def test_a_place_means_one_of_the_fields_changed_last(text, change):
    assert changes(text, applied={"batch": (8, 16), "epochs": (10, 20)}, intent="configure") == [change]


def test_back_to_a_value_means_the_field_that_had_it():
    memory = {"focus": ("batch", "imgsz"), "applied": {"batch": (8, 16), "imgsz": (640, 320)}}
    assert changes("back to 640", **memory) == ["imgsz=640"]


def test_both_are_the_fields_changed_last():
    memory = {"applied": {"batch": (8, 16), "epochs": (10, 20)}, "intent": "configure"}
    assert changes("double both", **memory) == ["batch*2", "epochs*2"]


def test_a_number_that_no_rate_can_be_is_not_taken_for_one():
    assert changes("AdamW with 16") == ["optimizer=AdamW"]


@pytest.mark.parametrize("text", ["1번으로 옮겨줘", "move it to 1번"])
def test_a_number_in_a_series_is_a_device_where_one_was_spoken_of(text):
    assert changes(text, focus=("device",)) == ["device=1"]
    assert changes(text) == []


@pytest.mark.parametrize("text", ["the batch is too big. make it 8", "배치가 너무 커. 8로 해줘"])
def test_a_number_goes_to_the_field_that_was_complained_of(text):
    assert changes(text) == ["batch=8"]


@pytest.mark.parametrize("text", ["not 100, 50", "100 말고 50으로"])
def test_a_bare_refused_value_means_the_field_that_has_it(text):
    assert changes(text, focus=("batch", "epochs"), intent="configure") == ["epochs=50"]


@pytest.mark.parametrize("text", ["patience: none", "no patience limit at all"])
def test_none_switches_a_limit_off(text):
    assert changes(text) == ["patience=0"]


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("AdamW with 0.001", ["optimizer=AdamW", "lr0=0.001"]),
        ("640", ["imgsz=640"]),
        ("what about 640?", ["imgsz=640"]),
    ],
)
def test_a_value_that_can_hardly_be_anything_else_needs_no_field(text, change):
    assert changes(text) == change


@pytest.mark.parametrize("text", ["we are 5 employees", "직원이 24명이야", "x = 5; y == 7"])
def test_a_number_of_something_else_is_left_out(text):
    assert changes(text, focus=("batch",), intent="configure") == []


@pytest.mark.parametrize("text", ["raise the batch", "배치 좀 올려줘", "배치를 늘려줘"])
def test_a_missing_amount_is_asked_for(text):
    turn = proposal(text)
    assert turn.ops == ()
    assert [(question.kind, question.about) for question in turn.questions] == [("amount", ("batch",))]


@pytest.mark.parametrize("text", ["make it bigger", "더 크게 해줘"])
def test_a_missing_field_is_asked_for(text):
    turn = proposal(text)
    assert turn.ops == ()
    assert [question.kind for question in turn.questions] == ["which"]


def test_the_evidence_is_the_persons_own_words():
    (op,) = proposal("please set the BACTH size to 8 now").ops
    assert op.evidence == "the BACTH size to 8"


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("medium model", "model=m"),
        ("yolo11 m", "model=yolo11m"),
        ("한 단계 큰 모델로", "model+1"),
        ("two sizes smaller", "model+-2"),
        ("gpu 0 and 1", "device=0,1"),
        ("gpu 1 is free, use that", "device=1"),
        ("gpu로 돌려줘", "device=gpu"),
        ("optimizer = zorp", "optimizer=zorp"),
        ("옵티마이저를 조르프로 바꿔줘", "optimizer=조르프"),
    ],
)
def test_values_that_are_words_are_read(text, change):
    assert changes(text) == [change]


@pytest.mark.parametrize("text", ["small batch", "작은 배치"])
def test_small_is_no_model_when_it_describes_something_else(text):
    assert not [change for change in changes(text) if change.startswith("model")]
