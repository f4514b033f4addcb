"""What is odd about the classes: unused, rare, or named alike; and shapes that the task cannot use.

What lives here: rules over counts of objects by split and class. What does not: class ids that are no class, which
readers refuse.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from workbench.datasets.content import Content
from workbench.datasets.lint.findings import Mask, about_all, column

_RARE = 100  # times fewer than the most frequent class
_SHAPES = {"segment": ("polygon", "rle"), "obb": ("obb", "polygon", "rle"), "semantic": ("polygon", "rle")}

Counts = dict[str, npt.NDArray[np.int64]]


def countable(content: Content) -> bool:
    """Return whether the dataset counts objects: masks and depth maps do not."""
    return content.task != "depth" and not (content.task == "semantic" and "masks_dir" in content.options)


def count(content: Content, kept: Mask) -> Counts:
    """Count the objects of kept images by split and class; crowd regions are never trained on.

    Args:
        content: what was read.
        kept: whether training keeps the image; shape (images,).

    Returns:
        An array by split, shape (classes,).
    """
    classes = content.classes.num_rows
    image, cls = column(content.objects, "image_id", 0), column(content.objects, "cls", -1)
    crowd = content.objects["crowd"].combine_chunks().fill_null(False).to_numpy(zero_copy_only=False)
    fine = kept[image] & (cls >= 0) & (cls < classes) & ~crowd
    coded = content.images["split"].combine_chunks().fill_null("").dictionary_encode()
    split = coded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    names = coded.dictionary.to_pylist()
    flat = np.bincount(split[image[fine]] * classes + cls[fine], minlength=len(names) * classes)
    return {str(name): flat[at * classes : (at + 1) * classes] for at, name in enumerate(names)}


def findings(content: Content, counts: Counts) -> Iterator[pa.Table]:
    """Yield the issues of classes, a table a rule.

    Args:
        content: what was read.
        counts: of ``count``.
    """
    names = [str(name) for name in content.classes["name"].to_pylist()]
    yield _named_alike(names)
    if not names or not countable(content) or not content.objects.num_rows:
        return
    total = np.sum(list(counts.values()), axis=0)
    yield about_all("class-unused", [f"'{names[at]}' (class {at}) has no object" for at in np.flatnonzero(total == 0)])
    train = counts.get("train", total)
    yield _rare(names, train if train.any() else total)
    yield _shapes(content)


def _named_alike(names: list[str]) -> pa.Table:
    by_name: dict[str, list[int]] = {}
    for at, name in enumerate(names):
        by_name.setdefault(name.strip().casefold(), []).append(at)
    alike = [ids for ids in by_name.values() if len(ids) > 1]
    return about_all("class-name-twice", [_ids(ids, names) for ids in alike])


def _ids(ids: list[int], names: list[str]) -> str:
    more = f" and {len(ids) - 10} more" if len(ids) > 10 else ""
    return "classes " + ", ".join(f"{at} '{names[at]}'" for at in ids[:10]) + more


def _rare(names: list[str], counts: npt.NDArray[np.int64]) -> pa.Table:
    top = int(counts.argmax())
    rare = np.flatnonzero((counts > 0) & (counts * _RARE < counts[top]))
    most = f"'{names[top]}' has {counts[top]:,}"
    return about_all("class-imbalance", [f"'{names[at]}' has {counts[at]:,} objects, {most}" for at in rare])


def _shapes(content: Content) -> pa.Table:
    """Compare boxes with shapes, split by split: ultralytics takes one split's labels for one kind.

    Labels of other formats are written anew for YOLO, all of one kind.
    """
    if content.format != "yolo":
        return about_all("task-shapes", [])
    wanted = _SHAPES.get(content.task)
    kinds = pa.table(
        {
            "split": content.images["split"].take(content.objects["image_id"]),
            "box": pc.equal(pc.fill_null(content.objects["kind"], "box"), "box"),
        }
    )
    found = kinds.group_by(["split", "box"]).aggregate([([], "count_all")]).to_pylist()
    boxes, shapes = (
        Counter({row["split"]: row["count_all"] for row in found if row["box"] is of}) for of in (True, False)
    )
    if wanted:
        return about_all("task-shapes", [f"{boxes[split]:,} boxes in {split or 'no split'}" for split in sorted(boxes)])
    mixed = sorted(split for split in boxes if shapes[split]) if content.task == "detect" else []
    return about_all(
        "task-shapes-mixed", [f"{boxes[split]:,} boxes, {shapes[split]:,} polygons in {split}" for split in mixed]
    )
