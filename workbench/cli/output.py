"""How answers and errors reach a terminal, or a program.

What lives here: ``--json``, tables, the three-beat error. What does not: what is in them.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from workbench.errors import WorkbenchError
from workbench.metrics.encode import number

_PIPE_WIDTH = 200


def spell_out() -> None:
    """Have what this process prints reach any terminal: a letter that its encoding lacks is written as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def has_unicode() -> bool:
    """Return whether stdout takes every letter as it is."""
    return (getattr(sys.stdout, "encoding", None) or "utf-8").lower().startswith("utf")


def show(value: Mapping[str, Any], as_json: bool, text: Callable[[], None]) -> None:
    """Print ``value`` as one JSON object, or call ``text`` to print it for a person."""
    if as_json:
        _write_json(value)
    else:
        text()


def say(line: str = "") -> None:
    """Print a line for a person."""
    sys.stdout.write(f"{visible(line)}\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> None:
    """Print rows under ``columns``; ``empty`` says what to do when there are none."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    listed = [[_cell(value) for value in row] for row in rows]
    if not listed:
        say(empty)
        return
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, column in enumerate(columns):
        drawn.add_column(column, no_wrap=place == 0)  # a name that is cut cannot be copied
    for row in listed:
        drawn.add_row(*row)
    # Whoever reads a pipe has no window that a line could be too long for
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    Console(markup=False, highlight=False, width=width).print(drawn)


def facts(pairs: Mapping[str, object]) -> None:
    """Print names and values, one pair a line; empty values are left out."""
    shown = {name: _cell(value) for name, value in pairs.items()}
    width = max((len(name) for name in shown), default=0)
    for name, value in shown.items():
        if value:
            say(f"{name:<{width}}  {value}")


def error(problem: WorkbenchError, as_json: bool) -> None:
    """Print an error in three beats on stderr; with ``--json`` also as an object on stdout."""
    if as_json:
        _write_json(problem.to_payload())
    for beat in (f"Error: {problem.happened}", problem.expected, problem.todo):
        if beat:
            sys.stderr.write(f"{visible(beat)}\n")


def visible(text: str) -> str:
    """Return ``text`` with control characters spelt out: names of files and classes are data, a terminal obeys them."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in "\n\t" else ascii(char)[1:-1] for char in text)


def size(bytes_total: float) -> str:
    """Return bytes as a person reads them, e.g. ``9.6 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if bytes_total < 1000:
            return f"{bytes_total:.0f} {unit}" if unit == "B" else f"{bytes_total:.1f} {unit}"
        bytes_total /= 1000
    return f"{bytes_total:.1f} TB"


def duration(seconds: float | None) -> str:
    """Return seconds as a person reads them, e.g. ``4 min 05 s``."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _write_json(value: Mapping[str, Any]) -> None:
    # An escape of the stream's own, such as \\xe9, would be no JSON
    sys.stdout.write(json.dumps(_plain(value), ensure_ascii=not has_unicode(), default=str) + "\n")


def _plain(value: Any) -> Any:
    """Return ``value`` with words for NaN and the infinities, which are no JSON."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return number(value) if isinstance(value, float) else value


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return visible(", ".join(str(item) for item in value))
    return visible(str(value))
