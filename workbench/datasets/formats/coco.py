"""COCO JSON: boxes, polygons, run-length masks, key points and crowds.

What lives here: which files there are, their images and categories, and the fractions of their annotations. What does
not: a batch of annotations (``coco_annotations``), writing (``write_coco``).

An own reader instead of pycocotools: that one holds the whole document as Python objects, ten times its size, knows
one file and one split, and says nothing about annotations that it cannot use.

One file is one split, told by its name (``instances_val2017.json``) or its folder (``valid/_annotations.coco.json``).
Categories keep their order by id; gaps between the ids are closed, and ``source_id`` remembers them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from workbench.datasets import Progress
from workbench.datasets.content import CLASSES, OBJECTS, Content, table
from workbench.datasets.filenames import to_text
from workbench.datasets.formats import jsonfile
from workbench.datasets.formats.coco_annotations import Columns, as_id
from workbench.datasets.formats.coco_files import CocoFile, annotation_files
from workbench.datasets.formats.coco_scale import Scale
from workbench.datasets.formats.draft import (
    Draft,
    arrange,
    check_images,
    most_keypoints,
    packed,
    pose_options,
    told_task,
)
from workbench.datasets.formats.places import Places, root_of, sizes
from workbench.errors import DatasetError

_IMAGE = {"id", "file_name", "width", "height"}
_CATEGORY = {"id", "name"}
_SIDE_MAX = 1 << 31


def read(data: Path, task: str | None = None, progress: Progress | None = None) -> Content:
    """Read a COCO file, or all of a folder.

    Args:
        data: absolute path of a JSON file, or of a folder with such files.
        task: what it is read for; told from the annotations when left out.
        progress: called with (bytes read, bytes in all).

    Raises:
        DatasetError: when a file is no COCO JSON, ends early, or none of its images is there.
    """
    draft = Draft("coco", Places.below(root_of(data)))
    files = annotation_files(data, draft, task)
    total, done = sum(file.path.stat().st_size for file in files), 0
    reader = _Reader(draft)
    for file in files:
        reader.file(file, _shifted(progress, done, total))
        done += file.path.stat().st_size
    return reader.content(data, task)


def _shifted(progress: Progress | None, before: int, total: int) -> Progress | None:
    if progress is None:
        return None

    def tell(done: int, _: int) -> None:
        progress(before + done, total)

    return tell


@dataclass
class _Part:
    """One file: its images by id (a row of the draft), its categories, its annotations."""

    file: CocoFile
    images: dict[str, int] = field(default_factory=dict)
    categories: list[dict[str, Any]] = field(default_factory=list)
    annotations: Columns = field(default_factory=Columns)


class _Reader:
    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.classes: dict[tuple[str, str], int] = {}  # by (id, name): two categories of one name stay two
        self.attributes: list[dict[str, Any]] = []
        self.objects: list[pa.Table] = [OBJECTS.empty_table()]

    def file(self, file: CocoFile, progress: Progress | None) -> None:
        """Read one file."""
        part = _Part(file)
        keys = set()
        for batch in jsonfile.elements(file.path, ("images", "annotations", "categories"), progress):
            keys.add(batch.key)
            if batch.key == "annotations":
                part.annotations.add(batch.elements)
            elif batch.key == "categories":
                part.categories += [row for row in batch.elements if isinstance(row, dict)]
            else:
                self._images(part, batch.elements)
        if "images" not in keys:
            raise DatasetError(
                f"'{file.path.name}' names no images.",
                "A COCO file: an object with the arrays `images`, `annotations` and `categories`.",
                "Check the export, or name another format with --format.",
                path=str(file.path),
            )
        self._sizes(part)
        self._finish(part)

    def _images(self, part: _Part, rows: Sequence[Any]) -> None:
        for row in rows:
            source_id = as_id(row.get("id")) if isinstance(row, dict) else None
            if source_id is None:
                self.draft.issue("label-columns", None, "an image without an id", path=part.file.name)
            elif source_id in part.images:
                detail = f"image id {source_id} is listed twice: the first counts"
                self.draft.issue("image-twice", part.images[source_id], detail, path=part.file.name)
            else:
                name = str(row.get("file_name") or "")
                found = self.draft.places.find(name, part.file.near, part.file.split)
                extras = {key: row[key] for key in row if key not in _IMAGE}
                if found.fault and name != found.path:
                    extras["file_name"] = name
                size = (_side(row.get("width")), _side(row.get("height")))
                known = {"split": part.file.split, "source_id": source_id, "attributes": packed(extras)}
                part.images[source_id] = self.draft.image(found, size, **known)

    def _sizes(self, part: _Part) -> None:
        """Read the sizes that the file does not say from the headers of its images."""
        columns = self.draft.images.columns
        rows = [row for row in part.images.values() if not columns["width"][row] and columns["file"][row]]
        for row, (width, height) in zip(rows, sizes([columns["file"][row] for row in rows]), strict=True):
            columns["width"][row], columns["height"][row] = width, height

    def _finish(self, part: _Part) -> None:
        """Turn the annotations of a file into objects."""
        for fault in part.annotations.faults:
            where = f"annotation {fault.id}: " if fault.id is not None else ""
            image = part.images.get(fault.image or "")
            self.draft.issue(fault.rule, image, where + fault.detail, path=part.file.name)
        scale = Scale(self.draft, part.file.name, part.images, self._class_rows(part))
        self.objects += [scale.objects(raw) for raw in part.annotations.tables]

    def _class_rows(self, part: _Part) -> dict[str, int]:
        """Return the class of each category id of a file; those of an earlier file are found again by their name."""
        ordered = sorted(part.categories, key=lambda row: _order(row.get("id")))
        names = [str(row.get("name", "")) for row in ordered]
        counted = Counter(names)
        before: dict[str, list[int]] = {}
        for (_, name), cls in self.classes.items():
            before.setdefault(name, []).append(cls)
        found: dict[str, int] = {}
        for row, name in zip(ordered, names, strict=True):
            source_id = str(as_id(row.get("id")))
            if source_id in found:
                self.draft.issue(
                    "label-class-unknown", None, f"category id {source_id} stands twice", path=part.file.name
                )
                continue
            same = before.get(name, [])
            alone = len(same) == 1 and counted[name] == 1
            cls = self.classes.get((source_id, name), same[0] if alone else len(self.classes))
            if cls == len(self.classes):
                self.classes[source_id, name] = cls
                self.attributes.append({key: row[key] for key in row if key not in _CATEGORY})
            found[source_id] = cls
        return found

    def content(self, data: Path, task: str | None) -> Content:
        """Return what was read."""
        draft = self.draft
        check_images(data, draft.images.columns["path"], draft.images.columns["file"])
        draft.count_unused()
        joined = pa.concat_tables(self.objects)
        rows = np.arange(len(joined))
        joined = joined.set_column(1, OBJECTS.field("object_id"), pa.array(rows, pa.int64()))
        self._note_mask_sizes(joined)
        images, objects, issues = arrange(draft.images.table(), joined, draft.issues.table())
        classes = table(
            CLASSES,
            {
                "cls": list(range(len(self.classes))),
                "name": [name for _, name in self.classes],
                "source_id": [source_id for source_id, _ in self.classes],
                "attributes": [packed(attributes) for attributes in self.attributes],
            },
        )
        told = task or told_task(objects)
        options = self._pose(objects) if told == "pose" else {}
        root = to_text(str(draft.places.root))
        return Content("coco", told, root, images, objects, classes, issues, options, draft.tally.losses)

    def _note_mask_sizes(self, objects: pa.Table) -> None:
        """Keep the size that a mask's run lengths are of: the file may turn out to have another one."""
        columns = self.draft.images.columns
        for row in pc.unique(objects.filter(pc.is_valid(objects["rle"]))["image_id"]).to_pylist():
            known = orjson.loads(columns["attributes"][row] or b"{}")
            columns["attributes"][row] = packed({**known, "size": [columns["width"][row], columns["height"][row]]})

    def _pose(self, objects: pa.Table) -> dict[str, Any]:
        """Return options for the class with the most key points; a file need not name them."""
        named = [row["keypoints"] for row in self.attributes if isinstance(row.get("keypoints"), list)]
        names = [str(name) for name in max(named, key=len, default=[])]
        return pose_options(names if len(names) >= most_keypoints(objects) else [""] * most_keypoints(objects))


def _side(value: Any) -> int:
    return int(value) if isinstance(value, int | float) and 0 < value < _SIDE_MAX else 0


def _order(value: Any) -> tuple[bool, float, str]:
    text = str(value)
    return not text.isdecimal(), float(text) if text.isdecimal() else 0.0, text
