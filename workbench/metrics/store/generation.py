"""One compacted state of a run, wherever it lies: rows and buckets by series.

What lives here: reading the two Parquet files that a manifest names. What does not: writing them (``sorted_files``),
the logs beside them (``merged``).
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.metrics.store import manifest as manifests
from workbench.metrics.store.manifest import DamagedError, Manifest, Sealed
from workbench.metrics.store.points import NO_EPOCH, POINT, Array, Key, Rows
from workbench.metrics.store.pyramid import BUCKET, WIDTH, Buckets, Points, level_sizes, points

_CACHED_GROUPS = 4
_DAMAGE = (pa.ArrowException, OSError, ValueError, KeyError)


class GoneError(Exception):
    """The files of this generation have been removed: there is a newer one."""


class Folder(Protocol):
    """Where a compacted run lies."""

    def read(self, name: str, tail: int | None = None) -> bytes:
        """Return the bytes of a file, or its last ``tail`` bytes.

        Raises:
            FileNotFoundError: when there is none.
        """

    def source(self, name: str) -> Any:
        """Return the file as pyarrow takes it: a path or an open file.

        Raises:
            FileNotFoundError: when there is none.
        """

    def stamp(self, name: str) -> object:
        """Return something that changes when the file does; None when there is no such file."""


class LocalFolder:
    """A run's ``metrics`` folder on this machine."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, name: str, tail: int | None = None) -> bytes:
        """Return the bytes of a file, or its last ``tail`` bytes."""
        with (self.root / name).open("rb") as file:
            if tail is not None:
                file.seek(0, 2)
                file.seek(max(file.tell() - tail, 0))
            return file.read()

    def source(self, name: str) -> Any:
        """Return the path."""
        return str(self.root / name)

    def stamp(self, name: str) -> object:
        """Return what tells one file from the next of that name."""
        try:
            found = (self.root / name).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size


class Generation:
    """The compacted part of a run.

    Args:
        folder: where it lies.
        manifest: what it consists of.

    Every method that reads raises GoneError when a newer generation has taken its place, and DamagedError when a file
    is not what was written.
    """

    def __init__(self, folder: Folder, manifest: Manifest) -> None:
        self.manifest = manifest
        base = manifest.generation
        self._points = _Grouped(folder, f"{base}/{manifests.POINTS}", manifest.points)
        self._pyramid = _Grouped(folder, f"{base}/{manifests.PYRAMID}", manifest.pyramid)

    def count(self, key: Key) -> int:
        """Return how many points of a series are compacted."""
        return int(self.manifest.series["count"][self.manifest.index[key]]) if key in self.manifest.index else 0

    def rows(self, key: Key, *, room: int = 0) -> Rows:
        """Return all that is kept of the points of a series; ``key`` is left 0, writers go by the manifest's order.

        Args:
            key: the series.
            room: how many points more, of no value, follow them: for what the caller puts there.
        """
        start, count = self.manifest.place(key).row, self.count(key)
        whole = np.empty(count + room, POINT)
        found = whole[:count]
        found["key"] = 0
        for name in POINT.names or ():
            if name != "key":  # one column after the other: all at once would take the memory twice
                found[name] = self._points.read(start, start + count, [name])[name]
        same = np.isnan(found["written"])
        found["written"][same] = found["at"][same]
        return whole

    def points(self, key: Key, start: int, stop: int) -> Points:
        """Return the points ``start`` to ``stop`` of a series, counted by ascending step."""
        first = self.manifest.place(key).row
        found = self._points.read(first + start, first + stop, ["step", "value", "at"])
        return points(found["step"], found["value"], found["at"])

    def buckets(self, key: Key, level: int, start: int, stop: int) -> Buckets:
        """Return the buckets ``start`` to ``stop`` of a level (from 1) of a series."""
        first = self.manifest.place(key).bucket + sum(level_sizes(self.count(key))[level:])
        read = self._pyramid.read(first + start, first + stop, list(BUCKET.names or ()))
        found = np.empty(stop - start, BUCKET)
        for name, column in read.items():
            found[name] = column
        return found

    def check(self) -> None:
        """Look whether the file of points is as long as it was, and ends as it did."""
        self._points.check()

    def find(self, key: Key, step: int, *, behind: bool = False) -> int:
        """Return how many points of a series have a lesser step, or (``behind``) a step that is not greater."""
        side: Literal["left", "right"] = "right" if behind else "left"
        sizes = level_sizes(self.count(key))
        start, stop = 0, sizes[-1] if sizes else self.count(key)
        for level in range(len(sizes), 0, -1):
            firsts = self.buckets(key, level, start, stop)["first_step"]
            bucket = start + max(int(np.searchsorted(firsts, step, side=side)) - 1, 0)
            below = sizes[level - 2] if level > 1 else self.count(key)
            start, stop = bucket * WIDTH, min((bucket + 1) * WIDTH, below)
        steps = self.points(key, start, stop)["step"]
        return start + int(np.searchsorted(steps, step, side=side))


def open_generation(folder: Folder) -> Generation | None:
    """Return the compacted part of a run; None when nothing has been compacted.

    Raises:
        DamagedError: when the manifest is damaged or cannot be read.
    """
    try:
        data = folder.read(manifests.NAME)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise DamagedError(str(error)) from error
    return Generation(folder, manifests.parse(data))


class _Grouped:
    """A Parquet file whose row groups all have the same number of rows, save the last."""

    def __init__(self, folder: Folder, name: str, sealed: Sealed) -> None:
        self._folder, self._name, self._sealed, self._group = folder, name, sealed, sealed.group
        self._metadata: Any = None
        self._cache: OrderedDict[tuple[int, str], Array] = OrderedDict()

    def read(self, start: int, stop: int, names: list[str]) -> dict[str, Array]:
        """Return some columns of the rows ``start`` to ``stop``."""
        groups = list(range(start // self._group, -(-stop // self._group))) if stop > start else []
        if not groups:
            return {name: np.empty(0) for name in names}
        begin = start - groups[0] * self._group
        if len(groups) > _CACHED_GROUPS:
            whole = self._load(groups, names)
            return {name: column[begin : begin + stop - start] for name, column in whole.items()}
        parts = [self._cached(group, names) for group in groups]
        found = {name: [part[name] for part in parts] for name in names}
        return {
            name: (column[0] if len(column) == 1 else np.concatenate(column))[begin : begin + stop - start]
            for name, column in found.items()
        }

    def _cached(self, group: int, names: list[str]) -> dict[str, Array]:
        missing = [name for name in names if (group, name) not in self._cache]
        if missing:
            for name, column in self._load([group], missing).items():
                self._cache[group, name] = column
        found = {name: self._cache[group, name] for name in names}
        for name in names:
            self._cache.move_to_end((group, name))
        while len({cached for cached, _ in self._cache}) > _CACHED_GROUPS:
            self._cache.popitem(last=False)
        return found

    def _load(self, groups: list[int], names: list[str]) -> dict[str, Array]:
        if self._metadata is None:
            self.check()
        try:
            with pq.ParquetFile(
                self._folder.source(self._name), metadata=self._metadata, page_checksum_verification=True
            ) as file:
                self._metadata = file.metadata
                table = file.read_row_groups(groups, columns=names, use_threads=False)
        except FileNotFoundError as error:
            raise GoneError(self._name) from error
        except _DAMAGE as error:
            raise DamagedError(f"{self._name}: {error}") from error
        return {name: _numbers(table[name]) for name in names}

    def check(self) -> None:
        """Compare the end of the file, which says where everything lies, with what was written."""
        try:
            found = self._folder.read(self._name, self._sealed.footer)
        except FileNotFoundError as error:
            raise GoneError(self._name) from error
        except _DAMAGE as error:
            raise DamagedError(f"{self._name}: {error}") from error
        if zlib.crc32(found) != self._sealed.crc32:
            raise DamagedError(f"{self._name}: its footer is another one")


def _numbers(column: Any) -> Array:
    if column.null_count:
        column = column.fill_null(NO_EPOCH if pa.types.is_integer(column.type) else float("nan"))
    # Not ``to_numpy``: pyarrow loads pandas for that, and a first chart waits a second for it.
    parts = [np.from_dlpack(chunk) for chunk in column.chunks]
    found: Array = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return found
