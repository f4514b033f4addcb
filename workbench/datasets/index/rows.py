"""Rows of an index's files by their number.

What lives here: reading the row groups that some rows lie in. What does not: which rows somebody wants (``browse``).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from workbench.datasets.index import tables
from workbench.datasets.index.generation import Generation, damaged

Ints = NDArray[np.int64]
_PART = 1 << 20


class Rows:
    """A file of which rows are read by number; it is opened when the first one is.

    Args:
        generation: whose file it is.
        name: of the file.
        schema: its columns; those that it does not store are null.
    """

    def __init__(self, generation: Generation, name: str, schema: pa.Schema) -> None:
        self._generation, self._name, self._schema = generation, name, schema
        self._stored = set(generation.about.columns.get(name, ()))
        self._group = tables.group_rows(name)
        self._file: Any = None
        self._closed = False
        self._lock = threading.Lock()  # a ParquetFile is for one thread at a time

    def span(self, start: int, stop: int, columns: tuple[str, ...]) -> pa.Table:
        """Return some columns of the rows ``start`` to ``stop``."""
        if stop <= start:
            return self._subset(columns).empty_table()
        first = start // self._group
        found = self._read(list(range(first, -(-stop // self._group))), columns)
        return found.slice(start - first * self._group, stop - start)

    def take(self, rows: Ints, columns: tuple[str, ...]) -> pa.Table:
        """Return some columns of some rows, whose numbers ascend."""
        if not len(rows) or rows[-1] - rows[0] == len(rows) - 1:
            return self.span(int(rows[0]), int(rows[-1]) + 1, columns) if len(rows) else self.span(0, 0, columns)
        of, groups = rows // self._group, np.unique(rows // self._group)
        places = np.searchsorted(groups, of) * self._group + rows % self._group
        return self._read(groups.tolist(), columns).take(places)

    def all(self, columns: tuple[str, ...]) -> pa.Table:
        """Return some columns of every row."""
        return self.span(0, len(self), columns)

    def parts(self, columns: tuple[str, ...]) -> Iterator[pa.Table]:
        """Give some columns of every row, so many rows at once that memory does not matter."""
        step = self._group * max(_PART // self._group, 1)
        for start in range(0, len(self), step):
            yield self.span(start, min(start + step, len(self)), columns)

    def __len__(self) -> int:
        with self._lock:
            return int(self._open().metadata.num_rows)

    def open_beside(self) -> None:
        """Open the file in a thread, unless it is: of a million images the end of a file takes 20 ms to read."""
        if self._file is None:
            threading.Thread(target=self._try_to_open, name="index-open", daemon=True).start()

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._closed = True
            if self._file is not None:
                self._file.close()
                self._file = None

    def _read(self, groups: list[int], columns: tuple[str, ...]) -> pa.Table:
        stored = [name for name in columns if name in self._stored]
        try:
            with self._lock:
                found = self._open().read_row_groups(groups, columns=stored, use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise damaged(self._generation.folder.parent, f"{self._name}: {error}") from error
        return tables.whole(found, self._subset(columns))

    def _try_to_open(self) -> None:
        with suppress(pa.ArrowException, OSError), self._lock:  # whoever reads from it is told
            if not self._closed:
                self._open()

    def _open(self) -> Any:
        if self._file is None:
            self._file = pq.ParquetFile(self._generation.path(self._name), page_checksum_verification=True)
        return self._file

    def _subset(self, columns: tuple[str, ...]) -> pa.Schema:
        return pa.schema([self._schema.field(name) for name in columns])
