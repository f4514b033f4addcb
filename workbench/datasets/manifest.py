"""The identity of a dataset: every file that a training reads, with its sha256, and one digest over all.

What lives here: ``Manifest``, its file and its check. What does not: the tree that it describes (``tree``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from workbench.datasets import Progress
from workbench.datasets.source import DatasetSource
from workbench.datasets.tree import plan
from workbench.errors import DatasetError, StorageError
from workbench.storage import put_text

_FORMAT = "workbench-manifest-1"
_THREADS = 4


@dataclass(frozen=True, order=True)
class Entry:
    """One file: its posix path in the tree, its size in bytes and the sha256 of its content, in hexadecimal."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The files of a dataset, sorted by path, and what their labels mean.

    The root digest is the sha256 of these UTF-8 lines, each ended by a line feed:

    1. the header: JSON of ``format``, ``task``, ``names`` and ``options``, keys sorted, no spaces, nothing escaped
       that need not be;
    2. for each entry, by path: ``<sha256> <bytes> <path>``.

    Paths are those of the tree (``images/train/a.jpg``), so the digest does not depend on where the files lie. Names
    and options are in it because the same rows with other names are another dataset.

    Attributes:
        task: the task that the labels are read for.
        names: class names by class id.
        options: other keys that training reads (``kpt_shape``, …); JSON-able.
        entries: images and labels, sorted by path.
    """

    task: str
    names: dict[int, str]
    options: dict[str, Any]
    entries: tuple[Entry, ...]

    @classmethod
    def build(cls, source: DatasetSource, progress: Progress | None = None) -> Manifest:
        """Hash every file of ``source``.

        Args:
            source: a checked dataset.
            progress: called with (files hashed, files in all).

        Raises:
            DatasetError: when a file cannot be read.
        """
        links, entries = plan(source), []  # sorted by path
        with ThreadPoolExecutor(_THREADS) as pool:
            for done, (path, (size, digest)) in enumerate(
                zip(links, pool.map(_hash, links.values()), strict=True), start=1
            ):
                entries.append(Entry(path, size, digest))
                if progress:
                    progress(done, len(links))
        return cls(source.task, source.names, source.options, tuple(entries))

    @cached_property
    def digest(self) -> str:
        """The root digest, 64 hexadecimal digits."""
        root = hashlib.sha256(_line(self._header))
        for entry in self.entries:
            root.update(f"{entry.sha256} {entry.bytes} {entry.path}\n".encode("utf-8", "surrogateescape"))
        return root.hexdigest()

    @cached_property
    def bytes_total(self) -> int:
        """The size of all files in bytes."""
        return sum(entry.bytes for entry in self.entries)

    @property
    def _header(self) -> dict[str, Any]:
        names = {str(index): name for index, name in self.names.items()}
        return {"format": _FORMAT, "task": self.task, "names": names, "options": self.options}

    def write(self, path: Path) -> Path:
        """Write NDJSON at once: the header with the digest, then one line for each entry.

        Raises:
            StorageError: when the disk is full or the folder may not be written.
        """
        header = {**self._header, "digest": self.digest}
        rows = [{"path": entry.path, "bytes": entry.bytes, "sha256": entry.sha256} for entry in self.entries]
        return put_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in (header, *rows)))

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read what ``write`` wrote.

        Raises:
            StorageError: when the file is missing, damaged or does not fit its own digest.
        """
        try:
            with path.open(encoding="utf-8", errors="surrogateescape") as file:
                header = json.loads(file.readline())
                entries = tuple(Entry(**json.loads(line)) for line in file)
            names = {int(index): str(name) for index, name in header["names"].items()}
            manifest = cls(header["task"], names, header["options"], entries)
            intact = header["format"] == _FORMAT and header["digest"] == manifest.digest
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise _damaged(path, str(error)) from error
        if not intact:
            raise _damaged(path, "the digest does not fit the entries")
        return manifest

    def verify(self, tree: Path) -> Iterator[tuple[str, str]]:
        """Hash the files below ``tree`` anew and yield what differs: (path, ``missing`` or ``changed``)."""
        with ThreadPoolExecutor(_THREADS) as pool:
            states = pool.map(lambda entry: _state(tree / entry.path, entry), self.entries)
            for entry, state in zip(self.entries, states, strict=True):
                if state:
                    yield entry.path, state


def _line(header: dict[str, Any]) -> bytes:
    text = json.dumps(header, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return f"{text}\n".encode("utf-8", "surrogateescape")


def _hash(path: Path) -> tuple[int, str]:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return file.tell(), digest
    except OSError as error:
        raise DatasetError(
            f"'{path}' cannot be read: {error.strerror}.",
            "A file that this user may read, and that stays while it is registered.",
            "Check its rights, or take it out of the dataset.",
            path=str(path),
        ) from error


def _state(path: Path, entry: Entry) -> str:
    try:
        return "" if _hash(path) == (entry.bytes, entry.sha256) else "changed"
    except DatasetError:
        return "missing"


def _damaged(path: Path, reason: str) -> StorageError:
    return StorageError(
        f"The manifest '{path}' is damaged: {reason}.",
        "A file as the workbench wrote it.",
        "Register the dataset again (`workbench datasets add`).",
        path=str(path),
    )
