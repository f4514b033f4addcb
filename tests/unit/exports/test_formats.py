"""The table of formats is that of the installed ultralytics, and people's words for them are understood."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from workbench.config import source
from workbench.errors import RequestError
from workbench.exports.formats import MADE, SERVED, find_format, known_format, table


def test_the_table_is_that_of_the_installed_ultralytics() -> None:
    code = (
        "import json; from ultralytics.engine.exporter import *; from ultralytics.engine import exporter as e\n"
        "t, names = export_formats(), ('Argument', 'Format', 'Suffix', 'CPU', 'GPU', 'Arguments', 'Env')\n"
        "rows = [t[name] for name in names]\n"
        "print(json.dumps([list(zip(*rows)), sorted(e.FP16_FORMATS), sorted(e.FP32_UNSUPPORTED_FORMATS)]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    rows, half, never_whole = json.loads(done.stdout.splitlines()[-1])
    told = {
        name: (each.title, each.suffix, each.cpu, each.gpu, each.arguments, each.environment)
        for name, each in table().items()
    }
    assert told == {
        name: (title, suffix, cpu, gpu, frozenset(arguments), environment)
        for name, title, suffix, cpu, gpu, arguments, environment in rows
        if name != "-"
    }
    assert sorted(name for name, each in table().items() if "fp16" in each.precisions) == half
    assert sorted(name for name, each in table().items() if "fp32" not in each.precisions) == never_whole


def test_the_table_is_read_without_torch() -> None:
    code = "import sys; from workbench.exports.formats import table; table(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_table_that_can_no_longer_be_read_is_asked_for() -> None:
    read = source.rows("engine.exporter", "export_formats", "x")
    assert source.rows("engine.exporter", "export_formats", "a name that it does not have") == read


@pytest.mark.parametrize(
    ("word", "name"),
    [
        (" ONNX ", "onnx"),
        ("tflite", "litert"),
        ("LiteRT", "litert"),
        ("TensorRT", "engine"),
        ("trt", "engine"),
        ("Core ML", "coreml"),
        ("saved-model", "saved_model"),
        ("TorchScript", "torchscript"),
    ],
)
def test_the_words_that_people_use_are_understood(word: str, name: str) -> None:
    assert known_format(word).name == name


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(RequestError, match=r"Known formats: torchscript, onnx, .*Did you mean 'onnx'"):
        known_format("onx")


def test_a_format_that_is_not_certified_is_refused_and_says_who_makes_it() -> None:
    assert find_format("onnx").served
    with pytest.raises(RequestError, match=r"no Hailo exports.*certifies: onnx, .*`yolo export format=hailo`"):
        find_format("hailo")


def test_what_is_made_and_served_is_in_the_table() -> None:
    assert {*MADE, *SERVED} <= set(table())
