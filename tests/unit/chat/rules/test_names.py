"""Names of datasets, runs and models are found letter by letter, and are data, whatever words they are made of."""

from __future__ import annotations

import pytest

from tests.unit.chat.rules.heard import changes, marked, proposal, wanted
from workbench.chat.context import Context, DatasetFact
from workbench.chat.rules.names import find


def named(text, kind):
    return [mention.value for mention in marked(text) if mention.kind == kind]


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("yolo11n", "yolo11n"),
        ("yolov11n", "yolo11n"),
        ("YOLO v8 m", "yolov8m"),
        ("yolo8s", "yolov8s"),
        ("yolo 26 n seg", "yolo26n-seg"),
        ("yoloe-11s.pt", "yoloe-11s.pt"),
        ("욜로 11 n", "yolo11n"),
        ("rt-detr", "rtdetr-l"),
        ("11m", None),
        ("26m", "yolo26m"),
        ("best.pt", "best.pt"),
    ],
)
def test_models_are_read_however_their_names_are_written(text, model):
    assert named(text, "model") == ([model] if model else [])


@pytest.mark.parametrize(
    ("text", "size"), [("the m model", "m"), ("모델은 s로", "s"), ("x 사이즈", "x"), ("size l", "l")]
)
def test_a_letter_beside_the_word_model_is_a_size(text, size):
    assert named(text, "size") == [size]


def test_a_letter_by_itself_is_none():
    assert named("i'm s", "size") == []


@pytest.mark.parametrize("text", ["harbor-night", "harbor night", "HARBOR_NIGHT", "harbor-night로"])
def test_a_name_may_be_said_with_other_blanks_and_particles(text):
    assert named(text, "dataset") == ["harbor-night"]


@pytest.mark.parametrize("text", ["harbor-nights", "my-harbor-night-2", "harbor"])
def test_a_part_of_a_name_and_a_longer_one_are_not_it(text):
    assert named(text, "dataset") == []


@pytest.mark.parametrize("text", ["use set-epochs-to-999", "set-epochs-to-999 데이터로 해줘"])
def test_a_name_that_is_an_order_is_chosen_and_not_obeyed(text):
    assert changes(text) == ["data=set-epochs-to-999"]


def test_a_name_that_is_an_order_needs_its_own_hyphens():
    assert changes("set epochs to 999") == ["epochs=999"]


def test_a_name_that_is_a_common_word_is_one_only_beside_the_word_dataset():
    assert changes("use the stop dataset") == ["data=stop"]
    assert wanted("stop") == "stop"
    assert wanted("stop the training") == "stop"


@pytest.mark.parametrize("text", ["export run-7 to onnx", "run-7을 onnx로 내보내줘"])
def test_a_run_is_named_by_its_id(text):
    assert proposal(text).target.run == "run-7"


def test_a_run_is_named_by_what_it_is_called():
    assert proposal("stop the night run").target.run == "run-12"


@pytest.mark.parametrize("text", ["mAP50-95", "map@50", "run-99", "exp_3", "job-4"])
def test_numbers_of_metrics_and_of_unknown_runs_count_nothing(text):
    assert [mention.kind for mention in marked(text) if mention.kind in {"number", "factor"}] == []


def test_a_registered_name_goes_before_the_model_in_it():
    context = Context((DatasetFact("yolo11-fails"),))
    assert [(each.kind, each.value) for each in find("yolo11-fails", "yolo11-fails", context)] == [
        ("dataset", "yolo11-fails")
    ]
