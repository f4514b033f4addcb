"""The compacted metrics of a finished run somewhere else: on object storage, on another machine.

What lives here: copying them there, and reading them there as ``RunMetrics``. What does not: which runs are finished.
"""

from __future__ import annotations

from typing import Any

import fsspec

from workbench.errors import StorageError
from workbench.metrics.store import manifest as manifests
from workbench.metrics.store.generation import Folder, LocalFolder, open_generation
from workbench.metrics.store.manifest import POINTS, PYRAMID, DamagedError
from workbench.metrics.store.reader import RunMetrics

_FAILURES = (OSError, ValueError, ImportError)  # fsspec knows the scheme not at all, or lacks a package for it


class RemoteFolder:
    """A folder that fsspec reaches.

    Args:
        uri: e.g. ``s3://bucket/run``, ``memory://run``, ``https://host/run``.
        options: for fsspec, e.g. the credentials.
    """

    def __init__(self, uri: str, **options: Any) -> None:
        self._files, root = fsspec.core.url_to_fs(uri, **options)
        self._root = root.rstrip("/")

    def read(self, name: str, tail: int | None = None) -> bytes:
        """Return the bytes of a file, or its last ``tail`` bytes."""
        with self.source(name) as file:
            if tail is not None:
                file.seek(0, 2)
                file.seek(max(file.tell() - tail, 0))
            return bytes(file.read())

    def source(self, name: str) -> Any:
        """Return the file, open."""
        return self._files.open(f"{self._root}/{name}", "rb")

    def stamp(self, name: str) -> object:
        """Return the same for ever: a finished run stays as it is."""
        return name

    def put(self, name: str, data: bytes) -> None:
        """Write a file."""
        path = f"{self._root}/{name}"
        self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
        self._files.pipe_file(path, data)

    def copy(self, source: str, name: str) -> None:
        """Copy a file of this machine."""
        path = f"{self._root}/{name}"
        self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
        self._files.put_file(source, path)


def archive(metrics: LocalFolder, uri: str, **options: Any) -> None:
    """Copy the compacted metrics of a finished run; its manifest goes last, so that it being there means complete.

    Args:
        metrics: the run's ``metrics`` folder, after the last compaction.
        uri: the folder to copy to; what another generation left there stays.
        options: for fsspec.

    Raises:
        StorageError: when there is nothing compacted, or it cannot be written there.
    """
    try:
        found = open_generation(metrics)
        if found is None:
            raise StorageError(
                f"'{metrics.root}' holds no compacted metrics.", "A run that has ended.", "Compact it first."
            )
        remote = RemoteFolder(uri, **options)
        for file in (POINTS, PYRAMID):
            name = f"{found.manifest.generation}/{file}"
            remote.copy(metrics.source(name), name)
        remote.put(manifests.NAME, metrics.read(manifests.NAME))
    except (DamagedError, *_FAILURES) as error:
        raise _failed(uri, error) from error


def open_archive(uri: str, **options: Any) -> RunMetrics:
    """Return the metrics that ``archive`` copied.

    Args:
        uri: the folder.
        options: for fsspec.

    Raises:
        StorageError: when there are none, or they are damaged; also when they are read later.
    """
    try:
        remote: Folder = RemoteFolder(uri, **options)
        if open_generation(remote) is None:
            raise _failed(uri, FileNotFoundError(manifests.NAME))
    except (DamagedError, *_FAILURES) as error:
        raise _failed(uri, error) from error
    return RunMetrics(None, remote)


def _failed(uri: str, error: Exception) -> StorageError:
    return StorageError(
        f"The metrics at '{uri}' could not be reached: {error}.",
        "A folder that fsspec can read and write, e.g. s3://bucket/run or file:///folder.",
        "See to the address, the credentials and, for s3, `pip install 'vision-workbench[s3]'`.",
        uri=uri,
    )
