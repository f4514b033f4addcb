"""A folder that looks like a remote dataset.

What lives here: its links, and fetching what they stand for. What does not: what the dataset says (``formats``), which
images are worth fetching (``selection``).

Every file of the remote dataset has a link of its name in the folder. A file that was fetched: a link to its object in
the store, whose name is its sha256. One that was not: a link to ``.not-fetched``, which is nothing. So listings of
names (``os.scandir``, ``os.walk``) see all of them, while ``is_file`` and opening tell what is there. Eviction makes a
link dangle again; ``reopen(folder, lease).fetch(paths)`` brings it back.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from workbench.datasets.remote.entries import LISTING, Refused, is_metadata, rows
from workbench.datasets.remote.fetch import fetch
from workbench.datasets.remote.listing import list_remote
from workbench.datasets.remote.moved import Moved, Report
from workbench.datasets.remote.transport import Transport, open_transport
from workbench.datasets.store import Lease, Store
from workbench.errors import DatasetError, StorageError, did_you_mean, storage_error
from workbench.storage import replacing

RECORD = ".remote.parquet"
PENDING = ".not-fetched"  # short: up to 59 bytes ext4 keeps a link's target without a block
_TEMPLATE = ".pending"  # the link to nothing; the other ones are names of it


@dataclass(frozen=True)
class Remote:
    """A remote dataset, listed.

    Attributes:
        uri: what was asked for.
        named: the file that ``uri`` names in the dataset's folder; empty when it names the folder.
        listing: schema ``LISTING``, sorted by path.
        refused: remote files that are left out, because their names would leave the folder or are no names.
        lease: holds what is fetched.
        transport: the way to it.
    """

    uri: str
    named: str
    listing: pa.Table
    refused: tuple[Refused, ...]
    lease: Lease
    transport: Transport

    @property
    def paths(self) -> list[str]:
        """The paths of all files, sorted."""
        return cast("list[str]", self.listing["path"].to_pylist())

    def is_metadata(self, path: str) -> bool:
        """Return whether ``fetch_metadata`` fetches a file: readers need its content."""
        return is_metadata(path) or path == self.named

    def fetch_metadata(self, folder: Path, report: Report | None = None) -> Moved:
        """Make ``folder`` look like the dataset, and fetch what readers need: yaml, json, xml, csv, text, Parquet.

        Links of a former listing that are not in this one are removed, and so are links to former versions.

        Raises:
            DatasetError: as ``fetch``.
            StorageError: when the folder or the store cannot be written.
        """
        _place(folder, self.listing, self.lease)
        _record(folder, self)
        return self.fetch([path for path in self.paths if self.is_metadata(path)], folder, report)

    def fetch(self, paths: Iterable[str], folder: Path, report: Report | None = None) -> Moved:
        """Fetch files of the dataset, and link them in ``folder``; what the store has is not fetched again.

        Args:
            paths: as in the listing.
            folder: the one that ``fetch_metadata`` made.
            report: told how far it is.

        Raises:
            DatasetError: when a path is not in the listing, or as ``fetch.fetch``.
            StorageError: when the folder or the store cannot be written.
        """
        wanted = pa.array(sorted(set(paths)), pa.string())
        chosen = self.listing.filter(pc.is_in(self.listing["path"], value_set=wanted))
        if chosen.num_rows < len(wanted):
            raise self._unknown(set(wanted.to_pylist()) - set(chosen["path"].to_pylist()))
        done = fetch(rows(chosen), self.transport, self.lease, report)
        _link(folder, done.digests, self.lease.store)
        return done.moved

    def _unknown(self, paths: set[str]) -> DatasetError:
        first = min(paths)
        return DatasetError(
            f"'{first}' is not in the dataset '{self.uri}'"
            + (f", nor are {len(paths) - 1} others." if paths - {first} else "."),
            f"One of its {self.listing.num_rows} files.",
            did_you_mean(first, self.listing["path"].slice(0, 10_000).to_pylist()) or "Open it anew to list it again.",
            path=first,
        )


def open_remote(uri: str, lease: Lease, options: dict[str, Any] | None = None) -> Remote:
    """List the dataset at ``uri``.

    Args:
        uri: of a folder, of a file in it (data.yaml, a COCO JSON), of an archive, or of a packed dataset.
        lease: of the job that wants it, in the store that it is fetched to.
        options: of fsspec's driver, e.g. ``{"endpoint_url": ...}``; mostly the environment says it.

    Raises:
        DatasetError: when there is nothing, credentials are missing, or there is no driver for it.
    """
    transport = open_transport(uri, options)
    listed = list_remote(uri, transport, lease)
    return Remote(uri, listed.named, listed.listing, listed.refused, lease, transport)


def reopen(folder: Path, lease: Lease, options: dict[str, Any] | None = None) -> Remote:
    """Return the dataset that ``folder`` mirrors as it was listed then, e.g. to fetch what was evicted meanwhile.

    Raises:
        StorageError: when ``folder`` is no mirror, or its record is damaged.
        DatasetError: when there is no driver for its uri.
    """
    import pyarrow.parquet as pq

    file = folder / RECORD
    try:
        listing = pq.read_table(file).select(LISTING.names)
        noted = listing.schema.metadata or {}
        uri, named = noted[b"uri"].decode(), noted[b"named"].decode()
        listing = listing.replace_schema_metadata().cast(LISTING)
    except (OSError, pa.ArrowException, KeyError) as error:
        raise StorageError(
            f"'{folder}' is no copy of a remote dataset that could be gone on with: {error}.",
            f"A folder with the '{RECORD}' that the workbench wrote.",
            "Add the dataset again by its address (`workbench datasets add`).",
            path=str(file),
        ) from error
    return Remote(uri, named, listing, (), lease, open_transport(uri, options))


def mirror(
    uri: str,
    folder: Path,
    lease: Lease,
    choose: Callable[[Path], Iterable[str]] | None = None,
    report: Report | None = None,
    options: dict[str, Any] | None = None,
) -> Path:
    """Make ``folder`` look like the dataset at ``uri``, and fetch what is chosen.

    Args:
        uri: see ``open_remote``.
        folder: made when it is not there; nothing but links and the record is put there.
        lease: holds what is fetched.
        choose: gets what stands for ``uri`` here, with all metadata there, and returns the paths to fetch beside it,
            as listed; everything when left out.
        report: told how far it is, for the metadata first.
        options: of fsspec's driver.

    Returns:
        What stands for ``uri`` here: the folder, or the file in it that was named.

    Raises:
        DatasetError: as ``open_remote`` and ``Remote.fetch``.
        StorageError: when the folder or the store cannot be written.
    """
    found = open_remote(uri, lease, options)
    found.fetch_metadata(folder, report)
    here = folder / found.named if found.named else folder
    chosen = found.paths if choose is None else choose(here)
    found.fetch([path for path in chosen if not found.is_metadata(path)], folder, report)
    return here


def is_pending(file: Path) -> bool:
    """Return whether a file of a mirror was not fetched yet, or was evicted."""
    return file.is_symlink() and not file.exists()


def _place(folder: Path, listing: pa.Table, lease: Lease) -> None:
    """Put a link for each entry: to its object where the store has it, else to nothing."""
    store = lease.store
    entries = list(rows(listing))
    known = store.find(one.key for one in entries if one.is_versioned and not one.sha256)
    digests = {one.path: one.sha256 or known.get(one.key, "") for one in entries}
    present = lease.hold(digest for digest in digests.values() if digest)
    there = {path: digest for path, digest in digests.items() if digest in present}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_strangers(folder, digests.keys(), store)
        for parent in sorted({os.path.dirname(one.path) for one in entries}):  # noqa: PTH120 - of every image
            (folder / parent).mkdir(parents=True, exist_ok=True)
        _put(PENDING, _TEMPLATE, folder)
        for one in entries:
            if one.path not in there:
                _put_pending(one.path, folder)
    except OSError as error:
        raise storage_error(error, folder) from error
    _link(folder, there, store)


def _remove_strangers(folder: Path, paths: Iterable[str], store: Store) -> None:
    """Remove links into the store that the listing does not have; other files are not ours."""
    wanted, base_of_all = set(paths), f"{folder}{os.sep}"
    for base, _, files in os.walk(folder):
        for name in files:
            path = os.path.join(base, name)  # noqa: PTH118 - of every image
            if path[len(base_of_all) :] not in wanted and _is_ours(path, store):
                os.unlink(path)  # noqa: PTH108


def _is_ours(path: str, store: Store) -> bool:
    pending = os.path.islink(path) and os.readlink(path) == PENDING  # noqa: PTH114, PTH115
    return pending or store.digest_of(path) is not None


def _link(folder: Path, digests: Mapping[str, str], store: Store) -> None:
    try:
        for path, digest in digests.items():
            _put(store.place(digest), path, folder)
    except OSError as error:
        raise storage_error(error, folder) from error


def _put_pending(path: str, folder: Path) -> None:
    """Put one more name of the link to nothing: a name takes no inode, and ext4 may need 0.5 ms to find a free one."""
    template = f"{folder}/{_TEMPLATE}"
    try:
        os.link(template, f"{folder}/{path}", follow_symlinks=False)
    except FileExistsError:
        _put(PENDING, path, folder)
    except OSError as error:
        _put(PENDING, path, folder)
        if error.errno == errno.EMLINK:  # ext4 gives an inode 65,000 names
            os.unlink(template)  # noqa: PTH108
            _put(PENDING, _TEMPLATE, folder)


def _put(target: str, path: str, folder: Path) -> None:
    """Put a symbolic link, in the place of a former one if there is one; another file stays."""
    link = f"{folder}/{path}"
    try:
        os.symlink(target, link)  # noqa: PTH211 - of every image
    except FileExistsError:
        if os.path.islink(link) and os.readlink(link) != target:  # noqa: PTH114, PTH115
            draft = f"{folder}/.{os.getpid()}-{threading.get_ident()}.new"
            os.symlink(target, draft)  # noqa: PTH211
            os.replace(draft, link)  # noqa: PTH105


def _record(folder: Path, remote: Remote) -> None:
    import pyarrow.parquet as pq

    noted = {"uri": remote.uri, "named": remote.named}
    with replacing(folder / RECORD) as draft:
        pq.write_table(remote.listing.replace_schema_metadata(noted), draft, compression="zstd")
