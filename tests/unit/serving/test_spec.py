from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from workbench.errors import ModelError
from workbench.serving.spec import SPEC_NAME, Letterbox, ModelSpec, read_spec, write_spec


def test_a_spec_is_read_as_it_was_written(spec: ModelSpec, tmp_path: Path) -> None:
    spec = replace(spec, names=("사람", "car"), conf=0.1, agnostic=True, letterbox=Letterbox(pad_value=0, center=False))
    write_spec(spec, tmp_path)
    assert read_spec(tmp_path) == spec


def test_equal_specs_give_equal_bytes(spec: ModelSpec, tmp_path: Path) -> None:
    first = write_spec(spec, tmp_path).read_bytes()
    assert write_spec(read_spec(tmp_path), tmp_path).read_bytes() == first


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", 2),
        ("version", None),
        ("task", ""),
        ("task", 3),
        ("names", []),
        ("names", [1]),
        ("imgsz", [64]),
        ("imgsz", [64, 65]),
        ("imgsz", [64.0, 64]),
        ("imgsz", 64),
        ("names", None),
        ("stride", 0),
        ("output", "boxes"),
        ("sha256", "abc"),
        ("weights", "../model.onnx"),
        ("letterbox", {"pad_value": 256}),
        ("letterbox", {"interpolation": "nearest"}),
        ("letterbox", {"colour": 1}),
        ("letterbox", 1),
        ("channels", "GBR"),
        ("layout", "NHWC"),
        ("divisor", 0),
        ("conf", 1.5),
        ("conf", "0.25"),
        ("iou", -0.1),
        ("max_det", 0),
        ("agnostic", "no"),
        ("surprise", 1),
    ],
)
def test_a_value_that_is_not_valid_is_refused_by_name(
    spec: ModelSpec, tmp_path: Path, field: str, value: object
) -> None:
    path = write_spec(spec, tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    with pytest.raises(ModelError) as caught:
        read_spec(tmp_path)
    assert caught.value.expected
    assert caught.value.todo
    assert field in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"version": 1}'])
def test_a_damaged_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / SPEC_NAME).write_text(text)
    with pytest.raises(ModelError, match="not a spec"):
        read_spec(tmp_path)


def test_a_folder_without_a_spec_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="Give the folder of an export"):
        read_spec(tmp_path)
