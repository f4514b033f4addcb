"""The records of schedules on disk.

What lives here: reading, writing and locking them. What does not: what is in them (``model``), and what follows from
it (``collection``).
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from workbench import storage
from workbench.errors import RequestError, StorageError, storage_error
from workbench.paths import WorkspacePaths
from workbench.schedules.model import Schedule

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")


def check_name(name: str) -> None:
    """Refuse a name that cannot be a file's.

    Raises:
        RequestError: when it has other characters than the ones that are allowed.
    """
    if not _NAME.fullmatch(name):
        raise RequestError(
            f"'{name}' is no name for a schedule.",
            "Lower-case letters, digits, '.', '_' and '-', at most 80, starting with a letter or digit.",
            "Choose one with --name.",
            name=name,
        )


def names(paths: WorkspacePaths) -> list[str]:
    """Return the names of a workspace's schedules, sorted."""
    return sorted(path.stem for path in paths.schedules.glob("*.json") if _NAME.fullmatch(path.stem))


def find(paths: WorkspacePaths, name: str) -> Schedule | None:
    """Return a schedule; None when there is none of that name.

    Raises:
        StorageError: when its file is damaged.
    """
    path = file_of(paths, name)
    if not _NAME.fullmatch(name) or not path.is_file():
        return None
    try:
        return Schedule.model_validate(storage.get_json(path))
    except ValidationError as error:
        raise StorageError(
            f"'{path}' is no record of a schedule: {error.errors(include_input=False)[0]['msg']}.",
            "A file written by `workbench schedule add`.",
            "Restore it, or remove the file and add the schedule again.",
            path=str(path),
        ) from error


def write(paths: WorkspacePaths, schedule: Schedule) -> None:
    """Write a schedule's record, atomically.

    Raises:
        StorageError: when the disk is full or the workspace read-only.
    """
    storage.put(file_of(paths, schedule.name), schedule.model_dump_json(indent=2).encode() + b"\n")


def file_of(paths: WorkspacePaths, name: str) -> Path:
    """Return the file of a schedule's record."""
    return paths.schedules / f"{name}.json"


@contextmanager
def locked(paths: WorkspacePaths) -> Iterator[None]:
    """Keep every other process from changing the records for a moment.

    Raises:
        StorageError: when the folder cannot be made.
    """
    # The folder itself is locked, so that no lock file outlives the last schedule.
    try:
        paths.schedules.mkdir(exist_ok=True)
        folder = os.open(paths.schedules, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise storage_error(error, paths.schedules) from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
