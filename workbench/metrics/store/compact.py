"""Compaction: the event logs of a run as sorted Parquet files, again and again while the run goes on.

What lives here: when it is due, one round of it, and who may do it. What does not: the form of the files
(``sorted_files``, ``manifest``), reading them (``generation``).

A round merges the last generation with what the logs hold beyond it, one series after the other, so that memory holds
the longest series and 2M points beside it. The manifest is put last: whoever is killed before leaves the last
generation as it was. The logs stay as they are, and every file here can be made again from them.

By hand: ``python -m workbench.metrics.store.compact EVENTS METRICS``.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from workbench.errors import StorageError, storage_error
from workbench.metrics.rows import attempt_of
from workbench.metrics.store import manifest as manifests
from workbench.metrics.store.generation import Generation, GoneError, LocalFolder, open_generation
from workbench.metrics.store.logs import LogTail, ShrunkError, log_sizes
from workbench.metrics.store.manifest import DamagedError, Manifest
from workbench.metrics.store.points import POINT
from workbench.metrics.store.rule import Rule
from workbench.metrics.store.sorted_files import SortedFiles
from workbench.metrics.store.spill import Spill

DUE_POINTS = 1_000_000
DUE_SHARE = 0.25
ALWAYS_DUE_POINTS = 4_000_000
_LOCK = "compact.lock"
_GENERATION = re.compile(r"(\d{6})-[0-9a-f]{8}")
_POINT_BYTES = 40.0  # of a log, before it is known better
_PEEK_BYTES = 4096
_POLL_S = 0.05
_NONE = np.empty(0, POINT)
_STALE = (DamagedError, GoneError, ShrunkError)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Round:
    """What a compaction did.

    Attributes:
        points: points that count now.
        new: points that were read from the logs.
        series: series that there are now.
        seconds: how long it took.
    """

    points: int
    new: int
    series: int
    seconds: float


def is_complete(events: Path, metrics: Path) -> bool:
    """Return whether everything in the logs is compacted: cheap."""
    try:
        generation = open_generation(LocalFolder(metrics))
    except DamagedError:
        return False
    covered = {writer: found.bytes for writer, found in generation.manifest.covered.items()} if generation else {}
    return generation is not None and log_sizes(events) == covered


def is_due(events: Path, metrics: Path) -> bool:
    """Return whether a run under way should be compacted: cheap enough to be asked every few seconds.

    That is when the logs hold a million points more than the last generation and these are a quarter of it (or four
    million), or when an attempt has resumed since: until the next round the points that it measures again make
    queries slow.
    """
    try:
        generation = open_generation(LocalFolder(metrics))
    except DamagedError:
        generation = None
    sizes = log_sizes(events)
    if generation is None:
        return sum(sizes.values()) / _POINT_BYTES >= DUE_POINTS
    covered = {writer: found.bytes for writer, found in generation.manifest.covered.items()}
    compacted = generation.manifest.points.rows
    each = max(sum(covered.values()) / compacted if compacted else _POINT_BYTES, 1.0)
    new = sum(max(size - covered.get(writer, 0), 0) for writer, size in sizes.items()) / each
    if new >= DUE_POINTS and new >= min(DUE_SHARE * compacted, ALWAYS_DUE_POINTS):
        return True
    kept = generation.manifest.kept
    return any(_resumes(events, writer) for writer in sizes if writer not in covered and attempt_of(writer) not in kept)


def compact(events: Path, metrics: Path, wait_s: float = 0.0) -> Round | None:
    """Compact what a run has logged so far.

    Args:
        events: the run's ``events`` folder; it may not exist yet.
        metrics: the run's ``metrics`` folder; made when missing.
        wait_s: how long to wait for another process that is at it.

    Returns:
        What was done; None when another process is still at it, which is then left alone.

    Raises:
        StorageError: when the disk is full or the folder is read-only; the last generation is then as it was.
    """
    with _alone(metrics, wait_s) as free:
        if not free:
            return None
        started = time.monotonic()
        former = _former(metrics)
        _sweep(metrics, former)
        try:
            done = _round(events, metrics, former)
        except _STALE as error:
            _log.warning("The metrics in '%s' are compacted anew from the logs: %s.", metrics, error)
            done = _round(events, metrics, None)
        return replace(done, seconds=time.monotonic() - started)


def _round(events: Path, metrics: Path, former: Generation | None) -> Round:
    known = former.manifest if former is not None else None
    away = sorted(set(known.covered) - set(log_sizes(events))) if known is not None else []
    if away:  # a disk that is not there may come back; what was compacted may be all that is left
        raise StorageError(
            f"The log '{away[0]}' of '{events}' is gone, and compacted metrics of it are there.",
            "All logs of the run.",
            "See whether the disk is there; to go by the logs that are left, delete the metrics folder.",
            path=str(events),
        )
    tail = LogTail(events, known.covered if known else {}, known.kept if known else {})
    generation = f"{(_number(metrics) + 1) % 1_000_000:06d}-{secrets.token_hex(4)}"
    folder = metrics / generation
    try:
        folder.mkdir(parents=True)
        spill = Spill(folder)
        for rows in tail.poll():
            spill.add(rows)
        spill.close()
        if known is not None and known.hides and tail.kept != known.kept:
            raise ShrunkError("an attempt resumed, and its predecessor hid points that count again")
        if known is not None and not spill.total and tail.kept == known.kept:
            made = replace(known, covered=tail.covered)
        else:
            made = _write(folder, former, tail, spill)
        manifests.put(metrics, made)
    except OSError as error:
        raise storage_error(error, folder) from error
    finally:
        _sweep(metrics, _former(metrics))
    return Round(made.points.rows, spill.total, len(made.index), 0.0)


def _write(folder: Path, former: Generation | None, tail: LogTail, spill: Spill) -> Manifest:
    rule = Rule(tail.writers.items, tail.kept)
    numbers = {tail.keys[number]: number for number in spill.numbers()}
    with SortedFiles(folder, rule.attempts) as files:
        for key in sorted({*numbers, *(former.manifest.index if former is not None else ())}):
            rows = spill.rows(numbers[key]) if key in numbers else _NONE
            if former is not None and key in former.manifest.index:
                new, rows = rows, former.rows(key, room=len(rows))
                rows[len(rows) - len(new) :] = new
            rows = rule.settle(rows, key.scope)
            if len(rows):
                files.add(key, rows)
        points, pyramid, series = files.close()
    hides = rule.hides or (former is not None and former.manifest.hides)
    return Manifest(
        generation=folder.name,
        covered=tail.covered,
        kept=tail.kept,
        hides=hides,
        points=points,
        pyramid=pyramid,
        series=series,
    )


def _former(metrics: Path) -> Generation | None:
    try:
        return open_generation(LocalFolder(metrics))
    except DamagedError as error:
        _log.warning("The manifest in '%s' is damaged (%s): the logs are read anew.", metrics, error)
        return None


def _sweep(metrics: Path, current: Generation | None) -> None:
    """Remove generations that are no longer, or never were, in the manifest."""
    for found in metrics.iterdir() if metrics.is_dir() else ():
        if _GENERATION.fullmatch(found.name) and (current is None or found.name != current.manifest.generation):
            shutil.rmtree(found, ignore_errors=True)
        elif found.name.startswith(f".{manifests.NAME}."):
            found.unlink(missing_ok=True)  # a draft of somebody who was killed


def _number(metrics: Path) -> int:
    names = [_GENERATION.fullmatch(folder.name) for folder in metrics.iterdir()] if metrics.is_dir() else []
    return max((int(name.group(1)) for name in names if name), default=0)


def _resumes(events: Path, writer: str) -> bool:
    try:
        with (events / f"{writer}.jsonl").open("rb") as file:
            return b'"kind":"resumed"' in file.read(_PEEK_BYTES)
    except OSError:
        return False


@contextmanager
def _alone(metrics: Path, wait_s: float) -> Iterator[bool]:
    """Hold the run's compaction lock, if nobody else does; the kernel frees it however its holder ends."""
    path = metrics / _LOCK
    try:
        metrics.mkdir(exist_ok=True)  # not its parents: a run that was deleted meanwhile stays deleted
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise storage_error(error, path) from error
    try:
        yield _take(file, path, time.monotonic() + wait_s)
    finally:
        os.close(file)


def _take(file: int, path: Path, deadline: float) -> bool:
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
        except OSError as error:  # a network disk without locks
            raise storage_error(error, path) from error
        else:
            return True
        time.sleep(_POLL_S)


def main(arguments: list[str]) -> int:
    """Compact one run; return an exit status."""
    if len(arguments) != 2:
        sys.stderr.write("Expected two folders: python -m workbench.metrics.store.compact EVENTS METRICS\n")
        return 2
    try:
        compact(Path(arguments[0]), Path(arguments[1]))
    except StorageError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
