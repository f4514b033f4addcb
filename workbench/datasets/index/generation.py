"""Generations of an index: each a folder that is never changed, and one file that says which of them counts.

What lives here: publishing a folder of files whole, opening the one that counts and keeping it while it is read,
sweeping away the others. What does not: what is in the files (``tables``).

A reader holds a shared lock (flock) on its generation, which the kernel frees however the reader ends; a generation
that is locked is not swept away. So who began to read an index goes on when a newer one is published.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from workbench.errors import DatasetError, StorageError, storage_error
from workbench.storage import get_json, put_json

MANIFEST, LEASE = "index.json", "lease"
VERSION = 1
_LOCK = "write.lock"
_FOLDER = re.compile(r"(\d{6})-[0-9a-f]{8}")
_TRIES = 20


@dataclass(frozen=True)
class About:
    """What an index holds.

    Attributes:
        format: the format that the dataset was read as.
        task: what its labels are for.
        root: the folder that paths are relative to.
        images: number of rows.
        objects: number of rows.
        runs: images of one split that follow each other: (split, first image_id, behind the last).
        options: the content's ``options``, as YAML: JSON has no numbers as keys.
        losses: the content's ``losses``: what, count, first.
        files: bytes of each file.
        columns: by file, the columns that it has; the others are null throughout.
    """

    format: str
    task: str
    root: str
    images: int = 0
    objects: int = 0
    runs: tuple[tuple[str, int, int], ...] = ()
    options: str = ""
    losses: tuple[tuple[str, int, str], ...] = ()
    files: dict[str, int] = field(default_factory=dict)
    columns: dict[str, list[str]] = field(default_factory=dict)


@contextmanager
def publishing(folder: Path) -> Iterator[tuple[Path, Callable[[About], None]]]:
    """Give a new generation's folder, and what publishes it; left without, it is removed.

    Raises:
        StorageError: for an ``OSError`` inside the block; the generation that counts is then as it was.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder / _LOCK):
            draft = folder / f"{_number(folder) + 1:06d}-{secrets.token_hex(4)}"
            draft.mkdir()
            (draft / LEASE).touch()
            try:
                yield draft, lambda about: _publish(folder, draft, about)
            finally:
                _sweep(folder)
    except OSError as error:
        raise storage_error(error, folder) from error


def _publish(folder: Path, draft: Path, about: About) -> None:
    for name in about.files:
        with (draft / name).open("rb") as file:
            os.fsync(file.fileno())
    put_json(folder / MANIFEST, {"version": VERSION, "generation": draft.name, **asdict(about)})


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _number(folder: Path) -> int:
    names = [_FOLDER.fullmatch(child.name) for child in folder.iterdir()]
    return max((int(name.group(1)) for name in names if name), default=0) % 999_999


def _sweep(folder: Path) -> None:
    """Remove the generations that do not count and that nobody reads."""
    try:
        current = get_json(folder / MANIFEST).get("generation")
    except StorageError:
        current = None
    for child in folder.iterdir():
        if _FOLDER.fullmatch(child.name) and child.name != current:
            _remove_unread(child)
        elif child.name.startswith(f".{MANIFEST}."):
            child.unlink(missing_ok=True)  # a draft of somebody who was killed


def _remove_unread(generation: Path) -> None:
    """Remove a generation unless somebody reads it; it stays locked meanwhile, so that nobody begins to."""
    with suppress(OSError), ExitStack() as held:
        if (lease := generation / LEASE).exists():
            file = held.enter_context(lease.open("rb"))
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(generation, ignore_errors=True)


class Generation:
    """The generation that counts, held until it is closed or nobody knows it any more.

    Args:
        folder: the index.

    Attributes:
        folder: of its files.
        about: what it holds.
        close: lets it go: it may then be swept away.

    Raises:
        DatasetError: when there is no index.
        StorageError: when it is damaged, or of a later release.
    """

    def __init__(self, folder: Path) -> None:
        for _ in range(_TRIES):
            manifest = _manifest(folder)
            self.folder = folder / str(manifest["generation"])
            lease = _hold(self.folder / LEASE)
            if lease is not None:
                self.close = weakref.finalize(self, os.close, lease)
                self.about = _about(folder, manifest)
                self._check()
                return
        raise damaged(folder, "its files are gone")

    def path(self, name: str) -> Path:
        """Return the path of one of its files."""
        return self.folder / name

    def _check(self) -> None:
        for name, size in self.about.files.items():
            with suppress(FileNotFoundError):
                if (self.folder / name).stat().st_size == size:
                    continue
            self.close()
            raise damaged(self.folder.parent, f"{name} is not what was written")


def _hold(lease: Path) -> int | None:
    """Return a file that holds the generation, or None when it has been swept away meanwhile."""
    try:
        file = os.open(lease, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    # A disk without locks: then the files alone decide
    with suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_SH)
    if lease.exists():
        return file
    os.close(file)
    return None


def _manifest(folder: Path) -> dict[str, Any]:
    if not (folder / MANIFEST).exists():
        raise DatasetError(
            f"There is no index in '{folder}'.",
            "A dataset that has been imported.",
            "Import it again: `workbench datasets add PATH --replace`.",
            path=str(folder),
        )
    manifest = get_json(folder / MANIFEST)
    if manifest.get("version") != VERSION or not _FOLDER.fullmatch(str(manifest.get("generation"))):
        raise damaged(folder, f"it is of version {manifest.get('version')}, and this is version {VERSION}")
    return manifest


def _about(folder: Path, manifest: dict[str, Any]) -> About:
    try:
        found = {name: manifest[name] for name in About.__dataclass_fields__}
        found["runs"] = tuple((str(split), int(first), int(behind)) for split, first, behind in found["runs"])
        found["losses"] = tuple((str(what), int(count), str(first)) for what, count, first in found["losses"])
        return About(**found)
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(folder, f"{MANIFEST} lacks {error}") from error


def damaged(folder: Path, why: str) -> StorageError:
    """Return the error of an index that cannot be read."""
    return StorageError(
        f"The index in '{folder}' is damaged: {why}.",
        "Files as the workbench wrote them.",
        "Import the dataset again: `workbench datasets add PATH --replace`.",
        path=str(folder),
    )
