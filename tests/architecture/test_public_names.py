"""The names that ``import workbench as wb`` gives, and what the import costs."""

from __future__ import annotations

import ast
import inspect
import pkgutil
import subprocess
import sys
import time

import pytest

import workbench

HEAVY = {
    *("torch", "ultralytics", "prefect", "papermill", "nbclient", "mlflow", "wandb", "clearml"),
    *("google.genai", "httpx2", "anywidget", "ipywidgets", "IPython", "cv2", "onnxruntime", "sklearn", "matplotlib"),
}
IMPORT_FACTOR, HELP_S = 1.5, 0.7


def _python(code, *arguments, options=()):
    command = [sys.executable, *options, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)


def _loaded_after(statement):
    """Return the modules that a fresh interpreter holds after ``statement``."""
    return set(_python(f"{statement}\nimport sys\nsys.stdout.write(' '.join(sys.modules))").stdout.split())


def test_there_are_at_most_25_public_names():
    assert len(workbench.__all__) <= 25
    assert sorted(workbench.__all__) == sorted(set(workbench.__all__))
    assert dir(workbench) == workbench.__all__


@pytest.mark.parametrize("name", workbench.__all__)
def test_a_public_name_is_there_and_where_its_home_says(name):
    value = getattr(workbench, name)
    home = workbench._HOMES.get(name)
    assert (home is None) == (name == "__version__")
    assert home is None or value.__module__ == home


def test_no_public_name_is_a_submodules_name():
    submodules = {module.name for module in pkgutil.iter_modules(workbench.__path__)}
    assert len(submodules) > 15
    assert submodules & set(workbench.__all__) == set()


def test_public_names_stay_what_they_are_when_every_submodule_is_loaded():
    names = [module.name for module in pkgutil.iter_modules(workbench.__path__)]
    for name in names:
        __import__(f"workbench.{name}")
    assert callable(workbench.open)
    assert workbench.open.__module__ == "workbench.workspace"


def test_type_checkers_are_told_the_same_names():
    seen = {
        alias.asname or alias.name: node.module
        for block in ast.parse(inspect.getsource(workbench)).body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == workbench._HOMES


def test_importing_the_package_loads_nothing_heavy():
    loaded = _loaded_after("import workbench")
    assert "workbench" in loaded
    assert (HEAVY | {"pydantic", "sqlalchemy", "numpy"}) & loaded == set()
    assert [name for name in loaded if name.startswith(("workbench.chat", "workbench.conversations"))] == []


@pytest.mark.parametrize(
    "statement",
    [
        *("import workbench.cli.app", "import workbench.workspace", "import pipelines.launcher"),
        *("import workbench.cli.chat", "import workbench.conversations", "import workbench.chat.gemini"),
    ],
)
def test_what_people_wait_for_loads_no_training_library(statement):
    assert (HEAVY - {"IPython", "matplotlib"}) & _loaded_after(statement) == set()


def _import_us(module):
    """Return how long ``import module`` takes in a fresh interpreter, in microseconds."""
    last = _python(f"import {module}", options=("-X", "importtime")).stderr.splitlines()[-1]
    assert last.endswith(f" {module}")
    return int(last.split("|")[1])


def test_importing_costs_no_more_than_a_widget_library():
    pairs = [(_import_us("workbench"), _import_us("anywidget")) for _ in range(5)]
    ours, theirs = (min(column) for column in zip(*pairs, strict=True))
    assert ours <= IMPORT_FACTOR * theirs


def test_help_answers_at_once():
    def took():
        begun = time.perf_counter()
        answer = _python("from workbench.cli import main; main()", "--help")
        assert "Usage: workbench" in answer.stdout
        return time.perf_counter() - begun

    assert min(took() for _ in range(3)) <= HELP_S
