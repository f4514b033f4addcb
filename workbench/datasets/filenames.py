r"""File names as text that Arrow, JSON and SQL can hold, without loss.

What lives here: the two ways. What does not: showing names to people.

A name on disk is bytes. Python shows those that are not UTF-8 as lone surrogates, which Arrow refuses. They become
the six characters ``\udcXX`` here; a backslash that starts such six characters in a real name becomes ``\udc5c``, so
that every name comes back as it was.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_MARK = "\\udc"
_LONE = re.compile("[\udc80-\udcff]")
_WRITTEN = re.compile(r"\\udc([0-9a-f]{2})")


def to_text(name: str) -> str:
    """Return ``name`` as text that is valid Unicode."""
    if _MARK in name:
        name = name.replace(_MARK, f"{_MARK}5cudc")
    try:
        name.encode()
    except UnicodeEncodeError:
        return _LONE.sub(lambda found: f"\\udc{ord(found[0]) & 0xFF:02x}", name)
    return name


def to_name(text: str) -> str:
    """Return the name that ``to_text`` made into ``text``, as ``open`` wants it."""
    if _MARK not in text:
        return text
    return _WRITTEN.sub(_back, text)


def _back(found: re.Match[str]) -> str:
    byte = int(found[1], 16)
    return "\\" if byte == ord("\\") else chr(0xDC00 + byte)


def to_texts(names: Sequence[str]) -> Sequence[str]:
    """Return ``names`` as texts; the same list when all of them are already."""
    together = "\n".join(names)
    try:
        together.encode()
    except UnicodeEncodeError:
        return [to_text(name) for name in names]
    return [to_text(name) for name in names] if _MARK in together else names
