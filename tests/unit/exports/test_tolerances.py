"""What an export has to meet follows from its format and precision."""

from __future__ import annotations

import pytest

from workbench.exports.tolerances import EXACT, tolerances


@pytest.mark.parametrize("format", ["onnx", "torchscript", "ncnn", "mnn", "litert", "executorch", "paddle"])
def test_fp32_is_exact(format: str) -> None:  # noqa: A002
    found = tolerances(format, "fp32")
    assert found is EXACT
    assert (found.px, found.confidence, found.mask_iou, found.angle, found.scores) == (0.01, 1e-4, 0.99, 0.001, 1e-4)
    assert (found.drop, found.images, found.by_accuracy) == (0.1, 0, False)


def test_openvino_rounds_more() -> None:
    found = tolerances("openvino", "fp32")
    assert (found.px, found.confidence, found.drop) == (1, 0.01, 0.1)


@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_fp16_may_be_a_pixel_off(format: str) -> None:  # noqa: A002
    found = tolerances(format, "fp16")
    assert (found.px, found.confidence, found.mask_iou, found.scores, found.drop) == (1, 0.02, 0.95, 0.02, 0.5)
    assert not found.by_accuracy


@pytest.mark.parametrize("precision", ["int8", "w8a16", "w8a32"])
def test_quantised_exports_are_judged_by_their_accuracy_on_enough_images(precision: str) -> None:
    found = tolerances("onnx", precision)
    assert (found.by_accuracy, found.drop, found.images) == (True, 2, 200)


def test_a_few_boxes_may_differ_where_numbers_are_rounded_but_none_where_they_are_not() -> None:
    assert [tolerances("mnn", precision).differing for precision in ("fp32", "fp16")] == [0, 0.005]
    assert tolerances("openvino", "fp32").differing == 0
