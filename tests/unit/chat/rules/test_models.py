"""Models of others, ways to begin, numbers of devices, and values that a field cannot have."""

from __future__ import annotations

import pytest

from tests.unit.chat.rules.heard import changes
from tests.unit.chat.rules.talked import talk

pytestmark = pytest.mark.slow  # goes through much of the house

FOREIGN = [
    "use resnet50",
    "epochs 5 // resnet50",
    "resnet50으로 학습해줘",
    "use efficientnet-b0",
    "mobilenet v3로 바꿔줘",
    "use detr-resnet-50",
    "train a faster-rcnn",
]


@pytest.mark.parametrize("text", FOREIGN)
def test_a_model_of_others_is_refused_and_none_of_ours_takes_its_place(text):
    found = talk(text)
    assert "model" not in found.config
    assert [refusal.field for refusal in found.turn.refusals] == ["model"]


def test_numbers_in_the_name_of_a_model_are_no_values():
    assert talk("epochs 5 // resnet50").config == {"epochs": 5}
    assert talk("batch 8, efficientnet-b0").config == {"batch": 8}


@pytest.mark.parametrize("text", ["how does resnet50 work?", "resnet50이 뭐야?", "the paper used resnet50"])
def test_a_model_of_others_that_is_only_spoken_of_is_not_even_refused(text):
    found = talk(text)
    assert (found.config, found.turn.refusals) == ({}, ())


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("train yolo26s from scratch", "yolo26s.yaml"),
        ("yolo26s without pretrained weights", "yolo26s.yaml"),
        ("사전학습 없이 yolo26s", "yolo26s.yaml"),
        ("pretrained yolo26m", "yolo26m.pt"),
        ("yolo26s 사전학습 모델로", "yolo26s.pt"),
        ("사전학습된 yolo26l로 학습", "yolo26l.pt"),
    ],
)
def test_a_model_begins_from_scratch_or_from_weights_as_it_is_said(text, model):
    assert talk(text).config["model"] == model


@pytest.mark.parametrize(("text", "device"), [("use 2 gpus", "0,1"), ("GPU 2개로 돌려", "0,1")])
def test_a_number_of_gpus_is_the_first_of_them(text, device):
    assert talk(text).config == {"device": device}


@pytest.mark.parametrize("text", ["use 4 gpus", "train on 4 gpus", "GPU 4개로"])
def test_more_gpus_than_there_are_are_refused(text):
    found = talk(text)
    assert found.config == {}
    assert [refusal.field for refusal in found.turn.refusals] == ["device"]


@pytest.mark.parametrize("text", ["we have 4 gpus", "we bought 4 gpus last year", "GPU 4개 샀어"])
def test_gpus_that_are_only_told_of_are_not_taken(text):
    assert changes(text) == []


@pytest.mark.parametrize("text", ["fliplr 7", "fliplr 1.5", "fliplr -1", "fliplr 30", "좌우 반전 7"])
def test_a_flip_that_is_no_share_is_refused(text):
    found = talk(text, fliplr=0.2)
    assert found.config == {}
    assert [refusal.field for refusal in found.turn.refusals] == ["fliplr"]


@pytest.mark.parametrize(
    ("text", "config"),
    [
        ("fliplr 0.7", {"fliplr": 0.7}),
        ("flipud 50%", {"flipud": 0.5}),
        ("상하 반전 30%", {"flipud": 0.3}),
        ("fliplr 1, flipud 0", {"fliplr": 1.0}),
    ],
)
def test_a_share_of_flips_is_one(text, config):
    assert talk(text, fliplr=0.2).config == config


@pytest.mark.parametrize("text", ["flips 0.3", "flip 0.3"])
def test_a_flip_without_its_direction_is_asked_for(text):
    found = talk(text)
    assert found.config == {}
    assert found.turn.question is not None
    assert found.turn.question.about == ("fliplr", "flipud")


def test_the_direction_answers_which_flip_is_meant():
    assert talk("flip 0.3", "the vertical one").config == {"flipud": 0.3}
