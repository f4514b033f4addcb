"""Many small files in few big ones: shards that are fetched in ranges.

What lives here: writing shards and their index. What does not: the folder that they go to (``target``); reading
them, which ``remote`` does, and then fetches only the files that are asked for.

    <target>/
      <16 digits>.tar     shards, named by the begin of their sha256; any tar unpacks them
      pack.parquet        each file: path, shard, offset, bytes, sha256. Written last: without it a pack is unfinished

The same files give the same shards, so a pack that was killed goes on: shards that are there are not written again. A
file whose content is in the same shard already takes a header only.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from workbench.datasets import Progress
from workbench.datasets.content import Content
from workbench.datasets.packing.target import Target, naming
from workbench.datasets.remote.entries import fault, is_metadata
from workbench.datasets.remote.listing import INDEX, INDEX_NAME
from workbench.errors import ConflictError, DatasetError

SHARD_BYTES = 128 << 20
_BLOCK = tarfile.BLOCKSIZE
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Packed:
    """A packed dataset.

    Attributes:
        uri: its folder.
        files: how many files it has.
        shards: how many shards.
        bytes: of the shards.
        bytes_written: of those that were not there already.
    """

    uri: str
    files: int
    shards: int
    bytes: int
    bytes_written: int


def collect(folder: Path) -> dict[str, Path]:
    """Return the files below a folder by posix path; hidden ones and ultralytics' caches are left out."""
    found = {}
    for base, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if not name.startswith(".") and not name.endswith(".cache"):
                file = Path(base, name)
                found[file.relative_to(folder).as_posix()] = file
    return found


def collect_content(content: Content) -> dict[str, Path]:
    """Return the images of a dataset, and their labels, by posix path below its root; others are left out."""
    base = f"{content.root}{os.sep}"
    files = [*content.images["file"].to_pylist(), *(one for one in content.images["label"].to_pylist() if one)]
    return {Path(one.removeprefix(base)).as_posix(): Path(one) for one in files if one.startswith(base)}


def pack(
    files: Mapping[str, Path],
    target: str | Path,
    *,
    shard_bytes: int = SHARD_BYTES,
    replace: bool = False,
    options: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> Packed:
    """Write ``files`` as shards and an index to a folder.

    Args:
        files: by posix path within the dataset.
        target: a local folder, or the uri of one.
        shard_bytes: about how large a shard becomes; a larger file gets one of its own.
        replace: whether an index that is there already gives way; its shards stay as long as this one needs them.
        options: of fsspec's driver for ``target``.
        progress: called with (files packed, files in all).

    Raises:
        ConflictError: when there is an index already, and ``replace`` is false.
        DatasetError: when a file cannot be read or changes meanwhile, or ``target`` cannot be written.
        StorageError: when the disk is full.
    """
    folder = Target(target, options)
    if not replace and folder.has(INDEX_NAME):
        raise ConflictError(
            f"'{folder.uri}' holds a packed dataset already.", "A folder without one.", "Choose another, or --replace."
        )
    parts: list[pa.Table] = []
    sizes: dict[str, int] = {}
    done = written = 0
    with tempfile.TemporaryDirectory(prefix=".pack-", dir=folder.local) as scratch:
        for shard in _shards(files, Path(scratch), shard_bytes):
            parts.append(_index(shard))
            sizes[shard.name] = shard.size
            written += folder.put(shard.file, shard.name)
            shard.file.unlink(missing_ok=True)
            done += len(shard.members)
            if progress:
                progress(done, len(files))
        folder.put_table(pa.concat_tables([INDEX.empty_table(), *parts]), INDEX_NAME, Path(scratch))
    folder.remove_others(sizes)
    return Packed(folder.uri, done, len(sizes), sum(sizes.values()), written)


@dataclass(frozen=True)
class _Member:
    path: str
    offset: int
    size: int
    digest: bytes


@dataclass(frozen=True)
class _Shard:
    file: Path
    name: str
    size: int
    members: list[_Member]


def _shards(files: Mapping[str, Path], scratch: Path, shard_bytes: int) -> Iterator[_Shard]:
    """Write one shard after the other, metadata first: who wants only that reads one stretch."""
    waiting = sorted(files.items(), key=lambda one: (not is_metadata(one[0]), one[0]))
    number = 0
    while number < len(waiting):
        draft = scratch / f"{number}.tar"
        members: list[_Member] = []
        seen: dict[bytes, _Member] = {}
        with naming(draft), draft.open("w+b") as shard:
            while number < len(waiting) and (not members or shard.tell() < shard_bytes):
                path, file = waiting[number]
                members.append(_append(shard, path, file, seen))
                number += 1
            shard.write(b"\0" * 2 * _BLOCK)
        with draft.open("rb") as shard:
            digest = hashlib.file_digest(shard, "sha256").hexdigest()
        yield _Shard(draft, f"{digest[:16]}.tar", draft.stat().st_size, members)


def _append(shard: IO[bytes], path: str, file: Path, seen: dict[bytes, _Member]) -> _Member:
    """Write a file's header and bytes; a content that the shard has becomes a link to it."""
    if reason := fault(path):
        raise DatasetError(f"'{path}' cannot be packed: {reason}.", "A path within the dataset.", "Rename the file.")
    begin = shard.tell()
    try:
        with file.open("rb") as source:
            expected = os.fstat(source.fileno()).st_size
            shard.write(_header(path, expected))
            offset, digest = shard.tell(), hashlib.sha256()
            while chunk := source.read(_CHUNK_BYTES):
                digest.update(chunk)
                shard.write(chunk)
    except OSError as error:
        if error.filename is None:  # the shard's disk, not the file
            raise
        raise DatasetError(
            f"'{file}' cannot be read: {error.strerror}.", "A readable file.", "Check its rights, or leave it out."
        ) from error
    size = shard.tell() - offset
    if size != expected:
        raise DatasetError(
            f"'{file}' changed while it was packed: {size} bytes after {expected}.",
            "A file that stays as it is.",
            "Pack again when nobody writes it.",
        )
    if former := seen.get(digest.digest()):
        shard.seek(begin)
        shard.truncate()
        shard.write(_header(path, 0, former.path))
        return _Member(path, former.offset, size, former.digest)
    shard.write(b"\0" * (-size % _BLOCK))
    member = _Member(path, offset, size, digest.digest())
    if size:
        seen[member.digest] = member
    return member


def _header(path: str, size: int, same_as: str = "") -> bytes:
    info = tarfile.TarInfo(path)
    info.size, info.mode = size, 0o644
    if same_as:
        info.type, info.linkname = tarfile.LNKTYPE, same_as
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


def _index(shard: _Shard) -> pa.Table:
    columns = {
        "path": [one.path for one in shard.members],
        "shard": [shard.name] * len(shard.members),
        "offset": [one.offset for one in shard.members],
        "bytes": [one.size for one in shard.members],
        "sha256": [one.digest for one in shard.members],
    }
    return pa.table(columns, schema=INDEX)
