"""COCO's annotations, from pixels to fractions.

What lives here: the columns of ``content.OBJECTS`` made from those of ``coco_annotations.RAW``. What does not: the
reading of either.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from workbench.datasets.content import OBJECTS, table
from workbench.datasets.formats.draft import Draft

_ALL = {"image": "images", "category": "categories"}

Floats = npt.NDArray[np.float64]


class Scale:
    """What the annotations of one file are joined with.

    Args:
        draft: its images, whose sizes are known by now as far as they ever are; takes the issues.
        name: of the file, for the issues.
        images: row of the draft by image id.
        classes: class by category id.
    """

    def __init__(self, draft: Draft, name: str, images: dict[str, int], classes: dict[str, int]) -> None:
        self.draft, self.name, self.images, self.classes = draft, name, images, classes
        columns = draft.images.columns
        # The 0 at the end is what row -1, no image, takes
        self.sizes = np.array([[*columns["width"], 0], [*columns["height"], 0]], np.float64)

    def objects(self, raw: pa.Table) -> pa.Table:
        """Return the annotations that have an image of known size and a class; the others become issues."""
        image, cls = _rows(raw["image"], self.images), _rows(raw["category"], self.classes)
        columns = self.draft.images.columns
        widths, heights = (
            np.array(columns["width"] + [0], float)[image],
            np.array(columns["height"] + [0], float)[image],
        )
        self._tell("label-orphan", raw, image, image < 0, "image")
        self._tell("label-class-unknown", raw, image, (image >= 0) & (cls < 0), "category")
        unsized = (image >= 0) & (cls >= 0) & (widths == 0) & pc.not_equal(raw["kind"], "class").to_numpy()
        self.draft.tally.add("objects of images whose size is unknown", self.name, int(unsized.sum()))
        kept = (image >= 0) & (cls >= 0) & ~unsized
        rows = raw.filter(pa.array(kept)).combine_chunks()
        image, cls, widths, heights = image[kept], cls[kept], widths[kept], heights[kept]
        rows = self._matching_masks(rows, image, widths, heights)
        return _scaled(rows, image, cls, np.maximum(widths, 1), np.maximum(heights, 1))

    def _tell(self, rule: str, raw: pa.Table, image: Any, wrong: Any, what: str) -> None:
        for row in np.flatnonzero(wrong).tolist():
            named = f"annotation {raw['id'][row].as_py()}: {what}_id {raw[what][row].as_py()}"
            detail = f"{named} is not among the {_ALL[what]}"
            owner = int(image[row]) if image[row] >= 0 else None
            self.draft.issue(rule, owner, detail, path=self.name)

    def _matching_masks(self, rows: pa.Table, image: Any, widths: Floats, heights: Floats) -> pa.Table:
        """Take away masks of another size than their image: nobody can tell where they lie."""
        across = pc.fill_null(rows["rle_width"], -1).to_numpy()
        down = pc.fill_null(rows["rle_height"], -1).to_numpy()
        wrong = (across >= 0) & ((across != widths) | (down != heights))
        if not wrong.any():
            return rows
        for row in np.flatnonzero(wrong).tolist():
            size = f"{across[row]}x{down[row]} on an image of {int(widths[row])}x{int(heights[row])}"
            detail = f"annotation {rows['id'][row].as_py()}: a mask of {size}"
            self.draft.issue("label-mask", int(image[row]), detail, path=self.name)
        gone = pa.array(wrong)
        columns = {
            "rle": pc.if_else(gone, pa.scalar(None, pa.string()), rows["rle"]),
            "kind": pc.if_else(gone, "box", rows["kind"]),
        }
        for name, values in columns.items():
            rows = rows.set_column(rows.schema.get_field_index(name), name, values)
        return rows


def _rows(wanted: pa.ChunkedArray, known: dict[str, int]) -> npt.NDArray[np.int64]:
    """Return what ``known`` has for each of ``wanted``, -1 for nothing."""
    if not known:
        return np.full(len(wanted), -1, np.int64)
    at = pc.index_in(wanted.combine_chunks(), value_set=pa.array(list(known), pa.string()))
    found = pc.take(pa.array(list(known.values()), pa.int64()), at)
    rows: npt.NDArray[np.int64] = pc.fill_null(found, -1).to_numpy(zero_copy_only=False)
    return rows


def _scaled(rows: pa.Table, image: Any, cls: Any, widths: Floats, heights: Floats) -> pa.Table:
    left, top, w, h = (pc.fill_null(pc.fill_null(rows[name], 0), 0).to_numpy() for name in ("left", "top", "w", "h"))
    bare = np.isnan(left)
    left, top, w, h = (np.where(bare, 0.0, values) for values in (left, top, w, h))
    return table(
        OBJECTS,
        {
            "image_id": image,
            "object_id": np.zeros(len(image), np.int64),
            "cls": pa.array(cls, pa.int32()),
            "kind": rows["kind"],
            "cx": (left + w / 2) / widths,
            "cy": (top + h / 2) / heights,
            "w": w / widths,
            "h": h / heights,
            "area": rows["area"],
            "rings": scaled_rings(rows["rings"].combine_chunks(), widths, heights),
            "rle": rows["rle"],
            "keypoints": scaled_keypoints(rows["keypoints"].combine_chunks(), widths, heights),
            "crowd": rows["crowd"],
            "line": pa.array(np.zeros(len(image), np.int32)),
            "source_id": rows["id"],
            "attributes": rows["attributes"],
        },
    )


def scaled_rings(rings: pa.Array, widths: Floats, heights: Floats) -> pa.Array:
    """Divide polygons by the size of their image; ``rings`` is a list of lists of pairs x y for each object."""
    inner = rings.flatten()
    values = inner.flatten().to_numpy().copy()
    outer_ends, inner_ends = _offsets(rings), _offsets(inner)
    counts = np.diff(inner_ends[outer_ends]) // 2
    values[0::2] /= np.repeat(widths, counts)
    values[1::2] /= np.repeat(heights, counts)
    scaled = pa.ListArray.from_arrays(pa.array(inner_ends, pa.int32()), pa.array(values))
    return pa.ListArray.from_arrays(pa.array(outer_ends, pa.int32()), scaled, mask=rings.is_null())


def scaled_keypoints(points: pa.Array, widths: Floats, heights: Floats) -> pa.Array:
    """Divide key points x y v by the size of their image."""
    values = points.flatten().to_numpy().copy()
    ends = _offsets(points)
    counts = np.diff(ends) // 3
    values[0::3] /= np.repeat(widths, counts)
    values[1::3] /= np.repeat(heights, counts)
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), pa.array(values), mask=points.is_null())


def _offsets(lists: pa.Array) -> npt.NDArray[np.int64]:
    """Return where each list starts in ``lists.flatten()``, and where the last one ends; a null is an empty one."""
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    return np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
