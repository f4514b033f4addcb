"""The parameters of a job notebook, checked before anything starts.

What lives here: reading the cell tagged ``parameters`` and holding values against it. What does not: executing.
papermill only warns about unknown names and injects them; a notebook without the cell silently overrides what was
injected; a wrong type is accepted. Here all three are refused.
"""

from __future__ import annotations

import ast
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from pydantic import ConfigDict, TypeAdapter, ValidationError

from workbench.errors import ParameterError, did_you_mean

_NAMES: dict[str, Any] = {
    **{name: getattr(typing, name) for name in ("Any", "Literal", "Optional", "Union")},
    **{kind.__name__: kind for kind in (bool, int, float, str, list, dict)},
}


@dataclass(frozen=True)
class Parameter:
    """One assignment of the ``parameters`` cell."""

    name: str
    annotation: str
    default: Any
    doc: str

    def check(self, value: Any) -> Any:
        """Return ``value`` as the annotation reads it, without coercion (only an int may stand for a float).

        Raises:
            ValidationError: when it does not fit.
        """
        # The annotation is an expression in a notebook that the user asked to execute; it sees type names only.
        kind = eval(self.annotation, {"__builtins__": {}}, _NAMES)  # noqa: S307
        return TypeAdapter(kind, config=ConfigDict(strict=True)).validate_python(value)


def read_parameters(notebook: Path) -> dict[str, Parameter]:
    """Return the parameters of a notebook by name.

    Raises:
        ParameterError: when the file is no notebook, or has no cell tagged ``parameters``, or that cell holds
            anything but assignments of literals.
    """
    for cell in _cells(notebook):
        if "parameters" in cell.get("metadata", {}).get("tags", []):
            return _read_cell(notebook, "".join(cell["source"]))
    raise ParameterError(
        f"Notebook '{notebook.name}' has no cell tagged 'parameters'.",
        "One code cell with that tag, holding assignments such as `epochs: int = 10  # training epochs`.",
        "Add the tag in JupyterLab: select the cell, open the property inspector (gear icon), Cell Tags.",
        notebook=str(notebook),
    )


def check_parameters(notebook: Path, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``values`` as the notebook's parameters read them.

    Raises:
        ParameterError: when a name is unknown, a type does not fit, or a value cannot be written into a notebook.
    """
    known = read_parameters(notebook)
    for name in values:
        if name not in known:
            raise ParameterError(
                f"Notebook '{notebook.name}' has no parameter '{name}'.",
                f"Its parameters: {', '.join(known)}.",
                did_you_mean(name, known) or "Remove it, or add it to the notebook's parameters cell.",
                name=name,
            )
    return {name: _check(notebook, known[name], value) for name, value in values.items()}


def _check(notebook: Path, parameter: Parameter, value: Any) -> Any:
    try:
        checked = parameter.check(value)
        orjson.dumps(checked)
    except (ValidationError, TypeError, NameError, AttributeError) as error:  # the last three: of the annotation
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise ParameterError(
            f"Parameter '{parameter.name}' of notebook '{notebook.name}' got {value!r}: {reason}.",
            f"A value of type {parameter.annotation}, made of plain literals.",
            f"The default is {parameter.default!r}.",
            name=parameter.name,
            value=repr(value),
        ) from error
    return checked


def _cells(notebook: Path) -> list[dict[str, Any]]:
    try:
        return list(orjson.loads(notebook.read_bytes())["cells"])
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise ParameterError(
            f"'{notebook}' is not a readable notebook: {error}.",
            "A Jupyter notebook, nbformat 4.",
            "Check the path, or open the file in JupyterLab.",
            notebook=str(notebook),
        ) from error


def _read_cell(notebook: Path, source: str) -> dict[str, Parameter]:
    lines = source.split("\n")
    found: dict[str, Parameter] = {}
    try:
        for node in ast.parse(source).body:
            parameter = _read_assignment(node, lines)
            found[parameter.name] = parameter
    except (SyntaxError, ValueError, TypeError) as error:
        raise ParameterError(
            f"The parameters cell of notebook '{notebook.name}' could not be read: {error}.",
            "Only assignments of literals, such as `epochs: int = 10  # training epochs`.",
            "Move other code into a later cell.",
            notebook=str(notebook),
        ) from error
    return found


def _read_assignment(node: ast.stmt, lines: list[str]) -> Parameter:
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
        name, value, annotation = node.target.id, node.value, ast.unparse(node.annotation)
    elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        name, value = node.targets[0].id, node.value
        annotation = ""
    else:
        raise ValueError(f"line {node.lineno} is no assignment")
    default = ast.literal_eval(value)
    if not annotation:
        annotation = "Any" if default is None else type(default).__name__
    # The offset counts UTF-8 bytes, not characters.
    tail = lines[(node.end_lineno or node.lineno) - 1].encode()[node.end_col_offset or 0 :].decode()
    return Parameter(name, annotation, default, tail.partition("#")[2].strip())
