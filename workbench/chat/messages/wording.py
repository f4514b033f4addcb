"""The words of the catalogue that people use: those that name a concept, and those that are all a text says.

What lives here: reading both from the catalogue, and finding them in a text. What does not: whether they are what is
meant (the engines, the conversation).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from workbench.chat.cleaning import folded
from workbench.chat.messages.reader import keys, words
from workbench.chat.turn import Language

_LANGUAGES: Final[tuple[Language, ...]] = ("en", "ko")
_LONGEST: Final = 100  # characters of a text that says only this


@cache
def concepts() -> Mapping[str, tuple[str, ...]]:
    """Return each concept by its id with the words that name it in both languages, longest first."""
    ids = [key.split(".")[1] for key in keys("en") if key.startswith("concept.") and key.endswith(".title")]
    return MappingProxyType({name: _words(name) for name in ids})


def _words(name: str) -> tuple[str, ...]:
    found = {word for language in _LANGUAGES for word in words(f"concept.{name}.words", language)}
    return tuple(sorted(found, key=lambda word: (-len(word), word)))


def concepts_in(text: str) -> tuple[str, ...]:
    """Return the concepts that ``text`` names, in the order of their words; where words overlap, the longest counts.

    Args:
        text: in lower case and one width (``cleaning.folded``).
    """
    found = (_by_word()[match.group(1)] for match in _pattern().finditer(text))
    return tuple(dict.fromkeys(found))


def says_only(text: str, key: str) -> bool:
    """Return whether a text is nothing but words of the list ``said.<key>``, in either language, however often."""
    return len(text) <= _LONGEST and _only(key).fullmatch(folded(text)) is not None


@cache
def _only(key: str) -> re.Pattern[str]:
    found = {folded(word) for language in _LANGUAGES for word in words(f"said.{key}", language)}
    one = "|".join(re.escape(word) for word in sorted(found, key=len, reverse=True))
    return re.compile(rf"(?:{one})(?:[\s,.!?~]+(?:{one}))*[\s,.!?~]*")


@cache
def _by_word() -> Mapping[str, str]:
    return MappingProxyType({word.casefold(): name for name, each in concepts().items() for word in each})


@cache
def _pattern() -> re.Pattern[str]:
    # Korean particles stick to a word, so only a Latin letter or a digit beside it makes it another word.
    known = "|".join(re.escape(word) for word in sorted(_by_word(), key=len, reverse=True))
    return re.compile(rf"(?<![a-z0-9])({known})(?![a-z0-9]|(?<=[0-9])-[0-9])")
