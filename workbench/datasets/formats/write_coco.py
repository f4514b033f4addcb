"""COCO JSON, written from columns.

What lives here: one annotation file for each split, ids and pixels as they were read. What does not: reading
(``coco``), where images stand (``placing``).

Pixels are rounded to 9 decimals, which undoes the detour over fractions. Ids come back when they are whole numbers and
no two are equal; else they are counted from 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from workbench.datasets.content import Content
from workbench.datasets.formats import shapes
from workbench.datasets.formats.draft import Tally, pose_options
from workbench.datasets.formats.labels import mask_sizes
from workbench.datasets.formats.placing import UNSPLIT, check_objects
from workbench.storage import replacing

_BATCH = 10_000
_DECIMALS = 9
_KEPT = ("size",)  # attributes of an image that are ours


def write(content: Content, folder: Path, names: list[str | None], tally: Tally) -> list[tuple[str, str]]:
    """Write ``annotations/instances_<split>.json`` below ``folder``; the images stand in ``images/<split>``.

    Args:
        content: what is written.
        folder: where.
        names: ``<split>/<name>`` of each image; None for those left out.
        tally: takes what COCO cannot hold.

    Returns:
        The images to be put beside them, as (absolute path, place).

    Raises:
        DatasetError: when the labels are masks or depth maps.
        StorageError: when the disk is full or the folder may not be written.
    """
    check_objects(content, "COCO")
    categories = _categories(content, tally)
    owners = content.objects["image_id"].to_numpy()
    for split in content.counts or {"": 0}:
        rows = np.flatnonzero(pc.equal(content.images["split"], split).to_numpy(zero_copy_only=False))
        with replacing(folder / "annotations" / f"instances_{split or UNSPLIT}.json") as path, path.open("wb") as file:
            # Images of one split, and so their objects, are one range
            first, last = (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, 0)
            begin, end = np.searchsorted(owners, [first, last]).tolist()
            images = content.images.slice(first, last - first)
            ids = _ids(images["source_id"], tally, "ids of images")
            file.write(b'{"images":[')
            _put(file, _images(images, ids, names[first:last]))
            file.write(b'],\n"annotations":[')
            objects = content.objects.slice(begin, end - begin)
            _put(file, _Annotations(content, ids, first, categories, names).of(objects, tally))
            file.write(b'],\n"categories":' + orjson.dumps(categories) + b"}\n")
    files = content.images["file"].to_pylist()
    return [(file, f"images/{name}") for file, name in zip(files, names, strict=True) if name is not None]


def _put(file: IO[bytes], values: Iterator[dict[str, Any]]) -> None:
    comma = b"\n"
    for value in values:
        file.write(comma + orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS))
        comma = b",\n"


def _ids(given: pa.ChunkedArray, tally: Tally, what: str) -> list[int]:
    """Return whole numbers, all different: those given, else 1, 2, ..."""
    texts = given.to_pylist()
    numbers = [int(text) for text in texts if text is not None and text.isdecimal() and str(int(text)) == text]
    if len(numbers) == len(texts) == len(set(numbers)):
        return numbers
    if any(text is not None for text in texts):
        tally.add(what, str(next(text for text in texts if text is not None)), len(texts))
    return list(range(1, len(texts) + 1))


def _categories(content: Content, tally: Tally) -> list[dict[str, Any]]:
    rows = content.classes.to_pylist()
    ids = _ids(content.classes["source_id"], tally, "ids of classes")
    found = [
        {"id": number, "name": row["name"], **orjson.loads(row["attributes"] or b"{}")}
        for number, row in zip(ids, rows, strict=True)
    ]
    if content.task == "pose":
        _name_points(content, found, tally)
    return found


def _name_points(content: Content, categories: list[dict[str, Any]], tally: Tally) -> None:
    """Name the key points of classes that have none: COCO tells from the names how many there are."""
    count = content.options.get("kpt_shape", [0])[0]
    given = content.options.get("kpt_names") or {}
    longest: list[str] = []
    for cls, category in enumerate(categories):
        names = given.get(cls, given.get(str(cls))) or [str(number) for number in range(1, count + 1)]
        category.setdefault("keypoints", [str(name) for name in names])
        longest = max(longest, category["keypoints"], key=len)
    if content.options.get("flip_idx") != pose_options(longest).get("flip_idx"):
        tally.add("flip_idx: which key points change sides in a mirror")


def _images(images: pa.Table, ids: list[int], names: list[str | None]) -> Iterator[dict[str, Any]]:
    columns = (images[name].to_pylist() for name in ("width", "height", "attributes"))
    for number, name, width, height, attributes in zip(ids, names, *columns, strict=True):
        if name is not None:
            extras = {key: value for key, value in orjson.loads(attributes or b"{}").items() if key not in _KEPT}
            yield {"id": number, "file_name": name.partition("/")[2], "width": width, "height": height, **extras}


class _Annotations:
    """The annotations of one split, whose first image is row ``first``."""

    def __init__(
        self, content: Content, ids: list[int], first: int, categories: list[dict[str, Any]], names: list[str | None]
    ) -> None:
        self.content, self.ids, self.first, self.names = content, ids, first, names
        self.categories = [row["id"] for row in categories]
        self.widths = content.images["width"].fill_null(0).to_numpy()
        self.mask_sizes = mask_sizes(content)
        self.heights = content.images["height"].fill_null(0).to_numpy()

    def of(self, objects: pa.Table, tally: Tally) -> Iterator[dict[str, Any]]:
        numbers = iter(_ids(objects["source_id"], tally, "ids of annotations"))
        for batch in objects.to_batches(max_chunksize=_BATCH):
            image = batch["image_id"].to_numpy()
            width, height = self.widths[image].astype(float), self.heights[image].astype(float)
            cx, cy, w, h = (batch[name].fill_null(0).to_numpy() for name in ("cx", "cy", "w", "h"))
            boxes = np.stack([(cx - w / 2) * width, (cy - h / 2) * height, w * width, h * height], axis=1)
            boxes = boxes.round(_DECIMALS).tolist()
            for row, box, number in zip(batch.to_pylist(), boxes, numbers, strict=False):
                if self.names[row["image_id"]] is None:
                    tally.add("objects of images that are missing")
                elif self.widths[row["image_id"]] <= 0 and row["kind"] != "class":
                    tally.add("objects of images whose size is unknown")
                else:
                    yield self._one(row, box, number, tally)

    def _one(self, row: dict[str, Any], box: list[float], number: int, tally: Tally) -> dict[str, Any]:
        size = float(self.widths[row["image_id"]]), float(self.heights[row["image_id"]])
        found = {
            "id": number,
            "image_id": self.ids[row["image_id"] - self.first],
            "category_id": self.categories[row["cls"]],
            "iscrowd": int(bool(row["crowd"])),
        }
        if row["kind"] != "class":
            found |= {"bbox": box, "area": self._area(row, box, size), "segmentation": self._outline(row, size)}
        if row["keypoints"]:
            found |= self._keypoints(row["keypoints"], size)
        if row["kind"] == "obb":
            tally.add("rotated boxes, written as polygons")
        attributes: dict[str, Any] = orjson.loads(row["attributes"] or b"{}")
        return {**found, **{key: value for key, value in attributes.items() if key not in found}}

    def _area(self, row: dict[str, Any], box: list[float], size: tuple[float, float]) -> float:
        """Return the area in pixels; a reader of fractions could not know it."""
        if row["area"] or self.content.format == "coco":
            return row["area"] or 0.0
        rings = row["rings"] or ()
        return sum(map(shapes.ring_area, rings)) * size[0] * size[1] if rings else box[2] * box[3]

    def _outline(self, row: dict[str, Any], size: tuple[float, float]) -> Any:
        if row["rle"] is not None:
            width, height = self.mask_sizes[row["image_id"]]
            return {"size": [height, width], "counts": row["rle"]}
        return [
            [round(value * size[at % 2], _DECIMALS) for at, value in enumerate(ring)] for ring in row["rings"] or ()
        ]

    @staticmethod
    def _keypoints(points: list[float], size: tuple[float, float]) -> dict[str, Any]:
        pixels = [
            int(value) if at % 3 == 2 else round(value * size[at % 3], _DECIMALS) for at, value in enumerate(points)
        ]
        return {"keypoints": pixels, "num_keypoints": sum(visible > 0 for visible in pixels[2::3])}
