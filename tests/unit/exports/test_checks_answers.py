"""The rows about answers: what the images can show, and what is near enough."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from workbench.errors import ExportError
from workbench.exports.accuracy_hits import Truth
from workbench.exports.answers import Answers
from workbench.exports.checks_answers import Sample, alike, apart, beside
from workbench.exports.matching import Agreement, Seen
from workbench.exports.tolerances import EXACT, tolerances
from workbench.serving.spec import ModelSpec

INSIDE = (10.0, 10.0, 50.0, 50.0, 0.9, 0.0)
TOUCHING = (0.0, 10.0, 50.0, 50.0, 0.9, 0.0)
TRUTH = Truth(np.zeros(1, np.int64), np.zeros((1, 4)))


def seen(*rows: tuple[float, ...], likeliest: int | None = None) -> Seen:
    scores = None if likeliest is None else np.eye(3)[likeliest]
    return Seen(np.array(rows, dtype=np.float64).reshape(-1, 6), (100, 200), scores=scores)


def sample(*found: Seen, truths: tuple[Truth | None, ...] = ()) -> Sample:
    return Sample([Path("image.png")] * len(found), truths, Answers(list(found)))


def verdicts(found: Sample, task: str, precision: str = "fp32") -> dict[str, str]:
    return {row.name: row.verdict for row in found.checks(task, tolerances("onnx", precision))}


def test_too_few_images_or_boxes_or_clipped_ones_show_nothing() -> None:
    good = verdicts(sample(*[seen(INSIDE)] * 16), "detect")
    assert good == {"images": "pass", "boxes": "pass", "whole boxes": "pass"}
    assert verdicts(sample(*[seen(INSIDE)] * 15), "detect")["images"] == "fail"
    none = verdicts(sample(*[seen()] * 16), "pose")
    assert (none["boxes"], none["whole boxes"]) == ("fail", "fail")
    assert verdicts(sample(*[seen(*[INSIDE] * 9, TOUCHING)] * 16), "obb")["whole boxes"] == "fail"  # 90 %
    assert verdicts(sample(*[seen(*[INSIDE] * 10, TOUCHING)] * 16), "segment")["whole boxes"] == "pass"


def test_a_classifier_that_always_says_the_same_shows_nothing() -> None:
    same = [seen(likeliest=1)] * 15
    assert verdicts(sample(*same, seen(likeliest=1)), "classify") == {"images": "pass", "classes": "fail"}
    assert verdicts(sample(*same, seen(likeliest=2)), "classify") == {"images": "pass", "classes": "pass"}


def test_other_tasks_are_told_by_their_images_alone() -> None:
    assert verdicts(Sample([Path("image.png")] * 16, (), Answers([])), "semantic") == {"images": "pass"}


@pytest.mark.parametrize(("labelled", "verdict"), [(199, "fail"), (200, "pass")])
def test_the_accuracy_of_fewer_bits_needs_two_hundred_labelled_images(labelled: int, verdict: str) -> None:
    truths = (*[TRUTH] * labelled, None)
    found = sample(*[seen(INSIDE)] * (labelled + 1), truths=truths)
    assert verdicts(found, "detect", "int8")["accuracy images"] == verdict
    assert "accuracy images" not in verdicts(found, "detect", "fp16")


def spec(task: str) -> ModelSpec:
    return ModelSpec(task, ("a", "b"), (64, 64), 32, "raw", sha256="0" * 64)


@pytest.mark.parametrize(
    ("task", "rows", "row", "is_place"),
    [
        *(("detect", 6, row, row < 4) for row in range(6)),
        *(("pose", 12, row, row < 4 or row in {6, 7, 9, 10}) for row in range(12)),  # two points with visibility
        *(("obb", 7, row, row < 4) for row in range(7)),
        *(("classify", 2, row, False) for row in range(2)),
    ],
)
def test_outputs_are_apart_in_pixels_or_in_scores(task: str, rows: int, row: int, is_place: bool) -> None:
    before = np.zeros((rows, 5)) if task != "classify" else np.zeros(rows)
    after = before.copy()
    after[row] = 0.5
    assert apart([before, before], [before, after], spec(task)) == ((0.5, 0.0) if is_place else (0.0, 0.5))


def test_outputs_of_another_shape_cannot_be_compared() -> None:
    with pytest.raises(ExportError, match=r"\(6, 4\) and \(6, 5\)"):
        apart([np.zeros((6, 5))], [np.zeros((6, 4))], spec("detect"))


@pytest.mark.parametrize(
    ("name", "values", "met"),
    [
        ("masks", {"mask_iou": 0.99}, True),
        ("masks", {"mask_iou": 0.98}, False),
        ("keypoints", {"keypoint_px": 0.01, "visibility": 1e-4}, True),
        ("keypoints", {"keypoint_px": 0.02, "visibility": 0.0}, False),
        ("keypoints", {"keypoint_px": 0.0, "visibility": 0.01}, False),
        ("angles", {"angle": 0.001}, True),
        ("angles", {"angle": 0.002}, False),
    ],
)
def test_what_is_beside_a_box_has_its_own_tolerance(name: str, values: dict[str, float], met: bool) -> None:
    assert beside(name, Agreement(1, 1, 0, 0.0, 0.0, **values), EXACT)[0] is met  # type: ignore[arg-type]


def test_of_a_rounded_export_five_boxes_in_a_thousand_may_differ_and_of_an_exact_one_none() -> None:
    half = tolerances("mnn", "fp16")
    assert alike(Agreement(1000, 1000, 0, 2.0, 0.0, beyond=4, flipped=1), half)
    assert not alike(Agreement(1000, 999, 1, 0.0, 0.0, beyond=5, missed=1), half)
    assert not alike(Agreement(100, 100, 0, 2.0, 0.0, beyond=1), half)
    assert not alike(Agreement(100000, 100000, 0, 2.0, 0.0, beyond=1), EXACT)
    assert alike(Agreement(100, 100, 0, 0.0, 0.0), EXACT)
