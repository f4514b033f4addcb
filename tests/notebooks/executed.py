"""A notebook that papermill executed, and what its cells show."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import nbformat

from workbench import paths

ROOT = paths.notebook("studio", "workbench").parents[1]
WIDGET = "application/vnd.jupyter.widget-view+json"


def found() -> list[str]:
    """Return every notebook of the product, as ``folder/name``."""
    books = [path.relative_to(ROOT).with_suffix("") for path in ROOT.rglob("*.ipynb")]
    return sorted(path.as_posix() for path in books if not any(part.startswith(".") for part in path.parts))


@dataclass(frozen=True)
class Executed:
    """An executed notebook on disk."""

    path: Path

    @property
    def code(self) -> list[dict[str, Any]]:
        cells = json.loads(self.path.read_text(encoding="utf-8"))["cells"]
        return [cell for cell in cells if cell["cell_type"] == "code"]

    def check_counts(self) -> None:
        """Hold that every cell was executed, once and in order."""
        assert [cell["execution_count"] for cell in self.code] == list(range(1, len(self.code) + 1))

    def check(self) -> None:
        """Hold that every cell was executed, and that none shows an error or a warning."""
        self.check_counts()
        kinds = {output["output_type"] for cell in self.code for output in cell["outputs"]}
        assert "error" not in kinds
        streams = [output for cell in self.code for output in cell["outputs"] if output["output_type"] == "stream"]
        assert [output["text"] for output in streams if output["name"] == "stderr"] == []

    def value(self, cell: int = -1) -> Any:
        """Return what a code cell shows, a literal of Python; the last cell's is the result."""
        shown = [output for output in self.code[cell]["outputs"] if output["output_type"] == "execute_result"]
        return ast.literal_eval("".join(shown[-1]["data"]["text/plain"]))

    def text(self, source: str) -> str:
        """Return the plain text that is shown by the cell that ends with ``source``."""
        cell = next(cell for cell in self.code if "".join(cell["source"]).endswith(source))
        return "".join("".join(output.get("data", {}).get("text/plain", "")) for output in cell["outputs"])

    def page(self, lang: str = "en") -> str:
        """Return what is to be read on the one page that a dashboard shows; there is no fault on it."""
        (html,) = self.shown("text/html")
        assert f'lang="{lang}"' in html
        assert not re.search(r"<script|https?://(?!127\.0\.0\.1)|Traceback", html)
        body = re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
        return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())

    def shown(self, kind: str) -> list[str]:
        """Return everything that is shown as, e.g., ``text/html``."""
        bundles = [output.get("data", {}) for cell in self.code for output in cell["outputs"]]
        return [
            "".join(data[kind]) if isinstance(data[kind], list) else str(data[kind]) for data in bundles if kind in data
        ]


def execute(name: str, parameters: Mapping[str, Any], folder: Path) -> Executed:
    """Execute a notebook with papermill, in a folder of its own.

    Args:
        name: ``folder/name``.
        parameters: of its cell tagged ``parameters``.
        folder: where the executed notebook lies, and where its kernel works.
    """
    import papermill

    source, target = ROOT / f"{name}.ipynb", folder / f"{Path(name).name}.ipynb"
    known = papermill.inspect_notebook(str(source))
    assert set(parameters) <= set(known), "papermill would pass on what the notebook does not take"
    papermill.execute_notebook(
        str(source), str(target), dict(parameters), cwd=str(folder), progress_bar=False, kernel_name="python3"
    )
    nbformat.validate(nbformat.read(target, as_version=4))
    return Executed(target)
