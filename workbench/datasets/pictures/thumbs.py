"""Thumbnails: small WebP pictures of images, made once and kept while there is room.

What lives here: making, keeping and giving them. What does not: what is drawn on them (``overlays``).

Files are named by what the image holds (its sha256), or until it has been hashed by its path, size and time, so one
thumbnail serves every dataset that has the image. They lie in 256 shards; each has a lock (flock), under which a
thumbnail is made by one process only, and a share of the room, in which the least recently used make place.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa

from workbench.datasets import Progress
from workbench.datasets.filenames import to_name
from workbench.datasets.pictures import shrink
from workbench.errors import RequestError, storage_error

SIZES = (64, 128, 256, 512)
LIMIT_BYTES = 2 << 30
LIMIT_MIN_BYTES = 16 << 20
_SHARDS = 256
_LOOK_EVERY = 16  # thumbnails put into a shard, until its size is looked at again
_KEEP = 0.9  # of its room, when a shard is too large
_TOUCH_S = 3600  # a thumbnail's time says in which hour it was used last
_BATCH = 256


@dataclass(frozen=True)
class Picture:
    """An image that a thumbnail is wanted of.

    Attributes:
        file: its absolute path.
        sha256: 32 bytes, when it has been hashed: then the file is not even looked at once there is a thumbnail.
        size_bytes: its size, as it was indexed; looked up when it is None.
        mtime_ns: its time, likewise.
    """

    file: str
    sha256: bytes | None = None
    size_bytes: int | None = None
    mtime_ns: int | None = None


@dataclass(frozen=True)
class Thumb:
    """A thumbnail.

    Attributes:
        data: WebP; of an image that cannot be shown, a grey picture with a cross.
        problem: why it cannot be shown, one clause; empty when it can.
    """

    data: bytes
    problem: str = ""


@dataclass(frozen=True)
class Prepared:
    """What ``Thumbs.prepare`` did.

    Attributes:
        made: thumbnails that it made.
        found: thumbnails that were there.
        problems: why images cannot be shown, by their file.
    """

    made: int
    found: int
    problems: dict[str, str]


def pictures(images: pa.Table) -> list[Picture]:
    """Return the rows of a page, or of ``Content.images``, as pictures."""
    columns = (images[name].to_pylist() for name in ("file", "sha256", "bytes", "mtime_ns"))
    return [Picture(to_name(file), *rest) for file, *rest in zip(*columns, strict=True)]


class Thumbs:
    """A folder of thumbnails, for all threads and processes of a machine.

    Args:
        folder: made when missing.
        limit_bytes: how large it may become, at least LIMIT_MIN_BYTES; a shard may exceed its share by some thumbnails.

    Raises:
        RequestError: when the limit is too small.
    """

    def __init__(self, folder: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        if limit_bytes < LIMIT_MIN_BYTES:
            raise RequestError(
                f"{limit_bytes} bytes are too few for thumbnails.",
                f"At least {LIMIT_MIN_BYTES} bytes.",
                "Choose a larger limit.",
            )
        self.folder, self._share = folder, limit_bytes // _SHARDS
        self._until_look: dict[str, int] = {}
        self._state = threading.Lock()

    def get(self, picture: Picture, size: int = 256) -> Thumb:
        """Return the thumbnail of an image, made when it is not there; it fits into a square of ``size`` pixels.

        An image that cannot be shown has a thumbnail that says why. One that cannot be kept, on a full disk say, is
        given all the same.

        Args:
            picture: the image.
            size: one of SIZES.

        Raises:
            RequestError: when there is no such size.
        """
        return self._get(picture, size, _ignore)[0]

    def prepare(
        self, wanted: Iterable[Picture], size: int = 256, *, workers: int = 2, progress: Progress | None = None
    ) -> Prepared:
        """Make the thumbnails of many images that are not there.

        Args:
            wanted: the images.
            size: one of SIZES.
            workers: threads, >= 1.
            progress: called with (images done, images in all).

        Raises:
            RequestError: when there is no such size.
            StorageError: when a thumbnail cannot be kept.
        """
        files = list(wanted)
        made, problems = 0, {}
        with ThreadPoolExecutor(max(workers, 1), "thumbs") as pool:
            done = 0
            for batch in _batches(files):
                for picture, (thumb, fresh) in zip(
                    batch, pool.map(lambda one: self._get(one, size, _refuse), batch), strict=True
                ):
                    made += fresh
                    if thumb.problem:
                        problems[picture.file] = thumb.problem
                done += len(batch)
                if progress is not None:
                    progress(done, len(files))
        return Prepared(made, len(files) - made - len(problems), problems)

    def _get(self, picture: Picture, size: int, failed: Callable[[OSError, Path], None]) -> tuple[Thumb, bool]:
        """Return a thumbnail, and whether it is fresh."""
        if size not in SIZES:
            known = ", ".join(map(str, SIZES))
            raise RequestError(f"There are no thumbnails of {size} pixels.", f"One of {known}.", "Choose one of these.")
        try:
            key = _key(picture)
        except OSError as error:
            return _unseen(f"the file cannot be read ({os.strerror(error.errno or 0)})", size), False
        path = self.folder / key[:2] / f"{key}-{size}.webp"
        if (kept := _kept(path, size)) is not None:
            return kept, False
        try:
            with self._locked(path):
                # Somebody else may have made it while this one waited
                if (kept := _kept(path, size)) is not None:
                    return kept, False
                thumb, lasting = _make(picture, size)
                if lasting:
                    self._put(path, thumb)
        except OSError as error:
            failed(error, path)
            thumb = _make(picture, size)[0]
        return thumb, not thumb.problem

    @contextmanager
    def _locked(self, path: Path) -> Iterator[None]:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (path.parent / "lock").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _put(self, path: Path, thumb: Thumb) -> None:
        target, data = (_problem_of(path), thumb.problem.encode()) if thumb.problem else (path, thumb.data)
        draft = target.with_name(f".{secrets.token_hex(8)}.tmp")
        try:
            # Not synced to the disk, which would take longer than making it: what a power cut leaves is made again
            draft.write_bytes(data)
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
        with self._state:
            left = self._until_look.get(path.parent.name, 0)
            self._until_look[path.parent.name] = left - 1 if left else _LOOK_EVERY
        if not left:
            _shrink(path.parent, self._share, spare=target.name)


def _ignore(_error: OSError, _path: Path) -> None:
    """Go on without keeping a thumbnail: what cannot be kept can be shown."""


def _refuse(error: OSError, path: Path) -> None:
    raise storage_error(error, path) from error


def _key(picture: Picture) -> str:
    if picture.sha256 is not None:
        return picture.sha256.hex()
    size, changed = picture.size_bytes, picture.mtime_ns
    if size is None or changed is None:
        found = os.stat(picture.file)  # noqa: PTH116 - a name that is not UTF-8 is fine too
        size, changed = found.st_size, found.st_mtime_ns
    return hashlib.sha256(f"{picture.file}\0{size}\0{changed}".encode("utf-8", "surrogateescape")).hexdigest()[:40]


def _problem_of(path: Path) -> Path:
    return path.with_suffix(".txt")


def _kept(path: Path, size: int) -> Thumb | None:
    with suppress(OSError):
        data = path.read_bytes()
        if len(data) > 12 and int.from_bytes(data[4:8], "little") + 8 == len(data):  # RIFF says how long it is
            _touch(path)
            return Thumb(data)
    with suppress(OSError, UnicodeDecodeError):
        if problem := _problem_of(path).read_text("utf-8"):
            _touch(_problem_of(path))
            return _unseen(problem, size)
    return None


def _touch(path: Path) -> None:
    with suppress(OSError):
        found = path.stat()
        if time.time() - found.st_mtime > _TOUCH_S:
            os.utime(path)


def _make(picture: Picture, size: int) -> tuple[Thumb, bool]:
    """Return the thumbnail, and whether it will always be the same."""
    try:
        return Thumb(shrink.shrink(Path(picture.file), size)), True
    except shrink.UnseenError as error:
        return _unseen(str(error), size), error.lasting


def _unseen(problem: str, size: int) -> Thumb:
    return Thumb(shrink.placeholder(size), problem)


def _shrink(shard: Path, room: int, spare: str) -> None:
    """Remove the least recently used thumbnails of a shard that is too large; it is locked."""
    found = []
    for entry in os.scandir(shard):
        if entry.name.startswith("."):
            Path(entry.path).unlink(missing_ok=True)  # a draft of somebody who was killed: the lock is ours
        elif entry.name != "lock":
            status = entry.stat()
            found.append((status.st_mtime_ns, status.st_size, entry))
    total = sum(size for _, size, _ in found)
    if total <= room:
        return
    for _, size, entry in sorted(found, key=lambda one: one[:2]):
        if total <= room * _KEEP:
            return
        if entry.name != spare:
            Path(entry.path).unlink(missing_ok=True)
            total -= size


def _batches(files: Sequence[Picture]) -> Iterator[list[Picture]]:
    left = iter(files)
    while batch := list(islice(left, _BATCH)):
        yield batch
