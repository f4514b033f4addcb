"""Dataset, task and model: what follows from which, and what a model may be called."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.chat.judged import CONTEXT, changed, noted, op, ruled, situation
from workbench.chat.context import Context, DatasetFact
from workbench.chat.judge import judge_edit
from workbench.chat.judge.models import families, heard, ladder, named, read, sizes
from workbench.chat.turn import Situation
from workbench.config import catalogue
from workbench.config.schema import TrainingConfig


def _sources(verdict: Any) -> dict[str, str]:
    return {change.field: change.source for change in verdict.changes}


class TestNames:
    @pytest.mark.parametrize(
        ("now", "said", "expected"),
        [
            ("yolo26n.pt", "s", "yolo26s.pt"),
            ("yolo26n.pt", "Medium", "yolo26m.pt"),
            ("yolo26n.pt", "x-large", "yolo26x.pt"),
            ("yolo26n-seg.pt", "m", "yolo26m-seg.pt"),
            ("yolo26n-seg.yaml", "m", "yolo26m-seg.yaml"),
            ("yolo26n", "m", "yolo26m.pt"),
            ("yolo26l-pose.pt", "yolo11", "yolo11l-pose.pt"),
            ("yolo26n-seg.pt", "yolo11m", "yolo11m-seg.pt"),
            ("yolo26n.pt", "yolo11m-seg", "yolo11m-seg.pt"),
            ("yolo26n.pt", "yolo11m-seg.yaml", "yolo11m-seg.yaml"),
            ("yolo26n.yaml", "yolo26s.pt", "yolo26s.pt"),
            ("yolo26n.pt", "YOLOv8", "yolov8n.pt"),
            ("yolo26n.pt", "v8 large", "yolov8l.pt"),
            ("yolo26n.pt", "yolo8", "yolov8n.pt"),
            ("yolo26n.pt", "yolov11x", "yolo11x.pt"),
            ("yolo26n.pt", "yolo 11 m", "yolo11m.pt"),
            ("yolo26n.pt", "11", "yolo11n.pt"),
            ("yolo26n.pt", 11, "yolo11n.pt"),
            ("yolo26n.pt", "yolo11 segmentation", "yolo11n-seg.pt"),
            ("yolo26s.pt", "yolov5", "yolov5su.pt"),
            ("yolo26n.pt", "yolov9c", "yolov9c.pt"),
            ("yolo26n.pt", "yolov8n-oiv7", "yolov8n-oiv7.pt"),
            ("yolo26n.yaml", "yolov8n-oiv7", "yolov8n-oiv7.pt"),
            ("yolov8n-p2.yaml", "m", "yolov8m-p2.yaml"),
            ("yolo26n-objv1-150.pt", "s", "yolo26s-objv1-150.pt"),
            ("yolo26n.pt", "rtdetr-x", "rtdetr-x.pt"),
            ("yolo26n.pt", "RT-DETR", "rtdetr-l.pt"),
            ("rtdetr-l.pt", "x", "rtdetr-x.pt"),
            ("yolo26n-seg.pt", "yoloe-26", "yoloe-26n-seg.pt"),
            ("yolo26n.pt", "yolov3-tiny", "yolov3-tinyu.pt"),
        ],
    )
    def test_a_word_for_a_model_changes_the_part_that_it_names(self, now: str, said: Any, expected: str) -> None:
        assert changed(ruled(op("model", said), where=situation(model=now)))["model"] == expected

    def test_every_model_of_the_catalogue_is_found_by_its_name(self) -> None:
        for entry in catalogue.models():
            said, model = heard(entry.name), read(entry.weights or entry.yaml)
            assert said is not None
            assert (said.family, said.scale, said.implied) == (entry.family, entry.scale, entry.task)
            assert catalogue.find(named(model, entry.task)) in (entry, catalogue.find(entry.weights or entry.yaml))

    @pytest.mark.parametrize("word", ["yolo99", "yollo26s", "yolo99n.pt", "yolo26q.pt", "best", "yolo", "bigger one"])
    def test_an_unknown_model_is_refused(self, word: str) -> None:
        verdict = ruled(op("model", word))
        assert verdict.changes == ()
        assert [(refusal.reason, refusal.value) for refusal in verdict.refusals] == [("unknown_word", word)]

    @pytest.mark.parametrize("value", [None, True, "", "  ", 1.5, ["yolo26n.pt"], -1, "x" * 5000])
    def test_what_is_no_word_for_a_model_is_refused(self, value: Any) -> None:
        assert [refusal.reason for refusal in ruled(op("model", value)).refusals] == ["not_legal"]

    def test_a_slip_names_the_model_that_may_be_meant(self) -> None:
        (refusal,) = ruled(op("model", "yolo26n-poes.pt")).refusals
        assert refusal.nearest == "yolo26n-pose.pt"

    @pytest.mark.parametrize("path", ["runs/best.pt", "C:\\Weights\\Best.pt", "helmet-best.pt", "yolo26n-own.pt"])
    def test_a_checkpoint_of_the_user_s_is_kept_as_it_is(self, path: str) -> None:
        verdict = ruled(op("model", path, evidence=path), text=f"from {path}")
        assert changed(verdict) == {"model": path}
        assert noted(verdict) == {"own_model": {"model": path, "task": "detect"}}

    def test_a_size_after_a_checkpoint_of_the_user_s_is_one_of_the_default_family(self) -> None:
        where = situation(model="runs/best.pt", task="segment")
        assert changed(ruled(op("model", "m"), where=where)) == {"model": "yolo26m-seg.pt"}

    def test_weights_that_are_not_there_become_a_model_from_scratch_and_it_says_so(self) -> None:
        verdict = ruled(op("model", "yolo12"), where=situation(model="yolo26l-seg.pt"))
        assert changed(verdict) == {"model": "yolo12l-seg.yaml"}
        assert noted(verdict) == {"no_weights": {"model": "yolo12l-seg.yaml"}}

    def test_family_and_size_add_up(self) -> None:
        for ops in ([op("model", "yolo11"), op("model", "m")], [op("model", "m"), op("model", "yolo11")]):
            assert changed(ruled(*ops)) == {"model": "yolo11m.pt"}

    def test_one_unknown_part_does_not_stop_the_other(self) -> None:
        verdict = ruled(op("model", "yolo99"), op("model", "m"))
        assert changed(verdict) == {"model": "yolo26m.pt"}
        assert [refusal.value for refusal in verdict.refusals] == ["yolo99"]

    @pytest.mark.parametrize(
        ("now", "family", "expected"), [("yolo26n.pt", "yolov9", "t"), ("yolo26x.pt", "yolov9", "e")]
    )
    def test_a_family_without_the_size_gives_the_nearest_one_and_says_so(
        self, now: str, family: str, expected: str
    ) -> None:
        verdict = ruled(op("model", family), where=situation(model=now))
        assert changed(verdict)["model"] in (f"{family}{expected}.pt", f"{family}s.pt")
        assert noted(verdict)["size_changed"]["family"] == family

    def test_a_size_that_the_family_has_not_is_refused_with_those_that_it_has(self) -> None:
        (refusal,) = ruled(op("model", "yolov9n")).refusals
        assert (refusal.reason, refusal.choices) == ("no_such_size", ("t", "s", "m", "c", "e"))


class TestSteps:
    @pytest.mark.parametrize(
        ("now", "steps", "expected"),
        [
            ("yolo26n.pt", 1, "yolo26s.pt"),
            ("yolo26l-seg.pt", -1, "yolo26m-seg.pt"),
            ("yolo26n.yaml", 2.0, "yolo26m.yaml"),
            ("yolov10m.pt", 1, "yolov10l.pt"),
            ("yolov10b.pt", 1, "yolov10l.pt"),
            ("yolov9t.pt", 1, "yolov9s.pt"),
            ("yolov9m.pt", 1, "yolov9c.pt"),
            ("yolov5nu.pt", 1, "yolov5su.pt"),
            ("rtdetr-l.pt", 1, "rtdetr-x.pt"),
            ("yolov8n-p2.yaml", 1, "yolov8s-p2.yaml"),
        ],
    )
    def test_one_bigger_is_the_next_size(self, now: str, steps: Any, expected: str) -> None:
        assert changed(ruled(op("model", steps, "add"), where=situation(model=now))) == {"model": expected}

    @pytest.mark.parametrize(
        ("now", "steps", "nearest"),
        [("yolo26x.pt", 1, None), ("yolo26n.pt", -1, None), ("yolo26l.pt", 2, "x"), ("yolo26m.pt", -9, "n")],
    )
    def test_beyond_the_ends_there_is_no_size(self, now: str, steps: int, nearest: str | None) -> None:
        verdict = ruled(op("model", steps, "add"), where=situation(model=now))
        assert verdict.changes == ()
        (refusal,) = verdict.refusals
        assert (refusal.reason, refusal.low, refusal.high, refusal.nearest) == ("no_such_size", "n", "x", nearest)

    @pytest.mark.parametrize(
        ("now", "steps"),
        [
            ("yolo26n.pt", 0.5),
            ("yolo26n.pt", "1"),
            ("yolo26n.pt", None),
            ("runs/best.pt", 1),
            ("yolov3u.pt", 1),
            ("yolo26n.pt", 10**400),
        ],
    )
    def test_a_step_that_is_none_or_has_no_ladder_is_refused(self, now: str, steps: Any) -> None:
        verdict = ruled(op("model", steps, "add"), where=situation(model=now))
        assert verdict.changes == ()
        assert len(verdict.refusals) == 1

    def test_two_steps_add_up(self) -> None:
        verdict = ruled(op("model", 1, "add", "one"), op("model", 1, "add", "two"), text="one two")
        assert changed(verdict) == {"model": "yolo26m.pt"}


class TestTask:
    def test_a_task_changes_the_model_and_keeps_family_size_and_ending(self) -> None:
        verdict = ruled(op("task", "segment"), where=situation(model="yolo11m.yaml"))
        assert changed(verdict) == {"task": "segment", "model": "yolo11m-seg.yaml"}
        assert _sources(verdict) == {"task": "user", "model": "derived"}

    @pytest.mark.parametrize("task", ["segment", "semantic", "depth", "classify", "pose", "obb"])
    def test_every_task_has_a_model(self, task: str) -> None:
        after = changed(ruled(op("task", task)))
        assert TrainingConfig(model=after["model"]).task == task

    def test_a_family_without_the_task_gives_way_to_the_newest_that_has_it(self) -> None:
        verdict = ruled(op("task", "pose"), where=situation(model="yolov10m.pt"))
        assert changed(verdict) == {"task": "pose", "model": "yolo26m-pose.pt"}
        assert noted(verdict) == {"family_changed": {"before": "yolov10", "after": "yolo26", "task": "pose"}}

    @pytest.mark.parametrize("order", [1, -1])
    def test_a_family_that_was_named_for_a_task_that_it_has_not_is_refused(self, order: int) -> None:
        verdict = ruled(*[op("task", "segment"), op("model", "yolov10")][::order])
        assert changed(verdict) == {"task": "segment", "model": "yolo26n-seg.pt"}
        (refusal,) = verdict.refusals
        assert (refusal.field, refusal.reason, refusal.value) == ("model", "task_mismatch", "segment")
        assert "yolov10" not in refusal.choices
        assert "yolo11" in refusal.choices

    def test_where_neither_the_family_that_is_nor_the_one_that_was_named_has_the_task_the_newest_takes_over(
        self,
    ) -> None:
        verdict = ruled(op("task", "segment"), op("model", "yolov5"), where=situation(model="yolov10m.pt"))
        assert changed(verdict) == {"task": "segment", "model": "yolo26m-seg.pt"}
        assert noted(verdict)["family_changed"]["before"] == "yolov10"
        assert [refusal.reason for refusal in verdict.refusals] == ["task_mismatch"]

    @pytest.mark.parametrize("order", [1, -1])
    def test_task_and_model_of_one_turn_add_up_in_any_order(self, order: int) -> None:
        ops = [op("task", "segment"), op("model", "yolo11m")][::order]
        assert changed(ruled(*ops)) == {"task": "segment", "model": "yolo11m-seg.pt"}

    def test_a_full_name_brings_its_task(self) -> None:
        verdict = ruled(op("model", "yolo26s-pose.pt"))
        assert changed(verdict) == {"task": "pose", "model": "yolo26s-pose.pt"}
        assert _sources(verdict) == {"task": "derived", "model": "user"}

    def test_a_file_name_that_was_typed_is_that_file(self) -> None:
        where = situation(model="yolo26n-seg.pt")
        typed = ruled(op("model", "yolo11m.pt", evidence="yolo11m.pt"), text="take yolo11m.pt", where=where)
        assert changed(typed) == {"task": "detect", "model": "yolo11m.pt"}
        guessed = ruled(op("model", "yolo11m.pt", evidence="11 medium"), text="take 11 medium", where=where)
        assert changed(guessed) == {"model": "yolo11m-seg.pt"}

    def test_unset_brings_model_and_task_back_together(self) -> None:
        where = situation(model="yolo11m-seg.pt")
        assert changed(ruled(op("model", kind="unset"), where=where)) == {"task": "detect", "model": "yolo26n.pt"}
        assert changed(ruled(op("task", kind="unset"), where=where)) == {"task": "detect", "model": "yolo11m.pt"}

    def test_a_checkpoint_of_the_user_s_stays_when_the_task_changes(self) -> None:
        verdict = ruled(op("task", "pose"), where=situation(model="runs/best.pt"))
        assert changed(verdict) == {"task": "pose"}
        assert "own_model" in noted(verdict)

    @pytest.mark.parametrize(("value", "kind"), [(None, "set"), (3, "set"), (1, "add"), (2, "scale"), (True, "set")])
    def test_what_is_no_task_is_refused(self, value: Any, kind: str) -> None:
        verdict = ruled(op("task", value, kind))
        assert verdict.changes == ()
        assert verdict.refusals[0].field == "task"


class TestData:
    def test_a_dataset_of_another_task_brings_task_and_model(self) -> None:
        verdict = ruled(op("data", "crack-seg-2024"), op("model", "m"))
        assert changed(verdict) == {"data": "crack-seg-2024", "task": "segment", "model": "yolo26m-seg.pt"}
        assert _sources(verdict) == {"data": "user", "task": "dataset", "model": "user"}
        assert _sources(ruled(op("data", "welding-pose")))["model"] == "dataset"

    @pytest.mark.parametrize("order", [1, -1])
    def test_a_task_that_was_said_goes_before_that_of_the_dataset(self, order: int) -> None:
        verdict = ruled(*[op("data", "crack-seg-2024"), op("task", "detect")][::order])
        assert changed(verdict) == {"data": "crack-seg-2024"}
        facts = {"data": "crack-seg-2024", "dataset_task": "segment", "task": "detect"}
        assert noted(verdict)["task_mismatch"] == facts

    def test_a_family_that_was_said_keeps_its_task_where_it_has_not_that_of_the_dataset(self) -> None:
        verdict = ruled(op("data", "crack-seg-2024"), op("model", "yolov10"))
        assert changed(verdict) == {"data": "crack-seg-2024", "model": "yolov10n.pt"}
        assert "task_mismatch" in noted(verdict)

    def test_a_dataset_goes_before_the_plain_name_of_a_model_that_was_typed(self) -> None:
        text = "yolo26s.pt on crack-seg-2024"
        ops = (op("model", "yolo26s.pt", evidence="yolo26s.pt"), op("data", "crack-seg-2024", evidence="crack"))
        assert changed(ruled(*ops, text=text))["model"] == "yolo26s-seg.pt"

    def test_a_dataset_that_was_chosen_already_leaves_task_and_model_alone(self) -> None:
        assert changed(ruled(op("data", "crack-seg-2024"), where=situation(data="crack-seg-2024"))) == {}

    def test_a_task_against_the_dataset_is_done_with_a_note(self) -> None:
        where = situation(data="crack-seg-2024", model="yolo26n-seg.pt")
        verdict = ruled(op("task", "detect"), where=where)
        assert changed(verdict) == {"task": "detect", "model": "yolo26n.pt"}
        assert "task_mismatch" in noted(verdict)

    def test_a_dataset_whose_task_nobody_knows_brings_nothing(self) -> None:
        assert changed(ruled(op("data", "sonar"))) == {"data": "sonar"}

    def test_another_case_is_the_same_dataset_where_only_one_is_meant(self) -> None:
        assert changed(ruled(op("data", "Helmet-V3"))) == {"data": "helmet-v3"}
        both = situation(Context((DatasetFact("a"), DatasetFact("A"), DatasetFact("Ａ"))))
        assert changed(ruled(op("data", "A"), where=both)) == {"data": "A"}
        assert ruled(op("data", "ａ"), where=both).refusals[0].reason == "no_such_dataset"

    @pytest.mark.parametrize("value", ["helmet-v4", 3, True, ["helmet-v3"], " ", "x" * 10_000])
    def test_a_dataset_that_is_not_there_is_refused_with_those_that_are(self, value: Any) -> None:
        (refusal,) = ruled(op("data", value)).refusals
        assert refusal.reason == "no_such_dataset"
        assert refusal.choices == tuple(dataset.name for dataset in CONTEXT.datasets)

    def test_where_no_dataset_is_known_only_a_name_that_was_said_is_taken(self) -> None:
        where = situation(Context())
        assert changed(ruled(op("data", "coco8", evidence="coco8"), text="use coco8", where=where)) == {"data": "coco8"}
        assert ruled(op("data", "coco128", evidence="coco8"), text="use coco8", where=where).changes == ()

    @pytest.mark.parametrize(("value", "kind"), [(None, "set"), ("", "set"), (None, "unset")])
    def test_no_dataset_is_a_choice_too(self, value: Any, kind: str) -> None:
        assert changed(ruled(op("data", value, kind), where=situation(data="helmet-v3"))) == {"data": ""}


def test_in_a_form_every_value_is_meant_to_the_letter() -> None:
    where = situation(model="yolo26n-seg.pt")
    verdict = judge_edit({"data": "crack-seg-2024", "model": "yolo11m.yaml"}, where)
    assert changed(verdict) == {"data": "crack-seg-2024", "task": "detect", "model": "yolo11m.yaml"}


@pytest.mark.parametrize("family", ["yolo26", "yolo11", "yolov10", "yolov9", "yolov8", "rtdetr", "yoloe-26"])
def test_every_step_of_every_ladder_is_a_model(family: str) -> None:
    for task in ("detect", "segment"):
        for size in sizes(family, task):
            model = read(f"{family}{size}.yaml") if size else read(f"{family}-l.yaml")
            assert set(ladder(model, task)) <= set(sizes(family, task))


def test_the_newest_family_comes_first() -> None:
    assert families("detect")[0] == "yolo26"


def test_nothing_is_written_that_is_no_config() -> None:
    """Every coupled change of a turn leaves a config that a training takes."""
    for task in ("detect", "segment", "pose"):
        for model in ("yolov10", "yolov9", "yolov5", "yolo12", "x", "rtdetr", "yoloe-26"):
            where: Situation = situation()
            verdict = ruled(op("task", task), op("model", model), where=where)
            TrainingConfig.model_validate({**where.values, **changed(verdict)})
