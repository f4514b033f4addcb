"""The event logs of a run as points, from a byte offset on.

What lives here: which bytes of which file are new. What does not: the lines (``points``), events of other kinds
(``tail``).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import StorageError
from workbench.metrics.rows import attempt_of
from workbench.metrics.store.points import Key, Lines, Numbered, Rows, Shapes

_CHUNK_BYTES = 1 << 18  # larger ones fall out of the processor's cache, and parse at half the speed


class ShrunkError(Exception):
    """A log is shorter than what was read of it, or gone: all that was read of the run is to be read again."""


@dataclass(frozen=True)
class Covered:
    """How far a log has been read.

    Attributes:
        bytes: the offset behind the last whole line.
        written: the latest time in these lines, in unix seconds; -inf when there are none.
    """

    bytes: int = 0
    written: float = -math.inf


class LogTail:
    """Reads what is new in the event logs of one run.

    Args:
        folder: the run's ``events`` folder; it may not exist yet.
        covered: by writer, what has been read already.
        kept: by attempt that resumed, the epochs that it kept, as far as that has been read.
    """

    def __init__(self, folder: Path, covered: Mapping[str, Covered], kept: Mapping[int, int]) -> None:
        self.writers: Numbered[str] = Numbered(covered)
        self.kept = dict(kept)
        self._folder, self._before = folder, covered
        self._offsets = {writer: found.bytes for writer, found in covered.items()}
        self._shapes = Shapes()
        self._lines: dict[str, Lines] = {}

    @property
    def keys(self) -> Sequence[Key]:
        """The series that had points beyond what was covered, by their number in the rows."""
        return self._shapes.keys_met.items

    @property
    def covered(self) -> dict[str, Covered]:
        """How far each log has been read."""
        return {
            writer: Covered(self._offsets[writer], self._lines[writer].written)
            if writer in self._lines
            else self._before[writer]
            for writer in self.writers
        }

    def poll(self) -> Iterator[Rows]:
        """Yield the points since the last call, some hundred kilobytes of a log at a time, one writer after the other.

        Raises:
            ShrunkError: when a log is shorter than what has been read of it.
            StorageError: when a log cannot be read.
        """
        sizes = log_sizes(self._folder)
        if any(sizes.get(writer, 0) < offset for writer, offset in self._offsets.items()):
            raise ShrunkError(str(self._folder))
        for writer in sorted(sizes):
            if sizes[writer] > self._offsets.get(writer, 0):
                yield from self._read(writer, sizes[writer])

    def _read(self, writer: str, size: int) -> Iterator[Rows]:
        lines = self._lines.get(writer)
        if lines is None:
            before = self._before.get(writer, Covered())
            lines = self._lines[writer] = Lines(self._shapes, self.writers(writer), before.written)
        for data in _whole_lines(self._folder / f"{writer}.jsonl", self._offsets.setdefault(writer, 0), size):
            rows = lines.feed(data)
            self._offsets[writer] += len(data)
            if lines.kept is not None:
                attempt = attempt_of(writer)
                self.kept[attempt] = min(lines.kept, self.kept.get(attempt, lines.kept))
            if len(rows):
                yield rows


def log_sizes(folder: Path) -> dict[str, int]:
    """Return the bytes of each log by writer; empty when there is no folder.

    Raises:
        StorageError: when it cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            return {entry.name[:-6]: entry.stat().st_size for entry in entries if entry.name.endswith(".jsonl")}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _unreadable(error, folder) from error


def _whole_lines(path: Path, start: int, end: int) -> Iterator[bytes]:
    """Yield the lines between two offsets; what follows the last newline is a line still being written."""
    rest = bytearray()
    try:
        with path.open("rb") as file:
            file.seek(start)
            while start < end and (data := file.read(min(_CHUNK_BYTES, end - start))):
                start += len(data)
                cut = data.rfind(b"\n") + 1
                if not cut:
                    rest += data
                    continue
                yield bytes(rest) + data[:cut]
                rest = bytearray(data[cut:])
    except FileNotFoundError as error:
        raise ShrunkError(str(path)) from error
    except OSError as error:
        raise _unreadable(error, path) from error


def _unreadable(error: OSError, path: Path) -> StorageError:
    return StorageError(
        f"Could not read '{path}': {error.strerror or error}.",
        "The event logs of a run, readable for this user.",
        "See to the rights of the files, and to the disk.",
        path=str(path),
    )
