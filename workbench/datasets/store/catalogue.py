"""What a store knows of its objects: their sizes, when they were last needed, and which source gave them.

What lives here: one SQLite file. What does not: the objects. Whether an object is there, only its file says: a row
without a file is forgotten when somebody meets it, and a file without a row cannot come about (rows are written first).
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from workbench.errors import StorageError

Key = bytes
"""Names what a source gives: the sha256 of its uri, etag and size."""
_BATCH = 500  # keys in one question: SQLite allows 32,766 parameters, older ones 999
_BUSY_S = 60.0
_TABLES = """
CREATE TABLE IF NOT EXISTS objects (sha256 BLOB PRIMARY KEY, bytes INTEGER NOT NULL, used_at REAL NOT NULL)
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sources (key BLOB PRIMARY KEY, sha256 BLOB NOT NULL) WITHOUT ROWID;
"""


class Row(NamedTuple):
    """An object: its sha256 in hexadecimal and its size in bytes."""

    sha256: str
    bytes: int


class Catalogue:
    """The index of a store.

    A connection is opened for each question: none is carried into a forked child or another thread.

    Args:
        file: where it lies.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    @property
    def is_ready(self) -> bool:
        """Whether the tables are there and know every object."""
        with self._open() as database:
            return bool(database.execute("PRAGMA user_version").fetchone()[0])

    def prepare(self, objects: Iterable[Row]) -> None:
        """Make the tables, with the objects that lie in the store already; needs the gate alone."""
        with self._open() as database:
            database.execute("PRAGMA journal_mode=WAL")
            database.executescript(_TABLES)
        self.add(objects)
        with self._open() as database:
            database.execute("PRAGMA user_version=1")

    def find(self, keys: Iterable[Key]) -> dict[Key, str]:
        """Return the sha256 of what each source gave, by the source's key; unknown keys are left out."""
        found: dict[Key, str] = {}
        with self._open() as database:
            for batch in _batches(sorted(set(keys))):
                marks = ",".join("?" * len(batch))
                rows = database.execute(f"SELECT key, sha256 FROM sources WHERE key IN ({marks})", batch)  # noqa: S608
                found.update((bytes(key), bytes(digest).hex()) for key, digest in rows)
        return found

    def add(self, objects: Iterable[Row], sources: Iterable[tuple[Key, str]] = ()) -> None:
        """Note objects and which source gave them."""
        now = time.time()
        with self._open() as database:
            database.executemany(
                "INSERT INTO objects VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET used_at = excluded.used_at",
                ((bytes.fromhex(one.sha256), one.bytes, now) for one in objects),
            )
            database.executemany(
                "INSERT OR REPLACE INTO sources VALUES (?, ?)",
                ((key, bytes.fromhex(digest)) for key, digest in sources),
            )

    def touch(self, digests: Iterable[str]) -> None:
        """Note that objects were needed now."""
        now = time.time()
        with self._open() as database:
            database.executemany(
                "UPDATE objects SET used_at = ? WHERE sha256 = ?", ((now, bytes.fromhex(one)) for one in digests)
            )

    def forget(self, digests: Iterable[str]) -> None:
        """Take objects out; what their sources gave stays known, for when the same bytes come again."""
        with self._open() as database:
            database.executemany("DELETE FROM objects WHERE sha256 = ?", ((bytes.fromhex(one),) for one in digests))

    def total(self) -> tuple[int, int]:
        """Return the number of objects and their bytes."""
        with self._open() as database:
            count, size = database.execute("SELECT count(*), coalesce(sum(bytes), 0) FROM objects").fetchone()
        return int(count), int(size)

    def oldest(self) -> Iterator[Row]:
        """Yield the objects, the one first that nobody has needed for longest."""
        with self._open() as database:
            for digest, size in database.execute("SELECT sha256, bytes FROM objects ORDER BY used_at").fetchall():
                yield Row(bytes(digest).hex(), int(size))

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Give a connection; what was written is kept on leaving without an error."""
        try:
            database = sqlite3.connect(self._file, timeout=_BUSY_S)
            try:
                database.execute("PRAGMA synchronous=NORMAL")
                with database:
                    yield database
            finally:
                database.close()
        except sqlite3.Error as error:
            raise StorageError(
                f"The index of the store, '{self._file}', does not work: {error}.",
                "A SQLite file that this user may write, on a disk with free space.",
                "Free some space. When the file is damaged, delete it: objects stay, and are found again.",
                path=str(self._file),
            ) from error


def _batches(keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
    for first in range(0, len(keys), _BATCH):
        yield keys[first : first + _BATCH]
