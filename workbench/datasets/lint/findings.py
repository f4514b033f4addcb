"""Rows of ``ISSUES`` made from columns.

What lives here: turning row numbers of a table into issues, with numbers in their text. What does not: what is looked
for (``boxes``, ``pictures``, ``classes``, ``splits``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from workbench.datasets.content import ISSUES, Content, Effect, table

Rows = npt.NDArray[np.int64]  # row numbers of a table
Mask = npt.NDArray[np.bool_]


def column(source: pa.Table, name: str, missing: float) -> npt.NDArray[Any]:
    """Return a column of numbers as an array, ``missing`` where it is null."""
    found: npt.NDArray[Any] = source[name].combine_chunks().fill_null(missing).to_numpy(zero_copy_only=False)
    return found


def about_objects(content: Content, rule: str, rows: Rows, detail: pa.Array, effect: Effect = "keep") -> pa.Table:
    """Return issues of the objects ``rows`` of ``content``: they point at the line of the label file.

    Args:
        content: what was read.
        rule: its id.
        rows: of ``content.objects``.
        detail: a clause each.
        effect: of each.
    """
    objects = content.objects.select(["image_id", "object_id", "line"]).take(pa.array(rows))
    images = content.images.select(["path", "label"]).take(objects["image_id"])
    line = pc.fill_null(objects["line"], 0)
    in_label = pc.and_(pc.greater(line, 0), pc.is_valid(images["label"]))
    path = pc.if_else(in_label, short(images["label"], content.root), images["path"])
    columns = {"image_id": objects["image_id"], "object_id": objects["object_id"], "path": path, "line": line}
    return _issues(rule, effect, len(rows), detail, columns)


def about_images(content: Content, rule: str, rows: Rows, detail: Any, effect: Effect = "keep") -> pa.Table:
    """Return issues of the images ``rows`` of ``content``.

    Args:
        content: what was read.
        rule: its id.
        rows: of ``content.images``.
        detail: a clause each, or one for all.
        effect: of each.
    """
    images = content.images.select(["image_id", "path"]).take(pa.array(rows))
    return _issues(rule, effect, len(rows), detail, {"image_id": images["image_id"], "path": images["path"]})


def about_all(rule: str, details: list[str], effect: Effect = "none") -> pa.Table:
    """Return issues that are of no single image, one for each of ``details``."""
    return _issues(rule, effect, len(details), pa.array(details, pa.string()), {})


def _issues(rule: str, effect: Effect, count: int, detail: Any, columns: dict[str, Any]) -> pa.Table:
    every = {
        "rule": (rule, pa.string()),
        "effect": (effect, pa.string()),
        "path": ("", pa.string()),
        "line": (0, pa.int32()),
    }
    if isinstance(detail, str):
        every["detail"] = (detail, pa.string())
    else:
        columns = {**columns, "detail": detail}
    same = {name: pa.repeat(pa.scalar(*value), count) for name, value in every.items()}
    return table(ISSUES, same | columns, count)


def short(paths: Any, root: str) -> Any:
    """Return the absolute ``paths`` relative to ``root``, where they lie below it."""
    base = root.rstrip("/") + "/"
    below = pc.starts_with(paths, base)
    return pc.if_else(below, pc.utf8_slice_codeunits(paths, len(base), None), paths)


def words(*parts: Any) -> pa.Array:
    """Join texts and arrays of numbers into one clause a row; fractions are told with four digits."""
    said = []
    for part in parts:
        if isinstance(part, str):
            said.append(part)
        elif getattr(part, "dtype", None) is not None and part.dtype.kind == "f":
            said.append(pc.cast(pc.round(pa.array(part), 4), pa.string()))
        else:
            said.append(pc.cast(part if isinstance(part, pa.Array | pa.ChunkedArray) else pa.array(part), pa.string()))
    return pc.binary_join_element_wise(*said, "")
