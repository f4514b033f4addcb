"""Accuracy is measured as ultralytics does, on both models alike, and the drop has an interval."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from workbench.exports.accuracy import Accuracy, compare
from workbench.exports.accuracy_hits import THRESHOLDS, Hits, claim
from workbench.exports.accuracy_truth import truths


def answered(*right: float, targets: int = 1, classes: int = 0) -> Hits:
    """Return answers to one image, by descending confidence: each hits up to an overlap."""
    tables = [overlap + 1e-9 >= THRESHOLDS for overlap in right]
    confidence = np.linspace(0.9, 0.5, len(right))
    return Hits(
        np.array(tables, dtype=bool).reshape(-1, len(THRESHOLDS)),
        confidence,
        np.full(len(right), classes),
        np.full(targets, classes),
    )


def test_what_is_all_right_has_the_most_that_ultralytics_gives() -> None:
    found = compare("detect", [answered(0.95)] * 4, [answered(0.95)] * 4, 4)
    assert found.checkpoint == found.export == pytest.approx(0.995)
    assert found == Accuracy("mAP50-95", found.checkpoint, found.export, 0.0, 0.0, 0.0, 4, 4)


def test_the_drop_has_an_interval_that_holds_it() -> None:
    random = np.random.default_rng(3)
    before = [answered(*random.uniform(0.6, 0.95, 3), targets=3) for _ in range(50)]
    after = [answered(*random.uniform(0.5, 0.9, 3), targets=3) for _ in range(50)]
    found = compare("detect", before, after, 50)
    assert found == compare("detect", before, after, 50)
    assert found.drop == pytest.approx(100 * (found.checkpoint - found.export))
    assert 0 < found.low < found.drop < found.high
    assert str(found).startswith(f"mAP50-95 {100 * found.checkpoint:.1f} -> {100 * found.export:.1f}, drop ")
    back = compare("detect", after, before, 50)
    assert (back.drop, back.low, back.high) == pytest.approx((-found.drop, -found.high, -found.low))


def test_both_are_measured_on_the_same_draws() -> None:
    random = np.random.default_rng(4)
    hits = [answered(*random.uniform(0.3, 1.0, 4), targets=5) for _ in range(20)]
    found = compare("detect", hits, hits, 20)
    assert (found.drop, found.low, found.high) == (0, 0, 0)
    assert 0 < found.checkpoint < 0.995


def test_the_likeliest_class_of_an_image_is_right_or_not() -> None:
    def whole(*right: bool) -> list[Hits]:
        return [Hits(np.array([[each]]), np.ones(1), np.zeros(1, int), np.zeros(1, int)) for each in right]

    found = compare("classify", whole(True, True, True, False), whole(True, False, True, False), 4)
    assert (found.metric, found.checkpoint, found.export, found.drop) == ("top-1", 0.75, 0.5, 25)
    assert found.low == 0
    assert found.high >= 50


def test_images_without_objects_and_without_a_truth_change_nothing_but_the_confidence() -> None:
    nothing = Hits(np.zeros((0, 10), bool), np.zeros(0), np.zeros(0, int), np.zeros(0, int))
    found = compare("detect", [answered(0.95), nothing], [answered(0.95), nothing], 2)
    assert found.export == pytest.approx(0.995)
    assert found.targets == 1


def test_the_surest_answer_takes_the_likest_object_and_leaves_the_rest() -> None:
    right = claim(np.array([[0.97, 0.97, 0.0], [0.6, 0.72, 0.4]]))
    assert right.sum(axis=1).tolist() == [10, 5, 0]  # the second gets the other object, up to an overlap of 0.7


def labelled(folder: Path, *labels: str | None) -> list[Path]:
    for number, text in enumerate(labels):
        if text is not None:
            path = folder / "labels" / "val" / f"{number}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return [folder / "images" / "val" / f"{number}.png" for number in range(len(labels))]


def test_labels_are_read_as_a_training_reads_them(tmp_path: Path) -> None:
    images = labelled(tmp_path, "1 0.5 0.5 0.2 0.4\n0 0.1 0.1 0.1 0.1", None, "", "5 0.5 0.5 0.2 0.4")
    one, missing, empty, foreign = truths(images, "detect", ("a", "b"), (0, 0))
    assert one is not None
    assert (one.classes.tolist(), one.boxes[0].tolist()) == ([1, 0], [0.5, 0.5, 0.2, 0.4])
    assert missing is not None
    assert empty is not None
    assert len(missing.classes) == len(empty.classes) == 0
    assert foreign is None  # a training drops the image


def test_outlines_are_masks_or_corners_or_boxes(tmp_path: Path) -> None:
    images = labelled(tmp_path, "0 0.1 0.2 0.5 0.2 0.5 0.6 0.1 0.6", "0 0.5 0.5 0.2 0.4")
    for task in ("segment", "obb"):
        outlined, box = truths(images, task, ("a",), (0, 0))
        assert outlined is not None
        assert outlined.polygons[0].tolist() == [[0.1, 0.2], [0.5, 0.2], [0.5, 0.6], [0.1, 0.6]]
        assert box is None
    outlined, _ = truths(images, "detect", ("a",), (0, 0))
    assert outlined is not None
    assert outlined.boxes[0] == pytest.approx([0.3, 0.4, 0.4, 0.4])


@pytest.mark.parametrize(("values", "seen"), [(3, [2.0, 0.0]), (2, [1.0, 0.0])])
def test_keypoints_are_read_with_and_without_visibility(tmp_path: Path, values: int, seen: list[float]) -> None:
    points = "0.4 0.5 2 0 0 0" if values == 3 else "0.4 0.5 -0.01 -0.01"
    (found,) = truths(labelled(tmp_path, f"0 0.5 0.5 0.2 0.4 {points}"), "pose", ("a",), (2, values))
    assert found is not None
    assert found.keypoints is not None
    assert found.keypoints[0, 0].tolist() == [0.4, 0.5, seen[0]]
    assert found.keypoints[0, :, 2].tolist() == seen


def test_a_folder_names_the_class_of_its_images() -> None:
    found = truths([Path("val/b/1.png"), Path("val/c/2.png")], "classify", ("a", "b"), (0, 0))
    assert [truth and truth.classes.tolist() for truth in found] == [[1], None]


@pytest.mark.parametrize("task", ["detect", "classify", "semantic"])
def test_without_labels_there_is_no_truth(tmp_path: Path, task: str) -> None:
    assert truths(labelled(tmp_path, None, None), task, ("a",), (0, 0)) == []
