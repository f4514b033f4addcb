"""What is answered about exports, deployments and single datasets, to greetings and goals; what cards show of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.scripted import Scripted
from workbench.chat.context import Context, DatasetFact, EndpointFact, ExportFact, RunFact
from workbench.chat.conversation import Conversation
from workbench.chat.records import Turn
from workbench.chat.rules import RulesEngine
from workbench.chat.turn import Target, TurnProposal

RUN = RunFact("run-1", "completed", config={"data": "digits", "model": "yolo26s.pt", "epochs": 30, "lr0": 0.5})
ONNX = ExportFact("exp-1", "run-1", "onnx", "completed", proven=True)
BLOCKS, WAY = "no training can start before it is mended", "`workbench datasets check helmet`"
CONTEXT = Context(runs=(RUN,), exports=(), endpoints=())
HELMET = DatasetFact(
    "helmet",
    "detect",
    120,
    ("head", "hat"),
    "",
    {"train": 100, "val": 20},
    ("3 boxes are dropped.\x1b",),
    blocking=True,
)


def heard(context: Context, language: Any = "en", **proposal: Any) -> Turn:
    engine = Scripted(TurnProposal(**{"intent": "status", "language": language, **proposal}))
    return Conversation(None, engine).say("how is that?", context)


@pytest.mark.parametrize(
    ("language", "says"), [("en", "Nothing has been exported yet"), ("ko", "아직 내보낸 것이 없습니다")]
)
def test_where_nothing_was_exported_that_is_said(language: str, says: str) -> None:
    assert heard(CONTEXT, language, about=("exports",)).reply.startswith(says)


@pytest.mark.parametrize(("language", "says"), [("en", "Nothing is deployed"), ("ko", "배포된 것이 없습니다")])
def test_where_nothing_is_deployed_that_is_said(language: str, says: str) -> None:
    assert heard(CONTEXT, language, about=("deployments",)).reply.startswith(says)


@pytest.mark.parametrize("topic", ["exports", "deployments"])
def test_what_nobody_handed_in_is_said_to_be_unknown(topic: str) -> None:
    assert "not known here" in heard(Context(runs=(RUN,)), about=(topic,)).reply


@pytest.mark.parametrize(
    ("proven", "says"), [(True, ", proven to"), (False, ", not proven to"), (None, "is not known")]
)
def test_an_export_is_told_with_its_proof(proven: bool | None, says: str) -> None:
    context = replace(CONTEXT, exports=(replace(ONNX, proven=proven), ExportFact("exp-0", "run-1", "onnx", "running")))
    told = heard(context, about=("exports",)).reply.splitlines()
    assert told[0] == "2 exports, newest first:"
    assert told[1].startswith("- exp-1: run run-1 as onnx, complete")
    assert says in told[1]
    assert told[2] == "- exp-0: run run-1 as onnx, running"


def test_a_deployment_is_told_with_where_it_answers_and_what_it_serves() -> None:
    endpoints = (EndpointFact("a", "exp-1", "http://127.0.0.1:8080"), EndpointFact("b", "gone", "", running=False))
    told = heard(replace(CONTEXT, exports=(ONNX,), endpoints=endpoints), about=("deployments",)).reply.splitlines()
    assert told[0] == "2 deployments:"
    assert told[1].startswith("- a: answers at http://127.0.0.1:8080, serves export exp-1, proven")
    assert told[2] == "- b: not running, served export gone"


def test_a_status_of_something_else_is_that_of_the_run() -> None:
    assert heard(CONTEXT, about=("epochs",)).reply.startswith("Run run-1 is completed.")


@pytest.mark.parametrize(
    ("running", "says"),
    [
        ((), "No deployment is running"),
        (("a", "b c"), "`workbench deployments stop a`, `workbench deployments stop 'b c'`"),
    ],
)
def test_an_endpoint_is_never_stopped_by_a_card_for_a_run(running: tuple[str, ...], says: str) -> None:
    endpoints = (*(EndpointFact(name) for name in running), EndpointFact("off", running=False))
    context = replace(CONTEXT, runs=(RunFact("r", "running"),), endpoints=endpoints)
    turn = heard(context, intent="stop", target=Target(deployment="endpoint"))
    assert turn.card is None
    assert says in turn.reply
    assert "stop off" not in turn.reply


def test_where_endpoints_are_unknown_the_command_is_named() -> None:
    turn = heard(Context(), intent="stop", target=Target(deployment="endpoint"))
    assert "workbench deployments stop NAME" in turn.reply


@pytest.mark.parametrize(
    ("about", "lines"),
    [
        ("images", ["helmet: 120 images (train 100, val 20)."]),
        ("classes", ["helmet: 2 classes (head, hat)."]),
        ("data", ["helmet: object detection, 120 images (train 100, val 20), 2 classes (head, hat)"]),
        (
            "issues",
            [
                f"helmet: 1 thing was found, and {BLOCKS}; the whole list shows {WAY}.",
                "- 3 boxes are dropped.",
            ],
        ),
    ],
)
def test_a_question_about_a_dataset_is_answered_from_its_facts(about: str, lines: list[str]) -> None:
    turn = heard(Context(datasets=(HELMET,)), intent="ask", target=Target(dataset="helmet"), about=(about,))
    assert turn.reply.splitlines() == lines


@pytest.mark.parametrize(("problems", "says"), [((), "nothing was found"), (None, "What may be wrong")])
def test_a_dataset_without_findings_names_the_command_that_looks_again(problems: Any, says: str) -> None:
    context = Context(datasets=(replace(HELMET, problems=problems),))
    reply = heard(context, intent="ask", target=Target(dataset="helmet"), about=("issues",)).reply
    assert says in reply
    assert "workbench datasets check helmet" in reply


def test_a_question_about_a_setting_stays_one_where_a_dataset_is_named() -> None:
    turn = heard(Context(datasets=(HELMET,)), intent="ask", target=Target(dataset="helmet"), about=("batch",))
    assert turn.reply == "Batch size (batch): 16. That is the default."


@pytest.mark.parametrize("intent", ["restart", "resume"])
def test_the_card_of_a_run_shows_what_it_trains(intent: str) -> None:
    context = Context(runs=(replace(RUN, state="failed"),))
    turn = heard(context, intent=intent)
    assert turn.reply.splitlines()[1:3] == [
        "It trains yolo26s.pt on digits, 30 epochs, batch 16, images of 640 px, device: automatic (the best one).",
        "Also changed: learning rate (lr0) = 0.5.",
    ]
    assert heard(Context(runs=(RunFact("a", "failed"),)), intent=intent).reply.count("\n") == 1


@pytest.mark.parametrize(("proven", "says"), [(True, ": proven to"), (False, ": not proven to")])
def test_the_card_of_a_deployment_shows_the_newest_complete_export_and_its_proof(proven: bool, says: str) -> None:
    others = (ExportFact("exp-3", "run-1", "onnx", "running"), ExportFact("exp-2", "run-0", "onnx"))
    turn = heard(replace(CONTEXT, exports=(*others, replace(ONNX, proven=proven))), intent="deploy")
    assert turn.card is not None
    assert turn.card.what["export"] == "exp-1"
    assert f"It serves export exp-1 (onnx){says}" in turn.reply


def test_a_run_without_an_export_gets_no_card_that_could_never_be_carried_out() -> None:
    turn = heard(CONTEXT, intent="deploy")
    assert (turn.card, [note.key for note in turn.notes]) == (None, ["no_export_to_deploy"])


def test_a_dataset_that_is_left_out_is_named_once() -> None:
    chat = Conversation(None, RulesEngine())
    context = Context(damaged=("odd",))
    assert "odd" in chat.say("epochs 50", context).reply
    assert "odd" not in chat.say("epochs 60", context).reply


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hi", "Hello!"),
        ("Hello there!", "Hello!"),
        ("thanks", "welcome"),
        ("안녕", "안녕하세요!"),
        ("고마워요~", "천만에요"),
    ],
)
def test_who_greets_is_greeted_and_told_what_can_be_said(text: str, says: str) -> None:
    turn = Conversation(None, RulesEngine()).say(text)
    assert (turn.intent, turn.changes, turn.reply.count("\n")) == ("out_of_scope", (), 0)
    assert says in turn.reply
    assert ("what can you do" in turn.reply) or ("뭘 할 수 있어" in turn.reply)


@pytest.mark.parametrize("text", ["make it faster", "make it more accurate", "더 정확하게 해줘", "더 빠르게"])
def test_a_goal_is_answered_with_the_settings_that_serve_it_and_changes_nothing(text: str) -> None:
    turn = Conversation(None, RulesEngine()).say(text)
    assert (turn.changes, turn.card, turn.question) == ((), None, None)
    for name in ("model", "imgsz", "epochs"):
        assert name in turn.reply
