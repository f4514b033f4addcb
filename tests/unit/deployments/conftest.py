"""A model that answers the same box for every image, and answers at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from workbench.serving.spec import WEIGHTS_NAME, ModelSpec, file_sha256, write_spec


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    folder.mkdir()
    weights = folder / WEIGHTS_NAME
    rows = np.array([[[8, 8, 24, 24, 0.75, 0]]], dtype=np.float32)
    nodes = [
        helper.make_node("ReduceMin", ["images"], ["least"], keepdims=0),
        helper.make_node("Mul", ["least", "zero"], ["nothing"]),
        helper.make_node("Add", ["rows", "nothing"], ["output0"]),
    ]
    graph = helper.make_graph(
        nodes,
        "constant",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 32, 32])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 1, 6])],
        [numpy_helper.from_array(rows, "rows"), numpy_helper.from_array(np.zeros((), np.float32), "zero")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), weights)
    write_spec(ModelSpec("detect", ("thing",), (32, 32), 32, "end2end", file_sha256(weights)), folder)
    return folder
