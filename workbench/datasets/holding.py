"""Keeping what a job reads in the store, for as long as it reads it.

What lives here: from a dataset's files to the objects behind them. What does not: leases (``store``), fetching
(``remote``).
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.datasets.filenames import to_name
from workbench.datasets.snapshots.manifest import Manifest

if TYPE_CHECKING:
    from workbench.datasets.remote import Report
    from workbench.datasets.store import Lease, Store


def hold(manifest: Manifest, store: Store, report: Report | None = None) -> Lease:
    """Lease the objects behind a dataset's files, and fetch those again that were evicted meanwhile.

    Files that lie elsewhere on this machine are nobody's to remove, and are left alone.

    Returns:
        The lease, which ends with this process if it is not closed before.

    Raises:
        DatasetError: when something was evicted and cannot be fetched again.
        StorageError: when the store cannot be written.
    """
    lease = store.lease()
    try:
        _fill(manifest, lease, report)
    except BaseException:
        lease.close()
        raise
    return lease


def _fill(manifest: Manifest, lease: Lease, report: Report | None) -> None:
    from workbench.datasets import remote

    objects: dict[str, Path] = {}
    for file in manifest.files["file"].to_pylist():
        digest = lease.store.digest_of(Path(to_name(file))) if file else None
        if digest:
            objects[digest] = Path(to_name(file))
    gone = objects.keys() - lease.hold(objects)
    folders: dict[Path, list[str]] = defaultdict(list)
    for digest in gone:
        folder = _mirror_of(objects[digest])
        if folder is not None:
            folders[folder].append(objects[digest].relative_to(folder).as_posix())
    for folder, missing in folders.items():
        remote.reopen(folder, lease).fetch(missing, folder, report)


def _mirror_of(file: Path) -> Path | None:
    from workbench.datasets.remote.mirror import RECORD

    return next((parent for parent in file.parents if (parent / RECORD).is_file()), None)
