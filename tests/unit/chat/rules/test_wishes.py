"""Actions are only what a person asks for; questions are told apart by what they want to know."""

from __future__ import annotations

import pytest

from tests.unit.chat.rules.heard import proposal, wanted

ACTIONS = {"start", "stop", "restart", "resume", "export", "deploy"}


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("start training", "start"),
        ("학습 시작해줘", "start"),
        ("stop it", "stop"),
        ("멈춰줘", "stop"),
        ("restart from scratch", "restart"),
        ("처음부터 다시 학습", "restart"),
        ("resume run-7", "resume"),
        ("이어서 학습해줘", "resume"),
        ("export to onnx", "export"),
        ("onnx로 내보내줘", "export"),
        ("deploy it", "deploy"),
        ("배포해줘", "deploy"),
        ("could you start training?", "start"),
        ("can I get run-7 as onnx", "export"),
        ("I need an endpoint", "deploy"),
        ("get it deployed", "deploy"),
    ],
)
def test_an_action_is_asked_for_in_so_many_words(text, intent):
    assert wanted(text, data="harbor-night") == intent


@pytest.mark.parametrize(
    "text",
    [
        "don't start yet",
        "do not deploy it",
        "never export anything",
        "start it later",
        "아직 시작하지 마",
        "배포하지 말아줘",
        "시작 말고 배치만 8",
        "나중에 시작할게",
        "시작은 제가 할게요",
    ],
)
def test_an_action_that_is_denied_or_put_off_is_none(text):
    assert wanted(text) not in ACTIONS


@pytest.mark.parametrize(
    "text",
    [
        "should I start training?",
        "what happens when I deploy it?",
        "시작하면 어떻게 돼?",
        "배포할까요?",
        "is it worth a restart?",
    ],
)
def test_a_question_about_an_action_is_none(text):
    assert wanted(text) not in ACTIONS


@pytest.mark.parametrize(
    "text",
    [
        "we deployed it yesterday",
        "the model was exported to onnx",
        "last time it stopped",
        "어제 배포했어",
        "where is the start command",
        'he said "start training"',
    ],
)
def test_an_action_that_is_only_told_of_is_none(text):
    assert wanted(text) not in ACTIONS


@pytest.mark.parametrize(
    "text", ["stop if nothing improves for 10 epochs", "start it when the gpu is free", "안 좋아지면 멈춰"]
)
def test_an_action_that_waits_for_something_is_none(text):
    assert wanted(text) not in ACTIONS


def test_the_weightiest_of_several_actions_counts():
    assert wanted("export to onnx and deploy it") == "export"


@pytest.mark.parametrize(
    ("text", "formats"),
    [
        ("export to onnx and tensorrt", ("onnx", "engine")),
        ("export as onnx, not coreml", ("onnx",)),
        ("onnx 말고 coreml로 내보내줘", ("coreml",)),
        ("export to all formats except coreml", ("onnx", "engine", "torchscript", "litert")),
    ],
)
def test_formats_are_those_wanted(text, formats):
    assert proposal(text).target.formats == formats


def test_the_run_and_the_deployment_of_an_action_are_named():
    target = proposal("deploy run-7 as an endpoint").target
    assert (target.run, target.deployment) == ("run-7", "endpoint")


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("what is the batch now?", "ask"),
        ("배치 지금 몇이야?", "ask"),
        ("and the batch?", "ask"),
        ("did we pick a dataset?", "ask"),
        ("did i set epochs to 200?", "ask"),
        ("why is the batch 16?", "ask"),
        ("왜 배치가 16이야?", "ask"),
        ("can you show me the settings?", "ask"),
        ("how many images does harbor-night have?", "ask"),
        ("what does patience mean?", "explain"),
        ("patience가 뭐야?", "explain"),
        ("is a batch of 300 enough?", "explain"),
        ("should I use a bigger model?", "explain"),
        ("what happens on a reset?", "explain"),
        ("레이어를 얼린다는 게 무슨 뜻이야", "explain"),
        ("compare SGD and AdamW?", "explain"),
        ("what is overfitting?", "explain"),
        ("how is it going?", "status"),
        ("학습 어떻게 되고 있어?", "status"),
        ("how many epochs are done?", "status"),
        ("상태 왜 이래?", "status"),
        ("how is the training with mosaic going?", "status"),
        ("run-7 or run-12?", "compare"),
        ("is run-7 better than run-12 with mosaic?", "compare"),
        ("run-7 vs run-12", "compare"),
        ("is mosaic on? show me the datasets", "list_datasets"),
        ("which datasets are there?", "list_datasets"),
        ("데이터셋 뭐 있어?", "list_datasets"),
        ("what can you do?", "help"),
        ("what's the weather like?", "out_of_scope"),
    ],
)
def test_a_question_wants_to_know_one_thing(text, intent):
    assert wanted(text) == intent


def test_things_that_are_compared_are_explained_and_are_no_runs():
    assert wanted("what's the difference between SGD and AdamW?") == "explain"


@pytest.mark.parametrize(
    ("text", "about"), [("is a batch of 300 enough?", "batch=300"), ("is SGD okay?", "optimizer=SGD")]
)
def test_a_value_that_is_only_supposed_is_what_is_explained(text, about):
    turn = proposal(text)
    assert turn.ops == ()
    assert about in turn.about


@pytest.mark.parametrize(("text", "language"), [("epochs 50", "en"), ("에폭 50", "ko"), ("batch 16으로 바꿔줘", "ko")])
def test_the_language_is_that_of_the_person(text, language):
    assert proposal(text).language == language
