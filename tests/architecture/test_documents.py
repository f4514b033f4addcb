"""README, CONTRIBUTING, CHANGELOG and environment.yml say what is so."""

from __future__ import annotations

import ast
import re

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import workbench
from workbench.settings import Settings

_LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
_CODE = re.compile(r"(?<!`)`([^`\s]+)`(?!`)")
_FILE_IN_ROOT = re.compile(r"(?:Makefile|LICENSE|[\w-]+\.(?:md|toml|cfg)|environment\.yml)")
_TARGET = re.compile(r"`make ([a-z-]+)|^ {4}.*?\bmake ([a-z-]+)", re.MULTILINE)


@pytest.fixture
def documents(readme, contributing):
    return [readme, contributing]


def _paths(document, root):
    """Return the paths of the checkout that a document names."""
    folders = {path.name for path in root.iterdir() if path.is_dir()}
    for token in _CODE.findall(document.prose):
        head = token.partition("/")[0]
        if ("/" in token and head in folders and not set("*<{$") & set(token)) or _FILE_IN_ROOT.fullmatch(token):
            yield token
    yield from _LINK.findall(document.text)


def test_paths_that_the_documents_name_exist(documents, root):
    named = [(document.path.name, path) for document in documents for path in _paths(document, root)]
    assert len(named) > 3
    assert [place for place in named if not (root / place[1]).exists()] == []


def test_targets_that_the_documents_name_exist(documents, root):
    targets = set(re.findall(r"^([a-z-]+):", (root / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {"".join(found) for document in documents for found in _TARGET.findall(document.text)}
    assert {"setup", "check", "test"} <= named
    assert named <= targets


def _instance_names(cls, source):
    """Return the names that an object of ``cls`` has, those that its methods assign included."""
    assigned = {
        node.attr
        for node in source.nodes
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self"
    }
    return {name for name in {*dir(cls), *assigned} if not name.startswith("_")}


def test_python_of_the_documents_compiles_and_uses_names_that_exist(documents, product):
    blocks = [block for document in documents for block in document.blocks("python")]
    assert blocks
    front = next(source for source in product if source.name == "workbench/workspace.py")
    known = {"wb": set(workbench.__all__), "ws": _instance_names(workbench.Workspace, front)}
    for block in blocks:
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in known:
                assert node.attr in known[node.value.id], f"{node.value.id}.{node.attr}"


def test_variables_that_the_readme_names_are_settings(readme):
    named = set(re.findall(r"\b(?:WORKBENCH_[A-Z_]+|[A-Z]+_(?:API_)?URL)\b", readme.text))
    assert named
    assert named <= {name.upper() for name in Settings.model_fields}


def _requirements(lines):
    return {str(Requirement(line)) for line in lines}


def test_conda_users_install_what_pip_users_install(root, pyproject):
    conda = yaml.safe_load((root / "environment.yml").read_text(encoding="utf-8"))
    plain = [entry for entry in conda["dependencies"] if isinstance(entry, str)]
    listed = next(entry["pip"] for entry in conda["dependencies"] if isinstance(entry, dict))
    assert conda["channels"] == ["conda-forge"]
    assert conda["name"] == pyproject["project"]["name"]
    assert listed.count("--editable .") == 1
    assert _requirements(line for line in listed if line != "--editable .") == _requirements(
        pyproject["project"]["dependencies"]
    )
    python = dict(entry.split("=") for entry in plain if "=" in entry)["python"]
    assert python in SpecifierSet(pyproject["project"]["requires-python"])
    assert "pip" in plain


def test_the_version_is_one(pyproject):
    assert pyproject["project"]["version"] == workbench.__version__


def test_the_changelog_says_what_is_new(root, pyproject):
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## \[(.+?)\]", text, re.MULTILINE)
    assert sections[0] == "Unreleased"
    assert re.search(r"^### (?:Added|Changed|Fixed|Removed)\n\n- \S", text, re.MULTILINE)
    assert pyproject["project"]["version"] in sections[1:] or len(sections) == 1


def test_contributing_fits_one_screen(contributing):
    assert len(contributing.text.splitlines()) <= 70
