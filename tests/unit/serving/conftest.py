"""A model whose answer can be told in advance: each class's confidence is the mean of one colour channel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from workbench.serving.spec import WEIGHTS_NAME, ModelSpec, file_sha256, write_spec

SIDE = 64
# Centre-size boxes in input pixels: the second overlaps the first by 0.9, the third lies apart
BOXES = np.array([[16, 16, 20, 20], [17, 16, 20, 20], [44, 40, 10, 30]], dtype=np.float32)
WEIGHTS = np.array([1.0, 0.9, 0.8], dtype=np.float32)


def _graph(boxes: np.ndarray, weights: np.ndarray) -> onnx.ModelProto:
    constants = {
        "boxes": boxes.T[None],
        "weights": weights[None, None],
        "flat": np.array([1, 3, 1], dtype=np.int64),
    }
    nodes = [
        helper.make_node("GlobalAveragePool", ["images"], ["means"]),
        helper.make_node("Reshape", ["means", "flat"], ["column"]),
        helper.make_node("Mul", ["column", "weights"], ["scores"]),
        helper.make_node("Concat", ["boxes", "scores"], ["output0"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 7, len(boxes)])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


@pytest.fixture
def spec() -> ModelSpec:
    return ModelSpec("detect", ("red", "green", "blue"), (SIDE, SIDE), 32, "raw", "0" * 64)


@pytest.fixture
def make_model_folder(tmp_path: Path) -> Callable[..., Path]:
    def make(name: str = "colours", **changes: object) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        weights = folder / WEIGHTS_NAME
        onnx.save(_graph(BOXES, WEIGHTS), weights)
        fields: dict[str, object] = {
            "task": "detect",
            "names": ("red", "green", "blue"),
            "imgsz": (SIDE, SIDE),
            "stride": 32,
            "output": "raw",
            "sha256": file_sha256(weights),
        }
        write_spec(ModelSpec(**{**fields, **changes}), folder)  # type: ignore[arg-type]
        return folder

    return make


@pytest.fixture
def model_folder(make_model_folder: Callable[..., Path]) -> Path:
    return make_model_folder()
