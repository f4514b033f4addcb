"""Where the lines of a conversation come from: a terminal with history, a plain terminal, or a pipe.

What lives here: reading, and what Ctrl-C does to a line that is half typed. What does not: what is made of a line
(``dialogue``).
"""

from __future__ import annotations

import importlib
import io
import sys
from collections.abc import Callable, Iterable, Iterator

from workbench.cli import output


class DroppedError(Exception):
    """Somebody dropped the line that was being typed, and means to go on."""


def prompt(said: Iterable[str]) -> Callable[[str], str]:
    """Return what shows a prompt and reads a line, with what was ``said`` before, oldest first, on the arrow keys.

    prompt_toolkit comes with IPython; without it, and where it would print Korean as question marks, the line is read
    by Python itself. Ctrl-C raises ``DroppedError`` in a line that has something in it, else KeyboardInterrupt.
    """
    _read_anything()
    if not output.has_unicode():
        return _plain()
    try:
        toolkit = importlib.import_module("prompt_toolkit")
        memory = importlib.import_module("prompt_toolkit.history")
    except ImportError:
        return _plain()
    history = memory.InMemoryHistory()
    for text in said:
        history.append_string(text)
    session = toolkit.PromptSession(history=history)

    def read(message: str) -> str:
        try:
            return str(session.prompt(message))
        except KeyboardInterrupt:
            if session.default_buffer.text.strip():
                raise DroppedError from None
            raise

    return read


def _plain() -> Callable[[str], str]:
    """Return what reads a line without knowing what is in it at Ctrl-C: the second one in a row leaves."""
    dropped = False

    def read(message: str) -> str:
        nonlocal dropped
        try:
            line = input(message)
        except KeyboardInterrupt:
            if dropped:
                raise
            dropped = True
            sys.stdout.write("\n")
            raise DroppedError from None
        dropped = False
        return line

    return read


def piped() -> Iterator[str]:
    """Yield the lines of stdin; bytes that are no UTF-8 become marks."""
    _read_anything()
    yield from sys.stdin


def _read_anything() -> None:
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="replace")
