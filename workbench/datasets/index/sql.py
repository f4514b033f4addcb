"""The tables of an index as SQL sees them.

What lives here: their names and columns, and a connection that carries out our own conditions. What does not: guarding
the statements of others (``workbench.sql``).
"""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from workbench.datasets.content import CLASSES, IMAGES, ISSUES, OBJECTS
from workbench.datasets.index import tables
from workbench.datasets.index.compiled import Condition
from workbench.datasets.index.generation import Generation, damaged
from workbench.sql import Limits, connection, quoted, select

SCHEMAS = {
    "images": (tables.IMAGES_FILE, pa.schema([*IMAGES, *tables.COUNTS])),
    "objects": (tables.OBJECTS_FILE, OBJECTS),
    "classes": (tables.CLASSES_FILE, pa.schema([*CLASSES, ("objects", pa.int64()), ("images", pa.int64())])),
    "issues": (tables.ISSUES_FILE, ISSUES),
    "stats": (tables.STATS_FILE, tables.STATS),
}
_WORDS = {
    pa.string(): "VARCHAR",
    pa.int8(): "TINYINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.uint64(): "UBIGINT",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
    pa.binary(32): "BLOB",
    pa.list_(pa.float64()): "DOUBLE[]",
    pa.list_(pa.list_(pa.float64())): "DOUBLE[][]",
}


def bodies(generation: Generation) -> dict[str, str]:
    """Return a SELECT for each table: columns that its file does not store are null."""
    found = {}
    for name, (file, schema) in SCHEMAS.items():
        stored = generation.about.columns[file]
        columns = [
            f'"{field.name}"' if field.name in stored else f'CAST(NULL AS {_WORDS[field.type]}) AS "{field.name}"'
            for field in schema
        ]
        found[name] = f"SELECT {', '.join(columns)} FROM read_parquet({quoted(str(generation.path(file)))})"  # noqa: S608  our own names
    return found


def query(generation: Generation, statement: str, limits: Limits) -> pa.Table:
    """Answer one SELECT of somebody's; see ``workbench.sql.select``."""
    files = [generation.path(file) for file, _ in SCHEMAS.values()]
    return select(statement, bodies(generation), files, limits)


class Database:
    """Carries out our own statements; opened when the first one comes."""

    def __init__(self, generation: Generation) -> None:
        self._generation = generation
        self._open = ExitStack()
        self._lock = threading.Lock()
        self._connection: Any = None
        self._views: set[str] = set()

    def images(self, condition: Condition) -> NDArray[np.int64]:
        """Return the ids of the images that a condition selects, in no order and perhaps more than once."""
        found = self.select(
            f"SELECT image_id FROM {condition.table} WHERE image_id IS NOT NULL AND ({condition.sql})",  # noqa: S608
            condition.table,
            condition.parameters,
        )
        ids: NDArray[np.int64] = found["image_id"].to_numpy()
        return ids

    def grouped(self, columns: str, by: str, chosen: NDArray[np.int64] | None) -> pa.Table:
        """Return our own ``columns`` of the images, or of the chosen ones, grouped by some of them and sorted so."""
        where = "" if chosen is None else "WHERE image_id IN (SELECT image_id FROM chosen)"
        sql = f"SELECT {columns} FROM images {where} GROUP BY {by} ORDER BY {by}"  # noqa: S608  our own names
        return self.select(sql, "images", chosen=chosen)

    def select(
        self, sql: str, name: str, parameters: tuple[object, ...] = (), *, chosen: NDArray[np.int64] | None = None
    ) -> pa.Table:
        """Answer a statement of our own over the table ``name`` and, when they are given, ``chosen`` image ids."""
        import duckdb

        try:
            with self._lock:
                opened = self._ready(name)
                if chosen is not None:
                    opened.register("chosen", pa.table({"image_id": chosen}))
                return opened.sql(sql, params=list(parameters)).to_arrow_table()
        except duckdb.Error as error:
            raise damaged(self._generation.folder.parent, str(error)) from error

    def close(self) -> None:
        """Let go of the connection."""
        with self._lock:
            self._open.close()
            self._connection = None
            self._views.clear()

    def _ready(self, name: str) -> Any:
        if self._connection is None:
            self._connection = self._open.enter_context(connection())
            self._connection.execute("SET parquet_metadata_cache = true")
        if name not in self._views:  # only those that are asked for: a view reads the end of its file
            self._connection.execute(f"CREATE VIEW {name} AS {bodies(self._generation)[name]}")
            self._views.add(name)
        return self._connection
