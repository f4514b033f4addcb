"""The lexicon as compiled patterns.

What lives here: what one entry of the lexicon matches. What does not: choosing between matches (``scan``). In an entry
a blank stands for a blank, a hyphen or an underscore. English entries begin and end at a word's edge, where a digit
counts as an edge (``80epochs``); Korean ones only begin where they say so, because particles follow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from workbench.chat.rules import lexicon

_FILES: Final = ("fields", "values", "words")
_BLANK: Final = "[ _-]"
_BEGIN: Final = r"(?:(?<![a-z])(?=[a-z])|(?<![\d.])(?=\d)|(?=[^a-z\d]))"
_END: Final = r"(?:(?<=[a-z])(?![a-z])|(?<=[\d])(?!\d)|(?<![a-z\d]))"
_LOOKING: Final = re.compile(r"\(\?<?[=!](?:[^()]|\([^()]*\))*\)")
_PARTS: Final = {"third": 1 / 3, "quarter": 0.25, "fifth": 0.2, "tenth": 0.1}


@dataclass(frozen=True)
class Entry:
    """One phrase of the lexicon.

    Attributes:
        kind: ``field``, ``optimizer``, ``size``, ``action``, ``cue``, ``mark`` and so on: the section's first part.
        value: what it means: the section's second part; a factor as a number.
        pattern: what it looks like in a ``Line``.
    """

    kind: str
    value: Any
    pattern: re.Pattern[str]


@cache
def entries() -> tuple[Entry, ...]:
    """Return every entry of the lexicon, compiled once."""
    return tuple(
        Entry(kind, value, _compiled(phrases, korean=language == "ko"))
        for name in _FILES
        for kind, value, words in _sections(name)
        for language, phrases in words.items()
        if phrases
    )


def _sections(name: str) -> list[tuple[str, Any, dict[str, list[str]]]]:
    data = lexicon.table(name)
    if name == "fields":
        return [("field", key, words) for key, words in data.items()]
    return [(kind, _value(kind, key), words) for kind, values in data.items() for key, words in values.items()]


def _value(kind: str, key: str) -> Any:
    return key if kind != "factor" else _PARTS.get(key) or float(key)


def _compiled(phrases: list[str], *, korean: bool) -> re.Pattern[str]:
    # The longest first, as it matches: an alternation takes the first that fits.
    spaced = [_spaced(phrase) for phrase in sorted(phrases, key=_length, reverse=True)]
    if korean:
        return re.compile("|".join(f"(?:{_edged(phrase)})" for phrase in spaced))
    return re.compile(f"{_BEGIN}(?:{'|'.join(f'(?:{phrase})' for phrase in spaced)}){_END}")


def _edged(phrase: str) -> str:
    """Let a Latin word among Korean ones be a whole word: export is not in exporter."""
    before = "(?<![a-z])" if phrase[:1].isascii() and phrase[:1].isalpha() else ""
    after = "(?![a-z])" if phrase[-1:].isascii() and phrase[-1:].isalpha() else ""
    return f"{before}{phrase}{after}"


def _length(phrase: str) -> int:
    """Return about how long a match of a phrase can be: what only looks ahead or behind adds nothing."""
    return len(_LOOKING.sub("", phrase))


def _spaced(phrase: str) -> str:
    """Let every blank outside of a character class also stand for a hyphen or an underscore."""
    text, inside = [], False
    for place, char in enumerate(phrase):
        escaped = place > 0 and phrase[place - 1] == "\\"
        if char in "[]" and not escaped:
            inside = char == "["
        text.append(_BLANK if char == " " and not inside else char)
    return "".join(text)
