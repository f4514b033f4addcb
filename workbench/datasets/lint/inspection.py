"""The looking over a whole dataset: ``check``.

What lives here: the order of the rules and what becomes of issues that others found. What does not: the rules
(``boxes``, ``pictures``, ``classes``, ``splits``), reading (``formats``), near duplicates and groups (``similar``).
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workbench.datasets.content import ISSUES, Content
from workbench.datasets.lint import boxes, classes, pictures, splits
from workbench.datasets.lint.catalogue import RULES
from workbench.datasets.lint.findings import Mask
from workbench.datasets.lint.report import Report

_IMGSZ = 640


def check(content: Content, found: pa.Table | None = None, *, imgsz: int = _IMGSZ) -> Report:
    """Look over a dataset: what its readers met, and what only the whole of its tables shows.

    No file is opened. Checking what was checked before gives the same report: what lint finds itself is found anew.

    Args:
        content: what was read and probed.
        found: more issues, schema ``ISSUES``, such as those of ``similar``.
        imgsz: longer side of an image in training, pixels: what is tiny depends on it.
    """
    told = content.issues if found is None else pa.concat_tables([content.issues, found])
    told = _of_others(told)
    kept = keeps(content, told)
    counts = classes.count(content, kept)
    tables = [*boxes.findings(content, imgsz), *pictures.findings(content), *classes.findings(content, counts)]
    tables += splits.findings(content, counts, kept)
    if not _tells(told, "leak-exact", "duplicate-exact"):
        tables += splits.repeats(content)
    own = pa.concat_tables([ISSUES.empty_table(), *tables])
    if _tells(told, "yaml-name-twice"):
        own = own.filter(pc.not_equal(own["rule"], "class-name-twice"))
    return Report.of(content, pa.concat_tables([told, _new(own, told)]), kept)


def keeps(content: Content, issues: pa.Table) -> Mask:
    """Return whether training keeps each image; shape (images,)."""
    effect = pc.fill_null(content.images["effect"], "keep")
    dropped: Mask = pc.equal(effect, "drop").to_numpy(zero_copy_only=False).copy()
    faulty = issues.filter(pc.equal(issues["effect"], "drop"))["image_id"].drop_null().to_numpy()
    dropped[faulty] = True
    return ~dropped


def _of_others(issues: pa.Table) -> pa.Table:
    """Leave out what lint itself said of an earlier state."""
    own = pa.array([rule.id for rule in RULES.values() if rule.origin == "lint"])
    return issues.filter(pc.invert(pc.is_in(issues["rule"], own)))


def _tells(issues: pa.Table, *rules: str) -> bool:
    return bool(pc.any(pc.is_in(issues["rule"], pa.array(rules))).as_py())


def _new(own: pa.Table, told: pa.Table) -> pa.Table:
    """Leave out what is said twice, of one image or object by one rule."""
    keys = ["rule", "image_id", "object_id"]
    told = told.filter(pc.is_in(told["rule"], pc.unique(own["rule"]))).select(keys)
    both = pa.concat_tables([told, own.select(keys)])
    both = both.append_column("row", pa.array(np.arange(both.num_rows)))
    single = both.filter(pc.is_null(both["image_id"]))["row"].to_numpy()
    pairs = both.filter(pc.is_valid(both["image_id"])).group_by(keys, use_threads=False)
    rows = np.concatenate([single, pairs.aggregate([("row", "min")])["row_min"].to_numpy()])
    return own.take(pa.array(np.sort(rows[rows >= told.num_rows]) - told.num_rows))
