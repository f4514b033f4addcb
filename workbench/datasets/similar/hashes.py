"""What tells images apart: the digest of the file, a perceptual hash, and a small gray picture.

What lives here: reading each image file once for all three, in threads. What does not: comparing them (``neighbours``,
``likeness``).

The perceptual hash is 64 signs of the lowest frequencies (a DCT of a 32x32 gray picture, without its mean) about their
median. It stands for the picture as training sees it, EXIF orientation applied. Measured on 2,156 tiles of 64x64 from
24 photographs, within 12 bits: 99 % of the copies at JPEG quality 40, 99.9 % of half size, 99 % of 1.3 times brighter,
97 % of those that lost 3 % of both sides.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from workbench.datasets import Progress
from workbench.datasets.filenames import to_name

SIDE = 32
FLAT = 0
"""The perceptual hash of a picture with too little in it to be compared: a black frame, a plain gradient, or fewer than
32 pixels on a side (two handwritten digits are as alike as two copies of one)."""

_DETAIL = 1.5  # gray levels (standard deviation) that must be left once a plain gradient is taken away
_DECODED = 64  # pixels on the short side: enough for 32x32, and JPEG decodes an eighth of the size many times faster
_BATCH = 64
_THUMBS_KEPT = 1 << 17  # 128 MiB of them; beyond that only those that are asked for again are drawn again


@dataclass(frozen=True)
class Looked:
    """Images that were looked at.

    Attributes:
        images: as given, with ``sha256`` and ``phash`` filled in.
        thumbs: uint8, shape (N, 32, 32), in the order of ``images``; zeros where ``drawn`` is false.
        drawn: bool, shape (N,).
    """

    images: pa.Table
    thumbs: NDArray[np.uint8]
    drawn: NDArray[np.bool_]


def look(images: pa.Table, progress: Progress | None = None) -> Looked:
    """Fill in ``sha256`` and ``phash`` where they are null; values that are there are believed.

    Images that training drops are left out; files that cannot be read or decoded keep their nulls.

    Args:
        images: schema ``content.IMAGES``.
        progress: called with (files read, files to read).
    """
    rows = np.flatnonzero(_missing(images))
    digests = images["sha256"].to_pylist()
    hashes = pc.fill_null(images["phash"], 0).to_numpy().astype(np.uint64)
    known = pc.is_valid(images["phash"]).to_numpy().copy()
    drawn = np.zeros(len(images), bool)
    keep = len(rows) <= _THUMBS_KEPT
    thumbs = np.zeros((len(images) if keep else 0, SIDE, SIDE), np.uint8)
    for batch, read in _read(images, rows, ~known, progress):
        for row, digest in zip(batch, read.digests, strict=True):
            digests[row] = digests[row] or digest
        new = batch[read.decoded]
        hashes[new], known[new] = perceptual(read.thumbs[read.decoded]), True
        if keep:
            thumbs[new], drawn[new] = read.thumbs[read.decoded], True
    prints = pa.array(hashes, pa.uint64(), mask=~known)
    filled = _with(_with(images, "sha256", pa.array(digests, pa.binary(32))), "phash", prints)
    return Looked(filled, thumbs, drawn)


def draw(images: pa.Table, rows: NDArray[np.int64], progress: Progress | None = None) -> NDArray[np.uint8]:
    """Return the small gray pictures of ``rows``: uint8, shape (len(rows), 32, 32), zeros for unreadable files."""
    wanted = np.ones(len(images), bool)
    drawn = np.zeros((len(rows), SIDE, SIDE), np.uint8)
    start = 0
    for batch, read in _read(images, rows, wanted, progress):
        drawn[start : start + len(batch)] = read.thumbs
        start += len(batch)
    return drawn


def perceptual(thumbs: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return the perceptual hashes of small gray pictures, ``FLAT`` for those with nothing in them.

    Args:
        thumbs: uint8, shape (N, 32, 32).

    Returns:
        uint64, shape (N,).
    """
    gray = thumbs.astype(np.float32)
    waves = (_BASIS @ gray @ _BASIS.T)[:, _ROWS, _COLUMNS]
    signs = waves > np.median(waves, axis=1, keepdims=True)
    hashes = np.ascontiguousarray(np.packbits(signs, axis=1)).view("<u8")[:, 0]
    hashes[detail(thumbs) < _DETAIL] = FLAT
    return hashes


def soften(thumbs: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the pictures blurred by (1, 2, 1)/4 both ways: noise goes, and gradients hold over a pixel."""
    padded = np.pad(thumbs.astype(np.float32), ((0, 0), (1, 1), (1, 1)), mode="edge")
    down = (padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]) / 4
    return cast("NDArray[np.float32]", (down[:, :, :-2] + 2 * down[:, :, 1:-1] + down[:, :, 2:]) / 4)


def detail(thumbs: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return how many gray levels (standard deviation) are left of each picture without its plain gradient."""
    gray = soften(thumbs).reshape(len(thumbs), SIDE * SIDE)
    return cast("NDArray[np.float32]", (gray - (gray @ _PLANE) @ _PLANE.T).std(axis=1))


def _with(images: pa.Table, name: str, column: pa.Array) -> pa.Table:
    return images.set_column(images.schema.get_field_index(name), images.schema.field(name), column)


def _missing(images: pa.Table) -> NDArray[np.bool_]:
    null = pc.or_(pc.is_null(images["sha256"]), pc.is_null(images["phash"]))
    used = pc.and_(pc.not_equal(pc.fill_null(images["effect"], "keep"), "drop"), pc.is_valid(images["file"]))
    return cast("NDArray[np.bool_]", pc.and_(null, used).to_numpy())


@dataclass(frozen=True)
class _Read:
    digests: list[bytes | None]
    thumbs: NDArray[np.uint8]
    decoded: NDArray[np.bool_]


def _read(
    images: pa.Table, rows: NDArray[np.int64], wanted: NDArray[np.bool_], progress: Progress | None
) -> Iterator[tuple[NDArray[np.int64], _Read]]:
    """Read the files of ``rows`` in threads, and hand them out in order: cv2 and hashlib let go of the lock."""
    taken = images.take(pa.array(rows))
    files = taken["file"].to_pylist()
    sides = pc.fill_null(pc.min_element_wise(taken["width"], taken["height"]), 0).to_numpy()
    starts = range(0, len(rows), _BATCH)

    def work(start: int) -> _Read:
        part = slice(start, start + _BATCH)
        return _read_batch(files[part], sides[part], wanted[rows[part]])

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for start, read in zip(starts, pool.map(work, starts), strict=True):
            batch = rows[start : start + _BATCH]
            yield batch, read
            if progress:
                progress(start + len(batch), len(rows))


def _read_batch(files: list[str], sides: NDArray[np.int32], wanted: NDArray[np.bool_]) -> _Read:
    read = _Read([], np.zeros((len(files), SIDE, SIDE), np.uint8), np.zeros(len(files), bool))
    for index, file in enumerate(files):
        try:
            data = Path(to_name(file)).read_bytes()
        except OSError:
            read.digests.append(None)
            continue
        read.digests.append(hashlib.sha256(data).digest())
        if wanted[index]:
            gray = _shrink(data, int(sides[index]))
            if gray is not None:
                read.thumbs[index], read.decoded[index] = gray, True
    return read


def _shrink(data: bytes, side: int) -> NDArray[np.uint8] | None:
    import cv2

    flags = {8: cv2.IMREAD_REDUCED_GRAYSCALE_8, 4: cv2.IMREAD_REDUCED_GRAYSCALE_4, 2: cv2.IMREAD_REDUCED_GRAYSCALE_2}
    flag = next((flags[by] for by in (8, 4, 2) if side >= by * _DECODED), cv2.IMREAD_GRAYSCALE)
    try:
        gray = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    except cv2.error:  # an empty file, or more pixels than OpenCV agrees to
        return None
    if gray is None:
        return None
    if min(gray.shape) < SIDE:
        return np.zeros((SIDE, SIDE), np.uint8)
    return cast("NDArray[np.uint8]", cv2.resize(gray, (SIDE, SIDE), interpolation=cv2.INTER_AREA))


def _cosines(waves: int) -> NDArray[np.float32]:
    turns = np.outer(np.arange(waves), 2 * np.arange(SIDE) + 1) / (2 * SIDE)
    return cast("NDArray[np.float32]", (np.cos(np.pi * turns) * np.sqrt(2 / SIDE)).astype(np.float32))


def _lowest(count: int) -> NDArray[np.int64]:
    places = [(row, column) for row in range(SIDE) for column in range(SIDE) if row or column]
    return np.array(sorted(places, key=lambda place: (sum(place), place[0]))[:count]).T


def _plane() -> NDArray[np.float32]:
    down, across = np.mgrid[0:SIDE, 0:SIDE].reshape(2, -1) - (SIDE - 1) / 2
    basis, _ = np.linalg.qr(np.stack([np.ones(SIDE * SIDE), across, down], axis=1))
    return basis.astype(np.float32)


_ROWS, _COLUMNS = _lowest(64)
_BASIS, _PLANE = _cosines(1 + int(max(_ROWS.max(), _COLUMNS.max()))), _plane()
