"""A big object while it is fetched in ranges.

What lives here: its file, and which ranges of it are surely on disk, so that a killed fetch goes on. What does not:
fetching them (``remote``). Whoever works on one holds the stripe of its key.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

RANGE_BYTES = 8 << 20


class Partial:
    """The file of a big object, written range by range.

    Args:
        folder: where partial objects lie.
        key: what it is the object of, 32 bytes.
        size: its bytes; None when only its end will tell, and it is then fetched anew each time.
    """

    def __init__(self, folder: Path, key: bytes, size: int | None) -> None:
        self.path = folder / key.hex()
        self._journal = folder / f"{key.hex()}.done"
        if size is None or not self.path.exists():
            self.discard()
        self._size = size
        flags = os.O_RDWR | os.O_CREAT
        self._descriptor = os.open(self.path, flags, 0o644)
        self._log = os.open(self._journal, flags | os.O_APPEND, 0o644)

    def missing(self) -> list[tuple[int, int | None]]:
        """Return the ranges that are not on disk yet, as first byte and end."""
        if self._size is None:
            return [(0, None)]
        content = self._journal.read_bytes()
        done = {start for (start,) in struct.iter_unpack("<Q", content[: len(content) // 8 * 8])}
        starts = (start for start in range(0, self._size, RANGE_BYTES) if start not in done)
        return [(start, min(start + RANGE_BYTES, self._size)) for start in starts]

    def write(self, start: int, data: bytes) -> None:
        """Write bytes at their place."""
        view = memoryview(data)
        while view:
            written = os.pwrite(self._descriptor, view, start)
            view, start = view[written:], start + written

    def done(self, start: int) -> None:
        """Note that the range from ``start`` is complete; only what has reached the disk is noted."""
        os.fdatasync(self._descriptor)
        os.write(self._log, int(start).to_bytes(8, "little"))

    def close(self) -> None:
        """Close the files; they stay, to go on with."""
        os.close(self._descriptor)
        os.close(self._log)

    def discard(self) -> None:
        """Remove the files: what they hold is of no use."""
        self.path.unlink(missing_ok=True)
        self._journal.unlink(missing_ok=True)
