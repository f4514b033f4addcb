"""What a remote dataset consists of.

What lives here: asking a server, or the index of a packed dataset, and leaving out what may not become a file here.
What does not: fetching (``fetch``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from workbench.datasets.remote.entries import Entry, Refused, fault, is_hidden, table
from workbench.datasets.remote.fetch import fetch
from workbench.datasets.remote.transport import Transport
from workbench.datasets.store import Lease
from workbench.errors import DatasetError

INDEX_NAME = "pack.parquet"
_MOST_FILES = 50_000_000
INDEX = pa.schema(
    [
        ("path", pa.string()),
        ("shard", pa.string()),  # name of a tar file beside the index
        ("offset", pa.int64()),
        ("bytes", pa.int64()),
        ("sha256", pa.binary(32)),
    ]
)
SHARD = re.compile(r"[0-9a-f]{16}\.tar")
_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".7z")


@dataclass(frozen=True)
class Listed:
    """A remote dataset, listed.

    Attributes:
        folder: its uri.
        named: the file in it that was asked for; empty when it was the folder.
        listing: schema ``LISTING``, sorted by path.
        refused: what is left out because of its name.
    """

    folder: str
    named: str
    listing: pa.Table
    refused: tuple[Refused, ...]


def list_remote(uri: str, transport: Transport, lease: Lease) -> Listed:
    """List the dataset at ``uri``: a folder, a file in it such as data.yaml, an archive, or a packed dataset.

    Raises:
        DatasetError: when there is nothing, or it may not be listed.
    """
    folder, named = transport.folder(uri)
    if named and (reason := fault(named)):
        raise DatasetError(
            f"'{uri}' names the file '{named}': {reason}.", "A file of a dataset.", "Check the address.", uri=uri
        )
    if named.lower().endswith(_ARCHIVES):
        return Listed(folder, named, table([Entry(named, uri)]), ())
    found = {one.path: one for one in transport.find(folder)}
    if named and named not in found:
        found[named] = Entry(named, uri)  # a web server without index pages: the file itself is all that is known
    if INDEX_NAME in found:
        return Listed(folder, "", *_unpack(found[INDEX_NAME], transport, lease))
    listing, refused = admit(found.values())
    if not listing.num_rows:
        raise DatasetError(
            f"There is nothing at '{uri}'.",
            "A folder with files, or a data.yaml, an archive or another file of a dataset.",
            "Check the address; in a bucket it is the prefix of all files.",
            uri=uri,
        )
    return Listed(folder, named, listing, refused)


def admit(entries: Iterable[Entry]) -> tuple[pa.Table, tuple[Refused, ...]]:
    """Return the entries that may become files below one folder, and those that may not. Hidden ones are left out."""
    good, refused, folders = [], [], set[str]()
    for entry in entries:
        if not entry.path or entry.path.endswith("/"):
            continue  # object stores keep empty objects in the place of folders
        if reason := fault(entry.path):
            refused.append(Refused(entry.path, reason))
        elif not is_hidden(entry.path):
            good.append(entry)
            above = entry.path.rpartition("/")[0]
            while above and above not in folders:
                folders.add(above)
                above = above.rpartition("/")[0]
    both = [Refused(one.path, "a folder has the same name") for one in good if one.path in folders]
    kept = [one for one in good if one.path not in folders] if both else good
    return table(kept), (*refused, *both)


def _unpack(index: Entry, transport: Transport, lease: Lease) -> tuple[pa.Table, tuple[Refused, ...]]:
    """Return what the index of a packed dataset lists."""
    import pyarrow.parquet as pq

    digest = fetch([index], transport, lease).digests[index.path]
    try:
        if pq.read_metadata(lease.store.path(digest)).num_rows > _MOST_FILES:
            raise pa.ArrowInvalid(f"it lists more than {_MOST_FILES:,} files")
        found = pq.read_table(lease.store.path(digest), columns=INDEX.names).cast(INDEX)
        rows = found.to_pylist()
        odd = next((row for row in rows if None in row.values() or not _is_sound(row)), None)
        if odd is not None:
            raise pa.ArrowInvalid(f"it has a row {odd!r}")
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise DatasetError(
            f"The index '{index.place}' is damaged: {error}.",
            "The file that `workbench datasets pack` wrote, with its shards beside it.",
            "Pack the dataset again.",
            uri=index.place,
        ) from error
    base = index.place.rpartition("/")[0]
    return admit(
        Entry(row["path"], f"{base}/{row['shard']}", "", row["bytes"], row["sha256"].hex(), row["offset"])
        for row in rows
    )


def _is_sound(row: dict[str, object]) -> bool:
    offset, size = row["offset"], row["bytes"]
    fits = isinstance(offset, int) and isinstance(size, int) and offset >= 0 and size >= 0
    return fits and SHARD.fullmatch(str(row["shard"])) is not None
