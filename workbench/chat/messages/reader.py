"""Reading the catalogue, and filling in a sentence.

What lives here: the files of a language as one mapping of keys to texts (``reply.changed`` is ``changed`` in
``reply.toml``), and what a placeholder can ask for: a value, a plural, quotation marks, a Korean particle. What does
not: the texts themselves (``en/``, ``ko/``).
"""

from __future__ import annotations

import string
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Final

from workbench.chat.messages.figures import figure
from workbench.chat.messages.particles import PARTICLES, attach
from workbench.chat.turn import Language
from workbench.errors import UnknownNameError, did_you_mean


class _Sentence(string.Formatter):
    """``{n}`` is a value, ``{n:# image|# images}`` a plural, ``{name:을}`` a value with its particle.

    ``{name:“}`` stands in quotation marks, ``{name:“을}`` has its particle after them, ``{name:A}``
    begins with a capital.
    """

    def format_field(self, value: Any, format_spec: str) -> str:
        if "|" in format_spec:
            one, many = format_spec.split("|")
            return (one if value == 1 else many).replace("#", f"{value:,}")
        if format_spec.startswith("“"):
            return self.format_field(f"“{self.format_field(value, '')}”", format_spec[1:])
        if format_spec == "A":
            text = self.format_field(value, "")
            return f"{text[:1].upper()}{text[1:]}"
        if format_spec in PARTICLES:
            return attach(self.format_field(value, ""), format_spec)
        if not format_spec and isinstance(value, (int, float)) and not isinstance(value, bool):
            return figure(value)
        return str(super().format_field(value, format_spec))


_SENTENCE: Final = _Sentence()


def say(key: str, language: Language, **values: Any) -> str:
    """Return the text of ``key`` with ``values`` in its places.

    Args:
        key: e.g. ``reply.changed``.
        language: of the person who reads it.
        values: numbers are written as ``figure`` writes them; texts stand as they are and are not filled in again.

    Raises:
        UnknownNameError: when the catalogue has no such text, or a value for it is missing.
    """
    try:
        return _SENTENCE.vformat(_text(key, language), (), values)
    except KeyError as error:
        raise UnknownNameError(
            f"The text '{key}' has a place for {error}, and no value was given.",
            "A value for every place.",
            "Give it one.",
            key=key,
        ) from error


def has(key: str) -> bool:
    """Return whether the catalogue has a text ``key``."""
    return isinstance(texts("en").get(key), str)


def keys(language: Language) -> tuple[str, ...]:
    """Return the keys of a language, sorted."""
    return tuple(sorted(texts(language)))


def words(key: str, language: Language) -> tuple[str, ...]:
    """Return the list of words under ``key``; none when there is no such list."""
    found = texts(language).get(key, ())
    return found if isinstance(found, tuple) else ()


@cache
def texts(language: Language) -> Mapping[str, str | tuple[str, ...]]:
    """Return every text and list of words of a language by its key."""
    folder = resources.files(__package__) / language
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    found: dict[str, str | tuple[str, ...]] = {}
    for file in files:
        found.update(_flat(file.name.removesuffix(".toml"), tomllib.loads(file.read_text(encoding="utf-8"))))
    return MappingProxyType(found)


def _flat(prefix: str, table: Mapping[str, Any]) -> Iterator[tuple[str, str | tuple[str, ...]]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(f"{prefix}.{name}", value)
        else:
            yield f"{prefix}.{name}", tuple(value) if isinstance(value, list) else str(value).strip()


def _text(key: str, language: Language) -> str:
    found = texts(language).get(key)
    if isinstance(found, str):
        return found
    raise UnknownNameError(
        f"The catalogue has no text '{key}' in '{language}'.",
        "A key of the catalogue.",
        did_you_mean(key, texts(language)) or "See the files of the catalogue.",
        key=key,
    )
