"""Hugging Face style Parquet: the bytes of an image and its labels in one row.

What lives here: reading the rows and putting the images into a folder, named by what they hold. What does not: fetching
(``remote``).

    image     {bytes, path}, or the bytes alone
    objects   {bbox, category} (also: label, categories), lists of one length; ``id``, ``area``, ``iscrowd`` if there
    label     the class of the image, where there are no objects

Nothing in a file tells whether ``bbox`` is left, top, width, height or left, top, right, bottom. It is taken as the
first unless only the second keeps all boxes inside their images; and as fractions when no number is above 1. Names of
classes are those of the metadata that Hugging Face writes; else the values themselves, or their numbers.
"""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.datasets import Progress
from workbench.datasets.content import Content
from workbench.datasets.filenames import to_text
from workbench.datasets.formats.draft import Draft, packed
from workbench.datasets.formats.ndjson_rows import CLASSES_MAX
from workbench.datasets.formats.places import Found, Places, folder_split, split_of, walk
from workbench.datasets.formats.shapes import Shape
from workbench.errors import DatasetError, storage_error
from workbench.pillow import opener
from workbench.storage import link

_BATCH = 64  # rows: images are held in memory
_CATEGORIES = ("category", "category_id", "categories", "label", "labels", "classes")
_LABELS = ("label", "labels", "fine_label", "class")
_OBJECTS = ("objects", "annotations", "labels")
_SUFFIXES = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "WEBP": ".webp",
    "BMP": ".bmp",
    "TIFF": ".tif",
    "MPO": ".mpo",
    "GIF": ".gif",
}
_OUTSIDE = 1.0  # pixels that rounding may take a box out of its image


def read(data: Path, task: str | None = None, progress: Progress | None = None, folder: Path | None = None) -> Content:
    """Read a Parquet file, or all of a folder.

    Args:
        data: absolute path.
        task: what it is read for; told from the columns when left out.
        progress: called with (rows read, rows in all).
        folder: where the images go; the dataset's root from then on.

    Raises:
        DatasetError: when a file is no Parquet, has no images, or no folder was given.
        StorageError: when the images do not fit on the disk.
    """
    if folder is None:
        raise DatasetError(
            "The images of Parquet files have to be put somewhere.",
            "A folder for them.",
            "Give a folder to read it into.",
        )
    files = [data] if data.is_file() else sorted(data / name for name in walk(data) if name.endswith(".parquet"))
    folder.mkdir(parents=True, exist_ok=True)
    reader = _Reader(Draft("parquet", Places(folder)), folder)
    opened = [_opened(file) for file in files]
    total, done = sum(file.metadata.num_rows for file in opened), 0
    for path, file in zip(files, opened, strict=True):
        reader.schema(file.schema_arrow)
        named = path.relative_to(data).as_posix() if path != data else path.name
        for batch in file.iter_batches(batch_size=_BATCH):
            reader.rows(batch, split_of(path.stem) or folder_split(named), named)
            done += len(batch)
            if progress:
                progress(done, total)
    return reader.content(data, task)


def _opened(path: Path) -> pq.ParquetFile:
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise DatasetError(
            f"'{path.name}' is not a Parquet file, or ends early: {str(error).splitlines()[0]}",
            "A complete Parquet file.",
            "Download it again.",
            path=str(path),
        ) from error
    if "image" not in file.schema_arrow.names:
        raise DatasetError(
            f"'{path.name}' has no column `image`: it has {', '.join(file.schema_arrow.names[:10])}.",
            "A column `image` with the bytes of a picture a row.",
            "Name another file.",
            path=str(path),
        )
    return file


@dataclass
class _Boxes:
    """The boxes of one image as they are written, until it is known what the numbers mean."""

    image: int
    boxes: Any  # float64, shape (n, 4)
    classes: list[Any]
    columns: list[dict[str, Any]]


@dataclass
class _Reader:
    draft: Draft
    folder: Path
    names: list[str] = field(default_factory=list)
    objects: str | None = None
    category: str | None = None
    label: str | None = None
    numbered: bool = False  # classes are numbers of their names
    copies: dict[tuple[str, str], int] = field(default_factory=dict)
    boxes: list[_Boxes] = field(default_factory=list)
    labelled: list[tuple[int, Any]] = field(default_factory=list)

    def schema(self, schema: pa.Schema) -> None:
        """Take note of the columns, and the names of classes in the metadata."""
        self.objects = next(
            (name for name in _OBJECTS if name in schema.names and _has_boxes(schema.field(name).type)), None
        )
        self.label = next((name for name in _LABELS if name in schema.names and name != self.objects), None)
        if self.objects is not None:
            inner = _struct(schema.field(self.objects).type)
            known = [inner.field(at).name for at in range(inner.num_fields)]
            self.category = next((name for name in _CATEGORIES if name in known), None)
        self.names = self.names or _class_names(_features(schema), self.objects, self.category or self.label)

    def rows(self, batch: pa.RecordBatch, split: str, file: str) -> None:
        """Read some rows."""
        wanted = [name for name in batch.schema.names if name in ("image", "image_id", "id", self.objects, self.label)]
        for row in batch.select(wanted).to_pylist():
            given = row["image"]
            data, name = (given.get("bytes"), given.get("path")) if isinstance(given, dict) else (given, None)
            image = self._image(data, name, split, file, row)
            if image is None:
                continue
            if self.objects is not None and row.get(self.objects):
                self._take(image, row[self.objects])
            elif self.label is not None and row.get(self.label) is not None:
                self.labelled.append((image, row[self.label]))

    def _put(self, data: bytes, target: Path, twin: str) -> None:
        """Write an image; a further row of the same picture takes no room: few bytes may stand for many rows."""
        if twin and (self.folder / twin).exists():
            link(self.folder / twin, target)
            return
        draft = target.with_suffix(".part")
        draft.write_bytes(data)
        draft.replace(target)

    def _image(self, data: Any, name: str | None, split: str, file: str, row: dict[str, Any]) -> int | None:
        if not isinstance(data, bytes):
            self.draft.tally.add("rows without the bytes of an image", name or file)
            return None
        digest = hashlib.sha256(data).hexdigest()
        suffix, size = _look(data, name)
        # Two rows of one picture stay two images: whether that is meant, the search for duplicates asks
        copies = self.copies[split, digest] = self.copies.get((split, digest), 0) + 1
        path = f"{split}/{digest}{f'-{copies}' if copies > 1 else ''}{suffix}".lstrip("/")
        target = self.folder / path
        try:
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                self._put(data, target, f"{split}/{digest}{suffix}".lstrip("/") if copies > 1 else "")
            stat = target.stat()
        except OSError as error:
            raise storage_error(error, target) from error
        source_id = next((str(row[key]) for key in ("image_id", "id") if row.get(key) is not None), None)
        found = Found(path, to_text(str(target)), stat.st_size, stat.st_mtime_ns)
        attributes = packed({"file_name": name}) if name else None
        return self.draft.image(found, size, split=split, source_id=source_id, attributes=attributes)

    def _take(self, image: int, given: Any) -> None:
        columns = given if isinstance(given, dict) else {key: [each.get(key) for each in given] for key in given[0]}
        boxes = columns.get("bbox") or []
        classes = columns.get(self.category or "") or [0] * len(boxes)
        try:
            values = np.array(boxes, np.float64).reshape(len(boxes), 4)
        except (TypeError, ValueError):
            self.draft.issue("label-columns", image, "a bbox that is not four numbers")
            return
        if not np.isfinite(values).all():
            self.draft.issue("label-not-finite", image, "a bbox with a number that is none")
            return
        more = [
            {
                "source_id": _text(_at(columns.get("id"), row)),
                "crowd": bool(_at(columns.get("iscrowd"), row)),
            }
            for row in range(len(boxes))
        ]
        self.boxes.append(_Boxes(image, values, list(classes), more))

    def content(self, data: Path, task: str | None) -> Content:
        """Return what was read."""
        self._name_classes()
        corners, fractions = self._meaning()
        for taken in self.boxes:
            frame = self.draft.frame(taken.image)
            for box, cls, columns in zip(taken.boxes.tolist(), taken.classes, taken.columns, strict=False):
                if cls is None or not frame.width:
                    self.draft.tally.add("objects without a class, or of images of unknown size")
                    continue
                left, top, right, bottom = box if corners else (box[0], box[1], box[0] + box[2], box[1] + box[3])
                across, down = (frame.width, frame.height) if fractions else (1, 1)
                shape = frame.box(left * across, top * down, right * across, bottom * down)
                self.draft.add(taken.image, self._cls(cls), shape, **columns)
        for image, cls in self.labelled:
            self.draft.add(image, self._cls(cls), Shape("class"))
        return self.draft.content(data, task)

    def _name_classes(self) -> None:
        met = {cls for taken in self.boxes for cls in taken.classes if cls is not None} | {
            cls for _, cls in self.labelled
        }
        numbers = [cls for cls in met if isinstance(cls, int)]
        if len(numbers) == len(met) and all(0 <= cls < CLASSES_MAX for cls in numbers):
            last = max([*numbers, len(self.names) - 1], default=-1)
            known = dict(enumerate(self.names))
            self.numbered = True
            self.draft.name_classes([known.get(cls, f"class{cls}") for cls in range(last + 1)])
        else:
            for name in sorted(map(str, met)):
                self.draft.cls(name)

    def _cls(self, cls: Any) -> int:
        return int(cls) if self.numbered else self.draft.cls(str(cls))

    def _meaning(self) -> tuple[bool, bool]:
        """Return whether boxes are corners, and whether they are fractions."""
        every = [taken.boxes for taken in self.boxes if len(taken.boxes)]
        if not every:
            return False, False
        together = np.concatenate(every)
        fractions = bool(together.max() <= 1.0)
        sides = [self.draft.frame(taken.image) for taken in self.boxes if len(taken.boxes)]
        unit = [(1, 1) if fractions else (side.width, side.height) for side in sides]
        limits = np.repeat(np.array(unit, np.float64), [len(boxes) for boxes in every], axis=0) + (
            0 if fractions else _OUTSIDE
        )
        sized = bool((together[:, :2] + together[:, 2:] <= limits).all())
        ordered = bool((together[:, 2:] >= together[:, :2]).all() and (together[:, 2:] <= limits).all())
        return ordered and not sized, fractions


def _look(data: bytes, name: str | None) -> tuple[str, tuple[int, int]]:
    """Return the suffix for what the bytes are, and their size as training sees it."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with opener()(io.BytesIO(data)) as image:
                turned = image.getexif().get(274) in {5, 6, 7, 8}
                size = image.size[::-1] if turned else image.size
                return _SUFFIXES.get(str(image.format), f".{str(image.format).lower()}"), (size[0], size[1])
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        suffix = os.path.splitext(name or "")[1].lower()  # noqa: PTH122
        return suffix if suffix.isascii() and suffix[1:].isalnum() else ".jpg", (0, 0)


def _struct(kind: pa.DataType) -> Any:
    return kind.value_type if pa.types.is_list(kind) or pa.types.is_large_list(kind) else kind


def _has_boxes(kind: pa.DataType) -> bool:
    inner = _struct(kind)
    return bool(pa.types.is_struct(inner) and inner.get_field_index("bbox") >= 0)


def _class_names(features: dict[str, Any], objects: str | None, column: str | None) -> list[str]:
    """Return the names that Hugging Face's metadata gives the numbers of ``column``."""

    def below(value: Any) -> Iterator[dict[str, Any]]:
        if isinstance(value, dict):
            if value.get("_type") == "ClassLabel":
                yield value
            for each in value.values():
                yield from below(each)
        elif isinstance(value, list):
            for each in value:
                yield from below(each)

    found = next(below(features.get(objects or column or "", {})), {})
    return [str(name) for name in found.get("names", ())]


def _at(values: Any, row: int) -> Any:
    return values[row] if isinstance(values, list) and row < len(values) else None


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _features(schema: pa.Schema) -> dict[str, Any]:
    """Return what the metadata says of the columns; empty when it says nothing that can be understood."""
    try:
        found = orjson.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}
