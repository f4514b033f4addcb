"""What the value of a field is called.

What lives here: choosing the words for ``None``, on and off, and marked numbers (``None`` of ``time`` is "no limit", -1
of ``batch`` is "auto"). What does not: the words and units themselves, which are in the catalogue.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.chat.messages.figures import figure
from workbench.chat.messages.reader import has, say
from workbench.chat.turn import Language

_WORDLESS = ("none", "true", "false", "empty")  # no number, so no unit


def shown(field: str, value: Any, language: Language) -> str:
    """Return a field's value in words: what ``None``, on and off and marked numbers mean, with its unit.

    Args:
        field: a key of the training config; an unknown one has no words of its own.
        value: legal or not.
        language: of the person who reads it.
    """
    if isinstance(value, str) and value:
        return value
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(str(item) if isinstance(item, str) else _plain(item) for item in value)}]"
    case = _case(value)
    tried = (f"value.{field}.{case}", f"value.{field}.number", f"value.{case}")
    special = next((key for key in tried if has(key) and (case not in _WORDLESS or key != tried[1])), None)
    if special is None:
        return _plain(value)
    return say(special, language, value=_percent(value) if special.endswith(".share") else value)


def _plain(value: Any) -> str:
    return figure(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)


def _percent(value: float) -> str:
    return figure(round(value * 100, 6))


def _case(value: Any) -> str:
    """Return which of the catalogue's cases a value is: none, true, false, empty, minus_one, zero, share or number."""
    words = {None: "none", True: "true", False: "false", "": "empty"}
    if value is None or isinstance(value, (bool, str)):
        return words.get(value, "number")
    marked = {-1: "minus_one", 0: "zero"}
    if value in marked:
        return marked[value]
    return "share" if isinstance(value, float) and 0 < value < 1 else "number"
