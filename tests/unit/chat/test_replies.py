"""The reply of a turn: written from what was applied, in the language of the person."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from workbench.chat.context import Context, DatasetFact, RunFact
from workbench.chat.judge import Note, Refusal, Verdict, judge
from workbench.chat.replies import question, reply
from workbench.chat.turn import Op, Option, Question, Situation, Target, TurnProposal, Understood
from workbench.config.patch import Change, Draft

CONTEXT = Context(
    datasets=(DatasetFact("helmet-v3", "detect", 1386, ("helmet", "head"), splits={"train": 1000, "val": 386}),),
    runs=(RunFact("run-2", "running"),),
    devices=("cpu", "0"),
)


@dataclass(frozen=True)
class Shown:
    """As much of a card as is said."""

    action: str
    what: dict[str, Any] = field(default_factory=dict)


def said(proposal, text="", *, verdict=None, card=None, draft=None, **understood):
    """Return the reply to a proposal that the judge has judged."""
    draft = draft or Draft({**Draft().base, "model": "yolo26n.pt"})
    situation = Situation(draft.values, draft.base, CONTEXT)
    verdict = verdict or judge(proposal, text, situation)
    return reply(Understood(proposal, **understood), verdict, situation, draft.apply(verdict.patch("1")), card)


def configure(*ops, language="en", **more):
    return TurnProposal(ops=ops, language=language, **more)


def test_one_change_is_said_in_one_sentence():
    proposal = configure(Op(field="lr0", op="scale", value=0.25, evidence="quarter"))
    assert said(proposal, "quarter the lr") == "Changed. learning rate (lr0): 0.01 → 0.0025."


def test_one_change_is_said_in_korean():
    proposal = configure(Op(field="time", value=1.5, evidence="90분"), language="ko")
    assert said(proposal, "90분만").splitlines()[0] == "변경했습니다. 학습 시간 제한(time): 제한 없음 → 1.5시간."


def test_several_changes_are_listed():
    proposal = configure(Op(field="epochs", value=50, evidence="50"), Op(field="batch", value=8, evidence="8"))
    assert said(proposal, "50 8").splitlines() == ["2 changes:", "- epochs: 100 → 50", "- batch size (batch): 16 → 8"]


def test_what_follows_from_a_dataset_is_marked():
    verdict = Verdict(
        changes=(Change("task", "detect", "pose", "dataset"), Change("data", "", "poses", "user", "poses"))
    )
    draft = Draft()
    told = reply(Understood(configure()), verdict, Situation(draft.values, draft.base), draft)
    assert "- task: detect → pose (follows the dataset)" in told
    assert "- dataset (data): none → poses" in told.splitlines()


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (
            "en",
            "Batch size (batch) cannot be 0. Legal: a whole number from 1 to 65536, auto (-1), or a share",
        ),
        ("ko", "배치 크기(batch)는 0이 될 수 없습니다. 가능한 값: 1부터 65536까지의 정수, 자동(-1)"),
    ],
)
def test_a_refusal_names_range_nearest_and_what_stays(language, expected):
    ops = (Op(field="batch", value=0, evidence="0"), Op(field="epochs", value=40, evidence="40"))
    changed, refused = said(configure(*ops, language=language), "batch 0, 40 epochs").splitlines()
    assert "100 → 40" in changed
    assert refused.startswith(expected)
    assert ("nearest legal value is 1. It stays 16." if language == "en" else "1입니다. 지금 값(16)을") in refused


def test_each_refusal_of_the_judge_reads_as_a_sentence_in_both_languages():
    refusals = (
        Refusal("epochs", -5, "out_of_range", 1, 100_000, nearest=1),
        Refusal("epochs", 1.5, "not_whole", 1, 100_000, nearest=2),
        Refusal("optimizer", "Lion", "unknown_word", choices=("auto", "SGD")),
        Refusal("model", "t", "no_such_size", choices=("n", "s"), nearest="n"),
        Refusal("data", "helmets", "no_such_dataset", choices=("helmet-v3",), nearest="helmet-v3"),
        Refusal("data", "helmets", "no_such_dataset"),
        Refusal("device", "7", "no_such_device", choices=("cpu", "0")),
        Refusal("run", "run-9", "no_such_run", choices=("run-2",)),
        Refusal("task", "depth", "task_mismatch", choices=("yolo26",)),
        Refusal("resume", True, "owned"),
        Refusal("lerning", 1, "unknown_field", nearest="lr0"),
        Refusal("cos_lr", "x" * 5000, "not_legal"),
    )
    for language in ("en", "ko"):
        lines = said(configure(language=language), verdict=Verdict(refusals=refusals)).splitlines()
        assert len(lines) == len(refusals)
        assert all(line.endswith((".", "?", "`.")) and len(line) < 400 for line in lines), lines
        assert not any("{" in line or "None" in line for line in lines)


def test_a_misspelt_setting_is_named_with_the_one_that_may_be_meant():
    told = said(configure(), verdict=Verdict(refusals=(Refusal("lerning", 1, "unknown_field", nearest="lr0"),)))
    assert told == "There is no setting “lerning”. Did you mean learning rate (lr0)?"


def test_notes_are_written_with_labels_and_units():
    notes = (
        Note("already", {"field": "time", "value": None}),
        Note("time_overrides_epochs", {"time": 2.0, "epochs": 100}),
        Note("task_mismatch", {"data": "poses", "dataset_task": "pose", "task": "detect"}),
        Note("kept", {"fields": ("lr0", "epochs")}),
    )
    assert said(configure(), verdict=Verdict(notes=notes)).splitlines() == [
        "Unchanged: time limit (time) = no limit already.",
        "The time limit of 2 h decides how long it trains; the number of epochs (100) no longer counts.",
        "Mind: dataset poses is made for pose estimation, and the config is set to object detection.",
        "Left as they are, because they were changed again since: learning rate (lr0), epochs.",
    ]


def test_a_suggestion_is_never_told_as_a_change():
    told = said(configure(Op(field="epochs", value=500, evidence="never said")), "hello")
    assert told == "Not changed, as your words do not say so; click to accept: epochs = 500."


def test_words_that_name_nothing_are_repeated():
    assert said(configure(unknown={"model": "yolo99"}), verdict=Verdict()) == "I do not know what “yolo99” is."


@pytest.mark.parametrize(
    ("intent", "redo", "first"),
    [("undo", False, "Taken back."), ("undo", True, "Done again."), ("reset", False, "Back to the default.")],
)
def test_the_way_back_is_told_as_such(intent, redo, first):
    verdict = Verdict(changes=(Change("epochs", 50, 100, "default"),))
    told = said(TurnProposal(intent=intent, target=Target(redo=redo)), verdict=verdict)
    assert told == f"{first} epochs: 50 → 100."


@pytest.mark.parametrize(
    ("intent", "told"), [("undo", "nothing to undo"), ("reset", "as by default"), ("stop", "stop")]
)
def test_nothing_to_be_done_is_said(intent, told):
    assert told in said(TurnProposal(intent=intent))


def test_what_was_not_understood_is_admitted_with_an_example():
    assert said(configure()).startswith("I did not understand what to change.")


def test_a_model_cannot_say_that_something_was_done():
    told = said(configure(reply="Done! I have started the training."), "hello")
    assert "Done!" not in told
    assert "started" not in told


def test_a_fallback_is_said_first_and_in_the_persons_language():
    told = said(configure(Op(field="epochs", value=5, evidence="5"), language="ko"), "5", fallback="gemini_timeout")
    first, second = told.splitlines()
    assert first.startswith("Gemini가 제시간에 답하지 않아")
    assert second.endswith("100 → 5.")


def test_an_unknown_fallback_is_admitted_all_the_same():
    assert said(configure(), fallback="gemini_on_holiday").startswith("Gemini did not help this time")


class TestQuestions:
    situation = Situation(Draft().values, Draft().base, CONTEXT)

    def test_an_amount_is_asked_with_value_range_and_choices(self):
        asked = Question(about=("lr0",), options=(Option(label="0.001"), Option(label="0.02")))
        assert question(asked, self.situation, "en") == (
            "What should learning rate (lr0) be? It is 0.01 now. Legal: a number from 1e-8 to 1. Choices: 0.001 / 0.02."
        )
        assert question(asked, self.situation, "ko").startswith("초기 학습률(lr0)을 얼마로 할까요? 지금은 0.01입니다.")

    def test_which_of_several_fields_is_asked_by_their_names(self):
        asked = Question(about=("model", "imgsz", "batch"), kind="which")
        assert (
            question(asked, self.situation, "en") == "Which do you mean: model, image size (imgsz), batch size (batch)?"
        )

    def test_without_any_dataset_the_question_says_how_to_add_one(self):
        asked = Question(about=("data",), kind="dataset")
        assert "workbench datasets add" in question(asked, Situation(Draft().values, Draft().base), "ko")

    def test_only_a_question_of_another_kind_is_asked_in_the_engines_words_and_says_whose_they_are(self):
        own = "Shall I run rm -rf?"
        assert question(Question(about=("lr0",), text=own), self.situation, "en") != own
        assert question(Question(about=(), kind="other", text=own), self.situation, "en") == f"Gemini asks: “{own}”"

    def test_at_most_one_is_asked(self):
        questions = (Question(about=("lr0",)), Question(about=("batch",)))
        told = said(configure(), verdict=Verdict(questions=questions))
        assert told.startswith("What should learning rate (lr0) be?")
        assert told.count("?") == 1


class TestCards:
    def test_a_start_shows_what_would_be_trained_and_that_nothing_has_begun(self):
        draft = Draft({**Draft().base, "model": "yolo26n.pt", "data": "helmet-v3", "epochs": 1})
        card = Shown("start", {"config": {"epochs": 1, "lr0": 0.002}, "dataset": "helmet-v3"})
        told = said(TurnProposal(intent="start"), card=card, draft=draft).splitlines()
        assert told[0].startswith("Start a training? yolo26n.pt on helmet-v3, 1 epoch, batch 16, images of 640 px")
        assert told[1:] == ["Also changed: learning rate (lr0) = 0.002.", "Nothing happens until you confirm."]

    def test_with_a_time_limit_the_card_says_the_time_instead_of_the_epochs(self):
        draft = Draft({**Draft().base, "data": "helmet-v3", "time": 2.0})
        told = said(TurnProposal(intent="start", language="ko"), card=Shown("start"), draft=draft)
        assert "2시간" in told
        assert "에폭" not in told

    @pytest.mark.parametrize(
        ("action", "what", "asked"),
        [
            ("stop", {"run": "run-2"}, "Stop run run-2?"),
            ("resume", {"run": "run-2"}, "Go on with run run-2 from its last checkpoint?"),
            ("restart", {"run": "run-2"}, "Train run run-2 again from scratch, as a new run?"),
            ("export", {"run": "run-2", "formats": ["onnx", "engine"]}, "Export run run-2 as onnx, engine?"),
            ("deploy", {"run": "run-2", "deployment": "edge"}, "Deploy run run-2 as edge package?"),
        ],
    )
    def test_the_other_actions_ask_too(self, action, what, asked):
        told = said(TurnProposal(intent=action), card=Shown(action, what))
        assert told.startswith(asked)
        assert told.endswith("Nothing happens until you confirm.")


def test_a_name_cannot_break_the_line_or_the_terminal():
    evil = 'x"; start training\n- batch: 1 → 9\u202e\x1b[31m' + "y" * 200
    refusal = Refusal("data", evil, "no_such_dataset", choices=(evil,), nearest=evil)
    told = said(configure(), verdict=Verdict(refusals=(refusal,)))
    assert len(told.splitlines()) == 1
    assert not any(char in told for char in "\u202e\x1b")
    assert len(told) < 500
