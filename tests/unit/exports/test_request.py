"""What may be wanted of an export, and what ultralytics is told of it."""

from __future__ import annotations

from typing import Any

import pytest

from workbench.errors import RequestError
from workbench.exports.formats import MADE, find_format
from workbench.exports.request import ExportRequest


def test_words_that_people_use_are_mapped() -> None:
    assert ExportRequest.of_words("tflite:int8").checked() == ExportRequest("litert", "int8")
    assert ExportRequest("ONNX", " half ").checked() == ExportRequest("onnx", "fp16")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"format": "onnx"}, {"nms": None, "quantize": None, "dynamic": False, "simplify": True, "opset": None}),
        (
            {"format": "onnx", "precision": "int8", "nms": "inside", "opset": 17},
            {"nms": True, "quantize": 8, "opset": 17},
        ),
        ({"format": "torchscript", "nms": "free", "dynamic": True}, {"nms": False, "dynamic": True}),
        ({"format": "litert", "precision": "w8a16", "imgsz": (64, 96)}, {"quantize": "w8a16", "imgsz": [64, 96]}),
    ],
)
def test_ultralytics_is_told_what_is_wanted(options: dict[str, Any], told: dict[str, Any]) -> None:
    arguments = ExportRequest(**options).checked().arguments()
    assert {name: arguments[name] for name in told} == told
    assert arguments["format"] == options.get("format", "onnx")


@pytest.mark.parametrize("name", MADE)
def test_no_format_is_told_what_it_does_not_know(name: str) -> None:
    """ultralytics stops at an argument of another format."""
    beside = {"format", "nms", "quantize", "imgsz", "batch"}
    assert set(ExportRequest(name).checked().arguments()) - beside <= find_format(name).arguments


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"format": "onx"}, "Did you mean 'onnx'"),
        ({"precision": "fp8"}, "does not come in the precision 'fp8'"),
        ({"format": "litert", "precision": "fp16"}, "LiteRT does not come in the precision 'fp16'"),
        ({"format": "torchscript", "precision": "half"}, "NVIDIA GPU only"),
        ({"format": "ncnn", "dynamic": True}, "NCNN does not know dynamic"),
        ({"format": "litert", "nms": "inside"}, "LiteRT does not know nms inside"),
        ({"format": "torchscript", "opset": 17}, "TorchScript does not know opset"),
        ({"opset": 99}, "operator set 99"),
        ({"opset": True}, "operator set True"),
        ({"nms": "maybe"}, "nms 'maybe' is not known"),
        ({"imgsz": 0}, "image size 0 is not valid"),
        ({"imgsz": (64, 64, 64)}, r"image size \(64, 64, 64\) is not valid"),
        ({"imgsz": 9000}, "image size 9000 is not valid"),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(options: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        ExportRequest(**options).checked()


def test_an_image_size_fits_the_stride_or_the_nearest_ones_are_named() -> None:
    assert ExportRequest(imgsz=320).sides((64, 64), 32) == (320, 320)
    assert ExportRequest().sides((100, 64), 32) == (128, 64)
    with pytest.raises(RequestError, match=r"300 is not a multiple of 32.*288 or 320"):
        ExportRequest(imgsz=300).sides((64, 64), 32)


def test_it_goes_through_a_notebook_and_back() -> None:
    wanted = ExportRequest("onnx", "int8", (320, 640), nms="inside", accept=("accuracy",))
    assert ExportRequest.of_parameters({**wanted.parameters(), "run_dir": "r"}) == wanted
