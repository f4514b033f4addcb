"""What the engine keeps of schedules: one file each, in its folder.

What lives here: those files. What does not: Prefect's side of it (``timetable``).

A file holds the environment, keys included, of whoever added the schedule, so only its owner may read it. It never lies
in the workspace. With it the worker puts everything back after the server lost its database.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from workbench.errors import storage_error
from workbench.paths import EnginePaths
from workbench.schedules.cron import Rule
from workbench.schedules.scheduler import Entry

_FOLDER: Final = "schedules"


@dataclass(frozen=True)
class Kept:
    """An entry as the engine keeps it.

    Attributes:
        entry: the schedule.
        environment: the variables that it is woken with.
    """

    entry: Entry
    environment: dict[str, str]


def key(workspace: Path, name: str) -> str:
    """Return the name of a schedule's deployment: unique over all workspaces of a user."""
    return f"{name}{mark(workspace)}"


def everything(paths: EnginePaths) -> list[tuple[Path, Kept]]:
    """Return the schedules that the engine keeps, with their files; a damaged file is passed over."""
    found = ((file, read(file)) for file in sorted((paths.root / _FOLDER).glob("*.json")))
    return [(file, one) for file, one in found if one is not None]


def exist(paths: EnginePaths) -> bool:
    """Return whether the engine keeps any schedule: then it must be kept running."""
    return next((paths.root / _FOLDER).glob("*.json"), None) is not None


def read(file: Path) -> Kept | None:
    """Return what the engine keeps of a schedule; None when it keeps nothing, or the file is damaged."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        rules = tuple(Rule(**rule) for rule in data["rules"])
        return Kept(Entry(Path(data["workspace"]), data["name"], rules, data["timezone"]), data["environment"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(paths: EnginePaths, one: Kept) -> Path:
    """Keep a schedule and return its file.

    Raises:
        StorageError: when the engine's folder cannot be written.
    """
    file = file_of(paths, key(one.entry.workspace, one.entry.name))
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    data = {**asdict(one.entry), "workspace": str(one.entry.workspace), "environment": one.environment}
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(data, stream)
        draft.replace(file)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise storage_error(error, file) from error
    return file


def file_of(paths: EnginePaths, known: str) -> Path:
    """Return the file of the schedule whose key is ``known``."""
    return paths.root / _FOLDER / f"{known}.json"


def mark(workspace: Path) -> str:
    """Return the end of the keys of all schedules of a workspace."""
    return "-" + hashlib.sha256(os.fsencode(workspace.absolute())).hexdigest()[:12]
