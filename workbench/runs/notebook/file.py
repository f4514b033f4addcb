"""A notebook's file, read before anything starts.

What lives here: whether it is a notebook that can be executed, and its tagged cells. What does not: what the cells
mean (``parameters``), executing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from workbench.errors import ParameterError

_TAG = "parameters"
_LANGUAGES = {"python", "python3", "ipython", "ipython3"}


def read_notebook(path: Path) -> list[dict[str, Any]]:
    """Return the cells of a notebook.

    Raises:
        ParameterError: when the file is missing, is no notebook, is one of another format than nbformat 4, or is
            written in another language than Python.
    """
    book = _read(path)
    cells, number = book.get("cells"), book.get("nbformat")
    if number != 4 and (number is not None or "worksheets" in book):
        raise _refusal(
            path, f"it is of nbformat {number}", "Open it in JupyterLab and save it, or run `jupyter nbconvert`."
        )
    if number is None or not isinstance(cells, list) or not all(_is_cell(cell) for cell in cells):
        raise _refusal(path, "it holds JSON, but no notebook")
    language = _language(book.get("metadata"))
    if language.lower() not in _LANGUAGES:
        raise ParameterError(
            f"Notebook '{path.name}' is written in {language}.",
            "A notebook of a Python kernel: the workbench executes it in its own Python.",
            "Choose a Python kernel for it in JupyterLab, or run it there.",
            notebook=str(path),
            language=language,
        )
    return cells


def parameter_cells(path: Path, cells: list[dict[str, Any]]) -> list[str]:
    """Return the source of the cell tagged ``parameters``; an empty list when there is none.

    Raises:
        ParameterError: when the tag is on a cell that is no code, or on more than one.
    """
    tagged = [cell for cell in cells if _TAG in _tags(cell)]
    wrong = [cell["cell_type"] for cell in tagged if cell["cell_type"] != "code"]
    if wrong or len(tagged) > 1:
        # papermill writes the values behind the first of them, and the next would override them
        raise ParameterError(
            f"Notebook '{path.name}' has the tag '{_TAG}' on "
            + (f"a cell of type {wrong[0]}." if wrong else f"{len(tagged)} cells."),
            "The tag on one code cell.",
            "Remove the others in JupyterLab: select the cell, open the property inspector (gear icon), Cell Tags.",
            notebook=str(path),
        )
    return ["".join(cell["source"]) for cell in tagged]


def _read(path: Path) -> dict[str, Any]:
    try:
        book = orjson.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise _refusal(path, "there is no such file", "Check the path.") from error
    except IsADirectoryError as error:
        raise _refusal(path, "it is a folder", "Name a notebook in it.") from error
    except OSError as error:
        raise _refusal(path, str(error.strerror or error), "Check its permissions.") from error
    except orjson.JSONDecodeError as error:
        raise _refusal(path, f"it is not JSON ({error})") from error
    if not isinstance(book, dict):
        raise _refusal(path, "it holds JSON, but no notebook")
    return book


def _refusal(path: Path, reason: str, todo: str = "Open the file in JupyterLab to see what it is.") -> ParameterError:
    return ParameterError(
        f"'{path}' is not a readable notebook: {reason}.",
        "A Jupyter notebook, nbformat 4.",
        todo,
        notebook=str(path),
    )


def _is_cell(cell: Any) -> bool:
    if not isinstance(cell, dict) or not isinstance(cell.get("cell_type"), str):
        return False
    source = cell.get("source")
    return isinstance(source, str) or (isinstance(source, list) and all(isinstance(line, str) for line in source))


def _tags(cell: dict[str, Any]) -> list[Any]:
    metadata = cell.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    return tags if isinstance(tags, list) else []


def _language(metadata: Any) -> str:
    """Return the language that a notebook says it is written in; Python when it does not say."""
    found = metadata if isinstance(metadata, dict) else {}
    for key, name in (("language_info", "name"), ("kernelspec", "language")):
        part = found.get(key)
        if isinstance(part, dict) and isinstance(part.get(name), str) and part[name]:
            return str(part[name])
    return "Python"
