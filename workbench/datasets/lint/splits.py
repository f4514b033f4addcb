"""What is odd about the splits: missing, empty, without labels or classes, or sharing images.

What lives here: rules that compare splits. What does not: near duplicates and groups (``similar``), making splits.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from workbench.datasets.content import Content
from workbench.datasets.lint.classes import Counts, countable
from workbench.datasets.lint.findings import Mask, Rows, about_all, about_images, words

_NEEDED = ("train", "val")


def findings(content: Content, counts: Counts, kept: Mask) -> Iterator[pa.Table]:
    """Yield the issues of splits, a table a rule.

    Args:
        content: what was read.
        counts: of ``classes.count``.
        kept: whether training keeps the image; shape (images,).
    """
    split = pc.fill_null(content.images["split"], "").combine_chunks()
    yield about_all("split-missing", [_missing(name, content) for name in _NEEDED if name not in content.counts])
    there = [name for name in ("train", "val", "test") if name in content.counts]
    left = {name: int(kept[pc.equal(split, name).to_numpy(zero_copy_only=False)].sum()) for name in there}
    yield about_all(
        "split-empty",
        [f"all {content.counts[name]:,} images of {name} are dropped" for name in there if not left[name]],
    )
    if countable(content):
        bare = [name for name in there if name in _NEEDED and left[name] and not counts[name].any()]
        yield about_all("split-unlabelled", [f"{left[name]:,} images of {name}, no object" for name in bare])
        yield _one_sided(content, counts)


def _missing(name: str, content: Content) -> str:
    found = ", ".join(f"{split or 'in no split'} {count:,}" for split, count in content.counts.items())
    return f"no images in {name} ({found or 'none at all'})"


def _one_sided(content: Content, counts: Counts) -> pa.Table:
    names = content.classes["name"].to_pylist()
    train, val = counts.get("train"), counts.get("val")
    if train is None or val is None or not train.any() or not val.any():
        return about_all("split-class-missing", [])
    unseen = np.flatnonzero((train == 0) & (val > 0))
    unmeasured = np.flatnonzero((train > 0) & (val == 0))
    return about_all(
        "split-class-missing",
        [f"'{names[at]}' (class {at}) is in val, {val[at]:,} objects, but not in train" for at in unseen]
        + [f"'{names[at]}' (class {at}) is in train, {train[at]:,} objects, but not in val" for at in unmeasured],
    )


def repeats(content: Content) -> Iterator[pa.Table]:
    """Yield the images that have the bytes of an earlier one, in another split or in their own."""
    for name in ("sha256", "file"):  # a file in two splits needs no hash
        code = _codes(content.images[name])
        yield from _repeats(content, code)


def _codes(values: pa.ChunkedArray) -> Rows:
    coded = values.combine_chunks().dictionary_encode()
    found: npt.NDArray[np.int64] = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return found


def _repeats(content: Content, code: Rows) -> Iterator[pa.Table]:
    rows = np.flatnonzero(code >= 0)
    rows = rows[np.argsort(code[rows], kind="stable")]
    start = np.r_[True, code[rows][1:] != code[rows][:-1]] if len(rows) else np.zeros(0, bool)
    first = rows[np.maximum.accumulate(np.where(start, np.arange(len(rows)), 0))]
    later, first = rows[~start], first[~start]
    split = _codes(content.images["split"])
    apart = split[later] != split[first]
    path = content.images["path"]
    for rule, which in (("leak-exact", apart), ("duplicate-exact", ~apart)):
        twin = path.take(pa.array(first[which])).combine_chunks()
        yield about_images(content, rule, later[which], words("as ", twin))
