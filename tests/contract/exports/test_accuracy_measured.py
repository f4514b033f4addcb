"""Accuracy is what ultralytics measures, of each task's answers."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ultralytics.engine.results import Results
from ultralytics.utils.metrics import ap_per_class

from tests.contract.exports.conftest import SIDE
from tests.contract.exports.test_tasks import untrained, with_other_head
from workbench.exports.accuracy import mean_precisions
from workbench.exports.accuracy_hits import NOTHING, Hits, Truth, hits
from workbench.exports.answers import seen
from workbench.exports.certificate import certify
from workbench.exports.checks_answers import Terms
from workbench.exports.exporter import export_model
from workbench.exports.request import ExportRequest

IMAGES = 60
BESIDE = {"segment": "masks", "pose": "keypoints", "obb": "corners"}


def some_hits(random: np.random.Generator, classes: int) -> Hits:
    """Return answers to one image: at most as many of them right as there are objects, and fewer at high overlaps."""
    targets, answers = random.integers(0, classes, random.integers(0, 8)), int(random.integers(0, 30))
    labels, right = random.integers(0, classes, answers), np.zeros((answers, 10), dtype=bool)
    left = {label: int((targets == label).sum()) for label in range(classes)}
    for number, label in enumerate(labels):
        if left[int(label)] and random.random() < 0.7:
            left[int(label)] -= 1
            right[number, : random.integers(1, 11)] = True
    return Hits(right, random.random(answers), labels, targets)


@pytest.mark.parametrize("seed", range(5))
def test_precision_agrees_with_ultralytics_on_every_draw(seed: int) -> None:
    random = np.random.default_rng(seed)
    answered = [some_hits(random, classes=7) for _ in range(IMAGES)]
    draws = random.multinomial(IMAGES, np.full(IMAGES, 1 / IMAGES), size=10).astype(np.int32)
    for draw, found in zip(draws, mean_precisions(answered, draws), strict=True):
        chosen = [answered[number] for number in np.repeat(np.arange(IMAGES), draw)]
        table = (np.concatenate([getattr(each, name) for each in chosen]) for name in Hits.__dataclass_fields__)
        untyped: Any = ap_per_class
        assert found == pytest.approx(untyped(*table)[5].mean(), abs=1e-6)


def corners(cx: float, cy: float, width: float, height: float, angle: float) -> Any:
    """Return the corners of a rotated box, in pixels: shape (4, 2)."""
    along = np.array([np.cos(angle), np.sin(angle)]) * width / 2
    across = np.array([-np.sin(angle), np.cos(angle)]) * height / 2
    return np.array([cx, cy]) + np.stack([along + across, along - across, -along - across, -along + across])


def result_of(task: str, shift_px: float = 0.0) -> Any:
    """Return ultralytics' own result for an image of 400 x 200 pixels: two objects, the second one moved."""
    boxes = torch.tensor([[20.0, 30, 120, 130, 0.9, 0], [200, 40, 300, 140, 0.8, 1]])
    boxes[1, :4:2] += shift_px
    parts: dict[str, Any] = {"boxes": boxes}
    if task == "segment":
        # As the model's input of 640 x 640 shows them: 1.6 times as large, 160 pixels of border above
        masks = torch.zeros(2, 640, 640, dtype=torch.uint8)
        for mask, box in zip(masks, boxes, strict=True):
            x1, y1, x2, y2 = (round(float(value) * 1.6) for value in box[:4])
            mask[y1 + 160 : y2 + 160, x1:x2] = 1
        parts["masks"] = masks
    if task == "pose":
        points = torch.tensor([[[30.0, 40, 1], [100, 120, 1]], [[210, 50, 1], [290, 130, 1]]])
        points[1, :, 0] += shift_px
        parts["keypoints"] = points
    if task == "obb":
        parts = {"obb": torch.tensor([[70, 80, 100, 50, 0.4, 0.9, 0], [250 + shift_px, 90, 100, 50, 1.2, 0.8, 1]])}
    return Results(np.zeros((200, 400, 3), np.uint8), "image.png", {0: "a", 1: "b"}, **parts)


def truth_of(task: str, *classes: int) -> Truth:
    size = np.array([400, 200])
    boxes = np.array([[70, 80, 100, 100], [250, 90, 100, 100]]) / [400, 200, 400, 200]
    outlines = [np.array([[x, y], [x + 100, y], [x + 100, y + 100], [x, y + 100]]) for x, y in ((20, 30), (200, 40))]
    if task == "obb":
        outlines = [corners(70, 80, 100, 50, 0.4), corners(250, 90, 100, 50, 1.2)]
    points = np.array([[[30.0, 40, 2], [100, 120, 2]], [[210, 50, 2], [290, 130, 2]]]) / [400, 200, 1]
    return Truth(
        np.array(classes),
        boxes,
        tuple(outline / size for outline in outlines) if task in {"segment", "obb"} else (),
        points if task == "pose" else None,
    )


@pytest.mark.parametrize("task", ["detect", "segment", "pose", "obb"])
def test_an_answer_hits_what_is_there_as_far_as_it_overlaps(task: str) -> None:
    assert hits(result_of(task), truth_of(task, 0, 1), (640, 640)).right.sum(axis=1).tolist() == [10, 10]
    assert hits(result_of(task), truth_of(task, 0, 0), (640, 640)).right.sum(axis=1).tolist() == [10, 0]
    some = 60 if task == "pose" else 20  # two points of a large object forgive much
    moved = hits(result_of(task, some), truth_of(task, 0, 1), (640, 640)).right.sum(axis=1).tolist()
    assert moved[0] == 10
    assert 0 < moved[1] < 10
    assert hits(result_of(task, 90), truth_of(task, 0, 1), (640, 640)).right.sum(axis=1).tolist() == [10, 0]
    assert hits(result_of(task), None, (640, 640)) is NOTHING


def test_boxes_that_overlap_by_two_thirds_hit_up_to_that() -> None:
    right = hits(result_of("detect", 20), truth_of("detect", 0, 1), (640, 640)).right[1]
    assert right.tolist() == [*[True] * 4, *[False] * 6]  # 0.5, 0.55, 0.6 and 0.65
    masks = hits(result_of("segment", 20), truth_of("segment", 0, 1), (640, 640)).right[1]
    assert masks.tolist() == right.tolist()


@pytest.mark.parametrize("task", ["detect", "segment", "pose", "obb"])
def test_only_what_is_above_the_confidence_is_compared(task: str) -> None:
    both, one = seen(result_of(task), 0.7), seen(result_of(task), 0.85)
    assert (len(both.rows), len(one.rows), both.shape) == (2, 1, (200, 400))
    assert one.rows[0].tolist() == both.rows[0].tolist()
    for name in ("masks", "keypoints", "corners"):
        many, few = getattr(both, name), getattr(one, name)
        assert (many is None) == (few is None) == (name != BESIDE.get(task))
        if many is not None:
            assert (len(many), len(few)) == (2, 1)
            assert (many[0] == few[0]).all()


@pytest.mark.parametrize("task", ["classify", "pose"])
def test_what_a_model_sees_itself_is_right_in_its_export_too(images: list[Path], tmp_path: Path, task: str) -> None:
    model = untrained(task, images)
    checkpoint = tmp_path / "best.pt"
    model.save(checkpoint)
    model = type(model)(checkpoint)
    copies = []
    for image in images:
        result = model.predict(str(image), rect=False, imgsz=SIDE, verbose=False, device="cpu", conf=0.25)[0]
        if task == "classify":
            copies.append(tmp_path / result.names[result.probs.top1] / image.name)
        else:
            copies.append(tmp_path / "images" / image.name)
            label = tmp_path / "labels" / f"{image.stem}.txt"
            label.parent.mkdir(exist_ok=True)
            label.write_text(labels_of(result))
        copies[-1].parent.mkdir(exist_ok=True)
        shutil.copyfile(image, copies[-1])
    folder = export_model(checkpoint, tmp_path / "export", ExportRequest(imgsz=SIDE)).folder
    found = certify(checkpoint, folder, copies, imgsz=SIDE)
    assert found.accuracy is not None
    assert found.accuracy.export > 0.99
    assert found.accuracy.images == len(images)
    assert next(row for row in found.checks if row.name == "accuracy").verdict == "pass"
    with_other_head(folder, tmp_path / "other", -1.0)
    few_bits = certify(checkpoint, tmp_path / "other", copies, imgsz=SIDE, terms=Terms(precision="int8"))
    assert few_bits.accuracy is not None
    assert few_bits.accuracy.drop > 50
    assert {row.name for row in few_bits.checks if row.verdict == "fail"} - {"whole boxes"} == {
        "accuracy",
        "accuracy images",
    }
    assert few_bits.differs


def labels_of(result: Any) -> str:
    """Return a pose model's answers as labels."""
    height, width = result.orig_shape
    places = result.keypoints.data / torch.tensor([width, height, 1])
    places[..., 2] = 2
    columns = (result.boxes.cls[:, None], result.boxes.xywhn, places.clamp(0, 2).flatten(1))
    return "\n".join(" ".join(str(value) for value in row) for row in torch.cat(columns, dim=1).tolist())
