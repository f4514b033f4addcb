"""Parameters are checked, and read from a command line, before anything starts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from workbench.errors import ParameterError
from workbench.runs.notebook.parameters import check_notebook, parse_values, read_parameters

Make = Callable[[str], Path]


def write(path: Path, *cells: dict[str, Any], **book: Any) -> Path:
    path.write_bytes(orjson.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **book}))
    return path


def cell(source: str, *tags: str, kind: str = "code") -> dict[str, Any]:
    return {"cell_type": kind, "metadata": {"tags": [*tags]}, "source": source.splitlines(keepends=True)}


@pytest.fixture
def notebook(tmp_path: Path) -> Make:
    def make(source: str) -> Path:
        title = {"cell_type": "markdown", "metadata": {}, "source": "# A title"}
        return write(tmp_path / "job.ipynb", title, cell(source, "parameters"))

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
    assert check_notebook(path, {"rate": 1, "name": "y", "nothing": [1]}) == {"rate": 1, "name": "y", "nothing": [1]}
    with pytest.raises(ParameterError):
        check_notebook(path, {"rate": "fast"})


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
    assert check_notebook(notebook(CELL), values) == values


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
        check_notebook(notebook(CELL), {name: value})
    assert caught.value.expected.startswith("A value of type ")


def test_an_unknown_name_is_refused_with_the_closest_one(notebook: Make) -> None:
    with pytest.raises(ParameterError, match=r"no parameter 'epoch'.*Did you mean 'epochs'"):
        check_notebook(notebook(CELL), {"epoch": 3})


def test_a_notebook_without_the_cell_takes_no_values(tmp_path: Path) -> None:
    path = write(tmp_path / "job.ipynb", cell("epochs: int = 1"))
    assert read_parameters(path) == {}
    assert check_notebook(path, {}) == {}
    with pytest.raises(ParameterError, match="has no cell tagged 'parameters'"):
        check_notebook(path, {"epochs": 1})
    with pytest.raises(ParameterError, match="has no cell tagged 'parameters'"):
        parse_values(path, {"epochs": "1"})


def test_what_a_person_wrote_beside_the_parameters_is_passed_over(notebook: Make) -> None:
    source = """%matplotlib inline
\"\"\"What this does.\"\"\"
import os
a, b = 1, 2
epochs = 3  # how long
folder = os.environ.get("HOME")
size = 2 * 512
rate: float
!nvidia-smi
"""
    found = read_parameters(notebook(source))
    assert list(found) == ["epochs", "folder", "size", "rate"]
    assert (found["epochs"].annotation, found["epochs"].doc) == ("int", "how long")
    assert (found["folder"].annotation, found["folder"].default) == ("Any", None)
    values = {"folder": "data", "size": 7, "rate": 0.5}
    assert check_notebook(notebook(source), values) == values
    with pytest.raises(ParameterError, match=r"'rate'.*got 'fast'"):
        check_notebook(notebook(source), {"rate": "fast"})


@pytest.mark.parametrize("source", ["a = (", "if", "x = %pwd"])
def test_a_cell_that_is_no_python_is_refused(notebook: Make, source: str) -> None:
    with pytest.raises(ParameterError, match="could not be read"):
        read_parameters(notebook(source))


@pytest.mark.parametrize(
    "annotation",
    ["Path", "np.ndarray", "tuple[int, int]", "__import__('os').getpid()", "().__class__", "(lambda: int)()", "5", "["],
)
def test_a_type_that_nobody_knows_is_refused_and_not_run(notebook: Make, annotation: str) -> None:
    path = notebook(f"a: {annotation} = 1" if annotation != "[" else "a: '[' = 1")
    with pytest.raises(ParameterError, match="Parameter 'a'"):
        check_notebook(path, {"a": 1})
    assert check_notebook(path, {}) == {}, "who leaves it alone may run the notebook"


def test_types_may_be_quoted_or_come_from_typing(notebook: Make) -> None:
    path = notebook(
        "a: 'str | None' = None\nb: typing.Optional[int] = 1\nc: t.Literal['x', -1] = 'x'\nd: List[int] = []"
    )
    values = {"a": "x", "b": None, "c": -1, "d": [1]}
    assert check_notebook(path, values) == values
    for name, value in {"a": 1, "b": "1", "c": "y", "d": ["1"]}.items():
        with pytest.raises(ParameterError, match=f"'{name}'"):
            check_notebook(path, {name: value})


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 2**63, "\udc80", {1: 2}, {"a": [float("nan")]}, (1, 2), {3}, Path("x"), b"x"]
)
def test_a_value_that_a_record_cannot_hold_is_refused(notebook: Make, value: object) -> None:
    with pytest.raises(ParameterError, match="Parameter 'a'"):
        check_notebook(notebook("a = None"), {"a": value})


def _broken(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is not JSON"),
        (b"not json", "it is not JSON"),
        (b"\xff\xfe", "it is not JSON"),
        (b"{}", "it holds JSON, but no notebook"),
        (b"[]", "it holds JSON, but no notebook"),
        (b'{"nbformat": 4, "cells": 3}', "it holds JSON, but no notebook"),
        (b'{"nbformat": 4, "cells": [{"cell_type": "code"}]}', "it holds JSON, but no notebook"),
        (b'{"nbformat": 3, "worksheets": []}', "it is of nbformat 3"),
    ],
)
def test_a_file_that_is_no_notebook_is_refused_with_the_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    path = _broken(tmp_path / "job.ipynb", content)
    with pytest.raises(ParameterError, match=f"not a readable notebook: {reason}") as caught:
        check_notebook(path, {})
    assert caught.value.todo


def test_a_missing_file_and_a_folder_are_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="there is no such file"):
        check_notebook(tmp_path / "missing.ipynb", {})
    with pytest.raises(ParameterError, match="it is a folder"):
        check_notebook(tmp_path, {})


@pytest.mark.parametrize(
    "metadata", [{"language_info": {"name": "R"}}, {"kernelspec": {"name": "ir", "language": "R", "display_name": "R"}}]
)
def test_a_notebook_of_another_language_is_refused(tmp_path: Path, metadata: dict[str, Any]) -> None:
    path = write(tmp_path / "job.ipynb", cell("a <- 1", "parameters"), metadata=metadata)
    with pytest.raises(ParameterError, match="is written in R"):
        check_notebook(path, {})


def test_python_of_any_kernel_will_do(tmp_path: Path) -> None:
    kernel = {"kernelspec": {"name": "my-env", "display_name": "My env", "language": "python"}}
    assert check_notebook(write(tmp_path / "job.ipynb", cell("a = 1"), metadata=kernel), {}) == {}


def test_a_tag_in_two_places_or_on_text_is_refused(tmp_path: Path) -> None:
    two = write(tmp_path / "two.ipynb", cell("a = 1", "parameters"), cell("b = 1", "parameters"))
    with pytest.raises(ParameterError, match="on 2 cells"):
        check_notebook(two, {"a": 2})
    text = write(tmp_path / "text.ipynb", cell("# a", "parameters", kind="markdown"), cell("a = 1", "parameters"))
    with pytest.raises(ParameterError, match="on a cell of type markdown"):
        check_notebook(text, {"a": 2})


TYPES = """
n: int = 1
x: float = 0.5
flag: bool = True
word: str = "a"
maybe: int | None = None
batch: int | float = 16
device: int | str | list | None = None
amp: bool | str = True
sizes: list[int] = []
names: list[str] = []
extra: dict = {}
mode: Literal["fast", "slow"] = "fast"
free = None
plain = 3
"""


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("n", "5", 5),
        ("n", "-3", -3),
        ("x", "1e-3", 0.001),
        ("x", "2", 2.0),
        ("x", ".5", 0.5),
        ("flag", "true", True),
        ("flag", "False", False),
        ("word", "5", "5"),
        ("word", "None", "None"),
        ("word", "", ""),
        ("word", " [1] ", " [1] "),
        ("maybe", "None", None),
        ("maybe", "null", None),
        ("maybe", "7", 7),
        ("batch", "16", 16),
        ("batch", "0.5", 0.5),
        ("device", "0", 0),
        ("device", "cpu", "cpu"),
        ("device", "[0, 1]", [0, 1]),
        ("device", "none", None),
        ("amp", "bf16", "bf16"),
        ("amp", "true", True),
        ("sizes", "[320, 640]", [320, 640]),
        ("names", "[cat, dog]", ["cat", "dog"]),
        ("names", '["cat", "dog"]', ["cat", "dog"]),
        ("names", "['cat']", ["cat"]),
        ("extra", '{"plots": false}', {"plots": False}),
        ("extra", "{'lr0': 0.1}", {"lr0": 0.1}),
        ("extra", "{plots: no}", {"plots": False}),
        ("mode", "slow", "slow"),
        ("free", "3", 3),
        ("free", "007", "007"),
        ("free", "2024_01", "2024_01"),
        ("free", "nan", "nan"),
        ("plain", "4", 4),
    ],
)
def test_text_is_read_by_the_type_of_the_parameter(notebook: Make, name: str, text: str, value: object) -> None:
    found = parse_values(notebook(TYPES), {name: text})[name]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("n", "5.5"),
        ("n", "ten"),
        ("n", "None"),
        ("n", "9" * 30),
        ("n", "9" * 5000),
        ("x", "nan"),
        ("x", "1e999"),
        ("flag", "1"),
        ("flag", "yes"),
        ("maybe", ""),
        ("sizes", "[a]"),
        ("sizes", "320"),
        ("extra", "{"),
        ("mode", "medium"),
        ("plain", "0.5"),
        ("word", "x" * 100_000),
    ],
)
def test_text_that_is_not_of_the_type_is_refused_in_three_beats(notebook: Make, name: str, text: str) -> None:
    with pytest.raises(ParameterError, match=f"Parameter '{name}' of notebook 'job.ipynb' got '") as caught:
        parse_values(notebook(TYPES), {name: text})
    error = caught.value
    assert error.expected.startswith("A value of type ")
    assert error.todo
    assert len(str(error)) < 1000


def test_a_misspelt_name_on_the_command_line_is_refused_with_the_closest_one(notebook: Make) -> None:
    with pytest.raises(ParameterError, match=r"no parameter 'devise'.*Did you mean 'device'"):
        parse_values(notebook(TYPES), {"devise": "cpu"})


def test_the_folder_of_the_run_cannot_be_chosen(notebook: Make) -> None:
    with pytest.raises(ParameterError, match="run_dir"):
        parse_values(notebook(CELL), {"run_dir": "elsewhere"})
