"""The append-only event log of one writer, written at once: for what must be on disk before anybody goes on.

What lives here: one JSON line per event, and the file of such lines. What does not: metrics from a busy thread
(``writer``), reading (``tail``), charts and queries.

A line is ``{"at": <unix seconds>, "kind": "state" | "progress" | "metrics" | "log" | …, …}``. A writer appends whole
lines and never rewrites. A writer that finds a torn line (the machine stopped in the middle of a write) closes it with
a newline, so that only that one line is lost.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from workbench.errors import storage_error
from workbench.metrics import encode


class LineFile:
    """A file that one process appends whole lines to; what a full disk did not take is kept and written first.

    Args:
        folder: made when missing.
        name: of the file, without its ending.

    Raises:
        StorageError: when the folder cannot be written to.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / f"{name}.jsonl"
        self._rest = b""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
            self._close_torn_line()
        except OSError as error:
            raise storage_error(error, self.path) from error

    def write(self, lines: bytes) -> None:
        """Append whole lines.

        Raises:
            OSError: when the disk is full; ``retry`` goes on at the very byte.
        """
        self._rest += lines
        self.retry()

    def retry(self) -> None:
        """Write what is left of an earlier call.

        Raises:
            OSError: when it still cannot be written.
        """
        while self._rest:
            self._rest = self._rest[os.write(self._file, self._rest) :]

    def give_up(self) -> None:
        """Forget what could not be written; the line that was cut is closed by the next one."""
        self._rest = b"" if self._is_whole() else b"\n"

    def sync(self) -> None:
        """Wait until the disk has it all, so that it survives a loss of power."""
        os.fdatasync(self._file) if hasattr(os, "fdatasync") else os.fsync(self._file)

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _is_whole(self) -> bool:
        size = os.fstat(self._file).st_size
        return not size or os.pread(self._file, 1, size - 1) == b"\n"

    def _close_torn_line(self) -> None:
        if not self._is_whole():
            os.write(self._file, b"\n")


class EventLog:
    """Append events to ``<folder>/<writer>.jsonl``, each one before ``append`` returns.

    Args:
        folder: the run's ``events`` folder; made when missing.
        writer: the name of this process, e.g. ``ledger`` or ``attempt-1``.
        clock: returns unix seconds.

    Raises:
        StorageError: when the folder cannot be written to.
    """

    def __init__(self, folder: Path, writer: str, clock: Callable[[], float] = time.time) -> None:
        self._file, self._clock = LineFile(folder, writer), clock

    @property
    def path(self) -> Path:
        """The file."""
        return self._file.path

    def append(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Append one event and return it.

        Raises:
            StorageError: when the disk is full or the file is gone; the event is then not in the log.
        """
        event = {"at": self._clock(), "kind": kind, **fields}
        line = encode.line(event)
        try:
            self._file.write(line)
        except OSError as error:
            self._forget()
            raise storage_error(error, self.path) from error
        return event

    def close(self) -> None:
        """Close the file; a closed log takes no more events."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _forget(self) -> None:
        try:
            self._file.give_up()
        except OSError:  # a closed file has nothing to give up
            return
