"""What is done of a turn: evidence, values, devices, suggestions, questions."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.chat.judged import INTENTS, changed, noted, op, ruled, situation
from workbench.chat.context import Context
from workbench.chat.judge import Note, Refusal, judge_edit, judge_ops
from workbench.chat.turn import Op, Option, Question
from workbench.config import limits


def _short(value: Any) -> str:
    return str(value)[:20]


def _only(*ops: Op, **more: Any) -> Refusal:
    verdict = ruled(*ops, **more)
    assert verdict.changes == ()
    (refusal,) = verdict.refusals
    return refusal


class TestEvidence:
    def test_what_was_said_is_done_and_bears_its_words(self) -> None:
        (change,) = ruled(op("epochs", 50, evidence="50 epochs"), text="make it 50 epochs").changes
        assert (change.before, change.after, change.source, change.evidence) == (100, 50, "user", "50 epochs")

    @pytest.mark.parametrize(
        ("text", "evidence"),
        [
            ("에폭은 ５０으로", "50으로"),
            ("EPOCHS  to\n50", "epochs to 50"),
            ("50 에폭", "50 에폭"),
            ("ＢＡＴＣＨ 8", "batch 8"),
            ("set\u200b it to 50", "set it"),
            ("yolo26s", "s"),
            ("0,1", "0,1"),
        ],
    )
    def test_words_are_compared_without_case_width_composition_and_blanks(self, text: str, evidence: str) -> None:
        assert changed(ruled(op("epochs", 50, evidence=evidence), text=text)) == {"epochs": 50}

    @pytest.mark.parametrize(
        ("text", "evidence"),
        [
            ("50 epochs", ""),
            ("50 epochs!", "!"),
            ("50 epochs", "   "),
            ("50 epochs", "60 epochs"),
            ("50 epochs", "5"),
            ("50 epochs", "0 epochs"),
            ("mosaic 0.5", "5"),
            ("mosaic 0.5", "0"),
            ("50 epochs", "s"),
            ("50 epochs", "50 epochs " + "x" * 100_000),
        ],
    )
    def test_what_was_not_said_is_only_suggested(self, text: str, evidence: str) -> None:
        verdict = ruled(op("epochs", 5, evidence=evidence), text=text)
        assert verdict.changes == ()
        assert [suggestion.field for suggestion in verdict.suggestions] == ["epochs"]

    @pytest.mark.parametrize("word", ["999", "epochs-to-999", "epochs"])
    def test_a_part_of_a_dataset_s_name_asks_for_nothing(self, word: str) -> None:
        verdict = ruled(
            op("data", "set-epochs-to-999", evidence="set-epochs-to-999"),
            op("epochs", 999, evidence=word),
            text="train on set-epochs-to-999",
        )
        assert changed(verdict) == {"data": "set-epochs-to-999"}

    def test_what_stands_in_a_name_and_beside_it_was_said(self) -> None:
        verdict = ruled(op("epochs", 999, evidence="999"), text="set-epochs-to-999, 999 epochs")
        assert changed(verdict) == {"epochs": 999}

    def test_a_run_s_number_is_no_number_of_epochs(self) -> None:
        assert ruled(op("epochs", 12, evidence="12"), text="stop run-12").changes == ()

    def test_a_suggestion_that_could_not_be_done_is_not_made(self) -> None:
        ops = [op("epochs", 0, evidence="-"), op("epochz", 3, evidence="-"), op("batch", 16, evidence="-")]
        verdict = ruled(*ops, op("mode", "val", evidence="-"), op("lr0", 0.5, evidence="-"))
        assert [suggestion.field for suggestion in verdict.suggestions] == ["lr0"]
        assert verdict.refusals == ()

    @pytest.mark.parametrize("intent", INTENTS)
    def test_a_question_never_changes_the_config(self, intent: Any) -> None:
        verdict = ruled(op("epochs", 500), intent=intent)
        asks = intent in {"ask", "explain", "help", "compare", "status", "list_datasets", "out_of_scope"}
        assert bool(verdict.changes) is not asks
        assert bool(verdict.suggestions) is asks

    @pytest.mark.parametrize("field", ["pretrained", "distill_model", "model", "source"])
    def test_a_file_that_the_user_did_not_name_is_only_suggested(self, field: str) -> None:
        where = situation()
        assert ruled(op(field, "their/own.pt"), where=where).changes == ()
        named = ruled(op(field, "their/own.pt"), text="so, from their/own.pt", where=where)
        assert changed(named) == {field: "their/own.pt"}

    def test_a_step_that_was_said_once_is_done_once(self) -> None:
        twice = [op("epochs", 2, "scale", "double")] * 2
        assert changed(ruled(*twice, text="double the epochs")) == {"epochs": 200}
        assert changed(ruled(*twice, text="double and double again")) == {"epochs": 400}

    def test_a_click_needs_no_words(self) -> None:
        (change,) = judge_ops([Op(field="epochs", value=50)], situation(), source="model_suggestion").changes
        assert (change.after, change.source) == (50, "model_suggestion")


class TestValues:
    def test_one_impossible_value_does_not_stop_the_rest(self) -> None:
        verdict = ruled(op("batch", 0), op("epochs", 40))
        assert changed(verdict) == {"epochs": 40}
        assert [(refusal.field, refusal.reason) for refusal in verdict.refusals] == [("batch", "out_of_range")]

    @pytest.mark.parametrize(
        ("field", "value", "reason", "nearest"),
        [
            ("epochs", -5, "out_of_range", 1),
            ("epochs", 2.5, "not_whole", 2),
            ("epochs", True, "not_legal", None),
            ("epochs", "50", "not_legal", None),
            ("epochs", None, "not_legal", None),
            ("epochs", [1, 2], "not_legal", None),
            ("epochs", math.nan, "not_legal", None),
            ("epochs", math.inf, "out_of_range", None),
            ("lr0", 2, "out_of_range", 1.0),
            ("lr0", math.inf, "out_of_range", 1.0),
            ("lr0", math.nan, "not_legal", None),
            ("lr0", "0.01", "not_legal", None),
            ("lr0", False, "not_legal", None),
            ("imgsz", 31, "out_of_range", 32),
            ("imgsz", 10**400, "out_of_range", 8192),
            ("lr0", 10**400, "out_of_range", 1.0),
            ("batch", -2, "out_of_range", 1),
            ("batch", 2.5, "not_whole", 2),
            ("batch", 10**400, "out_of_range", 65536),
            ("time", -2, "out_of_range", 0.001),
            ("freeze", -3, "out_of_range", 0),
            ("cos_lr", 1, "not_legal", None),
            ("cos_lr", "yes", "unknown_word", None),
            ("optimizer", "Adan", "unknown_word", "Adam"),
            ("optimizer", 3, "not_legal", None),
            ("quantize", 12, "unknown_word", 8),
            ("tracker", "botsort", "unknown_word", "botsort.yaml"),
            ("task", "paint", "unknown_word", None),
            ("mode", "val", "owned", None),
            ("name", "so", "owned", None),
            ("epochz", 3, "unknown_field", "epochs"),
            ("", 3, "unknown_field", None),
        ],
        ids=_short,
    )
    def test_an_impossible_value_is_refused_with_what_would_do(
        self, field: str, value: Any, reason: str, nearest: Any
    ) -> None:
        refusal = _only(op(field, value))
        assert (refusal.field, refusal.reason, refusal.nearest) == (field, reason, nearest)
        assert refusal.evidence == "so"

    def test_a_number_out_of_range_names_the_range_of_the_rule(self) -> None:
        rule: Any = limits.RULES["epochs"]
        refusal = _only(op("epochs", 0))
        assert (refusal.low, refusal.high) == (rule.low, rule.high)

    def test_a_word_that_is_not_known_names_those_that_are(self) -> None:
        assert _only(op("optimizer", "Lion")).choices == limits.OPTIMIZERS
        assert _only(op("quantize", 12)).choices == (8, 16, 32, "w8a16", "w8a32")

    @pytest.mark.parametrize(
        ("field", "value", "expected"),
        [
            ("epochs", 50.0, 50),
            ("batch", 8.0, 8),
            ("batch", 0.8, 0.8),
            ("batch", -1.0, -1),
            ("warmup_epochs", 5, 5.0),
            ("optimizer", "adamw", "AdamW"),
            ("freeze", [0, 1], (0, 1)),
            ("time", None, None),
            ("amp", "BF16", "bf16"),
            ("amp", False, False),
            ("time", 1, 1.0),
        ],
    )
    def test_a_legal_value_takes_its_one_form(self, field: str, value: Any, expected: Any) -> None:
        where = situation(batch=4, time=3.0)
        after = changed(ruled(op(field, value), where=where))[field]
        assert (after, type(after)) == (expected, type(expected))

    def test_all_of_the_memory_is_not_taken_for_one_image(self) -> None:
        assert _only(op("batch", 1.0)).nearest is not None
        assert changed(ruled(op("batch", 1))) == {"batch": 1}

    def test_unset_goes_back_to_the_default_of_the_conversation(self) -> None:
        (change,) = ruled(op("epochs", kind="unset"), where=situation(epochs=7)).changes
        assert (change.after, change.source) == (100, "default")

    def test_what_is_so_already_is_no_change(self) -> None:
        verdict = ruled(op("epochs", 100.0))
        assert verdict.changes == ()
        assert noted(verdict) == {"already": {"field": "epochs", "value": 100}}

    def test_the_last_wish_for_a_field_wins(self) -> None:
        assert changed(ruled(op("epochs", 50), op("epochs", 60))) == {"epochs": 60}
        assert changed(ruled(op("epochs", 2, "scale"), op("epochs", 60))) == {"epochs": 60}
        assert changed(ruled(op("epochs", 60), op("epochs", 2, "scale"))) == {"epochs": 120}
        assert changed(ruled(op("epochs", 10**9, "scale"), op("epochs", 60))) == {"epochs": 60}
        assert _only(op("epochs", 50), op("epochs", 0)).value == 0

    def test_a_value_that_was_illegal_before_the_turn_does_not_stop_it(self) -> None:
        where = situation()
        where = replace(where, values={**where.values, "imgsz": 5})
        assert changed(ruled(op("epochs", 50), where=where)) == {"epochs": 50}

    @pytest.mark.parametrize(
        ("size", "model", "used"), [(700, "yolo26n.pt", 704), (1280, "yolo26n.pt", None), (672, "yolo26n-p6.yaml", 704)]
    )
    def test_an_image_size_off_the_stride_says_what_is_trained(self, size: int, model: str, used: int | None) -> None:
        verdict = ruled(op("imgsz", size), where=situation(model=model))
        assert noted(verdict).get("imgsz_rounded", {}).get("used") == used

    def test_a_time_limit_says_that_it_goes_before_epochs(self) -> None:
        assert "time_overrides_epochs" in noted(ruled(op("time", 2)))
        assert "time_overrides_epochs" in noted(ruled(op("epochs", 20), where=situation(time=2.0)))
        assert "time_overrides_epochs" not in noted(ruled(op("batch", 8), where=situation(time=2.0)))


class TestReckoning:
    @pytest.mark.parametrize(
        ("field", "now", "kind", "amount", "expected"),
        [
            ("epochs", 100, "scale", 1.5, 150),
            ("epochs", 100, "scale", 1.125, 113),
            ("epochs", 100, "scale", 1.005, 101),
            ("epochs", 100, "scale", 0.29, 29),
            ("epochs", 5, "scale", 0.5, 3),
            ("epochs", 100, "add", -20.0, 80),
            ("lr0", 0.01, "scale", 0.3, 0.003),
            ("lr0", 0.1, "add", 0.2, 0.3),
            ("lr0", 0.01, "scale", 1 / 3, 0.00333333333333),
            ("batch", 16, "scale", 2, 32),
            ("batch", 0.4, "scale", 2, 0.8),
            ("batch", 0.4, "add", 0.1, 0.5),
            ("time", 2.0, "add", 1, 3.0),
            ("freeze", 10, "add", 5, 15),
            ("priority", -1, "add", 2, 1),
        ],
    )
    def test_a_relative_change_goes_by_the_value_as_it_is(
        self, field: str, now: Any, kind: str, amount: Any, expected: Any
    ) -> None:
        after = changed(ruled(op(field, amount, kind), where=situation(**{field: now})))[field]
        assert (after, type(after)) == (expected, type(expected))

    @pytest.mark.parametrize(
        ("field", "now", "kind", "amount"),
        [
            ("time", None, "add", 1),
            ("batch", -1, "scale", 2),
            ("batch", 0.8, "add", 8),
            ("save_period", -1, "scale", 2),
            ("optimizer", "auto", "scale", 2),
            ("freeze", (0, 1), "add", 5),
            ("cos_lr", True, "add", 1),
            ("quantize", 8, "scale", 2),
            ("model", "yolo26n.pt", "scale", 2),
        ],
    )
    def test_where_there_is_nothing_to_go_by_it_asks_by_how_much(
        self, field: str, now: Any, kind: str, amount: Any
    ) -> None:
        where = situation(**{field: now})
        verdict = ruled(op(field, amount, kind), where=where)
        assert (verdict.changes, verdict.refusals, verdict.notes) == ((), (), ())
        question = verdict.question
        assert question is not None
        assert (question.about, question.kind) == ((field,), "amount")
        assert all(judge_ops(option.ops, where).changes for option in question.options)

    def test_a_time_limit_is_asked_for_with_buttons(self) -> None:
        question = ruled(op("time", 1, "add")).question
        assert question is not None
        assert [option.label for option in question.options] == ["1", "2", "4"]

    @pytest.mark.parametrize("amount", [None, True, "2", math.nan, math.inf, [2]])
    def test_an_amount_that_is_no_number_is_refused(self, amount: Any) -> None:
        assert _only(op("epochs", amount, "scale")).reason == "not_legal"

    @pytest.mark.parametrize(
        ("field", "kind", "amount", "nearest"),
        [
            ("epochs", "scale", 10**400, 100_000),
            ("epochs", "scale", 1e308, 100_000),
            ("epochs", "add", -1e308, 1),
            ("lr0", "scale", 10**400, 1.0),
            ("lr0", "add", -(10**400), 1e-8),
            ("lr0", "scale", -(10**400), 1e-8),
            ("epochs", "scale", 0, 1),
            ("lr0", "scale", 1000, 1.0),
        ],
        ids=_short,
    )
    def test_a_result_out_of_range_is_refused_with_the_end_that_it_passed(
        self, field: str, kind: str, amount: Any, nearest: Any
    ) -> None:
        refusal = _only(op(field, amount, kind))
        assert (refusal.reason, refusal.nearest) == ("out_of_range", nearest)

    def test_a_share_of_the_memory_stays_a_share(self) -> None:
        refusal = _only(op("batch", 2, "scale"), where=situation(batch=0.8))
        assert (refusal.value, refusal.high) == (1.6, 0.999)


class TestDevices:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            *[
                (value, "0")
                for value in (0, 0.0, "0", "００", "cuda:0", "gpu", "GPU", "cuda", "gpu 0", "gpu0", [0], ["0"])
            ],
            *[(value, "0,1") for value in ("0,1", [0, 1], "cuda:0,cuda:1", "0, 1")],
            ("cpu", "cpu"),
            ("CPU", "cpu"),
            (-1, "-1"),
        ],
    )
    def test_every_spelling_of_a_device_comes_to_one_form(self, value: Any, expected: str) -> None:
        assert changed(ruled(op("device", value))) == {"device": expected}

    @pytest.mark.parametrize("value", [2, "2", "cuda:3", "0,2", "mps", "tpu", [0, 5], "gpu7"])
    def test_a_device_that_is_not_there_is_refused_with_those_that_are(self, value: Any) -> None:
        refusal = _only(op("device", value))
        assert (refusal.reason, refusal.choices) == ("no_such_device", ("cpu", "0", "1"))

    def test_a_gpu_is_refused_where_there_is_none(self) -> None:
        where = situation(Context(devices=("cpu",)))
        for value in ("gpu", "cuda", 0, -1):
            refused = _only(op("device", value), where=where)
            assert (refused.reason, refused.nearest) == ("no_gpu", None)
        assert _only(op("device", "npu:0"), where=where).reason == "no_such_device"

    def test_the_first_gpu_is_the_first_of_those_that_are_there(self) -> None:
        assert changed(ruled(op("device", "gpu"), where=situation(Context(devices=("cpu", "cuda:3"))))) == {
            "device": "3"
        }

    @pytest.mark.parametrize("value", ["mps", "7", "npu:0", "gpu"])
    def test_any_device_is_accepted_where_nothing_is_known(self, value: str) -> None:
        assert changed(ruled(op("device", value), where=situation(Context()))) == {"device": value.replace("gpu", "0")}

    @pytest.mark.parametrize("value", [True, 1.5, "0,0", [], "", "cuda:-2", 1000, "the fast one"])
    def test_what_is_no_device_is_refused(self, value: Any) -> None:
        assert _only(op("device", value), where=situation(Context())).reason == "not_legal"

    def test_another_spelling_of_the_same_device_is_no_change(self) -> None:
        assert noted(ruled(op("device", "cuda:0"), where=situation(device=0))).keys() == {"already"}

    def test_none_leaves_the_device_to_the_trainer(self) -> None:
        assert changed(ruled(op("device"), where=situation(device="cpu"))) == {"device": None}


class TestQuestions:
    def test_one_question_is_asked_and_the_engine_s_goes_first(self) -> None:
        questions = (Question(about=("lr0",)), Question(about=("epochs",)))
        verdict = ruled(op("time", 1, "add"), questions=questions)
        assert [question.about for question in verdict.questions] == [("lr0",)]

    def test_a_question_that_has_its_answer_is_not_asked(self) -> None:
        assert ruled(op("lr0", 0.1), questions=(Question(about=("lr0",)),)).question is None

    def test_whoever_asks_is_not_asked_back(self) -> None:
        assert ruled(questions=(Question(about=("lr0",)),), intent="explain").question is None

    def test_a_button_does_only_what_the_question_is_about(self) -> None:
        options = (
            Option(label="0.001", ops=(Op(field="lr0", value=0.001),)),
            Option(label="0.002", ops=(Op(field="lr0", value=0.002), Op(field="epochs", value=1))),
            Option(label="7", ops=(Op(field="lr0", value=7),)),
            Option(label="as it is"),
        )
        question = ruled(questions=(Question(about=("lr0", "nonsense"), options=options),)).question
        assert question is not None
        assert question.about == ("lr0",)
        assert [option.label for option in question.options] == ["0.001", "as it is"]


class TestUnknownWords:
    @pytest.mark.parametrize(
        ("field", "word", "reason", "nearest"),
        [
            ("data", "helmets-9", "no_such_dataset", "helmet-v3"),
            ("device", "gpu9", "no_such_device", None),
            ("optimizer", "Lion", "unknown_word", None),
            ("run", "run-13", "no_such_run", "run-12"),
            ("model", "yollo26s", "unknown_word", "yolo26s.pt"),
            ("epoch", "viele", "unknown_field", "epochs"),
        ],
    )
    def test_a_word_of_the_user_that_names_nothing_is_refused(
        self, field: str, word: str, reason: str, nearest: str | None
    ) -> None:
        (refusal,) = ruled(text=f"use {word}", unknown={field: word}).refusals
        assert (refusal.reason, refusal.value, refusal.nearest) == (reason, word, nearest)

    def test_a_word_that_the_user_did_not_say_is_not_refused(self) -> None:
        assert ruled(text="hello", unknown={"data": "helmets-9"}).refusals == ()


def test_an_edit_of_the_form_is_judged_value_by_value() -> None:
    verdict = judge_edit({"epochs": 50, "fraction": [0.8, 0.2], "batch": 0, "lr0": object()}, situation())
    assert changed(verdict) == {"epochs": 50, "fraction": (0.8, 0.2)}
    assert [refusal.field for refusal in verdict.refusals] == ["batch", "lr0"]


def test_refusals_and_notes_survive_json() -> None:
    ops = [op("epochs", 10**5000), op("lr0", math.nan), op("optimizer", "Lion"), op("amp", "x"), op("time", 1)]
    verdict = ruled(*ops)
    for refusal in verdict.refusals:
        assert Refusal.from_payload(json.loads(json.dumps(refusal.to_payload(), allow_nan=False))) == refusal
    for note in verdict.notes:
        assert Note.from_payload(json.loads(json.dumps(note.to_payload()))) == note
