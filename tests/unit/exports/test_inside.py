"""What an export says of itself is held against its checkpoint."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from workbench.exports.inside import Origin, inside
from workbench.serving.spec import ModelSpec, file_sha256

NAMES = ("/home button", "신호등, 빨강", "it's")
ORIGIN = Origin("detect", NAMES, (64, 96), 32)


def write(path: Path, **properties: str) -> ModelSpec:
    """Write a model that does nothing, with what ultralytics says in its files; return the spec that fits it."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("images", "output0")]
    graph = helper.make_graph([helper.make_node("Identity", ["images"], ["output0"])], "g", ends[:1], ends[1:])
    model = helper.make_model(graph)
    said = {"task": "detect", "names": str(dict(enumerate(NAMES))), "imgsz": "[64, 96]", "stride": "32"}
    said |= {"license": "AGPL-3.0 License", "description": "Ultralytics YOLO26n model", "args": "{'data': None}"}
    helper.set_model_props(model, {**said, **properties})
    onnx.save(model, path)
    return ModelSpec("detect", NAMES, (64, 96), 32, "raw", file_sha256(path), path.name)


def failing(path: Path, spec: ModelSpec) -> dict[str, str]:
    return {row.name: row.found for row in inside(path, spec, ORIGIN) if row.verdict == "fail"}


def test_a_file_that_says_what_its_checkpoint_demands_passes(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    assert failing(path, write(path)) == {}


@pytest.mark.parametrize(
    ("said", "row", "found"),
    [
        ({"names": "{0: 'a'}"}, "class names", "['a'] in the file"),
        ({"names": "torn {"}, "class names", "None in the file"),
        ({"task": "segment"}, "task", "segment in the file, detect in the spec"),
        ({"imgsz": "[96, 64]"}, "image size", "[96, 64] in the file"),
        ({"stride": "64"}, "stride", "64 in the file"),
        ({"license": "MIT"}, "licence", "AGPL-3.0"),
        ({"description": "trained on /home/someone/data.yaml"}, "paths", "description: trained on /home/someone"),
        ({"args": "{'data': 'C:\\\\data'}"}, "paths", "args:"),
    ],
)
def test_what_the_file_says_otherwise_fails(tmp_path: Path, said: dict[str, str], row: str, found: str) -> None:
    path = tmp_path / "model.onnx"
    rows = failing(path, write(path, **said))
    assert set(rows) == {row}
    assert found in rows[row]


@pytest.mark.parametrize(
    ("spec", "row"),
    [
        ({"names": NAMES[::-1]}, "class names"),
        ({"imgsz": (96, 64)}, "image size"),
        ({"divisor": 1.0}, "preprocessing"),
        ({"max_det": 10}, "postprocessing"),
        ({"sha256": "0" * 64}, "file"),
        ({"licence": "MIT"}, "licence"),
    ],
)
def test_what_the_spec_says_otherwise_fails(tmp_path: Path, spec: dict[str, Any], row: str) -> None:
    path = tmp_path / "model.onnx"
    assert set(failing(path, replace(write(path), **spec))) == {row}


def test_a_torn_file_fails_and_says_why(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    spec = write(path)
    path.write_bytes(path.read_bytes()[:40])
    assert set(failing(path, spec)) == {"file", "metadata"}
