"""The checkpoint files of a run: published so that a kill at any moment leaves a good one, and chosen again.

What lives here: the order in which files are put, named in checkpoints.json and removed; the choice of the newest good
one. What does not: what is in them (``checkpoints``), and torch: any trainer may publish through this.

    checkpoints/
      epoch-00007.pt, epoch-00006.pt    the newest two, with all that a training needs to go on
      best.pt, last.pt                  for whoever wants a model; last.pt is a link to the newest
      checkpoints.json                  written after the files that it names, and before older ones are removed

At the end of the training ``best.pt`` and ``last.pt`` are put without what only a training needs, and the epochs' files
go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path, PosixPath
from typing import Any

from workbench import storage
from workbench.errors import StorageError, WorkbenchError
from workbench.paths import RunPaths

INDEX = "checkpoints.json"
_KEPT = 2


class AtomicPath(PosixPath):
    """A path whose ``write_bytes`` replaces the file at once: ultralytics' trainer writes checkpoints in place."""

    def write_bytes(self, data: Any) -> int:
        """Write ``data`` beside the file, then take its place."""
        storage.put(Path(self), bytes(data))
        return len(data)


@dataclass(frozen=True)
class Entry:
    """One checkpoint that a training can go on from, as checkpoints.json names it.

    Attributes:
        path: the name of the file in the ``checkpoints`` folder.
        epoch: epochs that were finished; 0 when it was saved within the first.
        batch: batches of the following epoch that are in it as well; 0 at the end of an epoch.
        bytes: its size.
        sha256: of its bytes; empty when nobody knows.
    """

    path: str
    epoch: int
    batch: int
    bytes: int
    sha256: str


def publish(run: RunPaths, newest: Path, best: Path | None, *, epoch: int, batch: int = 0, final: bool = False) -> None:
    """Put a trainer's files into the run's ``checkpoints`` folder.

    The files become hard links to the trainer's, which must replace its files and never write into them.

    Args:
        run: the run.
        newest: what the training can go on from; for ``final``, the last model.
        best: the best model so far; None, or a missing file, before there is one.
        epoch: finished epochs.
        batch: batches of the following epoch that are in it, when it was saved within an epoch.
        final: the training has ended.

    Raises:
        StorageError: when the disk is full; what was published before is still there and named.
    """
    folder, before = run.checkpoints, _read(run)
    entries: list[Entry] = []
    if not final:
        named = _entries(before) or []
        older = [entry for entry in named if (entry.epoch, entry.batch) < (epoch, batch)]
        name = _free_name(epoch, batch, {entry.path for entry in named})
        storage.link(newest, folder / name)
        stamp = _stamp(folder / name)
        entries = [Entry(name, epoch, batch, stamp["bytes"], stamp["sha256"]), *older][:_KEPT]
    files = {}
    for name, source in (("last.pt", newest), ("best.pt", best)):
        if source is not None and source.exists():
            files[name] = _put(source, folder / name, before.get("files", {}).get(name))
    record = {"epoch": epoch, "final": final, "epochs": [asdict(entry) for entry in entries], "files": files}
    storage.put_json(folder / INDEX, record)
    _remove_all_but(folder, {entry.path for entry in entries})


def newest_good(
    run: RunPaths, resumable: Callable[[Path], bool], refuse: Callable[[str], object] = lambda _reason: None
) -> Entry | None:
    """Return the newest checkpoint that is whole and that a training can go on from; None when there is none.

    Args:
        run: the run.
        resumable: looks into the file; False when it holds no training state, a ``WorkbenchError`` when it cannot be
            read.
        refuse: gets a sentence for each checkpoint that is passed over.
    """
    entries = _entries(_read(run))
    if entries is None:
        entries = _found(run.checkpoints)
        if entries:
            refuse(f"'{run.checkpoints / INDEX}' is missing or damaged: the files beside it are looked through.")
    for entry in entries:
        flaw = _flaw(run.checkpoints / entry.path, entry, resumable)
        if not flaw:
            return entry
        refuse(f"Not resumed from '{entry.path}' (epoch {entry.epoch}): {flaw}.")
    return None


def finished_epochs(run: RunPaths) -> int:
    """Return how many epochs of a run are finished and saved; 0 when none is."""
    return int(_read(run).get("epoch", 0))


def has_ended(run: RunPaths) -> bool:
    """Return whether the training has ended and left its last and best model whole."""
    record = _read(run)
    files = record.get("files", {})
    return bool(record.get("final")) and all(
        name in files and _is_whole(run.checkpoints / name, files[name]) for name in ("last.pt", "best.pt")
    )


def _flaw(path: Path, entry: Entry, resumable: Callable[[Path], bool]) -> str:
    """Return what is wrong with a checkpoint; empty when nothing is."""
    try:
        size = path.stat().st_size
        if size != entry.bytes:
            return f"the file is torn, it has {size} of {entry.bytes} bytes"
        if entry.sha256 and storage.sha256(path) != entry.sha256:
            return "its bytes are not those that were written (sha256)"
        return "" if resumable(path) else "it holds no training state, as after the end of a training"
    except WorkbenchError as error:
        return error.happened.rstrip(".")
    except OSError as error:
        return f"the file could not be read: {error.strerror or error}"


def _read(run: RunPaths) -> dict[str, Any]:
    try:
        return storage.get_json(run.checkpoints / INDEX)
    except StorageError:  # there is none yet, or it is damaged
        return {}


def _entries(record: dict[str, Any]) -> list[Entry] | None:
    try:
        return [Entry(**entry) for entry in record["epochs"]]
    except (KeyError, TypeError):
        return None


def _found(folder: Path) -> list[Entry]:
    """Return the checkpoints in a folder whose index is gone or damaged, newest first."""
    entries = []
    for path in folder.glob("epoch-*.pt"):
        numbers = [int(part) for part in path.stem.split("-") if part.isdigit()]
        epoch, batch = (*numbers, 0)[:2] if numbers else (0, 0)
        entries.append(Entry(path.name, epoch, batch, path.stat().st_size, ""))
    return sorted(entries, key=lambda entry: (entry.epoch, entry.batch), reverse=True)


def _free_name(epoch: int, batch: int, taken: Iterable[str]) -> str:
    # A file that the index names is never overwritten: a kill in between would leave it with a wrong hash.
    stem = f"epoch-{epoch:05}-batch-{batch:05}" if batch else f"epoch-{epoch:05}"
    return f"{stem}-again.pt" if f"{stem}.pt" in taken else f"{stem}.pt"


def _put(source: Path, target: Path, known: dict[str, Any] | None) -> dict[str, Any]:
    if known is not None and target.exists() and source.samefile(target):
        return known  # best.pt of an earlier epoch: hashing it again each epoch would cost seconds for a large model
    storage.link(source, target)
    return _stamp(target)


def _stamp(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": storage.sha256(path)}


def _is_whole(path: Path, stamp: dict[str, Any]) -> bool:
    return path.is_file() and _stamp(path) == stamp


def _remove_all_but(folder: Path, names: set[str]) -> None:
    for path in (*folder.glob("epoch-*.pt"), *folder.glob(".*.tmp")):  # also drafts that a killed process left
        if path.name not in names:
            path.unlink(missing_ok=True)
