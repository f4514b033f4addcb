"""What a dataset says, in columns: its images, what is marked on them, its classes, and what is wrong with it.

What lives here: the tables that every reader fills and everything else works on. What does not: reading a format
(``formats``), looking into image files (``scan``), keeping the tables on disk (``index``).

Places are fractions of the image as training sees it, after its EXIF orientation was applied: 0..1 from left to right
and from top to bottom. They are float64, so that pixels come back as they were.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import pyarrow as pa

Severity = Literal["error", "warning", "info"]
Effect = Literal["drop", "keep", "rewrite", "none"]

IMAGES = pa.schema(
    [
        ("image_id", pa.int64()),  # 0..n-1, dense, in the order of (split, path)
        ("split", pa.string()),  # train, val, test; "" when it is in none
        ("path", pa.string()),  # posix, relative to the root: what people see
        ("file", pa.string()),  # absolute path of the bytes on this machine
        ("label", pa.string()),  # absolute path of its own label, mask or depth file; null without one
        ("width", pa.int32()),  # as training sees it, after EXIF orientation; 0 when unknown
        ("height", pa.int32()),
        ("format", pa.string()),  # Pillow's name in lower case (jpeg, png, ...); "" when unknown
        ("mode", pa.string()),  # Pillow's: RGB, L, CMYK, I;16, ...
        ("orientation", pa.int8()),  # EXIF's 1..8; 1 when it has none
        ("bytes", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("label_bytes", pa.int64()),  # of the label file; null without one
        ("label_mtime_ns", pa.int64()),
        ("sha256", pa.binary(32)),  # null until it was hashed
        ("phash", pa.uint64()),  # null until it was looked at for near duplicates
        ("group", pa.string()),  # images of one group belong on one side of a split; null without one
        ("effect", pa.string()),  # what training does with it: keep, drop or rewrite
        ("source_id", pa.string()),  # its id in the source; null where the format has none
        ("attributes", pa.string()),  # JSON of what else the source says of it; null when nothing
        ("verified", pa.bool_()),  # its bytes were checked as training does; false: only its header; null: not yet
    ]
)

OBJECTS = pa.schema(
    [
        ("image_id", pa.int64()),
        ("object_id", pa.int64()),  # 0..n-1, dense, in the order of (image_id, as the source lists them)
        ("cls", pa.int32()),  # row of the classes
        ("kind", pa.string()),  # box, polygon, rle, obb, pose, class
        ("cx", pa.float64()),  # the box, or the box around what it is; fractions
        ("cy", pa.float64()),
        ("w", pa.float64()),
        ("h", pa.float64()),
        ("area", pa.float64()),  # square pixels: the source's own, else of the shape; 0 when the size is unknown
        ("rings", pa.list_(pa.list_(pa.float64()))),  # x y x y ...: polygons; four corners for obb; null for others
        ("rle", pa.string()),  # COCO's compressed counts, of the image as the source sizes it; null for others
        ("keypoints", pa.list_(pa.float64())),  # x y v x y v ...; v is 0 missing, 1 hidden, 2 seen; null for others
        ("crowd", pa.bool_()),
        ("line", pa.int32()),  # of the label file, from 1; 0 where there are no lines
        ("source_id", pa.string()),
        ("attributes", pa.string()),  # JSON: difficult, occluded, ...; null when nothing
    ]
)

CLASSES = pa.schema(
    [
        ("cls", pa.int32()),  # 0..n-1
        ("name", pa.string()),
        ("source_id", pa.string()),  # e.g. COCO's category id
        ("attributes", pa.string()),  # JSON: supercategory, keypoint names, skeleton, colour, ...
    ]
)

ISSUES = pa.schema(
    [
        ("rule", pa.string()),  # id of a rule of ``lint.rules``
        ("image_id", pa.int64()),  # null when it is about no single image
        ("object_id", pa.int64()),  # null when it is about no single object, or one that was dropped
        ("path", pa.string()),  # posix, relative to the root, of the file to look at
        ("line", pa.int32()),  # of that file, from 1; 0 for the whole file
        ("detail", pa.string()),  # one clause, with the value
        ("effect", pa.string()),  # what training does with the image because of it: drop, keep, rewrite, none
    ]
)


@dataclass(frozen=True)
class Loss:
    """What a format cannot hold.

    Attributes:
        what: one clause, e.g. ``crowd regions``.
        count: how many objects or images it concerns.
        first: where the first one is, for people.
    """

    what: str
    count: int
    first: str = ""


@dataclass(frozen=True)
class Content:
    """What a dataset says.

    Attributes:
        format: the format it was read as: ``yolo``, ``coco``, ...
        task: what its labels are for, one of ``source.TASKS``.
        root: absolute path that ``path`` is relative to.
        images: schema ``IMAGES``.
        objects: schema ``OBJECTS``.
        classes: schema ``CLASSES``.
        issues: schema ``ISSUES``: what reading it met.
        options: what else training reads: ``kpt_shape``, ``flip_idx``, ``masks_dir``, ...
        losses: what of the source is not in these tables.
    """

    format: str
    task: str
    root: str
    images: pa.Table
    objects: pa.Table
    classes: pa.Table
    issues: pa.Table = field(default_factory=ISSUES.empty_table)
    options: dict[str, Any] = field(default_factory=dict)
    losses: tuple[Loss, ...] = ()

    @property
    def names(self) -> dict[int, str]:
        """Class names by class id."""
        return dict(zip(self.classes["cls"].to_pylist(), self.classes["name"].to_pylist(), strict=True))

    @property
    def counts(self) -> dict[str, int]:
        """The number of images in each split."""
        found = self.images["split"].value_counts().to_pylist()
        counted = {str(row["values"]): int(row["counts"]) for row in found}
        order = {"train": 0, "val": 1, "test": 2}
        return {split: counted[split] for split in sorted(counted, key=lambda name: (order.get(name, 3), name))}


def table(schema: pa.Schema, columns: dict[str, Any], rows: int | None = None) -> pa.Table:
    """Build a table of ``schema`` from the columns that are known; the others are null.

    Args:
        schema: one of this module's.
        columns: lists, numpy arrays or Arrow arrays by name.
        rows: their length; told from the first column when left out.
    """
    length = rows if rows is not None else len(next(iter(columns.values())))
    arrays = []
    for wanted in schema:
        given = columns.get(wanted.name)
        if given is None:
            arrays.append(pa.nulls(length, wanted.type))
        elif isinstance(given, pa.Array | pa.ChunkedArray):
            arrays.append(given if given.type == wanted.type else given.cast(wanted.type))
        else:
            arrays.append(pa.array(given, type=wanted.type))
    return pa.table(arrays, schema=schema)
