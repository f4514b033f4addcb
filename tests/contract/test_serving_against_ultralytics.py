"""Our arithmetic against ultralytics' own functions, on random inputs, to the bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from ultralytics.data import augment
from ultralytics.utils import nms, ops

from workbench.serving import postprocess, preprocess
from workbench.serving.spec import Letterbox, ModelSpec

SPEC = ModelSpec("detect", ("a", "b", "c"), (192, 256), 32, "raw", "0" * 64)
SIDES = st.integers(1, 700)
FEW = settings(max_examples=60, deadline=None)


def their_tensor(image: np.ndarray, spec: ModelSpec) -> np.ndarray:
    """As ultralytics' predictor prepares an image with ``rect=False``."""
    boxed = augment.LetterBox(spec.imgsz, auto=False, stride=32)(image=image)
    planes = torch.from_numpy(boxed).unsqueeze(0).permute(0, 3, 1, 2).contiguous().flip(1)
    return planes.float().div_(255).numpy()


@FEW
@given(SIDES, SIDES, st.sampled_from([(192, 256), (64, 64), (320, 96)]), st.integers(0, 2**32))
def test_the_input_tensor_is_the_same_to_the_bit(height: int, width: int, imgsz: tuple[int, int], seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    spec = replace(SPEC, imgsz=imgsz)
    tensor = np.full((1, 3, *imgsz), np.nan, dtype=np.float32)
    preprocess.fill(tensor, image, spec)
    assert np.array_equal(tensor, their_tensor(image, spec))


@FEW
@given(SIDES, SIDES, st.integers(0, 2**32))
def test_boxes_are_scaled_back_the_same_to_the_bit(height: int, width: int, seed: int) -> None:
    boxes = np.random.default_rng(seed).uniform(-40, 300, (50, 4)).astype(np.float32)
    theirs = ops.scale_boxes(SPEC.imgsz, torch.from_numpy(boxes.copy()), (height, width)).numpy()
    ours = postprocess.Boxes(boxes, np.ones(50, np.float32), np.zeros(50, np.int64))
    assert np.array_equal(postprocess.scale(ours, preprocess.place((height, width), SPEC)).xyxy, theirs)


def test_scaling_back_undoes_the_letterbox_of_other_specs() -> None:
    for letterbox in (Letterbox(center=False), Letterbox(scaleup=False), Letterbox(center=False, scaleup=False)):
        spec = replace(SPEC, letterbox=letterbox)
        image = np.full((50, 40, 3), 255, dtype=np.uint8)
        tensor = preprocess.new_tensor(spec)
        placement = preprocess.fill(tensor, image, spec)
        rows, columns = np.nonzero(tensor[0, 0] == 1)
        corners = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], dtype=np.float32)
        found = postprocess.scale(postprocess.Boxes(corners, corners[:, 0], np.zeros(1, np.int64)), placement)
        assert np.allclose(found.xyxy, [[0, 0, 40, 50]], atol=1e-4)


def raw_output(seed: int, count: int, classes: int, *, ties: bool) -> np.ndarray:
    """Crowded boxes with scores around the thresholds, many of them equal when ``ties``."""
    random = np.random.default_rng(seed)
    centre, size = random.uniform(0, 190, (2, count)), random.uniform(0, 90, (2, count))
    scores = random.uniform(0, 1, (classes, count))
    if ties:
        centre, size, scores = centre.round(-1), size.round(-1), scores.round(1)
    return np.concatenate((centre, size, scores)).astype(np.float32)


@FEW
@given(
    st.integers(0, 2**32),
    st.tuples(st.integers(0, 300), st.integers(1, 5)),
    st.booleans(),
    st.tuples(st.sampled_from([0.0, 0.01, 0.3, 0.5, 0.95, 1.0]), st.sampled_from([0.0, 0.3, 0.45, 0.5, 0.7, 1.0])),
    st.tuples(st.booleans(), st.sampled_from([1, 5, 300])),
)
def test_nms_keeps_the_same_boxes_in_the_same_order(
    seed: int, size: tuple[int, int], ties: bool, thresholds: tuple[float, float], options: tuple[bool, int]
) -> None:
    (count, classes), (conf, iou), (agnostic, max_det) = size, thresholds, options
    # Six candidates would read as an end-to-end output over there
    output = raw_output(seed, count + (count == 6), classes, ties=ties)
    spec = replace(SPEC, names=tuple("abcde"[:classes]), agnostic=agnostic, max_det=max_det)
    batch = torch.from_numpy(output.copy())[None]
    theirs = nms.non_max_suppression(batch, conf, iou, agnostic=agnostic, max_det=max_det)[0].numpy()
    ours = postprocess.suppress(postprocess.candidates(output, spec, conf), spec, iou)
    assert np.array_equal(ours.xyxy, theirs[:, :4])
    assert np.array_equal(ours.confidence, theirs[:, 4])
    assert np.array_equal(ours.class_id, theirs[:, 5])


def test_nms_is_put_to_work_by_these_inputs() -> None:
    boxes = postprocess.candidates(raw_output(1, 300, 3, ties=True), SPEC, 0.3)
    assert 0 < len(postprocess.suppress(boxes, SPEC, 0.45)) < len(boxes)


@pytest.mark.parametrize("tenths", range(1, 10))
def test_an_overlap_of_exactly_the_threshold_is_decided_alike(tenths: int) -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, tenths]], dtype=np.float32)
    theirs = torchvision.ops.nms(torch.from_numpy(boxes), torch.tensor([0.9, 0.8]), tenths / 10).tolist()
    assert postprocess.nms(boxes, tenths / 10, 300).tolist() == theirs


def test_a_large_class_number_is_offset_as_over_there() -> None:
    output = raw_output(2, 400, 80, ties=False)
    spec = replace(SPEC, names=tuple(map(str, range(80))))
    theirs = nms.non_max_suppression(torch.from_numpy(output.copy())[None], 0.9, 0.5)[0].numpy()
    ours = postprocess.suppress(postprocess.candidates(output, spec, 0.9), spec, 0.5)
    assert np.array_equal(ours.xyxy, theirs[:, :4])
    assert np.array_equal(ours.class_id, theirs[:, 5])


@FEW
@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.25, 0.5]), st.sampled_from([1, 7, 300]))
def test_an_end_to_end_output_is_filtered_alike(seed: int, conf: float, max_det: int) -> None:
    random = np.random.default_rng(seed)
    rows = random.uniform(0, 1, (300, 6)).astype(np.float32)
    rows[:, 4], rows[:, 5] = np.sort(rows[:, 4].round(2))[::-1], random.integers(0, 3, 300)
    spec = replace(SPEC, output="end2end", max_det=max_det)
    theirs = nms.non_max_suppression(torch.from_numpy(rows.copy())[None], conf, 0.7, max_det=max_det)[0].numpy()
    ours = postprocess.suppress(postprocess.candidates(rows, spec, conf), spec, 0.7)
    assert np.array_equal(np.column_stack((ours.xyxy, ours.confidence, ours.class_id)), theirs)
