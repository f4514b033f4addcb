"""Questions are about what they name: a part of a dataset, exports, deployments; and they change nothing."""

from __future__ import annotations

import pytest

from tests.unit.chat.rules.heard import changes, proposal, wanted

pytestmark = pytest.mark.slow  # goes through much of the house


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("is the export done?", "exports"),
        ("did the export work?", "exports"),
        ("are there any exports?", "exports"),
        ("list the exports", "exports"),
        ("내보내기 다 됐어?", "exports"),
        ("내보낸 거 보여줘", "exports"),
        ("what is deployed?", "deployments"),
        ("is the endpoint up?", "deployments"),
        ("which endpoints are running?", "deployments"),
        ("show me the deployments", "deployments"),
        ("배포된 거 뭐 있어?", "deployments"),
        ("배포된 모델 뭐야", "deployments"),
        ("엔드포인트 뭐 있어?", "deployments"),
    ],
)
def test_how_exports_and_deployments_are_is_a_status_of_them(text, about):
    turn = proposal(text)
    assert (turn.intent, turn.about) == ("status", (about,))


@pytest.mark.parametrize(
    "text", ["how is the training going?", "학습 어떻게 됐어?", "how long will it take?", "얼마나 걸려?"]
)
def test_how_the_training_is_is_no_status_of_exports(text):
    turn = proposal(text)
    assert (turn.intent, turn.about) == ("status", ())


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("how many images does harbor-night have?", "images"),
        ("how many photos are in harbor-night?", "images"),
        ("harbor-night 이미지 몇 장이야?", "images"),
        ("which classes does harbor-night have?", "classes"),
        ("what classes are in harbor-night?", "classes"),
        ("harbor-night 클래스 뭐야?", "classes"),
        ("is there anything wrong with harbor-night?", "issues"),
        ("any problems in harbor-night?", "issues"),
        ("harbor-night에 문제 있어?", "issues"),
    ],
)
def test_a_question_about_a_dataset_names_the_part_that_is_asked_for(text, part):
    turn = proposal(text)
    assert (turn.intent, turn.target.dataset) == ("ask", "harbor-night")
    assert turn.about[0] == part
    assert turn.ops == ()


def test_a_dataset_that_is_asked_about_in_general_has_no_part():
    turn = proposal("tell me about harbor-night")
    assert turn.target.dataset == "harbor-night"
    assert not {"images", "classes", "issues"} & set(turn.about)


@pytest.mark.parametrize(
    "text",
    ["stop the endpoint", "shut down the endpoint", "undeploy", "undeploy it", "엔드포인트 내려줘", "배포 내려줘"],
)
def test_to_stop_an_endpoint_is_not_to_stop_the_run(text):
    turn = proposal(text)
    assert (turn.intent, turn.target.deployment, turn.target.run) == ("stop", "endpoint", None)


@pytest.mark.parametrize("text", ["stop the training", "stop run-12", "학습 멈춰줘"])
def test_to_stop_a_run_is_not_to_stop_an_endpoint(text):
    turn = proposal(text)
    assert (turn.intent, turn.target.deployment) == ("stop", None)


@pytest.mark.parametrize(
    "text",
    [
        "50 에폭이면 충분할까? - 안녕하세요",
        "50 에폭이면 충분할까? 안녕하세요",
        "is 50 epochs enough? - hello",
        "안녕하세요, 50 에폭이면 충분할까?",
    ],
)
def test_a_greeting_beside_a_question_makes_no_request_of_it(text):
    turn = proposal(text)
    assert (turn.intent, turn.ops) == ("explain", ())
    assert "epochs=50" in turn.about


@pytest.mark.parametrize("text", ["isn't it time to deploy?", "can't we start?", "배포하면 안 돼?", "학습 시작할까?"])
def test_a_negated_question_about_an_action_offers_none(text):
    assert wanted(text, data="harbor-night") in {"explain", "out_of_scope"}


@pytest.mark.parametrize("text", ["is 50 epochs enough", "should we use SGD", "배치 8이면 될까", "does batch 8 fit?"])
def test_a_question_changes_nothing_with_or_without_its_mark(text):
    assert changes(text) == []
