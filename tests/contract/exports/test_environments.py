"""What goes into an environment is what ultralytics asks for when it exports, and its torch is the one that is here."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from workbench.config import source
from workbench.exports.environments import Environment, make
from workbench.exports.environments.needs import HERE, needs
from workbench.exports.formats import MADE, table
from workbench.exports.place import Apart

_FILES = {"saved_model": "tensorflow"}
_CHOICES = ("-gpu", "-qnn", "-vitisai", "-windowsml", "-sdk-intel")  # for other machines than the CPU's


def asked(path: Path) -> Iterator[Requirement]:
    """Return what a module of ultralytics has itself installed, as far as it stands there in full."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "check_requirements":
            for argument in node.args:
                texts = [each.value for each in ast.walk(argument) if isinstance(each, ast.Constant)]
                for text in texts:
                    try:
                        yield Requirement(str(text))
                    except InvalidRequirement:  # a part of a text, or a flag
                        continue


@pytest.mark.parametrize("name", sorted(set(MADE) - HERE - {"engine"}))
def test_whatever_an_export_would_have_installed_is_in_its_environment(name: str) -> None:
    module = f"{_FILES.get(name, name)}.py"
    wanted = [*asked(source.root() / "utils/export" / module), *asked(source.root() / "nn/backends" / module)]
    there = {canonicalize_name(each.name): each for each in needs(table()[name])}
    ours = [each for each in wanted if not each.name.endswith(_CHOICES)]
    assert ours or name == "executorch"  # which asks for an extra of ultralytics
    assert {canonicalize_name(each.name) for each in ours} <= {*there, "tf-keras", "cuda"}
    if name == "paddle":  # the one whose requirements the workbench copies
        assert str(there["paddlepaddle"].specifier) in {str(each.specifier) for each in ours}


def what_is_seen() -> dict[str, str]:
    import torch
    import ultralytics

    return {"torch": torch.__version__, "file": str(torch.__file__), "ultralytics": ultralytics.__version__}


@pytest.mark.slow
def test_its_torch_is_the_one_that_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    wanted = ("torch", "torchvision", "onnx", "opencv-python", "opencv-contrib-python-headless")
    environment = Environment("none", (), wanted, (), (), 1, tmp_path / "none-1")
    make(environment)  # pip finds all of it
    seen = Apart(environment.python).call(what_is_seen)
    here = {"torch": torch.__version__, "file": str(torch.__file__), "ultralytics": seen["ultralytics"]}
    assert seen == here
    assert seen["ultralytics"] == version("ultralytics-opencv-headless")
