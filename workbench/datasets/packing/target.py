"""The folder that a pack is written to, on this machine or elsewhere.

What lives here: bringing files there whole, and removing what a former pack left. What does not: what is in them
(``pack``).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from workbench.datasets.remote.failures import describe
from workbench.datasets.remote.listing import SHARD
from workbench.errors import storage_error


class Target:
    """The folder that a pack is written to, here or elsewhere.

    Args:
        target: a local folder, or a uri.
        options: of fsspec's driver.

    Attributes:
        uri: what it is called; for a local folder its absolute path.
        local: the folder, when it is a local one.
    """

    def __init__(self, target: str | Path, options: dict[str, Any] | None) -> None:
        from fsspec.core import url_to_fs

        local = "://" not in str(target)
        self.uri = str(Path(target).expanduser().absolute()) if local else str(target).rstrip("/")
        self.local: Path | None = None
        try:
            self._files, self._base = url_to_fs(self.uri, **(options or {}))
        except (ImportError, ValueError) as error:
            raise describe(error, self.uri) from error
        if local:
            self.local = Path(self.uri)
            with naming(self.local):
                self.local.mkdir(parents=True, exist_ok=True)

    def has(self, name: str, size: int | None = None) -> bool:
        """Return whether a file of that name, and of that size, is there."""
        try:
            found = self._files.info(f"{self._base}/{name}")
        except FileNotFoundError:
            return False
        except Exception as error:
            raise describe(error, self.uri) from error
        return size is None or found["size"] == size

    def put(self, file: Path, name: str) -> int:
        """Bring a file there unless it is there; return the bytes written."""
        size = file.stat().st_size
        if self.has(name, size):
            return 0
        self._put(file, name)
        return size

    def put_table(self, table: pa.Table, name: str, scratch: Path) -> None:
        """Bring a table there as Parquet, in the place of a former one."""
        import pyarrow.parquet as pq

        draft = scratch / name
        with naming(draft):
            pq.write_table(table, draft, compression="zstd")
        self._put(draft, name)

    def remove_others(self, sizes: Mapping[str, int]) -> None:
        """Remove the shards of a former index."""
        try:
            for path in self._files.ls(self._base, detail=False):
                name = path.rpartition("/")[2]
                if SHARD.fullmatch(name) and name not in sizes:
                    self._files.rm_file(path)
        except Exception as error:
            raise describe(error, self.uri) from error

    def _put(self, file: Path, name: str) -> None:
        """Bring a file there so that nobody sees half of it: object stores show one when it is complete."""
        if self.local is not None:
            return self._move(file, self.local / name)
        try:
            self._files.put_file(str(file), f"{self._base}/{name}")
        except Exception as error:
            raise describe(error, self.uri) from error
        return None

    def _move(self, file: Path, place: Path) -> None:
        with naming(place):
            with file.open("rb") as written:
                os.fsync(written.fileno())
            file.replace(place)


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn an ``OSError`` met while writing ``path`` into a three-beat error."""
    try:
        yield
    except OSError as error:
        raise storage_error(error, path) from error
