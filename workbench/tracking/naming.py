"""Names as a backend takes them.

What lives here: turning a name that a backend refuses into one that it takes, so that two names never become one. What
does not: where the true name is kept (each backend keeps it as a tag of its own).
"""

from __future__ import annotations

import hashlib
import re

_DIGITS = 8
_MAPPED = re.compile(rf"-[0-9a-f]{{{_DIGITS}}}$")


def mapped(name: str, allowed: re.Pattern[str], limit: int) -> str:
    """Return ``name`` when a backend takes it, else one that it takes.

    Refused characters become ``_``, and the first digits of the sha256 of ``name`` follow: the same name gives the same
    everywhere, and other names give others. A name that looks as if it were mapped already is mapped, too.

    Args:
        name: as the run has it; a path keeps its ``/`` where ``allowed`` has it.
        allowed: matches one character that the backend takes; it has to take ``_``, ``-`` and hexadecimal digits.
        limit: the most characters, >= 10.
    """
    clean = "".join(character if allowed.fullmatch(character) else "_" for character in name)
    # A backend that makes a folder or a group of each part refuses empty ones, `.` and `..`.
    clean = "/".join(part if part.strip(".") else "_" for part in clean.split("/"))
    if clean == name and len(name) <= limit and not _MAPPED.search(name):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    return f"{clean[: limit - _DIGITS - 1].rstrip('_/') or '_'}-{digest}"


def scoped(scope: str, name: str, allowed: re.Pattern[str], limit: int) -> str:
    """Return ``<scope>/<name>``, both mapped: metrics of one name and several scopes stay apart.

    Args:
        scope: what the steps count, e.g. ``batch``; at most 40 characters of it stay.
        name: of the metric.
        allowed: as ``mapped``; ``/`` inside the scope is refused.
        limit: the most characters of the whole, >= 60.
    """
    front = mapped(scope.replace("/", "\0"), allowed, 40)
    return f"{front}/{mapped(name, allowed, limit - len(front) - 1)}"
