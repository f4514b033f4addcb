"""Notebooks as files: stripped, valid, and small enough to read."""

from __future__ import annotations

import ast
import re
from importlib.util import find_spec
from pathlib import Path

import nbformat
import pytest

import workbench

CODE_CELLS, CODE_LINES, CELL_LINES = 6, 40, 12
TUTORIAL_LINES = 8
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_ABSOLUTE = re.compile(r"^(?:/|~|[A-Za-z]:[\\/])")


@pytest.fixture
def jobs(notebooks):
    found = [notebook for notebook in notebooks if notebook.path.parent.name == "jobs"]
    assert {"train", "export", "evaluate"} <= {notebook.path.stem for notebook in found}
    return found


def _nodes(notebook):
    return [node for cell in notebook.code for node in ast.walk(ast.parse(notebook.text(cell)))]


def _lines(notebook, cell):
    return len([line for line in notebook.text(cell).splitlines() if line.strip()])


def test_notebooks_are_stripped(notebooks):
    assert len(notebooks) >= 4
    for notebook in notebooks:
        for cell in notebook.code:
            assert cell["outputs"] == [], notebook.path.name
            assert cell["execution_count"] is None, notebook.path.name
            assert not {"execution", "papermill", "collapsed"} & set(cell["metadata"]), notebook.path.name
        assert not {"widgets", "papermill"} & set(notebook.raw["metadata"]), notebook.path.name


def test_notebooks_are_valid_with_an_id_for_every_cell(notebooks):
    for notebook in notebooks:
        nbformat.validate(nbformat.from_dict(notebook.raw))
        assert (notebook.raw["nbformat"], notebook.raw["nbformat_minor"]) >= (4, 5), notebook.path.name
        ids = [cell.get("id") for cell in notebook.raw["cells"]]
        assert all(ids), notebook.path.name
        assert len(ids) == len(set(ids)), notebook.path.name


def test_notebooks_ask_for_the_kernel_that_is_always_there(notebooks):
    for notebook in notebooks:
        assert notebook.raw["metadata"]["kernelspec"]["name"] == "python3", notebook.path.name


def test_a_notebook_begins_with_its_title(notebooks):
    for notebook in notebooks:
        first = notebook.raw["cells"][0]
        assert first["cell_type"] == "markdown", notebook.path.name
        assert notebook.text(first).startswith("# "), notebook.path.name


def test_a_job_has_one_parameters_cell_which_comes_first(jobs):
    for job in jobs:
        tagged = [job.is_parameters(cell) for cell in job.code]
        assert tagged == [True] + [False] * (len(tagged) - 1), job.path.name


def test_a_job_is_short(jobs):
    for job in jobs:
        lines = [_lines(job, cell) for cell in job.code if not job.is_parameters(cell)]
        assert len(job.code) <= CODE_CELLS, job.path.name
        assert sum(lines) <= CODE_LINES, job.path.name
        assert max(lines) <= CELL_LINES, job.path.name


def test_a_job_defines_and_installs_nothing_and_names_no_absolute_path(jobs):
    for job in jobs:
        for node in _nodes(job):
            assert not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda), (
                job.path.name
            )
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not _ABSOLUTE.match(node.value), f"{job.path.name}: {node.value}"
        text = "\n".join(job.text(cell) for cell in job.code)
        assert not re.search(r"\bpip\b|^\s*[%!]", text, re.MULTILINE), job.path.name


def test_the_last_cell_of_a_job_writes_the_result(jobs):
    for job in jobs:
        last = ast.parse(job.text(job.code[-1])).body[-1]
        assert isinstance(last, ast.Expr), job.path.name
        assert isinstance(last.value, ast.Call), job.path.name
        assert ast.unparse(last.value.func).rpartition(".")[2] == "finish", job.path.name


def test_a_tutorial_has_one_parameters_cell_short_cells_and_a_result(notebooks):
    tutorials = [book for book in notebooks if book.path.parent.name == "studio" and book.path.stem != "workbench"]
    assert len(tutorials) >= 5
    for tutorial in tutorials:
        tagged = [tutorial.is_parameters(cell) for cell in tutorial.code]
        assert tagged == [True] + [False] * (len(tagged) - 1), tutorial.path.name
        assert max(_lines(tutorial, cell) for cell in tutorial.code) <= TUTORIAL_LINES, tutorial.path.name
        result = ast.parse(tutorial.text(tutorial.code[-1])).body[-1]
        assert isinstance(result, ast.Expr), tutorial.path.name
        assert isinstance(result.value, ast.Dict), tutorial.path.name


def test_a_tutorial_imports_nothing_of_the_workbench_but_its_public_names(notebooks):
    for tutorial in (book for book in notebooks if book.path.parent.name == "studio"):
        for node in _nodes(tutorial):
            if isinstance(node, ast.ImportFrom):
                assert node.module.partition(".")[0] not in {"workbench", "pipelines"}, tutorial.path.name


def _names_in(module):
    spec = find_spec(module)
    assert spec, module
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    bound = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    return defined | bound | imported


def test_notebooks_import_names_that_exist(notebooks):
    for notebook in notebooks:
        for node in _nodes(notebook):
            if isinstance(node, ast.ImportFrom) and node.module.partition(".")[0] in {"workbench", "pipelines"}:
                missing = {alias.name for alias in node.names} - _names_in(node.module)
                assert missing == set(), f"{notebook.path.name}: {node.module}"


def test_notebooks_use_public_names_that_exist(notebooks):
    used = {
        node.attr
        for notebook in notebooks
        for node in _nodes(notebook)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "wb"
    }
    assert used
    assert used <= set(workbench.__all__)
