"""Looking through an index: pages, counts, histograms, SQL.

What lives here: ``Index``. What does not: the pictures of the images (``thumbs``) and what is drawn on them
(``overlays``).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import yaml
from numpy.typing import NDArray

from workbench.datasets.content import ISSUES, OBJECTS
from workbench.datasets.index import counting, sql, tables
from workbench.datasets.index.chosen import Chooser
from workbench.datasets.index.compiled import Names, compile_view
from workbench.datasets.index.generation import Generation
from workbench.datasets.index.rows import Rows
from workbench.errors import RequestError
from workbench.sql import DEFAULT, Limits

PAGE_IMAGES = (
    *(
        "image_id",
        "split",
        "path",
        "file",
        "label",
        "width",
        "height",
        "bytes",
        "mtime_ns",
        "sha256",
        "group",
        "effect",
    ),
    *("objects", "first_object"),
)
PAGE_OBJECTS = (
    *("image_id", "object_id", "cls", "kind", "cx", "cy", "w", "h", "rings", "rle", "keypoints", "crowd", "line"),
)
LIMIT_MAX = 1000
_SELECTIONS = 8
Ints = NDArray[np.int64]
View: TypeAlias = str | Ints
"""A line of text, see ``views``, or the ids of images that were chosen otherwise: ascending, each once."""


@dataclass(frozen=True)
class Page:
    """Some images that follow each other in a view.

    Attributes:
        images: the columns of ``PAGE_IMAGES``, by image_id.
        objects: all objects of these images, the columns of ``PAGE_OBJECTS``.
        issues: all issues of these images, schema ``ISSUES``.
        before: for the page before this one (``page(before=...)``); None when there is none.
        after: for the page after this one (``page(after=...)``); None when there is none.
    """

    images: pa.Table
    objects: pa.Table
    issues: pa.Table
    before: int | None = None
    after: int | None = None


class Index:
    """A dataset's index, as it is when this is made: a newer one that is published meanwhile is not seen.

    Safe for threads. To be closed; used with ``with``, it is.

    Args:
        folder: of the index.
        views: text of the views that a view may name, by name.
        rules: ids of rules that a view may name though the dataset has no issue of them.

    Raises:
        DatasetError: when there is no index.
        StorageError: when it is damaged.
    """

    def __init__(self, folder: Path, views: Mapping[str, str] | None = None, rules: Collection[str] = ()) -> None:
        self._generation = Generation(folder)
        self.about = self._generation.about
        self._views, self._rules = dict(views or {}), rules
        self._images = Rows(self._generation, tables.IMAGES_FILE, tables.INDEXED_IMAGES)
        self._objects = Rows(self._generation, tables.OBJECTS_FILE, OBJECTS)
        self._issues = Rows(self._generation, tables.ISSUES_FILE, ISSUES)
        self._marks = Rows(self._generation, tables.MARKS_FILE, tables.MARKS)
        self._database = sql.Database(self._generation)
        self._selections: OrderedDict[str, Ints] = OrderedDict()
        self._lock = threading.Lock()

    def page(self, view: View = "", *, after: int | None = None, before: int | None = None, limit: int = 100) -> Page:
        """Return the images of a view behind ``after``, or the last ones before ``before``; else the first ones.

        Args:
            view: empty for all images.
            after: an image_id, which need not be in the view.
            before: an image_id.
            limit: at most as many images, 1 to LIMIT_MAX.

        Raises:
            RequestError: when the view is wrong, or a number out of its range.
        """
        if not 1 <= limit <= LIMIT_MAX or (after is not None and before is not None):
            raise RequestError(
                f"A page of {limit} images after {after} and before {before} cannot be given.",
                f"1 to {LIMIT_MAX} images, after one or before one.",
                "Leave one of them out.",
            )
        chosen = self._chosen(view)
        total = self.about.images if chosen is None else len(chosen)
        if before is not None:
            stop = _place(chosen, before, total)
            start = max(stop - limit, 0)
        else:
            start = 0 if after is None else _place(chosen, after + 1, total)
            stop = min(start + limit, total)
        ids = np.arange(start, stop) if chosen is None else chosen[start:stop]
        return self._page(ids, (start > 0, stop < total))

    def images(self, ids: Collection[int]) -> Page:
        """Return some images, by ascending id.

        Raises:
            RequestError: when there is no such image.
        """
        wanted = np.unique(np.fromiter(ids, np.int64))
        if len(wanted) and not 0 <= wanted[0] <= wanted[-1] < self.about.images:
            raise RequestError(
                f"There is no image {wanted[-1] if wanted[0] >= 0 else wanted[0]}.",
                f"Images 0 to {self.about.images - 1}.",
                "The ids of an older index may be others: look for the path.",
            )
        return self._page(wanted, (False, False))

    def count(self, view: View = "") -> int:
        """Return how many images a view selects."""
        chosen = self._chosen(view)
        return self.about.images if chosen is None else len(chosen)

    def select(self, view: str = "") -> pa.Array:
        """Return the ids of the images that a view selects: int64, ascending."""
        chosen = self._chosen(view)
        return pa.array(np.arange(self.about.images) if chosen is None else chosen, pa.int64())

    def histogram(self, view: View = "") -> pa.Table:
        """Return how often each class occurs in each split: ``STATS`` and ``name``, without ``background`` and so on.

        A class that a split lacks has a row of zeros.
        """
        splits = self.splits
        if (chosen := self._chosen(view)) is None:
            counted = self._stored_counts(splits)
        else:
            code = np.full(self.about.images, -1, np.int16)
            code[chosen] = counting.code_splits(list(self.about.runs), splits)[chosen]
            counted = counting.class_counts(self._marks.parts(tuple(tables.MARKS.names)), code, self._shape(splits))
        classes = self.classes
        rows = {
            "split": np.tile(np.array(splits, object), len(classes)),
            "cls": np.repeat(classes["cls"].to_numpy(), len(splits)),
            "name": np.repeat(classes["name"].to_numpy(zero_copy_only=False), len(splits)),
        }
        return pa.table({**rows, **{name: column.ravel() for name, column in counted.items()}})

    def summary(self, view: View = "") -> pa.Table:
        """Return what each split has: ``STATS`` without ``cls``; ``background`` are images without an object."""
        if self._chosen(view) is None:
            whole = self._stats.filter(pc.is_null(self._stats["cls"]))
            return whole.drop_columns(["cls"])
        sums = ", ".join(f"CAST(sum({name}) AS BIGINT) AS {name}" for name in ("objects", *tables.SIZES))
        found = self._grouped(
            view,
            f"split, {sums}, count(*) AS images, count(*) FILTER (objects = 0) AS background, "
            "count(*) FILTER (effect = 'drop') AS dropped",
            "split",
        )
        return found.select([name for name in tables.STATS.names if name != "cls"])

    def sizes(self, view: View = "") -> pa.Table:
        """Return how many images have each size: ``split``, ``width``, ``height``, ``images``, the most first."""
        found = self._grouped(view, "split, width, height, count(*) AS images", "split, width, height")
        return found.sort_by([("images", "descending"), ("width", "ascending"), ("height", "ascending")])

    def object_counts(self, view: View = "") -> pa.Table:
        """Return how many images have how many objects: ``objects``, ascending, and ``images``."""
        return self._grouped(view, "objects, count(*) AS images", "objects")

    def issue_counts(self, view: View = "") -> pa.Table:
        """Return what was found by each rule: ``rule``, ``issues`` and ``images``; those of no image are of no view."""
        found = self._issues.all(("rule", "image_id"))
        if (chosen := self._chosen(view)) is not None:
            found = found.filter(pc.is_in(found["image_id"], pa.array(chosen, pa.int64())))
        counted = found.group_by("rule").aggregate([([], "count_all"), ("image_id", "count_distinct")])
        return counted.select(["rule", "count_all", "image_id_count_distinct"]).rename_columns(
            ["rule", "issues", "images"]
        )

    def issues(self) -> pa.Table:
        """Return all issues, schema ``ISSUES``: by image, those of no image first."""
        return self._issues.all(tuple(ISSUES.names))

    def query(self, statement: str, limits: Limits = DEFAULT) -> pa.Table:
        """Answer one SELECT over the tables ``images``, ``objects``, ``classes``, ``issues`` and ``stats``.

        Raises:
            RequestError: when it is no single SELECT, names what is not there, reaches outside, or takes too long.
        """
        return sql.query(self._generation, statement, limits)

    @cached_property
    def classes(self) -> pa.Table:
        """Schema ``INDEXED_CLASSES``."""
        return self._small(tables.CLASSES_FILE, tables.INDEXED_CLASSES)

    @cached_property
    def options(self) -> dict[str, Any]:
        """What else training reads of the data.yaml, e.g. ``masks_dir`` and ``label_mapping``."""
        return yaml.safe_load(self.about.options) or {}

    @property
    def splits(self) -> list[str]:
        """The names of the splits that there are, train, val and test first."""
        return sorted({split for split, _, _ in self.about.runs}, key=counting.split_order)

    def forget(self) -> None:
        """Let go of the selections that are remembered: the last views that were asked for, 8 bytes an image."""
        with self._lock:
            self._selections.clear()

    def close(self) -> None:
        """Let go of the files."""
        for rows in (self._images, self._objects, self._issues, self._marks):
            rows.close()
        self._database.close()
        self._generation.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    @cached_property
    def _stats(self) -> pa.Table:
        return self._small(tables.STATS_FILE, tables.STATS)

    @cached_property
    def _issue_images(self) -> Ints:
        """The image of every issue; the issues are sorted by it, with -1 for those of none."""
        found: Ints = self._issues.all(("image_id",))["image_id"].fill_null(-1).to_numpy()
        return found

    @cached_property
    def _chooser(self) -> Chooser:
        return Chooser(self.about, self._marks, self.classes, self._database)

    def _small(self, name: str, schema: pa.Schema) -> pa.Table:
        rows = Rows(self._generation, name, schema)
        found = rows.all(tuple(schema.names))
        rows.close()
        return found

    def _names(self) -> Names:
        classes: dict[str, tuple[int, ...]] = {}
        for cls, name in enumerate(self.classes["name"].to_pylist()):
            classes[name] = (*classes.get(name, ()), cls)
        rules = {*self._rules, *self._issues.all(("rule",))["rule"].unique().to_pylist()} if self._rules else ()
        return Names(classes, self.splits, rules, self._views)

    def _chosen(self, view: View) -> Ints | None:
        """Return the ids that a view selects; None when that is all."""
        if not isinstance(view, str):
            return view
        if not view.strip():
            return None
        with self._lock:
            if view in self._selections:
                self._selections.move_to_end(view)
                return self._selections[view]
        found = self._chooser.ids(compile_view(view, self._names()))
        with self._lock:
            self._selections[view] = found
            while len(self._selections) > _SELECTIONS:
                self._selections.popitem(last=False)
        return found

    def _page(self, ids: Ints, more: tuple[bool, bool]) -> Page:
        self._objects.open_beside()
        images = self._images.take(ids, PAGE_IMAGES)
        first, count = images["first_object"].to_numpy(), images["objects"].to_numpy()
        rows = np.repeat(first - np.cumsum(count) + count, count) + np.arange(count.sum())
        marks = self._issue_images
        begin, end = np.searchsorted(marks, ids), np.searchsorted(marks, ids, side="right")
        met = np.concatenate([np.arange(a, b) for a, b in zip(begin, end, strict=True)] or [np.empty(0, np.int64)])
        return Page(
            images=images.drop_columns(["first_object"]),
            objects=self._objects.take(rows, PAGE_OBJECTS),
            issues=self._issues.take(met.astype(np.int64), tuple(ISSUES.names)),
            before=int(ids[0]) if len(ids) and more[0] else None,
            after=int(ids[-1]) if len(ids) and more[1] else None,
        )

    def _stored_counts(self, splits: list[str]) -> dict[str, Ints]:
        rows = self._stats.filter(pc.is_valid(self._stats["cls"]))
        place = rows["cls"].to_numpy(), np.array([splits.index(split) for split in rows["split"].to_pylist()], int)
        found = {}
        for name in ("images", "objects", *tables.SIZES):
            found[name] = np.zeros(self._shape(splits), np.int64)
            found[name][place] = rows[name].to_numpy()
        return found

    def _shape(self, splits: list[str]) -> tuple[int, int]:
        return len(self.classes), len(splits)

    def _grouped(self, view: View, columns: str, by: str) -> pa.Table:
        chosen = self._chosen(view)
        return self._database.grouped(columns, by, chosen)


def _place(chosen: Ints | None, image_id: int, total: int) -> int:
    """Return how many images of a view come before ``image_id``."""
    if chosen is None:
        return min(max(image_id, 0), total)
    return int(np.searchsorted(chosen, image_id))
