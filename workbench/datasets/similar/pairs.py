"""Finds the images that are there twice: the same bytes, the same pixels, or nearly the same picture.

What lives here: the search from files to confirmed pairs. What does not: what it means for a dataset (``leaks``).

A perceptual hash alone pairs hundreds of unlike pictures: so images with nothing in them are left out, and each pair
of close hashes is confirmed by its pixels. Images with the same bytes are one image from the start, else a folder of
black frames would be compared with itself.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from workbench.datasets import Progress
from workbench.datasets.similar import hashes, likeness, neighbours

PAIRS = pa.schema(
    [
        ("a", pa.int64()),  # image_id
        ("b", pa.int64()),  # image_id, greater than a
        ("kind", pa.string()),  # bytes, pixels, near
        ("bits", pa.int8()),  # in which the perceptual hashes differ; 0 for the same bytes
        ("likeness", pa.float32()),  # 0..1; 1 for the same bytes and the same pixels
    ]
)
BYTES, PIXELS, NEAR = "bytes", "pixels", "near"
_KEEP = 8
_ROUNDED = 2  # gray levels: decoders of PNG and BMP round colours to gray in their own ways
_CONFIRMED = 1024  # pairs that a thread compares at a time

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Pairs:
    """Images that are there twice.

    Attributes:
        table: schema ``PAIRS``, sorted by (a, b). The same bytes n times are n - 1 pairs with the first of them, which
            stands for all in the near pairs; an image has near pairs with its 8 nearest of its own split and its 8
            nearest of the others, and with those that have it among theirs.
        images: as given, with ``sha256`` and ``phash`` filled in, to be kept for the next time.
        flat: how many images have too little in them to be compared but by their bytes; see ``hashes.FLAT``.
        unread: how many could not be read or decoded.
        sampled: whether images were so alike that not all were compared with all.
    """

    table: pa.Table
    images: pa.Table
    flat: int = 0
    unread: int = 0
    sampled: bool = False

    def count(self, kind: str) -> int:
        """Return the number of pairs of a kind: ``bytes``, ``pixels`` or ``near``."""
        return int(pc.sum(pc.equal(self.table["kind"], kind)).as_py() or 0)


def find(images: pa.Table, *, near: bool = True, progress: Progress | None = None) -> Pairs:
    """Find the images that are there twice.

    Hashes that are in ``images`` are believed and not made again: whoever keeps them knows that a file has not changed.
    Images that training drops are left out.

    Args:
        images: schema ``content.IMAGES``.
        near: whether to look for more than the same bytes.
        progress: called with (files read, files to read).
    """
    looked = hashes.look(images, progress)
    filled = looked.images
    ids = filled["image_id"].to_numpy()
    stand_in = _stand_ins(filled)
    copies = np.flatnonzero((stand_in >= 0) & (stand_in != np.arange(len(ids))))
    tables = [_table(ids, stand_in[copies], copies, BYTES)]
    sampled = False
    if near:
        found, sampled = _near(looked, np.flatnonzero(stand_in == np.arange(len(ids))))
        tables.append(found)
    table = pa.concat_tables(tables).sort_by([("a", "ascending"), ("b", "ascending")])
    used = pc.not_equal(pc.fill_null(filled["effect"], "keep"), "drop")
    flat = pc.sum(pc.and_(used, pc.equal(filled["phash"], pa.scalar(hashes.FLAT, pa.uint64())))).as_py() or 0
    unread = pc.sum(pc.and_(used, pc.is_null(filled["phash"]))).as_py() or 0
    return Pairs(table, filled, int(flat), int(unread), sampled)


def _stand_ins(images: pa.Table) -> Ints:
    """Return for each row the first row of the same bytes, itself when there is no other; -1 where unknown."""
    codes = images["sha256"].combine_chunks().dictionary_encode().indices
    dropped = pc.equal(pc.fill_null(images["effect"], "keep"), "drop").to_numpy()
    known = codes.is_valid().to_numpy(zero_copy_only=False) & ~dropped
    found = np.full(len(images), -1, np.int64)
    rows = np.flatnonzero(known)
    values = codes.fill_null(0).to_numpy().astype(np.int64)[rows]
    _, first, back = np.unique(values, return_index=True, return_inverse=True)
    found[rows] = rows[first][back]
    return found


def _near(looked: hashes.Looked, alone: Ints) -> tuple[pa.Table, bool]:
    """Return the near pairs among the rows that stand for themselves, and whether they were sampled."""
    images = looked.images
    prints = pc.fill_null(images["phash"], hashes.FLAT).to_numpy()
    alone = alone[prints[alone] != hashes.FLAT]
    splits = images["split"].combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False)
    close = neighbours.within(prints[alone], splits[alone].astype(np.int64), _KEEP)
    first, second = alone[close.first], alone[close.second]
    thumbs, place = _thumbs(looked, np.unique(np.concatenate([first, second])))

    def confirm(start: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        part = slice(start, start + _CONFIRMED)
        left, right = thumbs[place[first[part]]], thumbs[place[second[part]]]
        apart = np.maximum(left, right) - np.minimum(left, right)
        return likeness.likeness(left, right), apart.max(axis=(1, 2)) <= _ROUNDED

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        parts = list(pool.map(confirm, range(0, len(first), _CONFIRMED)))
    like = np.concatenate([np.zeros(0, np.float32), *(part[0] for part in parts)])
    kept = np.flatnonzero(likeness.alike(like, close.bits))
    equal = np.concatenate([np.zeros(0, bool), *(part[1] for part in parts)])[kept]
    kinds = _kinds(images, first[kept], second[kept], equal)
    ids = images["image_id"].to_numpy()
    like = np.where(np.array(kinds) == PIXELS, 1.0, like[kept])
    return _table(ids, first[kept], second[kept], kinds, close.bits[kept], like), close.sampled


def _kinds(images: pa.Table, first: Ints, second: Ints, equal: NDArray[np.bool_]) -> list[str]:
    """Tell the pairs whose files decode to the same pixels; only where size and small picture agree are they opened."""
    files = images["file"]
    size = np.stack([pc.fill_null(images[side], 0).to_numpy() for side in ("width", "height")], axis=1)
    equal = equal & (size[first] == size[second]).all(axis=1)
    return [
        PIXELS if same and likeness.same_pixels(files[a].as_py(), files[b].as_py()) else NEAR
        for same, a, b in zip(equal.tolist(), first.tolist(), second.tolist(), strict=True)
    ]


def _thumbs(looked: hashes.Looked, rows: Ints) -> tuple[NDArray[np.uint8], Ints]:
    """Return the small pictures of ``rows``, and the place in them of each row of the images."""
    if looked.drawn[rows].all():
        return looked.thumbs, np.arange(len(looked.images))
    place = np.zeros(len(looked.images), np.int64)
    place[rows] = np.arange(len(rows))
    thumbs = np.zeros((len(rows), hashes.SIDE, hashes.SIDE), np.uint8)
    there = looked.drawn[rows]
    thumbs[there] = looked.thumbs[rows[there]]
    thumbs[~there] = hashes.draw(looked.images, rows[~there])
    return thumbs, place


def _table(
    ids: Ints,
    first: Ints,
    second: Ints,
    kind: str | list[str],
    bits: NDArray[np.uint8] | None = None,
    like: NDArray[np.float32] | None = None,
) -> pa.Table:
    columns = [
        ids[first],
        ids[second],
        [kind] * len(first) if isinstance(kind, str) else kind,
        np.zeros(len(first), np.int8) if bits is None else bits.astype(np.int8),
        np.ones(len(first), np.float32) if like is None else like.astype(np.float32),
    ]
    arrays = [pa.array(column, wanted.type) for column, wanted in zip(columns, PAIRS, strict=True)]
    return pa.table(arrays, schema=PAIRS)
