"""What ultralytics' own ``cfg/default.yaml`` says: names, types, defaults and documentation of its 113 keys.

What lives here: reading that file as text. What does not: which values are sensible (``limits``).
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from workbench.config import source
from workbench.errors import ConfigError

_LINE = re.compile(r"(?P<name>[A-Za-z_]\w*):\s*(?P<default>.*?)\s*# \((?P<type>[^)]+)\)\s+(?P<doc>\S.*)")
_HEADING = re.compile(r"# (?P<title>.+?)\s*-*")


@dataclass(frozen=True)
class FieldSpec:
    """One line of ``default.yaml``.

    Attributes:
        name: the key.
        type: the type as the file words it, e.g. ``"int | list, optional"``.
        default: the parsed default; ``None`` when the line has none.
        doc: the rest of the comment.
        section: the heading above the line.
    """

    name: str
    type: str
    default: Any
    doc: str
    section: str


@cache
def specs() -> MappingProxyType[str, FieldSpec]:
    """Return every key of the installed ``default.yaml``, in the file's order.

    Raises:
        ConfigError: when a line does not parse.
    """
    return parse((source.root() / "cfg" / "default.yaml").read_text(encoding="utf-8"))


def parse(text: str) -> MappingProxyType[str, FieldSpec]:
    """Read lines of the form ``key: default # (type) doc`` below ``# Headings``.

    Raises:
        ConfigError: naming the first line that is neither of these nor empty, or that repeats a key.
    """
    found: dict[str, FieldSpec] = {}
    section = "General settings"
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        if line.startswith("#"):
            # Above the first key stand the licence and a link, no headings.
            heading = _HEADING.fullmatch(line)
            section = heading["title"] if heading and found else section
            continue
        match = _LINE.fullmatch(line.rstrip())
        if match is None or match["name"] in found:
            raise _unreadable(number, line)
        found[match["name"]] = FieldSpec(match["name"], match["type"], _scalar(match["default"]), match["doc"], section)
    return MappingProxyType(found)


def _scalar(text: str) -> Any:
    if text.lower() in ("", "null", "none", "~"):
        return None
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _unreadable(number: int, line: str) -> ConfigError:
    return ConfigError(
        f"Line {number} of ultralytics' default.yaml does not read as a key, or repeats one: '{line}'.",
        "Lines of the form `key: default # (type) documentation`.",
        "Install an ultralytics version that the workbench was tested with (see constraints).",
        line=number,
        text=line,
    )
