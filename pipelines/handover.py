"""Handing the launcher's environment over to the job.

What lives here: the one-time file between them. What does not: what is in it (``variables``).

A worker lives for days; a job must see the keys, paths and devices of whoever launched it, not those of whoever
happened to start the worker. The file holds secrets, so only its owner may read it, and the job removes it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from workbench.errors import storage_error

_FOLDER = "handover"
_STALE_S = 7 * 86_400.0


def put(root: Path, key: str, variables: Mapping[str, str]) -> Path:
    """Leave ``variables`` in the engine's folder ``root`` for the job ``key`` and return the file."""
    path = root / _FOLDER / f"{key}.json"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(dict(variables), stream)
    except OSError as error:
        raise storage_error(error, path) from error
    return path


def take(path: Path) -> dict[str, str] | None:
    """Return what was left and remove it; None when it was taken already."""
    try:
        text = path.read_text(encoding="utf-8")
        path.unlink()
        return cast("dict[str, str]", json.loads(text))
    except (OSError, ValueError):
        return None


def sweep(root: Path, older_s: float = _STALE_S) -> None:
    """Remove what was left for jobs that never began."""
    limit = time.time() - older_s
    for path in (root / _FOLDER).glob("*.json"):
        if path.stat().st_mtime < limit:
            path.unlink(missing_ok=True)
