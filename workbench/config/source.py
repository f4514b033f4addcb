"""What the installed ultralytics says about itself, read as text: importing it costs seconds and brings torch.

What lives here: finding the package, and evaluating the constants of its modules. What does not: their meaning.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

from workbench.errors import WorkbenchError

_DISPLAYS = {ast.List: list, ast.Tuple: tuple}
_CALLS = {"frozenset": frozenset, "set": set, "tuple": tuple, "list": list}


class NotConstantError(Exception):
    """An expression is more than literals, f-strings and comprehensions over them."""


@cache
def root() -> Path:
    """Return the folder of the installed ultralytics package, without importing it.

    Raises:
        WorkbenchError: when it is not installed.
    """
    spec = importlib.util.find_spec("ultralytics")
    if spec is None or not spec.submodule_search_locations:
        raise WorkbenchError(
            "The package 'ultralytics' is not installed.",
            "ultralytics 8.4, which defines the training config and the models.",
            "Install the workbench's dependencies again: `pip install -e .`.",
        )
    return Path(spec.submodule_search_locations[0])


@cache
def constant(module: str, name: str) -> Any:
    """Return the value of the module-level constant ``name``, by reading and, if that fails, by importing.

    Args:
        module: a module of ultralytics, e.g. ``"cfg"`` or ``"utils.downloads"``.
        name: a name that the module assigns once, e.g. ``"TASK2METRIC"``.
    """
    try:
        return _read(module, name)
    except (NotConstantError, SyntaxError, OSError):
        return getattr(importlib.import_module(f"ultralytics.{module}"), name)


def rows(module: str, function: str, name: str) -> list[list[Any]]:
    """Return the rows of a table that a function gives by columns: by reading and, if that fails, by calling it.

    Args:
        module: as for ``constant``.
        function: returns columns by name, made of rows.
        name: the variable in which it holds the rows.
    """
    try:
        return _rows(module, function, name)
    except (NotConstantError, SyntaxError, OSError):
        columns = getattr(importlib.import_module(f"ultralytics.{module}"), function)()
        return [list(row) for row in zip(*columns.values(), strict=True)]


def _rows(module: str, function: str, name: str) -> list[list[Any]]:
    for node in _parsed(_file(module)).body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            value = _assigned(node.body, name)
            found: list[list[Any]] = evaluate(value, _meant(module, value))
            return found
    raise NotConstantError(function)


def _read(module: str, name: str) -> Any:
    value = _assigned(_parsed(_file(module)).body, name)
    return evaluate(value, _meant(module, value))


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _meant(module: str, expression: ast.expr) -> dict[str, Any]:
    """Return what the names in an expression stand for: texts and numbers of its module, or imported into it."""
    wanted = {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)} - set(_CALLS)
    found: dict[str, Any] = {}
    for node in _parsed(_file(module)).body if wanted else ():
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            names = (target.id for target in node.targets if isinstance(target, ast.Name))
            found.update({name: node.value.value for name in names if name in wanted})
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ultralytics."):
            place = str(node.module).removeprefix("ultralytics.")
            found.update(
                {each.asname or each.name: _read(place, each.name) for each in node.names if each.name in wanted}
            )
    return found


def _file(module: str) -> Path:
    path = root().joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _assigned(body: list[ast.stmt], name: str) -> ast.expr:
    for node in body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
            return node.value
    raise NotConstantError(name)


def evaluate(node: ast.expr, names: dict[str, Any] | None = None) -> Any:  # noqa: PLR0911 - one return a node kind
    """Return the value of an expression made of literals, ``+``, f-strings and comprehensions over literals.

    Args:
        node: the parsed expression.
        names: what names stand for: constants, and the loop variables of the comprehensions around it.

    Raises:
        NotConstantError: when the expression holds anything else.
    """
    names = names or {}
    match node:
        case ast.Name(id=name) if name in names:
            return names[name]
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return _DISPLAYS[type(node)](evaluate(item, names) for item in items)
        case ast.Dict(keys=keys, values=items):
            return {evaluate(key, names): evaluate(item, names) for key, item in zip(keys, items, strict=True) if key}
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return evaluate(left, names) + evaluate(right, names)
        case ast.JoinedStr(values=parts):
            return "".join(str(evaluate(part, names)) for part in parts)
        case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
            return evaluate(value, names)
        case ast.ListComp(elt=item, generators=loops):
            return [evaluate(item, bound) for bound in _loop(loops, names)]
        case ast.Call(func=ast.Name(id=kind), args=[argument], keywords=[]) if kind in _CALLS:
            return _CALLS[kind](evaluate(argument, names))
    try:
        return ast.literal_eval(node)
    except ValueError as error:
        raise NotConstantError(ast.dump(node)) from error


def _loop(loops: list[ast.comprehension], names: dict[str, Any]) -> list[dict[str, Any]]:
    bound = [names]
    for loop in loops:
        if loop.ifs or not isinstance(loop.target, ast.Name):
            raise NotConstantError(ast.dump(loop))
        target = loop.target.id
        bound = [{**outer, target: value} for outer in bound for value in evaluate(loop.iter, outer)]
    return bound
