"""How long files and functions may be."""

from __future__ import annotations

import ast
from statistics import median, quantiles

FILE_LINES, TEST_FILE_LINES = 400, 500
FUNCTION_LINES, FUNCTION_MEDIAN, FUNCTION_P95 = 60, 8, 40
PARAMETERS = 6


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return how many lines a function has, its docstring and decorators not counted."""
    count = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function, clean=False) is None:
        return count
    docstring = function.body[0]
    return count - ((docstring.end_lineno or docstring.lineno) - docstring.lineno + 1)


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return how many parameters a caller sees; ``*`` and ``**`` count as one each."""
    given = function.args
    named = [*given.posonlyargs, *given.args]
    bound = bool(named) and named[0].arg in {"self", "cls"}
    return len(named) - bound + len(given.kwonlyargs) + bool(given.vararg) + bool(given.kwarg)


def test_no_file_is_longer_than_a_reader_holds_in_mind(everything):
    too_long = {
        source.name: lines
        for source in everything
        if (lines := len(source.text.splitlines()))
        > (TEST_FILE_LINES if source.name.startswith("tests/") else FILE_LINES)
    }
    assert too_long == {}


def test_no_function_is_longer_than_sixty_lines(everything):
    too_long = {
        f"{source.at(function)} {function.name}": lines
        for source in everything
        for function in source.functions
        if (lines := _lines(function)) > FUNCTION_LINES
    }
    assert too_long == {}


def test_most_functions_are_short(product):
    lengths = [_lines(function) for source in product for function in source.functions]
    assert len(lengths) > 100
    assert median(lengths) <= FUNCTION_MEDIAN
    assert quantiles(lengths, n=20)[-1] <= FUNCTION_P95


def test_no_function_outside_the_command_line_takes_more_than_six_parameters(product):
    too_many = {
        f"{source.at(function)} {function.name}": count
        for source in product
        if not source.name.startswith("workbench/cli/")
        for function in source.functions
        if (count := _parameters(function)) > PARAMETERS
    }
    assert too_many == {}
