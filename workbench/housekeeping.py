"""What takes disk in a workspace, and what of it may go.

What lives here: the survey behind ``workbench clean``. What does not: deleting runs or datasets that a person made.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from workbench import storage
from workbench.datasets.arrival import source_folder
from workbench.datasets.catalogue import digests
from workbench.datasets.snapshots.manifest import Manifest
from workbench.runs.lease import is_held
from workbench.workspace import Workspace

_STALE_S = 3600.0  # a draft this old belongs to no process that still writes it


@dataclass(frozen=True)
class Item:
    """Something that takes disk.

    Attributes:
        what: its kind.
        path: where it lies.
        bytes_total: its size.
        keep: why it stays; empty when nobody needs it.
    """

    what: str
    path: Path
    bytes_total: int
    keep: str

    def payload(self) -> dict[str, Any]:
        """Return the item as JSON-able data."""
        return {"what": self.what, "path": str(self.path), "bytes": self.bytes_total, "keep": self.keep}


def survey(workspace: Workspace) -> list[Item]:
    """Return what takes disk, largest first."""
    found = [*_runs(workspace), *_datasets(workspace), *_states(workspace), *_sources(workspace)]
    found += [*_weights(workspace), *_leftovers(workspace)]
    return sorted(found, key=lambda item: -item.bytes_total)


def remove(items: Iterable[Item]) -> list[Item]:
    """Remove the items that nothing keeps; return them.

    Raises:
        StorageError: when one cannot be removed.
    """
    gone = [item for item in items if not item.keep]
    for item in gone:
        if item.path.is_dir() and not item.path.is_symlink():
            storage.remove(item.path)
        else:
            item.path.unlink(missing_ok=True)
    return gone


def _item(what: str, path: Path, keep: str) -> Item:
    return Item(what, path, storage.bytes_total(path), keep)


def _runs(workspace: Workspace) -> Iterator[Item]:
    for run_id in workspace.ledger.ids_on_disk():
        run, state = workspace.paths.run(run_id), workspace.ledger.state(run_id)
        yield _item("run", run.root, f"a run, {state}; `workbench runs delete` deletes it")
        busy = not state.ended or is_held(run.lease)
        for number in run.attempts():
            scratch = run.attempt(number).scratch
            if scratch.exists():
                yield _item("scratch", scratch, "its run is going" if busy else "")


def _datasets(workspace: Workspace) -> Iterator[Item]:
    for dataset in workspace.datasets.list():
        yield _item("dataset", workspace.paths.dataset(dataset.name).root, "registered")
    used = [Path(dataset.uri).resolve() for dataset in workspace.datasets.list()]  # one folder has many spellings
    read = _read(workspace, workspace.paths.samples)
    for folder in _children(workspace.paths.samples):
        registered = any(path.is_relative_to(folder.resolve()) for path in used) or folder in read
        yield _item("sample", folder, "registered" if registered else "")


def _states(workspace: Workspace) -> Iterator[Item]:
    """Earlier states of datasets: the links that trainings read, and which bytes they stand for."""
    read, due = _digests(workspace)
    registered = {dataset.digest for dataset in workspace.datasets.list()}
    for dataset in workspace.datasets.list():
        for tree in _children(dataset.paths.trees):
            if tree.name != dataset.digest[:16]:
                waits = any(digest.startswith(tree.name) for digest in due)
                yield _item("tree", tree, "a run that has not ended reads it" if waits else "")
    for digest in digests(workspace.paths):
        keep = "registered" if digest in registered else "a run read it" if digest in read else ""
        yield _item("snapshot", workspace.paths.snapshot(digest), keep)


def _digests(workspace: Workspace) -> tuple[set[str], set[str]]:
    """Return the digests of the data that runs read, and of those that runs in progress read."""
    read, due = set(), set()
    for run_id in workspace.ledger.ids_on_disk():
        lock = workspace.ledger.spec(run_id).dataset
        if lock is not None:
            read.add(lock.digest)
            if not workspace.ledger.state(run_id).ended:
                due.add(lock.digest)
    return read, due


def _sources(workspace: Workspace) -> Iterator[Item]:
    """What was unpacked from archives or fetched from elsewhere."""
    used = {source_folder(workspace.paths, dataset.uri).name for dataset in workspace.datasets.list()}
    read = _read(workspace, workspace.paths.sources)
    for folder in _children(workspace.paths.sources):
        keep = folder.name.removesuffix(".made") in used or folder in read
        yield _item("source", folder, "registered, or a run reads it" if keep else "")


def _read(workspace: Workspace, folder: Path) -> set[Path]:
    """Return the children of ``folder`` in which files of registered datasets lie, or of those that runs will read.

    The files tell, not where a dataset came from: an archive may be gone, or another by now.
    """
    children = _children(folder)
    if not children:
        return set()
    _, due = _digests(workspace)
    found: set[Path] = set()
    for digest in due | {dataset.digest for dataset in workspace.datasets.list()}:
        path = workspace.paths.snapshot(digest)
        files = Manifest.read(path).files["file"] if path.is_file() else None
        found |= {
            child
            for child in children
            if files is not None and pc.any(pc.starts_with(files, pattern=f"{child}/")).as_py()
        }
    return found


def _weights(workspace: Workspace) -> Iterator[Item]:
    known = workspace.weights.list()
    for path in _children(workspace.paths.weights):
        if path.suffix == ".part":
            yield _item("download", path, "" if _stale(path) else "may be going on")
        elif path.name in known:
            yield _item("weights", path, "registered")


def _leftovers(workspace: Workspace) -> Iterator[Item]:
    """Drafts and bins that an interrupted process left."""
    for folder in (workspace.paths.runs, workspace.paths.datasets, workspace.paths.samples):
        for path in folder.glob(".*") if folder.is_dir() else ():
            if path.name.startswith((".new-", ".removed-")):
                yield _item("leftover", path, "" if _stale(path) else "may be in use")
    drafts = (*workspace.paths.weights.glob(".*.tmp"), *workspace.paths.runs.glob("*/checkpoints/.*.tmp"))
    for path in drafts:
        yield _item("leftover", path, "" if _stale(path) else "may be in use")


def _children(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if not child.name.startswith(".")) if folder.is_dir() else []


def _stale(path: Path) -> bool:
    try:
        return time.time() - path.lstat().st_mtime > _STALE_S
    except FileNotFoundError:  # its process has just finished with it
        return False
