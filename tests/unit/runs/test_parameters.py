"""Parameters are checked before anything starts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from workbench.errors import ParameterError
from workbench.runs.parameters import check_parameters, read_parameters

Make = Callable[[str], Path]


@pytest.fixture
def notebook(tmp_path: Path) -> Make:
    def make(source: str, tag: str = "parameters") -> Path:
        cell = {"cell_type": "code", "metadata": {"tags": [tag]}, "source": source.splitlines(keepends=True)}
        path = tmp_path / "job.ipynb"
        path.write_bytes(orjson.dumps({"cells": [{"cell_type": "markdown", "metadata": {}, "source": []}, cell]}))
        return path

    return make


CELL = """# what this job takes
run_dir: str = ""  # the run's folder
epochs: int = 1  # training epochs
lr0: float = 0.01
amp: bool = True
freeze: int | None = None  # layers, e.g. # 10
classes: list[int] | None = None
rate = 0.5
"""


def test_parameters_have_a_type_a_default_and_a_doc(notebook: Make) -> None:
    found = read_parameters(notebook(CELL))
    assert list(found) == ["run_dir", "epochs", "lr0", "amp", "freeze", "classes", "rate"]
    assert (found["epochs"].annotation, found["epochs"].default, found["epochs"].doc) == ("int", 1, "training epochs")
    assert found["lr0"].doc == ""


def test_a_doc_may_hold_another_hash_and_a_default_may_too(notebook: Make) -> None:
    found = read_parameters(notebook('colour: str = "#fff"  # as #rrggbb\n'))
    assert (found["colour"].default, found["colour"].doc) == ("#fff", "as #rrggbb")


def test_a_default_in_korean_does_not_shift_the_doc(notebook: Make) -> None:
    assert read_parameters(notebook('label: str = "한국어 이름"  # 이름\n'))["label"].doc == "이름"


def test_an_unannotated_parameter_takes_the_type_of_its_default(notebook: Make) -> None:
    path = notebook("rate = 0.5\nname = 'x'\nnothing = None")
    assert check_parameters(path, {"rate": 1, "name": "y", "nothing": [1]}) == {"rate": 1, "name": "y", "nothing": [1]}
    with pytest.raises(ParameterError):
        check_parameters(path, {"rate": "fast"})


@pytest.mark.parametrize(
    "values",
    [
        {"epochs": 3, "lr0": 0.1, "amp": False},
        {"lr0": 1},
        {"freeze": None, "classes": [1, 2]},
        {"freeze": 10},
        {},
    ],
)
def test_values_that_fit_are_kept(notebook: Make, values: dict[str, Any]) -> None:
    assert check_parameters(notebook(CELL), values) == values


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", True),
        ("epochs", "3"),
        ("epochs", 1.0),
        ("epochs", None),
        ("amp", 1),
        ("amp", "true"),
        ("classes", [1, "2"]),
        ("run_dir", Path("/tmp")),
    ],
)
def test_a_value_of_another_type_is_refused(notebook: Make, name: str, value: object) -> None:
    with pytest.raises(ParameterError, match=f"Parameter '{name}' of notebook 'job.ipynb' got") as caught:
        check_parameters(notebook(CELL), {name: value})
    assert caught.value.expected.startswith("A value of type ")


def test_an_unknown_name_is_refused_with_the_closest_one(notebook: Make) -> None:
    with pytest.raises(ParameterError, match=r"no parameter 'epoch'.*Did you mean 'epochs'"):
        check_parameters(notebook(CELL), {"epoch": 3})


def test_a_notebook_without_the_cell_is_refused(notebook: Make) -> None:
    path = notebook("epochs: int = 1")
    path.write_bytes(path.read_bytes().replace(b'"parameters"', b'"other"'))
    with pytest.raises(ParameterError, match="has no cell tagged 'parameters'"):
        check_parameters(path, {"epochs": 1})


@pytest.mark.parametrize(
    "source", ["import os", "a = b", "a = [x for x in y]", "a: int", "a, b = 1, 2", "a = (", "a = {[]: 1}", "f()"]
)
def test_code_that_is_no_literal_is_refused(notebook: Make, source: str) -> None:
    with pytest.raises(ParameterError, match="could not be read"):
        read_parameters(notebook(source))


def test_a_type_that_nobody_knows_is_refused_and_not_run(notebook: Make) -> None:
    for annotation in ("Path", "np.ndarray", "__import__('os').getpid()"):
        with pytest.raises(ParameterError, match="Parameter 'a'"):
            check_parameters(notebook(f"a: {annotation} = 1"), {"a": 1})


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"not json"])
def test_a_file_that_is_no_notebook_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "job.ipynb"
    path.write_bytes(content)
    with pytest.raises(ParameterError, match="not a readable notebook"):
        read_parameters(path)
    with pytest.raises(ParameterError):
        read_parameters(tmp_path / "missing.ipynb")
