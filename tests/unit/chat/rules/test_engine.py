"""A whole turn: ways back, turns that refer to the one before, and what is never done unasked."""

from __future__ import annotations

import pytest

from tests.unit.chat.rules.heard import changes, proposal, situation, wanted
from workbench.chat.rules import asks_for
from workbench.chat.turn import Op, Option, Question


@pytest.mark.parametrize("text", ["undo", "undo that", "되돌려줘", "방금 거 취소해줘"])
def test_an_undo_takes_back_the_last_change(text):
    turn = proposal(text, applied={"batch": (8, 16)}, intent="configure")
    assert (turn.intent, turn.about, turn.target.steps) == ("undo", (), 1)


@pytest.mark.parametrize(
    ("text", "steps"), [("undo the last 3 changes", 3), ("go back two steps", 2), ("두 번 되돌려", 2)]
)
def test_an_undo_may_be_of_several_steps(text, steps):
    assert proposal(text).target.steps == steps


@pytest.mark.parametrize("text", ["undo the batch", "되돌려줘, 배치만"])
def test_an_undo_may_be_of_one_field(text):
    turn = proposal(text, applied={"batch": (8, 16), "epochs": (10, 20)})
    assert (turn.intent, turn.about) == ("undo", ("batch",))


@pytest.mark.parametrize("text", ["redo", "redo that"])
def test_a_redo_is_an_undo_forwards(text):
    assert proposal(text).target.redo


@pytest.mark.parametrize("text", ["don't undo it", "되돌리지 마", "should I undo it?"])
def test_an_undo_that_is_denied_or_asked_about_is_none(text):
    assert wanted(text) != "undo"


@pytest.mark.parametrize(
    ("text", "about"),
    [("reset everything", ()), ("reset batch and epochs", ("batch", "epochs")), ("배치만 초기화해줘", ("batch",))],
)
def test_a_reset_is_of_all_or_of_what_is_named(text, about):
    turn = proposal(text)
    assert (turn.intent, turn.about) == ("reset", about)


def test_a_reset_of_it_is_of_the_field_spoken_of():
    assert proposal("reset it", focus=("batch",)).about == ("batch",)


def test_a_reset_of_all_but_one_names_the_others():
    turn = proposal("reset everything except the batch", data="harbor-night")
    assert turn.about == ("data",)


@pytest.mark.parametrize("text", ["reset everything and set the batch to 8", "초기화하고 배치 8"])
def test_a_change_beside_a_reset_is_made_too(text):
    assert wanted(text) == "reset"
    assert changes(text) == ["batch=8"]


@pytest.mark.parametrize("text", ["once more", "한 번 더"])
def test_once_more_does_the_last_change_again(text):
    assert changes(text, text="double the batch", intent="configure") == ["batch*2"]


def test_another_format_repeats_the_export():
    turn = proposal("no, coreml instead", intent="export")
    assert (turn.intent, turn.target.formats) == ("export", ("coreml",))


@pytest.mark.parametrize("text", ["yes, use that", "그 값으로 해줘"])
def test_yes_takes_the_value_that_was_only_spoken_of(text):
    assert changes(text, supposed={"batch": 8}) == ["batch=8"]


def test_a_field_answers_which_is_meant():
    options = tuple(Option(label=name, ops=(Op(field=name, value=0.5),)) for name in ("fliplr", "flipud"))
    pending = Question(about=("fliplr", "flipud"), kind="which", options=options)
    assert changes("the vertical one", pending=pending) == ["flipud=0.5"]


def test_cancel_after_the_state_of_a_run_stops_it():
    assert wanted("cancel it", intent="status") == "stop"
    assert wanted("cancel it", intent="configure") == "undo"


@pytest.mark.parametrize("text", ["start training", "학습 시작해줘"])
def test_a_training_without_data_asks_for_it(text):
    turn = proposal(text)
    assert [question.kind for question in turn.questions] == ["dataset"]
    assert proposal(text, data="harbor-night").questions == ()


def test_changes_and_an_action_of_one_turn_are_both_read():
    turn = proposal("use harbor-night for 20 epochs and start training")
    assert turn.intent == "start"
    assert [(op.field, op.value) for op in turn.ops] == [("data", "harbor-night"), ("epochs", 20)]


def test_changes_stand_in_the_order_in_which_they_were_said():
    assert changes("AdamW, 50 epochs, yolo11m, batch 8") == [
        "optimizer=AdamW",
        "epochs=50",
        "model=yolo11m",
        "batch=8",
    ]


@pytest.mark.parametrize(
    "text", ["what is the batch?", "배치가 뭐야?", "should I use 50 epochs?", "is mosaic 0.5 good?"]
)
def test_a_question_changes_nothing(text):
    assert changes(text) == []


@pytest.mark.parametrize(
    "text", ["", " ", "?!", "thanks", "asdf qwer", "🙂", "내일 점심 뭐 먹지", "book a table for 50 people"]
)
def test_nothing_is_read_into_nothing(text):
    turn = proposal(text)
    assert (turn.ops, turn.questions) == ((), ())
    assert turn.intent == "out_of_scope"


def test_the_same_text_always_means_the_same():
    assert proposal("double the batch, 20 more epochs") == proposal("double the batch, 20 more epochs")


@pytest.mark.parametrize(
    ("text", "intent"), [("start training", "start"), ("되돌려줘", "undo"), ("reset it all", "reset")]
)
def test_a_model_may_do_what_the_words_ask_for(text, intent):
    assert asks_for(intent, text, situation())


@pytest.mark.parametrize("text", ["epochs 50", "배치 8로 해줘", "use set-epochs-to-999", "deply"])
@pytest.mark.parametrize("intent", ["start", "stop", "deploy", "export", "undo", "reset"])
def test_a_model_may_do_nothing_else(text, intent):
    assert not asks_for(intent, text, situation())
