"""What is chosen in an export wizard, read as requests, and the Python that asks the same."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from workbench.exports.request import ExportRequest
from workbench.widgets.state.exporting_wanted import Options, line, plan, words


def wanted(chosen: dict[str, str], **options: Any) -> list[ExportRequest]:
    found = [each.request for each in plan(chosen, Options(**options))]
    assert None not in found
    return [each for each in found if each]


def test_each_format_takes_of_the_options_what_it_knows() -> None:
    onnx, paddle = wanted({"onnx": "fp16", "paddle": "fp32"}, imgsz="320", opset=17, dynamic=True, nms="inside")
    assert onnx == ExportRequest("onnx", "fp16", (320, 320), dynamic=True, nms="inside", opset=17)
    assert (paddle.opset, paddle.dynamic, paddle.nms, paddle.imgsz) == (None, False, "outside", (320, 320))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("", None),
        (" 640 ", (640, 640)),
        ("480,640", (480, 640)),
        ("480 x 640", (480, 640)),
        (None, None),
        (96, (96, 96)),
    ],
)
def test_an_image_size_is_read_as_people_type_it(typed: Any, meant: Any) -> None:
    assert wanted({"onnx": "fp32"}, imgsz=typed)[0].imgsz == meant


@pytest.mark.parametrize("typed", ["large", "640px", "1,2,3", "0", "99999"])
def test_what_is_no_image_size_is_told_in_three_beats(typed: str) -> None:
    (found,) = plan({"onnx": "fp32"}, Options(imgsz=typed))
    assert found.request is None
    assert found.problem is not None
    assert "image size" in found.problem.happened
    assert found.problem.expected
    assert found.problem.todo


def test_what_one_format_cannot_be_leaves_the_others() -> None:
    found = plan({"torchscript": "fp16", "nonsense": "fp32", "onnx": "int8"}, Options())
    assert [each.problem is None for each in found] == [False, False, True]
    assert found[1].problem is not None
    assert "nonsense" in found[1].problem.happened
    assert found[2].words == "ONNX INT8"


def test_a_misspelt_option_is_refused() -> None:
    with pytest.raises(ValidationError, match="dynamik"):
        Options.model_validate({"dynamik": True})


@pytest.mark.parametrize(
    ("chosen", "options", "told"),
    [
        ({}, {}, ""),
        ({"onnx": "fp32"}, {}, 'ws.export("run-1", "onnx")'),
        ({"onnx": "fp16"}, {"fresh": True}, 'ws.export("run-1", "onnx:fp16", fresh=True)'),
        (
            {"onnx": "fp32", "litert": "int8"},
            {},
            '[ws.export("run-1", each) for each in ("onnx", "litert:int8")]',
        ),
        (
            {"onnx": "fp32"},
            {"imgsz": "320", "accept": ("accuracy",)},
            'ws.export("run-1", wb.ExportRequest(format="onnx", precision="fp32", imgsz=320, accept=("accuracy",)))',
        ),
    ],
)
def test_the_python_line_asks_the_same(chosen: dict[str, str], options: dict[str, Any], told: str) -> None:
    requests = wanted(chosen, **options)
    assert line("run-1", requests, fresh=bool(options.get("fresh"))) == told


def test_the_line_can_be_run_and_asks_for_what_was_chosen() -> None:
    import workbench as wb

    asked: list[Any] = []

    class Desk:
        def export(self, run: str, wanted: Any, *, fresh: bool = False) -> None:
            asked.append((run, wanted, fresh))

    requests = wanted({"onnx": "fp16", "openvino": "int8"}, imgsz="480,640", nms="free", dynamic=True, simplify=False)
    eval(line("run-1", requests, fresh=True), {"wb": wb, "ws": Desk()})
    assert [each.checked() for _, each, _ in asked] == requests
    assert [(run, fresh) for run, _, fresh in asked] == [("run-1", True)] * 2


def test_an_export_of_a_format_that_is_gone_is_still_named() -> None:
    assert words({"format": "onnx", "precision": "fp16", "imgsz": [96, 96], "checkpoint": "x"}) == "ONNX FP16 96×96"
    assert words({"format": "caffe", "precision": "fp32"}) == "caffe fp32"
    assert words({}) == "ONNX FP32"
