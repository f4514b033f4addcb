"""Datasets made from datasets: a selection, or other splits of the same images.

What lives here: what becomes of the tables. What does not: which images a view selects (``index``), which split an
image gets (``splits``), keeping the result (``registration``).
"""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from workbench.datasets.content import Content
from workbench.errors import DatasetError


def select(content: Content, image_ids: pa.Array) -> Content:
    """Return ``content`` with these images only, and what belongs to them; classes stay as they are.

    Raises:
        DatasetError: when none is left.
    """
    if not len(image_ids):
        raise DatasetError(
            "The view selects no image.",
            "A view that at least one image fits.",
            "Try it with `workbench datasets query NAME --view '…'` first.",
        )
    chosen = pc.is_in(content.images["image_id"], value_set=image_ids)
    return renumber(replace(content, images=content.images.filter(chosen)))


def with_splits(content: Content, splits: pa.Array) -> Content:
    """Return ``content`` with other splits, one for each image in the order of its table."""
    place = content.images.schema.get_field_index("split")
    images = content.images.set_column(place, content.images.schema.field(place), splits)
    return renumber(replace(content, images=images))


def renumber(content: Content) -> Content:
    """Return ``content`` with ids that are dense again, images in the order of (split, path)."""
    images = content.images.sort_by([("split", "ascending"), ("path", "ascending")])
    fresh = pa.table({"image_id": images["image_id"], "fresh": pa.array(range(images.num_rows), pa.int64())})
    images = images.set_column(0, images.schema.field(0), fresh["fresh"])
    objects = _follow(content.objects, fresh)
    place = objects.schema.get_field_index("object_id")
    numbered = pa.array(range(objects.num_rows), pa.int64())
    objects = objects.set_column(place, objects.schema.field(place), numbered)
    # What was said of single objects, and of two images, is found anew by the next check and the next look
    said = content.issues
    of_two = pc.or_(pc.starts_with(said["rule"], pattern="leak-"), pc.starts_with(said["rule"], pattern="duplicate-"))
    issues = said.filter(pc.and_(pc.is_null(said["object_id"]), pc.invert(of_two)))
    return replace(content, images=images, objects=objects, issues=_follow(issues, fresh, keep_null=True))


def _follow(table: pa.Table, fresh: pa.Table, *, keep_null: bool = False) -> pa.Table:
    """Return the rows of ``table`` whose image is still there, with its new id, in the order of the images."""
    found = pc.index_in(table["image_id"], value_set=fresh["image_id"])
    there = pc.is_valid(found)
    if keep_null:
        there = pc.or_(there, pc.is_null(table["image_id"]))
    place = table.schema.get_field_index("image_id")
    kept, ids = table.filter(there), pc.take(fresh["fresh"], found.filter(there))
    return kept.set_column(place, table.schema.field(place), ids).take(
        pc.sort_indices(pa.table({"image_id": ids}), sort_keys=[("image_id", "ascending")])
    )
