"""What is odd about single boxes: their size, their place, and whether another says the same.

What lives here: rules over the columns of ``objects``. What does not: rows that a reader refused, which are not there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from workbench.datasets.content import Content
from workbench.datasets.lint.findings import Mask, Rows, about_objects, column, words

_TINY_PX = 2.0  # ultralytics' augmentation keeps no box below it
_HUGE = 0.95  # share of the image
_ALIKE = 0.95  # intersection over union
_SLACK = 0.001  # of an image of unknown size
_COMPARED_AT_MOST = 32  # comparisons an object, all in all: ten thousand boxes on one spot must not stop the house

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Boxes:
    """The boxes of a dataset, and the rows of ``objects`` that they are."""

    rows: Rows
    image: Rows
    cls: npt.NDArray[np.int32]
    cx: Floats
    cy: Floats
    w: Floats
    h: Floats
    width: Floats  # pixels of the image, 0 when unknown
    height: Floats


def findings(content: Content, imgsz: int) -> Iterator[pa.Table]:
    """Yield the issues of boxes, a table a rule.

    Args:
        content: what was read.
        imgsz: longer side of an image in training, pixels: what is tiny depends on it.
    """
    boxes = _boxes(content)
    if len(boxes.rows):
        with np.errstate(invalid="ignore", over="ignore"):  # ultralytics keeps a pose whose box is infinite
            yield from _of_boxes(content, boxes, imgsz)


def _of_boxes(content: Content, boxes: _Boxes, imgsz: int) -> Iterator[pa.Table]:
    zero = (boxes.w <= 0) | (boxes.h <= 0)
    yield about_objects(content, "box-zero", boxes.rows[zero], words(boxes.w[zero], " x ", boxes.h[zero]))
    yield _tiny(content, boxes, imgsz, ~zero)
    huge = boxes.w * boxes.h >= _HUGE
    share = np.rint(100 * (boxes.w * boxes.h)[huge])
    yield about_objects(content, "box-huge", boxes.rows[huge], words(share, " % of the image"))
    yield _outside(content, boxes)
    yield _near_twice(content, boxes, ~zero)


def _boxes(content: Content) -> _Boxes:
    objects = content.objects
    placed = pc.and_(pc.is_valid(objects["w"]), pc.not_equal(pc.fill_null(objects["kind"], ""), "class"))
    placed = pc.and_(placed, pc.invert(pc.fill_null(objects["crowd"], False)))
    rows = np.flatnonzero(placed.to_numpy(zero_copy_only=False))
    image = column(objects, "image_id", 0)[rows]
    width, height = (column(content.images, name, 0).astype(np.float64) for name in ("width", "height"))
    cx, cy, w, h = (column(objects, name, np.nan)[rows] for name in ("cx", "cy", "w", "h"))
    return _Boxes(rows, image, column(objects, "cls", -1)[rows], cx, cy, w, h, width[image], height[image])


def _tiny(content: Content, boxes: _Boxes, imgsz: int, sized: Mask) -> pa.Table:
    longer = np.maximum(boxes.width, boxes.height)
    known = longer > 0
    scale = np.where(known, imgsz / np.where(known, longer, 1), imgsz)
    wide = boxes.w * np.where(known, boxes.width, 1) * scale
    high = boxes.h * np.where(known, boxes.height, 1) * scale
    tiny = sized & (np.minimum(wide, high) < _TINY_PX)
    detail = words(wide[tiny], " x ", high[tiny], f" pixels at imgsz {imgsz}")
    return about_objects(content, "box-tiny", boxes.rows[tiny], detail)


def _outside(content: Content, boxes: _Boxes) -> pa.Table:
    """Say how far boxes leave the image, when it is more than a pixel: less is rounding."""
    slack_x = np.where(boxes.width > 0, 1 / np.maximum(boxes.width, 1), _SLACK)
    slack_y = np.where(boxes.height > 0, 1 / np.maximum(boxes.height, 1), _SLACK)
    over_x = np.maximum(boxes.w / 2 - boxes.cx, boxes.cx + boxes.w / 2 - 1)
    over_y = np.maximum(boxes.h / 2 - boxes.cy, boxes.cy + boxes.h / 2 - 1)
    out = (over_x > slack_x) | (over_y > slack_y)
    by = np.maximum(over_x, over_y)[out]
    return about_objects(content, "box-outside", boxes.rows[out], words("by ", by, " of the image"))


def _near_twice(content: Content, boxes: _Boxes, sized: Mask) -> pa.Table:
    """Find boxes that overlap an earlier one of their class by ``_ALIKE`` or more.

    Sorted by image, class and place, such a pair stands close together: each box is compared with the next one, then
    with the one after, as long as their centres are near enough for that overlap.
    """
    at = np.flatnonzero(sized)
    at = at[np.lexsort((boxes.cx[at], boxes.cls[at], boxes.image[at]))]
    image, cls, cx = boxes.image[at], boxes.cls[at], boxes.cx[at]
    reach = boxes.w[at] * (1 - _ALIKE) / (2 * _ALIKE) + 1e-12  # farther centres cannot overlap that much
    twin = np.full(len(boxes.rows), -1, np.int64)
    active, left = np.arange(len(at)), _COMPARED_AT_MOST * len(at) + 1_000_000
    for step in range(1, len(at)):
        active = active[active < len(at) - step]
        left -= len(active)
        other = active + step
        near = (image[active] == image[other]) & (cls[active] == cls[other]) & (cx[other] - cx[active] <= reach[active])
        active = active[near]
        if not len(active) or left < 0:
            break
        one, two = at[active], at[active + step]
        alike = _overlap(boxes, one, two) >= _ALIKE
        twin[np.maximum(one, two)[alike]] = np.minimum(one, two)[alike]  # the later one is the odd one
    return _pairs(content, boxes, twin)


def _overlap(boxes: _Boxes, one: Rows, two: Rows) -> Floats:
    """Return the intersection over union of pairs of boxes."""
    shared = np.ones(len(one))
    for centre, size in ((boxes.cx, boxes.w), (boxes.cy, boxes.h)):
        left = np.maximum(centre[one] - size[one] / 2, centre[two] - size[two] / 2)
        right = np.minimum(centre[one] + size[one] / 2, centre[two] + size[two] / 2)
        shared *= np.maximum(right - left, 0)
    union: Floats = boxes.w[one] * boxes.h[one] + boxes.w[two] * boxes.h[two] - shared
    return shared / np.maximum(union, 1e-300)


def _pairs(content: Content, boxes: _Boxes, twin: Rows) -> pa.Table:
    later = np.flatnonzero(twin >= 0)
    earlier = twin[later]
    percent = np.floor(100 * _overlap(boxes, later, earlier)).astype(np.int64)
    line = column(content.objects, "line", 0)[boxes.rows[earlier]]
    first = column(content.objects, "object_id", 0)[boxes.rows[earlier]]
    where = pc.if_else(pa.array(line > 0), words(" line ", line), words(" object ", first))
    detail = words("overlaps that of", where, " by ", percent, " %")
    return about_objects(content, "box-near-twice", boxes.rows[later], detail)
