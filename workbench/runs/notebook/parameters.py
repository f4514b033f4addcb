"""The parameters of a notebook, checked before anything starts.

What lives here: holding values against the cell tagged ``parameters``, and reading them from a command line. What does
not: the notebook's file (``notebook_file``), executing.

papermill only warns about unknown names and injects them; a notebook without the cell silently overrides what was
injected; a wrong type is accepted. Here all three are refused.
"""

from __future__ import annotations

import ast
import json
import math
import re
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

from workbench.errors import ParameterError, did_you_mean
from workbench.runs.notebook.file import parameter_cells, read_notebook

_NAMES: dict[str, Any] = {
    **{name: getattr(typing, name) for name in ("Any", "Literal", "Optional", "Union", "List", "Dict")},
    **{kind.__name__: kind for kind in (bool, int, float, str, list, dict)},
}
_TYPE_NODES = {
    *(ast.Name, ast.Subscript, ast.Tuple, ast.List, ast.BinOp, ast.BitOr, ast.Constant),
    *(ast.UnaryOp, ast.USub, ast.Load),
}
_MAGIC = re.compile(r"^\s*[%!?]")
_INT = re.compile(r"[+-]?(0|[1-9][0-9]*)")  # 007 and 2024_01 are names, not numbers
_FLOAT = re.compile(r"[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_OWN = "run_dir"
_LONGEST = 16_384
_DIGITS = 4_000  # more are too many for Python, and this many are too many for a notebook


@dataclass(frozen=True)
class Parameter:
    """One name that the ``parameters`` cell assigns to.

    Attributes:
        name: the name.
        annotation: its type as the cell writes it, or that of its default; ``Any`` when neither says.
        default: the value that the cell gives it; None when that is computed, or there is none.
        doc: the comment behind it.
    """

    name: str
    annotation: str
    default: Any
    doc: str

    def check(self, value: Any) -> Any:
        """Return ``value`` as the annotation reads it, without coercion (only an int may stand for a float).

        Raises:
            ValidationError: when it does not fit.
            ValueError: when the annotation is no type made of plain literals.
        """
        return _type_of(self.annotation).validate_python(value)


def read_parameters(notebook: Path) -> dict[str, Parameter]:
    """Return the parameters of a notebook by name; none when no cell is tagged ``parameters``.

    In that cell every plain assignment to a name is a parameter, also a computed one, whose value is then unknown here.
    Everything else that a person may have written there, e.g. a docstring, an import or a magic, is passed over.

    Raises:
        ParameterError: when the file is no notebook that can be executed, or the cell cannot be read.
    """
    cells = parameter_cells(notebook, read_notebook(notebook))
    return _read_cell(notebook, cells[0]) if cells else {}


def check_notebook(notebook: Path, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``values`` as the notebook's parameters read them, once the notebook can be executed with them.

    Raises:
        ParameterError: when the file is no Python notebook of nbformat 4, a name is unknown, a type does not fit, or
            a value cannot be written into a notebook.
    """
    known = read_parameters(notebook)
    return {name: _check(notebook, _find(notebook, known, name), value) for name, value in values.items()}


def parse_values(notebook: Path, pairs: Mapping[str, str]) -> dict[str, Any]:
    """Return the parameters that a command line means by ``-p NAME=TEXT``, read by their types.

    The text is taken for the first of these that fits: None, true or false, an int, a float, a list or dict (JSON,
    Python or YAML), the text itself. A parameter of type str therefore gets the text, whatever it looks like.

    Raises:
        ParameterError: as ``check_notebook``, and for ``run_dir``, which the workbench sets.
    """
    known = read_parameters(notebook)
    if _OWN in pairs:
        raise ParameterError(
            f"'-p {_OWN}=…' was given for notebook '{notebook.name}'.",
            f"'{_OWN}' is the run's folder, which the workbench makes.",
            "Leave it out.",
            name=_OWN,
        )
    return {name: _parse(notebook, _find(notebook, known, name), text) for name, text in pairs.items()}


def _find(notebook: Path, known: Mapping[str, Parameter], name: str) -> Parameter:
    if name in known:
        return known[name]
    if not known:
        raise ParameterError(
            f"Notebook '{notebook.name}' has no cell tagged 'parameters', and cannot take '{name}'.",
            "One code cell with that tag, holding assignments such as `epochs: int = 10  # training epochs`.",
            "Add the tag in JupyterLab: select the cell, open the property inspector (gear icon), Cell Tags.",
            notebook=str(notebook),
            name=name,
        )
    raise ParameterError(
        f"Notebook '{notebook.name}' has no parameter '{name}'.",
        f"Its parameters: {', '.join(known)}.",
        did_you_mean(name, known) or "Remove it, or add it to the notebook's parameters cell.",
        name=name,
    )


def _check(notebook: Path, parameter: Parameter, value: Any) -> Any:
    try:
        checked = parameter.check(value)
        _require_plain(checked)
    except (ValueError, TypeError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise _refusal(notebook, parameter, repr(value), reason) from error
    return checked


def _parse(notebook: Path, parameter: Parameter, text: str) -> Any:
    reason = "it is too long for a command line" if len(text) > _LONGEST else ""
    for candidate in () if reason else _readings(text):
        try:
            checked = parameter.check(candidate)
            _require_plain(checked)
        except ValidationError:
            continue
        except (ValueError, TypeError) as error:
            reason = str(error)
        else:
            return checked
    raise _refusal(notebook, parameter, f"'{text[:200]}'", reason or "it does not read as that")


def _readings(text: str) -> Iterator[Any]:
    """Yield what ``text`` may mean, the narrowest first."""
    word = text.strip()
    if word.lower() in {"none", "null"}:
        yield None
    if word.lower() in {"true", "false"}:
        yield word.lower() == "true"
    if _INT.fullmatch(word):
        yield int(word[:_DIGITS])
    if _FLOAT.fullmatch(word):
        yield float(word)
    if word[:1] in {"[", "{"}:
        for read in (json.loads, ast.literal_eval, yaml.safe_load):
            try:
                yield read(word)
            except (ValueError, SyntaxError, yaml.YAMLError, RecursionError, MemoryError):
                continue
    yield text


def _refusal(notebook: Path, parameter: Parameter, given: str, reason: str) -> ParameterError:
    return ParameterError(
        f"Parameter '{parameter.name}' of notebook '{notebook.name}' got {given}: {reason}.",
        f"A value of type {parameter.annotation}, made of plain literals.",
        "Leave it out to keep the notebook's own value."
        if parameter.default is None
        else f"The default is {parameter.default!r}.",
        name=parameter.name,
        value=given,
    )


def _require_plain(value: Any) -> None:
    """Refuse what a run's record or a notebook cannot hold.

    Raises:
        ValueError: with the reason.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} cannot be recorded")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("it does not fit 64 bits")
    if isinstance(value, str):
        value.encode()  # a lone surrogate is a UnicodeEncodeError, which is a ValueError
    elif isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise ValueError("the keys of a dict must be text")
        for found in (*value, *value.values()):
            _require_plain(found)
    elif isinstance(value, list):
        for found in value:
            _require_plain(found)
    elif value is not None and not isinstance(value, bool | int | float):
        raise ValueError(f"{type(value).__name__} is no plain literal")


def _type_of(annotation: str) -> TypeAdapter[Any]:
    """Return the type that an annotation of a notebook stands for; nothing of the notebook is run.

    Raises:
        ValueError: when it is no type made of the known names.
    """
    try:
        tree = ast.parse(annotation, mode="eval")
        if isinstance(tree.body, ast.Constant) and isinstance(tree.body.value, str):
            tree = ast.parse(tree.body.value, mode="eval")
        checked = ast.Expression(_Plain().visit(tree.body))
        # Names, brackets and bars only: nothing here calls anything, or reaches an attribute.
        code = compile(ast.fix_missing_locations(checked), "annotation", "eval")
        kind = eval(code, {"__builtins__": {}}, _NAMES)  # noqa: S307
        return TypeAdapter(kind, config=ConfigDict(strict=True))
    except (ValueError, TypeError, NameError, SyntaxError, PydanticUserError) as error:
        known = ", ".join(name for name in _NAMES if name.islower())
        raise ValueError(f"its type '{annotation}' is not known here ({str(error)[:80]}); known are {known}") from error


class _Plain(ast.NodeTransformer):
    """Turns ``typing.List`` into ``List``, and refuses whatever no type is written with."""

    def visit(self, node: ast.AST) -> Any:
        """Visit one node of an annotation."""
        if isinstance(node, ast.Attribute):
            return ast.Name(node.attr, ast.Load())
        if type(node) not in _TYPE_NODES:
            raise ValueError("it is not made of names and brackets")
        return self.generic_visit(node)


def _read_cell(notebook: Path, source: str) -> dict[str, Parameter]:
    lines = ["" if _MAGIC.match(line) else line for line in source.split("\n")]
    try:
        body = ast.parse("\n".join(lines)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ParameterError(
            f"The parameters cell of notebook '{notebook.name}' could not be read: {error}.",
            "Python, with assignments such as `epochs: int = 10  # training epochs`.",
            "Correct the cell in JupyterLab.",
            notebook=str(notebook),
        ) from error
    return {found.name: found for node in body if (found := _read_assignment(node, lines)) is not None}


def _read_assignment(node: ast.stmt, lines: list[str]) -> Parameter | None:
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        target, value, annotation = node.target, node.value, ast.unparse(node.annotation)
    elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        target, value, annotation = node.targets[0], node.value, ""
    else:
        return None
    default, literal = _literal(value)
    if not annotation:
        annotation = type(default).__name__ if literal and default is not None else "Any"
    # The offset counts UTF-8 bytes, not characters.
    tail = lines[(node.end_lineno or node.lineno) - 1].encode()[node.end_col_offset or 0 :].decode()
    return Parameter(target.id, annotation, default, tail.partition("#")[2].strip())


def _literal(value: ast.expr | None) -> tuple[Any, bool]:
    """Return the value of a literal and whether it was one."""
    try:
        return (None, False) if value is None else (ast.literal_eval(value), True)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None, False
