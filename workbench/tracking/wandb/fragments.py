"""The files in which W&B's library keeps a run before, or instead of, uploading it.

What lives here: cutting such a file into its records, as far as they were written. What does not: what is in a record
(``wandb``).

The format is LevelDB's log: blocks of 32 KiB, the first with seven bytes of its own in front, and in them records of
four bytes checksum, two bytes length and one byte type (whole, first, middle, last). A killed writer leaves a torn end,
which is no error.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

_BLOCK, _START = 32_768, 7
_HEADER = struct.Struct("<IHB")
_WHOLE, _LAST = 1, 4


def records(path: Path, start: int = 0) -> Iterator[tuple[bytes, int]]:
    """Yield each complete record with the place of its end, which is a ``start`` for the next call.

    Args:
        path: a ``.wandb`` file; it may be in writing.
        start: bytes; 0 for the beginning of the file.
    """
    with path.open("rb") as file:
        place, parts = max(start, _START), b""
        file.seek(place)
        while True:
            left = _BLOCK - place % _BLOCK
            if left < _HEADER.size:  # the rest of a block that had no room for a header
                file.seek(left, 1)
                place += left
                continue
            header = file.read(_HEADER.size)
            if len(header) < _HEADER.size:
                return
            _, length, kind = _HEADER.unpack(header)
            body = file.read(length)
            if kind == 0 or len(body) < length:
                return
            place += _HEADER.size + length
            parts += body
            if kind in (_WHOLE, _LAST):
                yield parts, place
                parts = b""
