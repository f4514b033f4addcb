"""The run lengths of Label Studio's brush.

What lives here: their decoding. What does not: regions (``labelstudio``).

They are bits: how many values there are (32 bits), how many bits a value has (5), how many bits the four sizes of run
lengths have (4 each); then runs, each one value repeated or several values as they are. The values are the four
channels of the pixels, row by row, and the last channel is the mask.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.datasets.formats.shapes import PIXELS_MAX, ShapeError

_CHANNELS = 4
_THRESHOLD = 127


def unpacked(rle: Any, width: int, height: int) -> npt.NDArray[np.uint8]:
    """Return the mask that ``rle``, a list of bytes, holds: uint8, shape (height, width), 0 or 1.

    Raises:
        ShapeError: when it is damaged or of another size.
    """
    if not isinstance(rle, list) or width * height > PIXELS_MAX:
        raise ShapeError("its brush strokes are no list of bytes")
    try:
        bits = np.unpackbits(np.array(rle, dtype=np.uint8))
    except (TypeError, ValueError, OverflowError) as error:
        raise ShapeError("its brush strokes are no list of bytes") from error
    stream = _Bits(bits)
    total = stream.take(32)
    if total != width * height * _CHANNELS:
        raise ShapeError(f"its brush strokes have {total // _CHANNELS:,} pixels, its image {width * height:,}")
    size = stream.take(5) + 1
    sizes = [stream.take(4) + 1 for _ in range(4)]
    values = np.zeros(total, np.uint8)
    at = 0
    while at < total:
        repeated = stream.take(1)
        end = min(at + 1 + stream.take(sizes[stream.take(2)]), total)
        values[at:end] = stream.take(size) if repeated else stream.several(end - at, size)
        at = end
    return (values[_CHANNELS - 1 :: _CHANNELS].reshape(height, width) > _THRESHOLD).astype(np.uint8)


class _Bits:
    def __init__(self, bits: npt.NDArray[np.uint8]) -> None:
        self.bits, self.at = bits, 0

    def take(self, count: int) -> int:
        """Return the next ``count`` bits as a number."""
        return int(self.several(1, count)[0])

    def several(self, count: int, size: int) -> npt.NDArray[np.int64]:
        """Return the next ``count`` numbers of ``size`` bits each."""
        end = self.at + count * size
        if end > len(self.bits):
            raise ShapeError("its brush strokes end early")
        taken = self.bits[self.at : end].reshape(count, size).astype(np.int64)
        self.at = end
        found: npt.NDArray[np.int64] = taken @ (1 << np.arange(size - 1, -1, -1, dtype=np.int64))
        return found
