"""Files of a remote dataset: which there are, and which of them may become files here.

What lives here: the table of a listing, one entry of it, and the check of its paths. What does not: asking a server for
them (``listing``).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from workbench.datasets.images import SUFFIXES as IMAGES
from workbench.datasets.store.catalogue import Key

LISTING = pa.schema(
    [
        ("path", pa.string()),  # posix, relative to the folder of the dataset
        ("place", pa.string()),  # the uri of the object that holds the bytes
        ("etag", pa.string()),  # what the server calls this version; "" when it does not say
        ("bytes", pa.int64()),  # -1 when only fetching tells
        ("sha256", pa.binary(32)),  # known beforehand only for packed datasets
        ("offset", pa.int64()),  # of the bytes within the object; -1 when they are all of it
    ]
)
# What a reader needs to know what there is. Images, masks and depth maps can wait; so can archives that lie about
_METADATA = frozenset(
    {".cfg", ".csv", ".data", ".json", ".jsonl", ".names", ".ndjson", ".parquet", ".txt", ".xml", ".yaml", ".yml"}
)
_LATER = IMAGES | {".gif", ".npy", ".npz", ".mp4", ".avi", ".mov", ".mkv"}
_NAME_BYTES, _PATH_BYTES = 255, 2048


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a remote dataset; see ``LISTING`` for what its fields mean.

    Attributes:
        path: where it goes.
        place: where its bytes are.
        etag: their version.
        size: how many there are; -1 when unknown.
        sha256: 64 hexadecimal digits; empty when unknown.
        offset: where they begin in ``place``; -1 when they are all of it.
    """

    path: str
    place: str
    etag: str = ""
    size: int = -1
    sha256: str = ""
    offset: int = -1

    @property
    def key(self) -> Key:
        """What the store knows its bytes by before they are there; another version has another key."""
        named = f"{self.place}\0{self.etag}\0{self.size}\0{self.offset}"
        return hashlib.sha256(named.encode("utf-8", "surrogateescape")).digest()

    @property
    def is_versioned(self) -> bool:
        """Whether the same key always means the same bytes."""
        return bool(self.etag or self.sha256)


@dataclass(frozen=True)
class Refused:
    """A remote file that is left out: its path as the server says it, and why in one clause."""

    path: str
    reason: str


def fault(path: str) -> str:
    """Return why ``path`` may not become a file below a folder; an empty string when it may.

    Args:
        path: posix, from a listing or an index: not to be trusted.
    """
    parts = path.split("/")
    if path.startswith("/") or ".." in parts or "\\" in path:
        return "it leaves the folder of the dataset"
    if not path or "\0" in path or "" in parts or "." in parts:
        return "it is no path of a file"
    encoded = [os.fsencode(part) for part in parts] if path.isprintable() else None
    if encoded is None:
        return "it has control characters"
    too_long = max(map(len, encoded)) > _NAME_BYTES or sum(map(len, encoded)) + len(parts) > _PATH_BYTES
    return "its name is too long" if too_long else ""


def is_hidden(path: str) -> bool:
    """Return whether a file, or a folder above it, is hidden, or is what ultralytics leaves beside labels."""
    return any(part.startswith(".") for part in path.split("/")) or path.endswith(".cache")


def is_metadata(path: str) -> bool:
    """Return whether readers need the file's content to know what is in the dataset."""
    return os.path.splitext(path)[1].lower() in _METADATA  # noqa: PTH122 - asked for every image


def is_dataset_file(path: str) -> bool:
    """Return whether the file is of a kind that belongs to datasets: metadata, images, masks, depth."""
    return is_metadata(path) or os.path.splitext(path)[1].lower() in _LATER  # noqa: PTH122


def table(entries: list[Entry]) -> pa.Table:
    """Return entries as a table of schema ``LISTING``, sorted by path."""
    entries = sorted(entries, key=lambda one: one.path)
    columns = {
        "path": [one.path for one in entries],
        "place": [one.place for one in entries],
        "etag": [one.etag for one in entries],
        "bytes": [one.size for one in entries],
        "sha256": [bytes.fromhex(one.sha256) if one.sha256 else None for one in entries],
        "offset": [one.offset for one in entries],
    }
    return pa.table(columns, schema=LISTING)


def rows(listing: pa.Table) -> Iterator[Entry]:
    """Yield the entries of a table."""
    for batch in listing.to_batches(max_chunksize=10_000):
        for row in batch.to_pylist():
            digest = row["sha256"].hex() if row["sha256"] else ""
            yield Entry(row["path"], row["place"], row["etag"], row["bytes"], digest, row["offset"])
