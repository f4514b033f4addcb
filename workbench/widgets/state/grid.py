"""What the dataset browser's script asks, and what it is answered.

What lives here: the requests, and the state behind them. What does not: filters (``grid_choice``), pictures
(``grid_pictures``), rows (``grid_rows``), what is selected (``grid_selection``), the widget (``widgets.grid``).

Every request carries its filter: two views of one widget may look at different images.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from workbench.datasets import registry
from workbench.datasets.index import Index
from workbench.datasets.index.browse import Page
from workbench.datasets.pictures import overlays
from workbench.datasets.pictures.masks import Masks
from workbench.datasets.pictures.thumbs import Thumbs
from workbench.datasets.registry import Dataset
from workbench.errors import DatasetError
from workbench.widgets.state import grid_choice, grid_pairs, grid_rows
from workbench.widgets.state.grid_choice import Choice, Filter
from workbench.widgets.state.grid_pictures import Made, Pictures, wanted_of
from workbench.widgets.state.grid_selection import How, Picked, Selection
from workbench.widgets.state.messages import Nothing, Reply, Request, StateModel, answers

CELLS_MAX: Final = 500
PICTURE_MAX_PX: Final = 4096
_PARTS: Final[dict[str, Callable[..., dict[str, Any]]]] = {
    "classes": grid_choice.count_classes,
    "splits": grid_choice.count_splits,
    "sizes": grid_choice.count_sizes,
    "objects": grid_choice.count_objects,
    "issues": grid_choice.count_issues,
}
Ints = NDArray[np.int64]
Size = Literal[64, 128, 256, 512]


class Window(Filter):
    """Images of a filter from the place ``start`` on, with ``pictures`` their thumbnails of ``size`` pixels too."""

    start: int = Field(ge=0)
    count: int = Field(ge=0, le=CELLS_MAX)
    size: Size = 128
    pictures: bool = True


class Late(Request):
    """Thumbnails that were not there yet."""

    ids: list[int] = Field(max_length=CELLS_MAX)
    size: Size = 128


class Counted(Filter):
    """What is counted of a filter."""

    part: Literal["classes", "splits", "sizes", "objects", "issues"]


class One(Request):
    """One image, and its picture of at most ``size`` pixels."""

    image: int = Field(ge=0)
    size: int = Field(1024, ge=256, le=PICTURE_MAX_PX)


class Pick(Filter):
    """Select images: those of ``ids``, or the places ``start`` to ``stop`` of a filter, or all of it."""

    how: How = "set"
    ids: list[int] = Field(default=[], max_length=CELLS_MAX)
    start: int | None = Field(None, ge=0)
    stop: int | None = Field(None, ge=0)
    all: bool = False


class Keep(Filter):
    """Keep the filter, or what is selected, as a view called ``name``."""

    name: str
    of: Literal["filter", "selection"] = "filter"


class Alike(Request):
    """Pairs of images that are alike, found by ``rule`` or by any."""

    rule: Literal["", "leak-exact", "leak-near", "leak-group", "duplicate-exact", "duplicate-near"] = ""
    start: int = Field(0, ge=0)
    limit: int = Field(20, ge=1, le=50)


class GridModel(StateModel):
    """The state of a dataset browser.

    Args:
        dataset: that is browsed.
        keep: keeps a view under a name; None when nothing may be changed.
        readonly: leaves out what changes the dataset.
    """

    def __init__(self, dataset: Dataset, keep: Callable[[str, str], Dataset] | None = None, *, readonly: bool = False):
        super().__init__(readonly=readonly or keep is None)
        self._keep = keep
        self._lock = threading.RLock()
        self.changed: Callable[[int], None] = lambda _selected: None
        self._pictures = Pictures(Thumbs(dataset.workspace.thumbnails))
        self._open(dataset)

    @property
    def dataset(self) -> Dataset:
        """The dataset as it was when it was opened last."""
        return self._dataset

    @property
    def index(self) -> Index:
        """Its index.

        Raises:
            DatasetError: when the dataset was removed meanwhile.
        """
        with self._lock:
            if not self._dataset.paths.spec.is_file():
                raise DatasetError(
                    f"Dataset '{self._dataset.name}' was removed while it was browsed.",
                    "A dataset that is registered.",
                    "Register it again, then run the cell again.",
                    name=self._dataset.name,
                )
            return self._index

    @property
    def selection(self) -> Selection:
        """What is selected in the browser."""
        index = self.index
        with self._lock:
            by = self._picked.by
            return Selection(index, self._picked.ids, by.where if by and not by.sql else "")

    def check(self, wanted: Filter) -> int:
        """Return how many images a filter selects.

        Raises:
            RequestError: when it cannot be understood.
        """
        found = self._choice(self.index, wanted)
        return self._index.about.images if found is None else len(found)

    def close(self) -> None:
        """Let go of files and threads."""
        self._pictures.close()
        with self._lock:
            self._index.close()

    @answers("hello")
    def hello(self, _request: Nothing) -> Reply:
        """Tell what the dataset is; one that was registered anew meanwhile is opened anew.

        ``name``, ``task``, ``images``, ``objects``, ``splits``, ``classes`` ([{name, color}] by id), ``views``,
        ``selected``, ``readonly``.
        """
        with self._lock:
            if self._is_stale():
                self._open(registry.load(self._dataset.workspace, self._dataset.name))
            dataset, index = self._dataset, self.index
            about = index.about
            return Reply(
                {
                    "name": dataset.name,
                    "task": dataset.task,
                    "images": about.images,
                    "objects": about.objects,
                    "splits": index.splits,
                    "classes": [grid_rows.describe(style) for style in self._styles],
                    "views": dataset.views,
                    "selected": len(self._picked),
                    "readonly": self.readonly,
                }
            )

    @answers("choose")
    def choose(self, request: Filter) -> Reply:
        """Tell how many images a filter selects: ``images``, and ``stale`` when the dataset was registered anew."""
        line = f"wb.browse(ws.datasets.show({self._dataset.name!r}){_arguments(request)})"
        return Reply({"images": self.check(request), "stale": self._is_stale()}, python=line)

    @answers("window")
    def window(self, request: Window) -> Reply:
        """Give ``rows`` of images, see ``grid_rows.cells``, and thumbnails that are there already as bytes.

        A row has also ``picked``, and ``thumb``: the number of its buffer, -1 while it is being made; ``problem`` says
        why an image cannot be shown.
        """
        index = self.index
        chosen = self._choice(index, request)
        total = index.about.images if chosen is None else len(chosen)
        start, stop = min(request.start, total), min(request.start + request.count, total)
        page = index.images(np.arange(start, stop) if chosen is None else chosen[start:stop])
        rows = grid_rows.cells(page, self._styles, request.size)
        buffers = self._illustrate(page if request.pictures else None, rows, request.size)
        return Reply({"start": start, "total": total, "rows": rows}, buffers)

    @answers("late")
    def late(self, request: Late) -> Reply:
        """Give thumbnails that were not there: ``thumbs``, [{id, thumb, problem}] as in a window.

        With ``shapes``, where a mask marks them.
        """
        page = self.index.images(request.ids)
        rows = [{"id": image_id} for image_id in page.images["image_id"].to_pylist()]
        buffers = self._illustrate(page, rows, request.size)
        return Reply({"thumbs": rows}, buffers)

    @answers("count")
    def count(self, request: Counted) -> Reply:
        """Count a part of what a filter selects, see ``grid_choice``."""
        index = self.index
        chosen = self._choice(index, request)
        return Reply(_PARTS[request.part](index, "" if chosen is None else chosen))

    @answers("image")
    def image(self, request: One) -> Reply:
        """Give one image, see ``grid_rows.detail``, and its picture: none while it is being made, or cannot be."""
        page = self.index.images([request.image])
        told = grid_rows.detail(page, self._styles, request.size)
        found = self._pictures.whole(wanted_of(page, request.size, masked=self._masked)[0])
        if found and found.marks is not None:
            told["shapes"] = found.marks
        told |= {"picked": self._picked.has(request.image), "ready": found is not None}
        told["problem"] = found.problem if found else ""
        return Reply(told, [found.data] if found and found.data else [])

    @answers("pick")
    def pick(self, request: Pick) -> Reply:
        """Select images; ``selected`` says how many are then."""
        index = self.index
        with self._lock:
            if request.all or request.start is not None:
                chosen = self._choice(index, request)
                every = np.arange(index.about.images) if chosen is None else chosen
                ids = every if request.all else every[request.start : request.stop]
            else:
                ids = _existing(request.ids, index.about.images)
            by = Filter(where=request.where, sql=request.sql) if request.all else None
            self._picked.change(request.how, ids, by)
            selected = len(self._picked)
        self.changed(selected)
        return Reply({"selected": selected}, python="browser.selection.ids")

    @answers("keep", acts=True)
    def keep(self, request: Keep) -> Reply:
        """Keep a filter or the selection as a view; ``views`` are those that there are then."""
        text = self.text_of(request)
        self.keep_as(request.name, text)
        line = f"ws.datasets.keep_view({self._dataset.name!r}, {request.name!r}, {text!r})"
        return Reply({"views": self._dataset.views, "text": text}, python=line)

    @answers("pairs")
    def pairs(self, request: Alike) -> Reply:
        """Give ``pairs`` of images that are alike: {rule, title, how, detail, image, other}, and how many in ``total``.

        ``image`` and ``other`` are rows as of a window, with thumbnails of 256 pixels.
        """
        index = self.index
        rules = (request.rule,) if request.rule else ()
        total, found = grid_pairs.pairs(index, index.issues(), rules, request.start, request.limit)
        ids = sorted({id_ for pair in found for id_ in (pair.image, pair.other) if id_ is not None})
        page = index.images(ids)
        rows = grid_rows.cells(page, self._styles, 256)
        buffers = self._illustrate(page, rows, 256)
        by_id = {row["id"]: row for row in rows}
        told = [
            {
                "rule": pair.rule,
                "title": grid_rows.title(pair.rule),
                "how": pair.how,
                "detail": pair.detail,
                "image": by_id[pair.image],
                "other": by_id.get(pair.other) if pair.other is not None else None,
            }
            for pair in found
        ]
        return Reply({"total": total, "pairs": told}, buffers)

    def text_of(self, request: Keep) -> str:
        """Return the view that says what a filter selects, or what is selected.

        Raises:
            RequestError: when there is no such view.
        """
        if request.of == "selection":
            return self.selection.view
        if not request.sql.strip():
            return request.where.strip() or "id>=0"
        ids = self._choice(self.index, request)
        return Selection(self.index, np.empty(0, np.int64) if ids is None else ids).view

    def keep_as(self, name: str, text: str) -> None:
        """Keep a view under a name, from now on known to this browser too.

        Raises:
            RequestError: when the name cannot be a name, or the text no view.
        """
        if self._keep is None:
            raise DatasetError(
                "This browser only shows.", "One that was opened with readonly=False.", "Open another one."
            )
        with self._lock:
            self._reopen(self._keep(name, text))

    def _open(self, dataset: Dataset) -> None:
        self._reopen(dataset)
        self._picked = Picked(self._index.about.images)
        self.changed(0)

    def _reopen(self, dataset: Dataset) -> None:
        """Open an index; what was picked is kept."""
        self._dataset, self._index = dataset, dataset.index
        self._stamp = _stamp(dataset)
        self._chosen = Choice(self._index)
        self._styles: Sequence[overlays.Style] = overlays.styles(self._index.classes)
        options = self._index.options
        self._masked = self._index.about.task == "semantic" and "masks_dir" in options
        self._pictures.masks = Masks(options.get("label_mapping"))

    def _is_stale(self) -> bool:
        return _stamp(self._dataset) != self._stamp

    def _choice(self, index: Index, wanted: Filter) -> Ints | None:
        with self._lock:
            return (self._chosen if index is self._index else Choice(index)).ids(wanted)

    def _illustrate(self, page: Page | None, rows: list[dict[str, Any]], size: int) -> list[bytes]:
        """Say in each row which buffer its thumbnail is, and return the buffers; without a page there are none."""
        found = {} if page is None else self._pictures.thumbs(wanted_of(page, size, masked=self._masked))
        buffers: list[bytes] = []
        for row in rows:
            thumb: Made | None = found.get(row["id"])
            there = thumb is not None and not thumb.problem
            row["thumb"] = len(buffers) if there else -1
            row["problem"] = thumb.problem if thumb else ""
            row["picked"] = self._picked.has(row["id"])
            if thumb is not None and there:
                buffers.append(thumb.data)
                if thumb.marks is not None:
                    row["shapes"] = thumb.marks
        return buffers


def _existing(ids: list[int], images: int) -> Ints:
    found = np.unique(np.array(ids, np.int64))
    return found[(found >= 0) & (found < images)]


def _stamp(dataset: Dataset) -> tuple[int, int] | None:
    try:
        found = (dataset.paths.index / "index.json").stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino


def _arguments(wanted: Filter) -> str:
    where = f", {wanted.where.strip()!r}" if wanted.where.strip() else ""
    return where + (f", sql={wanted.sql.strip()!r}" if wanted.sql.strip() else "")
