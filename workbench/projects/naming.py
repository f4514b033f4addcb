"""What a session may be called, and which id it gets.

What lives here: names and ids. What does not: who has them already (``collection`` looks that up, under its lock).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from workbench.chat.cleaning import NAME_LONGEST, clean
from workbench.errors import ConflictError, RequestError
from workbench.paths import WorkspacePaths

_ID_LONGEST: Final = 80  # characters: what the database takes
_COUNTED_LONGEST: Final = len("-9999")


def day() -> str:
    """Return the name of a session that nobody has named: one sitting is one session."""
    return f"{datetime.now(UTC):%Y-%m-%d}"


def plain(name: str) -> str:
    """Return a name of a session as it is kept: a line without invisible characters.

    Raises:
        RequestError: when nothing is left of it, or it is too long.
    """
    cleaned = clean(name)
    if 0 < len(cleaned) <= NAME_LONGEST:
        return cleaned
    raise RequestError(
        f"'{cleaned[:NAME_LONGEST]}…' is too long for a session's name." if cleaned else "That is no session's name.",
        f"A line of 1 to {NAME_LONGEST} characters.",
        "Choose another name.",
    )


def refuse_ids(name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a name that is the id of one of ``rows``: nobody could say which of the two is meant.

    Raises:
        ConflictError: when it is.
    """
    for row in rows:
        if row["id"] == name:
            raise ConflictError(
                f"'{name}' is the id of a session of project '{row['project']}'.",
                "A name that is no other session's id.",
                "Choose another name, or work in that project.",
                name=name,
            )


def free_id(paths: WorkspacePaths, project: str, name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Return an id for a new session: letters that a file may have, and nobody else's id, name or files.

    Args:
        paths: where the workspace lies.
        project: of the session.
        name: of the session.
        rows: all sessions there are.
    """
    slug = re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-")[:40] or "session"
    base = f"{project[: _ID_LONGEST - _COUNTED_LONGEST - len(slug) - 1]}-{slug}"
    taken = {row[key] for row in rows for key in ("id", "name")}
    files = (paths.session, paths.conversation)  # of a session whose row was lost
    return next(
        key
        for key in (base, *(f"{base}-{count}" for count in range(2, 10_000)))
        if key not in taken and not any(file(project, key).exists() for file in files)
    )
