"""The two Parquet files of a compacted run.

What lives here: their columns, and writing them series by series. What does not: reading them (``generation``), which
points they hold (``compact``).
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.metrics.store import pyramid
from workbench.metrics.store.manifest import POINTS, PYRAMID, Place, Sealed, columns
from workbench.metrics.store.points import NO_EPOCH, Array, Key, Rows
from workbench.metrics.store.pyramid import BUCKET
from workbench.metrics.store.summary import Summary, summarise

GROUP_ROWS = 122_880  # of points.parquet; what DuckDB reads at once
GROUP_BUCKETS = 16_384
_WORD = pa.dictionary(pa.int32(), pa.string())
POINT_SCHEMA = pa.schema(
    [
        ("scope", _WORD),
        ("name", _WORD),
        ("step", pa.int64()),
        ("value", pa.float64()),
        ("at", pa.float64()),
        ("attempt", pa.int32()),
        ("epoch", pa.int64()),
        ("written", pa.float64()),
        ("writer", pa.int32()),
    ]
)
_REPEATING = ["scope", "name", "attempt", "epoch", "writer", "count", "nans"]
_ENCODINGS = {pa.int64(): "DELTA_BINARY_PACKED", pa.float64(): "BYTE_STREAM_SPLIT"}
_MAGIC_BYTES = 8  # the length of the footer, and "PAR1"
_Part: TypeAlias = tuple[Key, Array]
BUCKET_SCHEMA = pa.schema([(name, pa.from_numpy_dtype(BUCKET[name])) for name in BUCKET.names or ()])


def table(parts: Sequence[tuple[Key, Rows]], attempts: Array) -> pa.Table:
    """Return points as a table with the columns of points.parquet.

    Args:
        parts: series with their points.
        attempts: the attempt of each writer, by its number.
    """
    rows = np.concatenate([rows for _, rows in parts])
    places = np.repeat(np.arange(len(parts), dtype="i4"), [len(rows) for _, rows in parts])
    words = [
        pa.DictionaryArray.from_arrays(places, pa.array([key[which] for key, _ in parts], pa.string()))
        for which in (0, 1)
    ]
    numbers = [pa.array(np.ascontiguousarray(rows[name])) for name in ("step", "value", "at")]
    epoch = np.ascontiguousarray(rows["epoch"])
    return pa.Table.from_arrays(
        [
            *words,
            *numbers,
            pa.array(attempts[rows["writer"]].astype("i4")),
            pa.array(epoch, mask=epoch == NO_EPOCH),
            pa.array(np.ascontiguousarray(rows["written"]), mask=rows["written"] == rows["at"]),
            pa.array(np.ascontiguousarray(rows["writer"])),
        ],
        schema=POINT_SCHEMA,
    )


class SortedFiles:
    """Writes the files of a generation.

    Args:
        folder: the folder of the generation; it exists.
        attempts: the attempt of each writer, by its number.

    An ``OSError`` of the disk comes out as it is.
    """

    def __init__(self, folder: Path, attempts: Array) -> None:
        self._points = _Groups(folder / POINTS, POINT_SCHEMA, GROUP_ROWS, lambda parts: table(parts, attempts))
        self._pyramid = _Groups(folder / PYRAMID, BUCKET_SCHEMA, GROUP_BUCKETS, _bucket_table)
        self._found: list[tuple[Place, Summary]] = []

    def add(self, key: Key, rows: Rows) -> None:
        """Write a series: at least one point, by ascending step; series come by ascending key."""
        self._found.append((Place(self._points.rows, self._pyramid.rows), summarise(key, rows)))
        self._points.add(key, rows)
        for level in reversed(pyramid.pyramid(rows)):
            self._pyramid.add(key, level)

    def close(self) -> tuple[Sealed, Sealed, dict[str, list[Any]]]:
        """Write what is left; return both files as sealed, and where each series lies with its summary."""
        return self._points.close(), self._pyramid.close(), columns(self._found)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._points.abandon()
        self._pyramid.abandon()


class _Groups:
    """Writes a Parquet file in row groups of one size."""

    def __init__(self, path: Path, schema: pa.Schema, group: int, make: Callable[[Sequence[_Part]], pa.Table]) -> None:
        self.rows = 0
        self._path, self._group, self._make = path, group, make
        self._waiting: list[_Part] = []
        self._file = path.open("wb")
        self._writer: Any = pq.ParquetWriter(
            self._file,
            schema,
            compression="lz4",
            use_dictionary=_REPEATING,
            write_page_checksum=True,
            column_encoding={
                name: _ENCODINGS[schema.field(name).type] for name in schema.names if name not in _REPEATING
            },
        )

    def add(self, key: Key, array: Array) -> None:
        while len(array):
            room = self._group - self.rows % self._group
            part, array = array[:room], array[room:]
            self._waiting.append((key, part))
            self.rows += len(part)
            if self.rows % self._group == 0:
                self._write()

    def close(self) -> Sealed:
        if self._waiting:
            self._write()
        self._writer.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        with self._path.open("rb") as file:
            size = file.seek(-_MAGIC_BYTES, os.SEEK_END) + _MAGIC_BYTES
            footer = int.from_bytes(file.read(4), "little") + _MAGIC_BYTES
            file.seek(-footer, os.SEEK_END)
            return Sealed(self.rows, self._group, size, footer, zlib.crc32(file.read()))

    def abandon(self) -> None:
        """Let go of the file; one that is not finished is for nobody."""
        with suppress(OSError, ValueError):  # a full disk takes no footer either, and a closed file none at all
            self._writer.close()
        with suppress(OSError):
            self._file.close()

    def _write(self) -> None:
        self._writer.write_table(self._make(self._waiting), row_group_size=self._group)
        self._waiting = []


def _bucket_table(parts: Sequence[_Part]) -> pa.Table:
    together = np.concatenate([level for _, level in parts])
    return pa.Table.from_arrays(
        [pa.array(np.ascontiguousarray(together[name])) for name in BUCKET.names or ()], schema=BUCKET_SCHEMA
    )
