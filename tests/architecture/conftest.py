"""What the architecture tests read: every source file parsed once, the notebooks, the documents."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Source:
    """One Python file."""

    path: Path

    @property
    def name(self) -> str:
        """The path from the checkout's root."""
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    @property
    def functions(self) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
        return [node for node in self.nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]

    def at(self, node: ast.AST) -> str:
        return f"{self.name}:{getattr(node, 'lineno', 1)}"


@dataclass(frozen=True)
class Notebook:
    """One notebook as it lies on disk."""

    path: Path

    @cached_property
    def raw(self) -> dict[str, Any]:
        return json.loads(self.path.read_text(encoding="utf-8"))

    @property
    def code(self) -> list[dict[str, Any]]:
        return [cell for cell in self.raw["cells"] if cell["cell_type"] == "code"]

    @staticmethod
    def text(cell: dict[str, Any]) -> str:
        return "".join(cell["source"])

    @staticmethod
    def is_parameters(cell: dict[str, Any]) -> bool:
        return "parameters" in cell["metadata"].get("tags", [])


@dataclass(frozen=True)
class Document:
    """One Markdown file."""

    path: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    def blocks(self, *languages: str) -> list[str]:
        """Return the fenced blocks in one of ``languages``."""
        return [body for language, body in _FENCE.findall(self.text) if language in languages]

    @property
    def prose(self) -> str:
        return _FENCE.sub("", self.text)


def sources(*folders: str) -> list[Source]:
    found = [Source(path) for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [source for source in found if "node_modules" not in source.path.parts]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def product() -> list[Source]:
    return sources("workbench", "pipelines")


@pytest.fixture(scope="session")
def everything() -> list[Source]:
    return sources("workbench", "pipelines", "extensions", "tests")


@pytest.fixture(scope="session")
def notebooks() -> list[Notebook]:
    found = [path for folder in ("notebooks", "extensions") for path in sorted((ROOT / folder).rglob("*.ipynb"))]
    return [Notebook(path) for path in found if not {"node_modules", ".ipynb_checkpoints"} & set(path.parts)]


@pytest.fixture(scope="session")
def readme() -> Document:
    return Document(ROOT / "README.md")


@pytest.fixture(scope="session")
def contributing() -> Document:
    return Document(ROOT / "CONTRIBUTING.md")


@pytest.fixture(scope="session")
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
