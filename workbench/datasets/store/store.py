"""The store: objects under their sha256.

What lives here: where an object lies, and how it gets there whole or not at all. What does not: fetching (``remote``),
making room (``evict``).
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from workbench.datasets.store.catalogue import Catalogue, Key, Row
from workbench.datasets.store.evict import Evicted, evict, sweep
from workbench.datasets.store.lease import Lease
from workbench.datasets.store.locks import Stripes, gate
from workbench.datasets.store.partial import Partial
from workbench.errors import StorageError
from workbench.storage import sha256

_FOLDERS = ("objects", "leases", "tmp", "partial", "locks")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_READ_ONLY = 0o444


@dataclass(frozen=True, slots=True)
class Staged:
    """Bytes that are on disk but not in the store yet.

    Attributes:
        file: where they lie, in the job's scratch folder or among the partial objects.
        sha256: 64 hexadecimal digits.
        bytes: how many.
        key: the source that gave them, 32 bytes; empty when it cannot be known again.
    """

    file: str
    sha256: str
    bytes: int
    key: Key = b""


@dataclass(frozen=True)
class Usage:
    """How full a store is: objects and bytes."""

    objects: int
    bytes: int


class Store:
    """A folder of objects that all jobs of a machine share.

    Args:
        root: where it lies, on a local disk: its locks are the kernel's. Made when it is not there.
        bytes_max: what it may hold; None for no bound.

    Raises:
        StorageError: when the folder cannot be made or written.
    """

    def __init__(self, root: Path, bytes_max: int | None = None) -> None:
        self.root, self.bytes_max = Path(root).expanduser().absolute(), bytes_max
        self._objects, self._numbers = f"{self.root}/objects", itertools.count()
        with writing(self.root):
            for name in _FOLDERS:
                self.folder(name).mkdir(parents=True, exist_ok=True)
            for number in range(256):
                (self.root / "objects" / f"{number:02x}").mkdir(exist_ok=True)
            if not self.catalogue.is_ready:
                with gate(self.folder("locks"), alone=True):
                    self.catalogue.prepare(self._lying())

    def folder(self, name: str) -> Path:
        """Return one of the store's own folders."""
        return self.root / name

    @cached_property
    def catalogue(self) -> Catalogue:
        """What the store knows of its objects."""
        return Catalogue(self.root / "index.db")

    def path(self, digest: str) -> Path:
        """Return where the object with this sha256 lies, or would."""
        return Path(self.place(digest))

    def place(self, digest: str) -> str:
        """Return ``path`` as text: it is asked for every image of a dataset."""
        return f"{self._objects}/{digest[:2]}/{digest}"

    def has(self, digest: str) -> bool:
        """Return whether the object is there."""
        return os.path.exists(self.place(digest))  # noqa: PTH110 - 5 times as fast as Path

    def digest_of(self, file: str | Path) -> str | None:
        """Return the sha256 of the object that a link points to, there or evicted; None for any other file."""
        try:
            target = os.readlink(file)  # noqa: PTH115 - as above
        except OSError:
            return None
        digest = target.rpartition("/")[2]
        return digest if _DIGEST.fullmatch(digest) and target == self.place(digest) else None

    def lease(self) -> Lease:
        """Return a new lease, to be closed: while it is open, nothing that it holds is evicted.

        Raises:
            StorageError: when the store cannot be written.
        """
        with writing(self.root):
            return Lease(self)

    def stripes(self) -> Stripes:
        """Return the locks that divide the work of fetching between jobs."""
        return Stripes(self.folder("locks"))

    def stage(self, lease: Lease, data: bytes, key: Key = b"") -> Staged:
        """Write bytes to disk, to be published; any thread may.

        Raises:
            StorageError: when the disk is full; nothing of them stays then.
        """
        file = f"{lease.scratch}/{next(self._numbers)}"
        with writing(self.root):
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _READ_ONLY)
            try:
                view = memoryview(data)
                while view:
                    view = view[os.write(descriptor, view) :]
                os.fsync(descriptor)
            except OSError:
                os.unlink(file)  # noqa: PTH108
                raise
            finally:
                os.close(descriptor)
        return Staged(file, hashlib.sha256(data).hexdigest(), len(data), key)

    def write(self, partial: Partial, start: int, data: bytes) -> None:
        """Write bytes of a big object at their place.

        Raises:
            StorageError: when the disk is full; the ranges that were complete stay.
        """
        with writing(self.root):
            partial.write(start, data)

    def stage_file(self, file: Path, key: Key = b"") -> Staged:
        """Hash a file that lies in the store's own folders already, to be published.

        Raises:
            StorageError: when it cannot be brought to disk.
        """
        with writing(self.root):
            file.chmod(_READ_ONLY)
            descriptor = os.open(file, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            return Staged(str(file), sha256(file), file.stat().st_size, key)

    def publish(self, lease: Lease, staged: Sequence[Staged]) -> None:
        """Put staged bytes into the store, held by ``lease``; an object that is there already stays.

        Raises:
            StorageError: when the store cannot be written.
        """
        with writing(self.root), gate(self.folder("locks")):
            lease.note(one.sha256 for one in staged)
            # First, so that no object is unknown to the index: it could never be evicted
            self.catalogue.add(
                (Row(one.sha256, one.bytes) for one in staged), ((one.key, one.sha256) for one in staged if one.key)
            )
            for one in staged:
                os.replace(one.file, self.place(one.sha256))  # noqa: PTH105
                if one.file.startswith(f"{self.root}/partial/"):
                    Path(f"{one.file}.done").unlink(missing_ok=True)

    def find(self, keys: Iterable[Key]) -> dict[Key, str]:
        """Return the sha256 that each source gave; whether those objects are there, ``Lease.hold`` says."""
        return self.catalogue.find(keys)

    def usage(self) -> Usage:
        """Return how full the store is."""
        return Usage(*self.catalogue.total())

    def evict(self, bytes_max: int | None = None) -> Evicted | None:
        """Make room when the store is above its bound; see ``evict.evict``. None when there is no bound.

        Raises:
            StorageError: when objects cannot be removed.
        """
        bound = self.bytes_max if bytes_max is None else bytes_max
        with writing(self.root):
            return None if bound is None else evict(self, bound)

    def sweep(self) -> int:
        """Remove what killed jobs left; return the bytes that this freed.

        Raises:
            StorageError: when the store cannot be written.
        """
        with writing(self.root):
            return sweep(self)

    def verify(self) -> Iterator[str]:
        """Hash every object anew and yield the sha256 of those whose content is another."""
        for folder in sorted(self.folder("objects").iterdir()):
            for file in sorted(folder.iterdir()):
                if sha256(file) != file.name:
                    yield file.name

    def _lying(self) -> Iterator[Row]:
        for folder in self.folder("objects").iterdir():
            with os.scandir(folder) as entries:
                yield from [Row(one.name, one.stat().st_size) for one in entries]


@contextmanager
def writing(root: Path) -> Iterator[None]:
    """Turn an ``OSError`` met inside the store into a three-beat error."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise StorageError(
            f"Could not write to the store of datasets, '{root}': {reason}.",
            "A folder on a local disk that this user may write to, with free space.",
            "Free some space and try again: what was fetched stays. Or choose another folder with WORKBENCH_CACHE.",
            path=str(root),
            errno=error.errno,
        ) from error
