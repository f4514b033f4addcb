"""Which images of a dataset are looked at: a view, SQL, or both.

What lives here: from these to ids, and what is counted of them. What does not: the language of views and carrying it
out (``datasets.index``), the pictures (``grid_pictures``).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from workbench.datasets.index import Index
from workbench.datasets.index.browse import View
from workbench.datasets.lint import RULES
from workbench.datasets.lint.rules import unheard_of
from workbench.errors import RequestError
from workbench.sql import Limits
from workbench.widgets.state.messages import Request

_REMEMBERED: Final = 4
_SIZES_SHOWN: Final = 12
_UPPER_EDGES: Final = (0, 1, 2, 4, 8, 16, 32, 64)  # of the bins of objects in an image, the last one open
_EXAMPLE: Final = "SELECT image_id FROM objects GROUP BY image_id HAVING count(*) > 20"
Ints = NDArray[np.int64]


class Filter(Request):
    """What selects images.

    Attributes:
        where: a view, see ``datasets.index.views``; empty for all.
        sql: a SELECT whose column ``image_id`` tells images; empty for all.
    """

    where: str = ""
    sql: str = ""


class Choice:
    """Remembers what the last filters selected.

    Args:
        index: of the dataset.
    """

    def __init__(self, index: Index) -> None:
        self._index = index
        self._found: OrderedDict[tuple[str, str], Ints] = OrderedDict()

    def ids(self, wanted: Filter) -> Ints | None:
        """Return the ids of the images that a filter selects, ascending; None when that is all.

        Raises:
            RequestError: when the view or the SQL cannot be understood.
        """
        key = wanted.where.strip(), wanted.sql.strip()
        if not any(key):
            return None
        if key not in self._found:
            self._found[key] = self._select(*key)
        self._found.move_to_end(key)
        while len(self._found) > _REMEMBERED:
            self._found.popitem(last=False)
        return self._found[key]

    def view(self, wanted: Filter) -> View:
        """Return what ``Index`` counts of."""
        found = self.ids(wanted)
        return "" if found is None else found

    def _select(self, where: str, sql: str) -> Ints:
        ids: Ints = self._index.select(where).to_numpy()
        return np.intersect1d(ids, self._told(sql), assume_unique=True) if sql else ids

    def _told(self, sql: str) -> Ints:
        images = self._index.about.images
        found = self._index.query(sql, Limits(rows=max(images, 1_000_000)))
        if "image_id" not in found.column_names or not pa.types.is_integer(found["image_id"].type):
            raise RequestError(
                f"The query gives no column 'image_id', but {', '.join(found.column_names[:8]) or 'none'}.",
                "A SELECT of the ids of images.",
                f"For example: {_EXAMPLE}",
            )
        ids: Ints = np.unique(found["image_id"].drop_null().to_numpy().astype(np.int64))
        return ids[(ids >= 0) & (ids < images)]


def count_classes(index: Index, view: View) -> dict[str, Any]:
    """Return ``classes``: for each class of which there is something the images in each split, and all objects."""
    found = index.histogram(view)
    shape = len(index.classes), len(index.splits)
    images = found["images"].to_numpy().reshape(shape)
    objects = found["objects"].to_numpy().reshape(shape).sum(1)
    there = np.flatnonzero(objects).tolist()
    return {"classes": {str(cls): [images[cls].tolist(), int(objects[cls])] for cls in there}}


def count_splits(index: Index, view: View) -> dict[str, Any]:
    """Return ``splits``, their images, and what all of them have of each size, without an object, and dropped."""
    rows = index.summary(view).to_pylist()
    columns = ("objects", "small", "medium", "large", "background", "dropped")
    return {
        "splits": {row["split"]: row["images"] for row in rows},
        **{name: sum(row[name] or 0 for row in rows) for name in columns},
    }


def count_sizes(index: Index, view: View) -> dict[str, Any]:
    """Return the commonest ``sizes`` of images, [width, height, images], and how many ``more`` sizes there are."""
    found = index.sizes(view).group_by(["width", "height"]).aggregate([("images", "sum")])
    rows = found.sort_by([("images_sum", "descending"), ("width", "ascending"), ("height", "ascending")])
    shown = [[row["width"], row["height"], row["images_sum"]] for row in rows.slice(0, _SIZES_SHOWN).to_pylist()]
    return {"sizes": shown, "more": max(len(rows) - len(shown), 0)}


def count_objects(index: Index, view: View) -> dict[str, Any]:
    """Return ``bins`` of objects in an image: [fewest, most or null, images]."""
    found = index.object_counts(view)
    objects, images = found["objects"].fill_null(0).to_numpy(), found["images"].to_numpy()
    edges: list[int | None] = [*_UPPER_EDGES, None]
    bins, low = [], 0
    for high in edges:
        inside = (objects >= low) & (objects <= (high if high is not None else np.inf))
        bins.append([low, high, int(images[inside].sum())])
        low = (high or 0) + 1
    return {"bins": bins}


def count_issues(index: Index, view: View) -> dict[str, Any]:
    """Return ``rules`` that found something, those that block a training first; titles in both languages."""
    counted = {row["rule"]: row for row in index.issue_counts(view).to_pylist()}
    order = {rule: place for place, rule in enumerate(RULES)}
    names = sorted(counted, key=lambda name: (order.get(name, len(order)), name))
    return {"rules": [_rule(name, counted[name]) for name in names]}


def _rule(name: str, counted: dict[str, Any]) -> dict[str, Any]:
    rule = RULES.get(name) or unheard_of(name)
    texts = {part: getattr(rule, part)._asdict() for part in ("title", "behaviour", "advice")}
    return {**counted, "severity": rule.severity, **texts}
