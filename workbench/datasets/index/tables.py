"""The columns of the index: those of ``content``, and what is counted once so that nobody counts it again.

What lives here: schemas, and how they are laid out in Parquet. What does not: filling them (``writer``, ``counting``).

Row groups are small where a page is read (an image's row is its ``image_id``, so its group is told by division), and
large where a whole column is. A page of a hundred images that lie far apart reads a hundred groups of each file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from workbench.datasets.content import CLASSES, IMAGES

IMAGES_FILE, OBJECTS_FILE, CLASSES_FILE = "images.parquet", "objects.parquet", "classes.parquet"
ISSUES_FILE, STATS_FILE, MARKS_FILE = "issues.parquet", "stats.parquet", "marks.parquet"
IMAGE_GROUP, OBJECT_GROUP, LARGE_GROUP = 512, 4096, 65_536

SIZES = ("small", "medium", "large")
SMALL_AREA, MEDIUM_AREA = 32**2, 96**2
"""Square pixels, as COCO counts: small is below the first, large from the second on. Without an area there is none."""

COUNTS = [("objects", pa.int32()), *((size, pa.int32()) for size in SIZES)]
INDEXED_IMAGES = pa.schema([*IMAGES, *COUNTS, ("first_object", pa.int64())])
INDEXED_CLASSES = pa.schema([*CLASSES, ("objects", pa.int64()), ("images", pa.int64()), ("first_mark", pa.int64())])

MARKS = pa.schema([("cls", pa.int32()), ("image_id", pa.int64()), *COUNTS])
"""One row for each class that an image has, by (cls, image_id): what a filter by class reads instead of the objects."""

STATS = pa.schema(
    [
        ("split", pa.string()),
        ("cls", pa.int32()),  # null: the split as a whole
        ("objects", pa.int64()),
        ("images", pa.int64()),
        *((size, pa.int64()) for size in SIZES),
        ("background", pa.int64()),  # images without an object; null where cls is not
        ("dropped", pa.int64()),  # images that training drops; null where cls is not
    ]
)

_LABELS = ("split", "format", "mode", "group", "effect", "kind", "rule")
_SMALL_NUMBERS = ("width", "height", "orientation", "cls", "crowd", "line", "objects", *SIZES)
_REPEATING = frozenset((*_LABELS, *_SMALL_NUMBERS))
_GROWING = frozenset(("image_id", "object_id", "first_object", "mtime_ns", "label_mtime_ns", "bytes", "label_bytes"))
_STATISTICS = ["image_id", "split", "cls"]


def group_rows(file: str) -> int:
    """Return how many rows a row group of ``file`` has, save the last."""
    return {IMAGES_FILE: IMAGE_GROUP, OBJECTS_FILE: OBJECT_GROUP}.get(file, LARGE_GROUP)


def open_writer(path: Path, schema: pa.Schema) -> Any:
    """Return a ``ParquetWriter`` for a file of the index."""
    import pyarrow.parquet as pq

    names = [field.name for field in schema if not pa.types.is_nested(field.type)]
    growing = {name: "DELTA_BINARY_PACKED" for name in names if name in _GROWING}
    return pq.ParquetWriter(
        path,
        schema,
        compression="lz4",
        use_dictionary=[name for name in names if name in _REPEATING],
        column_encoding=growing or None,
        write_statistics=[name for name in names if name in _STATISTICS],
        write_page_checksum=True,
    )


def whole(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return ``table`` with the columns of ``schema``; those that it does not have are null."""
    present = set(table.column_names)
    columns = [table[field.name] if field.name in present else pa.nulls(len(table), field.type) for field in schema]
    return pa.table(columns, schema=schema)


def present(table: pa.Table) -> pa.Schema:
    """Return the schema of ``table`` without the columns that are null throughout: they are not stored."""
    empty = {name for name in table.column_names if table[name].null_count == len(table)}
    return pa.schema([field for field in table.schema if field.name not in empty])
