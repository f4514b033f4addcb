"""Label files as ultralytics reads them, written from columns.

What lives here: the rows of each task, and what they cannot say. What does not: where the files go (``write_yolo``, the
tree of a snapshot), how a label file is read (``yolo``).

A row holds fractions with 9 digits: more than ultralytics' float32 can tell apart. Labels that were not written for
YOLO are fitted to it: a shape is cut off at the border of the image, because ultralytics drops the whole image when
one leaves it, and one without any area inside is left out. Crowd regions are left out: YOLO has no regions to ignore.

    task            kind of the object and what becomes of it
    detect          any: its box
    segment         polygon: its rings joined to one; rle: its outlines; box, obb, pose: the rectangle of the box
    semantic        as segment
    pose            pose: as many key points as ``kpt_shape`` has; others: their box with no point marked
    obb             obb, polygon of four corners: these; other outlines: the smallest rotated box; others: the box
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from workbench.datasets.content import Content
from workbench.datasets.formats import shapes
from workbench.datasets.formats.draft import Tally

Row = dict[str, Any]
Values = list[Any]  # the class, an int, then fractions
_FITTED = frozenset({"yolo", "classes", "ndjson"})  # formats whose labels are written as they were read
_COLUMNS = ["image_id", "cls", "kind", "cx", "cy", "w", "h", "rings", "rle", "keypoints", "crowd"]
_BATCH = 20_000


def rows(content: Content, tally: Tally | None = None) -> Iterator[tuple[int, str]]:
    """Yield the label file of each image, in the order of the images.

    An image without objects gets an empty text; if it was read from YOLO and has no label file, it gets none.

    Args:
        content: objects of any kinds; ``task`` and ``options['kpt_shape']`` say what is written.
        tally: takes what a row cannot hold.

    Yields:
        ``image_id`` and the text, one line an object.
    """
    if content.task in ("classify", "depth") or "masks_dir" in content.options:
        return
    labelled = content.images["label"].is_valid().to_pylist() if content.format == "yolo" else None
    by_image = groupby(values(content, tally or Tally()), key=itemgetter(0))
    waiting = next(by_image, None)
    for image_id in range(len(content.images)):
        if waiting is not None and waiting[0] == image_id:
            yield image_id, "".join([_line(row) for _, row in waiting[1]])
            waiting = next(by_image, None)
        elif labelled is None or labelled[image_id]:
            yield image_id, ""


def values(content: Content, tally: Tally) -> Iterator[tuple[int, Values]]:
    """Yield the row of each object that has one, in the order of the objects.

    Args:
        content: as for ``rows``.
        tally: takes what a row cannot hold.

    Yields:
        ``image_id``, and the class with the fractions after it.
    """
    writer = _Writer(content, tally)
    for batch in content.objects.select(_COLUMNS).to_batches(max_chunksize=_BATCH):
        for image_id, row in writer.rows(batch):
            if row is not None:
                yield image_id, row


@dataclass
class _Writer:
    content: Content
    tally: Tally

    def __post_init__(self) -> None:
        images = self.content.images
        self.paths = images["path"]
        self.widths = images["width"].fill_null(0).to_numpy()
        self.heights = images["height"].fill_null(0).to_numpy()
        self.mask_sizes = mask_sizes(self.content)
        self.fits = self.content.format not in _FITTED
        self.points, self.values = self.content.options.get("kpt_shape", (0, 3))
        self.task = "segment" if self.content.task == "semantic" else self.content.task

    def rows(self, batch: pa.RecordBatch) -> Iterator[tuple[int, Values | None]]:
        """Yield the row of each object, None where it has none."""
        if self.task == "detect":
            yield from self._boxes(batch)
            return
        made: Callable[[Row], list[float] | None]
        made = {"segment": self._segment, "pose": self._pose, "obb": self._obb}[self.task]
        for row in batch.to_pylist():
            places = None if self._crowd(row["crowd"], row["image_id"]) else made(row)
            yield row["image_id"], None if places is None else [row["cls"], *places]

    def _crowd(self, crowd: bool | None, image_id: int) -> bool:
        if crowd:
            self._lose("crowd regions", image_id)
        return bool(crowd)

    def _lose(self, what: str, image_id: int) -> None:
        self.tally.add(what, str(self.paths[image_id].as_py()))

    def _boxes(self, batch: pa.RecordBatch) -> Iterator[tuple[int, Values | None]]:
        boxes = np.stack([batch[name].to_numpy() for name in ("cx", "cy", "w", "h")], axis=1)
        cut, left_out = self._cut(boxes)
        columns = (batch[name].to_pylist() for name in ("image_id", "cls", "kind", "crowd"))
        for image_id, cls, kind, crowd, box, odd, gone in zip(*columns, cut.tolist(), *left_out, strict=True):
            if self._crowd(crowd, image_id) or self._out(image_id, odd=odd, gone=gone):
                yield image_id, None
                continue
            if kind in _MORE:
                self._lose(_MORE[kind], image_id)
            yield image_id, [cls, *box]

    def _cut(self, boxes: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], tuple[list[bool], list[bool]]]:
        """Return boxes cut off at the border, which ones that changed, and which have no area left."""
        if not self.fits:
            same = [False] * len(boxes)
            return boxes, (same, same)
        low = np.clip(boxes[:, :2] - boxes[:, 2:] / 2, 0, 1)
        high = np.clip(boxes[:, :2] + boxes[:, 2:] / 2, 0, 1)
        cut = np.concatenate(((low + high) / 2, high - low), axis=1)
        odd = np.abs(cut - boxes).max(axis=1, initial=0) > 1e-9
        # A box inside stays as it was read, to the last digit
        return np.where(odd[:, None], cut, boxes), (odd.tolist(), (cut[:, 2:].min(axis=1, initial=1) <= 0).tolist())

    def _out(self, image_id: int, *, odd: bool, gone: bool) -> bool:
        if gone:
            self._lose("objects without area inside the image", image_id)
        elif odd:
            self._lose("parts of objects outside the image", image_id)
        return gone

    def _box(self, row: Row) -> list[float] | None:
        """Return the box of an object, None when nothing of it is inside the image."""
        cut, (odd, gone) = self._cut(np.array([[row["cx"], row["cy"], row["w"], row["h"]]]))
        found: list[float] = cut[0].tolist()
        return None if self._out(row["image_id"], odd=odd[0], gone=gone[0]) else found

    def _segment(self, row: Row) -> list[float] | None:
        rings = self._rings(row)
        if rings is None:
            box = self._box(row)
            if box is None:
                return None
            self._lose("boxes, written as rectangles", row["image_id"])
            return _corners(box)
        if row["keypoints"]:
            self._lose("key points", row["image_id"])
        whole = shapes.joined(rings) if len(rings) > 1 else rings[0]
        return self._inside(whole, row["image_id"])

    def _inside(self, ring: list[float], image_id: int) -> list[float] | None:
        if not self.fits:
            return ring
        inside = [min(max(value, 0.0), 1.0) for value in ring]
        left, top, right, bottom = shapes.extent([inside])
        gone = right <= left or bottom <= top
        return None if self._out(image_id, odd=inside != ring, gone=gone) else inside

    def _rings(self, row: Row) -> list[list[float]] | None:
        if row["rings"]:
            rings: list[list[float]] = row["rings"]
            return rings
        if row["rle"] is None:
            return None
        width, height = self.mask_sizes[row["image_id"]]
        try:
            shapes.check_rle(row["rle"], width, height)
        except shapes.ShapeError:
            self._lose("masks of another size than their image", row["image_id"])
            return None
        outlines, holes = shapes.contours(shapes.decode(row["rle"], width, height))
        if holes:
            self._lose("holes of masks", row["image_id"])
        frame = shapes.Frame(width, height)
        return frame.polygon(outlines).rings if outlines else None

    def _pose(self, row: Row) -> list[float] | None:
        box = self._box(row)
        if box is None:
            return None
        if row["rings"] or row["rle"]:
            self._lose("outlines of objects with key points", row["image_id"])
        marked = list(row["keypoints"] or ())
        if len(marked) > 3 * self.points:
            self._lose("key points beyond those of kpt_shape", row["image_id"])
        marked = (marked + [0.0] * (3 * self.points))[: 3 * self.points]
        placed = [value for at in range(0, len(marked), 3) for value in self._point(marked[at : at + 3])]
        return [*box, *placed]

    def _point(self, point: list[float]) -> list[float]:
        x, y, visible = point
        if self.fits and not (visible and 0 <= x <= 1 and 0 <= y <= 1):
            x, y, visible = 0.0, 0.0, 0.0
        return [x, y, visible][: self.values]

    def _obb(self, row: Row) -> list[float] | None:
        whole = row["rings"] or []
        # Formats without rotated boxes keep their corners as a polygon
        if row["kind"] == "obb" or (len(whole) == 1 and len(whole[0]) == 8):
            return self._rotated(row, whole[0])
        rings = self._rings(row)
        if rings is None:
            box = self._box(row)
            return _corners(box) if box else None
        self._lose("outlines, written as rotated boxes", row["image_id"])
        width, height = int(self.widths[row["image_id"]]) or 1, int(self.heights[row["image_id"]]) or 1
        pixels = [value * (height if at % 2 else width) for ring in rings for at, value in enumerate(ring)]
        corners = shapes.smallest_rotated(pixels)
        return self._rotated(row, [value / (height if at % 2 else width) for at, value in enumerate(corners)])

    def _rotated(self, row: Row, corners: list[float]) -> list[float] | None:
        """Return the row of four corners. Cut off, they would be no rectangle: only where ultralytics asks for it."""
        left, top, right, bottom = shapes.extent([corners])
        across, down = right - left, bottom - top
        centred = (
            0 <= left + across / 2 <= 1 and 0 <= top + down / 2 <= 1 and 0 < min(across, down) <= max(across, down) <= 1
        )
        return corners if centred else self._inside(corners, row["image_id"])


_MORE = {
    "polygon": "outlines, written as boxes",
    "rle": "outlines, written as boxes",
    "obb": "rotations of boxes",
    "pose": "key points",
    "class": "classes of whole images",
}


def mask_sizes(content: Content) -> dict[int, tuple[int, int]]:
    """Return width and height that the run lengths are of, by image, for the images with such masks.

    The source's own size is kept in the image's attributes; the file may turn out to have another one.
    """
    import orjson

    masked = pc.unique(content.objects.filter(pc.is_valid(content.objects["rle"]))["image_id"])
    rows = content.images.select(["width", "height", "attributes"]).take(masked).to_pylist()
    found = {}
    for image_id, row in zip(masked.to_pylist(), rows, strict=True):
        width, height = orjson.loads(row["attributes"] or b"{}").get("size") or (row["width"] or 0, row["height"] or 0)
        found[image_id] = (int(width), int(height))
    return found


def _line(row: Values) -> str:
    return " ".join([str(row[0]), *[f"{value:.9g}" for value in row[1:]]]) + "\n"


def _corners(box: list[float]) -> list[float]:
    (left, right), (top, bottom) = (
        (centre - size / 2, centre + size / 2) for centre, size in zip(box[:2], box[2:], strict=True)
    )
    return [left, top, right, top, right, bottom, left, bottom]
