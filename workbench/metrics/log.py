"""The append-only event log of one writer: the only place that writes events.

What lives here: one JSON line per event. What does not: reading (``tail``), charts and queries.

A line is ``{"at": <unix seconds>, "kind": "state" | "progress" | "metrics" | "log" | …, …}``. A writer appends whole
lines with one ``write`` each and never rewrites. A writer that finds a torn line (the machine stopped in the middle
of a write) closes it with a newline, so that only that one line is lost.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import orjson

from workbench.errors import storage_error

_NON_FINITE = {math.inf: "Infinity", -math.inf: "-Infinity"}


def number(value: float) -> float | str:
    """Return ``value`` as JSON keeps it: NaN and the infinities as words, since JSON has no numbers for them."""
    if math.isfinite(value):
        return value
    return _NON_FINITE.get(value, "NaN")


def numbers(values: Mapping[str, float]) -> dict[str, float | str]:
    """Return metrics as JSON keeps them."""
    return {name: number(float(value)) for name, value in values.items()}


class EventLog:
    """Append events to ``<folder>/<writer>.jsonl``.

    Args:
        folder: the run's ``events`` folder; made when missing.
        writer: the name of this process, e.g. ``ledger``, ``attempt-1``, ``train-1``.
        clock: returns unix seconds.

    Raises:
        StorageError: when the folder cannot be written to.
    """

    def __init__(self, folder: Path, writer: str, clock: Callable[[], float] = time.time) -> None:
        self.path = folder / f"{writer}.jsonl"
        self._clock, self._torn = clock, False
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
            self._close_torn_line()
        except OSError as error:
            raise storage_error(error, self.path) from error

    def append(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Append one event and return it.

        Raises:
            StorageError: when the disk is full or the file is gone.
        """
        event = {"at": self._clock(), "kind": kind, **fields}
        line = orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY)
        try:
            if self._torn:
                self._close_torn_line()
            written = os.write(self._file, line)
            self._torn = written < len(line)  # a nearly full disk takes the first bytes only
            while written < len(line):
                written += os.write(self._file, line[written:])
            self._torn = False
        except OSError as error:
            raise storage_error(error, self.path) from error
        return event

    def close(self) -> None:
        """Close the file; a closed log takes no more events."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _close_torn_line(self) -> None:
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            os.write(self._file, b"\n")
