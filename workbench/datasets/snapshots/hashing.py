"""The sha256 of many files, read once and again only when they changed.

What lives here: hashing in threads, and trusting what an earlier snapshot knew. What does not: what the hashes are
for (``manifest``).
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from workbench.datasets.filenames import to_name
from workbench.errors import DatasetError

_THREADS = 4
_BATCH = 256
_TRIES = 3
KEPT_BYTES = 1 << 20
_SETTLED_NS = 2_000_000_000
"""A file that was written less than this before it was hashed may have been written again within one tick of its
clock, and look the same. git calls such entries racy, and reads them again too."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells that a file is the one that was hashed, and its sha256.

    Attributes:
        size: in bytes.
        mtime_ns: when its content was last written.
        inode: 0 when nobody may trust this stamp.
        sha256: 32 bytes.
        content: the bytes themselves, where they are kept.
    """

    size: int
    mtime_ns: int
    inode: int
    sha256: bytes
    content: bytes | None = None


def stamp_all(files: Sequence[str], known: Mapping[str, Stamp], kept: Sequence[bool] | None = None) -> list[Stamp]:
    """Return the stamp of each file, in their order; those that ``known`` describes as they are now are not read.

    Args:
        files: absolute paths, as texts (``filenames``).
        known: earlier stamps by path.
        kept: whether the bytes of each file are kept, if they are no more than ``KEPT_BYTES``; none when left out.

    Raises:
        DatasetError: when a file cannot be read, or does not stop changing.
    """
    keep = kept or [False] * len(files)
    batches = [range(first, min(first + _BATCH, len(files))) for first in range(0, len(files), _BATCH)]
    with ThreadPoolExecutor(_THREADS) as pool:
        found = pool.map(lambda places: [_stamp(files[at], known, keep[at]) for at in places], batches)
        return [stamp for stamps in found for stamp in stamps]


def _stamp(file: str, known: Mapping[str, Stamp], keep: bool) -> Stamp:
    before = known.get(file)
    try:
        if before is not None and before.inode and (before.content is not None or not keep):
            now = os.stat(to_name(file))  # noqa: PTH116 - 3x Path, for every file of a dataset
            if (now.st_size, now.st_mtime_ns, now.st_ino) == (before.size, before.mtime_ns, before.inode):
                return before
        for _ in range(_TRIES):
            stamp = _hash(file, keep)
            if stamp is not None:
                return stamp
    except OSError as error:
        raise _unreadable(file, error.strerror or str(error)) from error
    raise DatasetError(
        f"'{file}' changes while it is read.",
        "Files that nobody writes while the dataset is hashed.",
        "Wait until whatever writes it is done, then run the same command again.",
        path=file,
    )


def _hash(file: str, keep: bool) -> Stamp | None:
    """Return the stamp of a file; None when it changed meanwhile."""
    now_ns = time.time_ns()
    with open(to_name(file), "rb", buffering=0) as stream:  # noqa: PTH123 - 2x Path
        before = os.fstat(stream.fileno())
        content = stream.readall() if keep and before.st_size <= KEPT_BYTES else None
        sha256 = hashlib.file_digest(stream, "sha256") if content is None else hashlib.sha256(content)
        after = os.fstat(stream.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        return None
    settled = now_ns - after.st_mtime_ns > _SETTLED_NS
    return Stamp(after.st_size, after.st_mtime_ns, after.st_ino if settled else 0, sha256.digest(), content)


def _unreadable(file: str, reason: str) -> DatasetError:
    return DatasetError(
        f"'{file}' cannot be read: {reason}.",
        "A file that this user may read, and that stays while it is registered.",
        "Check its rights, or take it out of the dataset.",
        path=file,
    )
