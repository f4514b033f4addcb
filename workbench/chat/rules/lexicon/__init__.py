"""The words of both languages, as data: what a phrase means, not what is done with it.

What lives here: the files, and the reading of them. What does not: what they match (``vocabulary``, ``patterns``).
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def table(name: str) -> dict[str, Any]:
    """Return a file of tables, e.g. ``fields``."""
    return tomllib.loads(_text(f"{name}.toml"))


@cache
def listed(name: str) -> frozenset[str]:
    """Return the words of a plain list, e.g. ``idle``; lines that begin with ``#`` are comments."""
    lines = _text(f"{name}.txt").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


def _text(name: str) -> str:
    return files(__name__).joinpath(name).read_text("utf-8")
