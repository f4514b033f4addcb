"""What is chosen in an export wizard, as requests for exports, and the Python line that asks the same.

What lives here: formats and options read as ``ExportRequest``s. What does not: what this machine can do with them
(``exporting``), the rules (``exports.request``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from pydantic import Field

from workbench.errors import WorkbenchError
from workbench.exports.formats import find_format
from workbench.exports.request import ExportRequest, Nms
from workbench.widgets.state.messages import Request

MOST: Final = 40  # formats at once
_BETWEEN: Final = re.compile(r"[\s,x×*]+")
_TAKEN: Final = ("dynamic", "opset", "simplify")  # what only some formats take


class Options(Request):
    """What holds for all formats that are chosen; each takes of it what it knows.

    ``imgsz`` is what was typed: nothing, a number, or height and width. ``fresh`` makes exports that are there anew.
    """

    imgsz: str | int | tuple[int, int] | None = ""
    dynamic: bool = False
    nms: Nms = "outside"
    opset: int | None = None
    simplify: bool = True
    accept: tuple[str, ...] = Field((), max_length=MOST)
    fresh: bool = False


class Wanted(Request):
    """What is to be exported: precisions by format, and how."""

    run: str = Field(max_length=80)
    chosen: dict[str, str] = Field(max_length=MOST)
    options: Options = Options()
    agreed: bool = False


@dataclass(frozen=True)
class Planned:
    """One export that is wanted.

    Attributes:
        format: its name.
        precision: e.g. ``fp16``.
        words: how people say it.
        request: None when it cannot be asked for.
        problem: why not.
    """

    format: str
    precision: str
    words: str
    request: ExportRequest | None = None
    problem: WorkbenchError | None = None


def plan(chosen: Mapping[str, str], options: Options) -> list[Planned]:
    """Return what is wanted of each format, in the order in which they were chosen."""
    return [_planned(name, precision, options) for name, precision in chosen.items()]


def words(parameters: Mapping[str, Any]) -> str:
    """Return how people say what an export notebook was asked for, e.g. ``ONNX FP16 640×640``."""
    try:
        return str(ExportRequest.of_parameters(parameters))
    except (WorkbenchError, TypeError, ValueError):  # e.g. a format that is not made any more
        return " ".join(str(parameters[name]) for name in ("format", "precision") if name in parameters)


def line(run: str, requests: Sequence[ExportRequest], *, fresh: bool = False) -> str:
    """Return the Python that asks for exports of a run; empty without any."""
    if not requests:
        return ""
    more, asked = ", fresh=True" if fresh else "", [_written(each) for each in requests]
    if len(asked) == 1:
        return f'ws.export("{run}", {asked[0]}{more})'
    return f'[ws.export("{run}", each{more}) for each in ({", ".join(asked)})]'


def _planned(name: str, precision: str, options: Options) -> Planned:
    try:
        known = find_format(name)
        taken = {option: getattr(options, option) for option in _TAKEN if option in known.arguments}
        nms = options.nms if options.nms != "inside" or "nms" in known.arguments else "outside"
        size, accepted = _size(options.imgsz), tuple(options.accept)
        request = ExportRequest(known.name, precision, size, nms=nms, accept=accepted, **taken).checked()
    except WorkbenchError as error:
        return Planned(name, precision, f"{name} {precision}", problem=error)
    return Planned(request.format, request.precision, str(request), request)


def _size(typed: Any) -> Any:
    """Return what was typed as a size; what is none, as it is, for the rules to refuse."""
    if not isinstance(typed, str):
        return typed
    parts = [part for part in _BETWEEN.split(typed.strip()) if part]
    if not parts:
        return None
    if not all(part.isdecimal() for part in parts):
        return typed
    sides = tuple(int(part) for part in parts)
    return sides[0] if len(sides) == 1 else sides


def _written(request: ExportRequest) -> str:
    usual = ExportRequest(request.format, request.precision)
    if request == usual:
        return json.dumps(request.format if request.precision == "fp32" else f"{request.format}:{request.precision}")
    named = {"format": request.format, "precision": request.precision} | _other(request, usual)
    return f"wb.ExportRequest({', '.join(f'{name}={_literal(value)}' for name, value in named.items())})"


def _other(request: ExportRequest, usual: ExportRequest) -> dict[str, Any]:
    names: Iterable[str] = (each.name for each in fields(ExportRequest))
    found = {name: getattr(request, name) for name in names if getattr(request, name) != getattr(usual, name)}
    sides = found.get("imgsz")
    if isinstance(sides, tuple) and sides[0] == sides[1]:
        found["imgsz"] = sides[0]
    return found


def _literal(value: Any) -> str:
    if isinstance(value, tuple):
        inside = ", ".join(map(_literal, value))
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
