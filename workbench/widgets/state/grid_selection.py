"""The images that somebody picked in a grid, and how they come back to Python.

What lives here: picking, and a selection as ids, as a table and as a view. What does not: keeping a view
(``datasets.collection``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

from workbench.datasets.index import Index
from workbench.datasets.index.views import LENGTH
from workbench.errors import RequestError
from workbench.widgets.state.grid_choice import Filter

if TYPE_CHECKING:
    import pandas as pd

Ints = NDArray[np.int64]
How = Literal["set", "add", "remove", "toggle"]
_SHORTEST_TERM: Final = 4  # characters that a path takes in a view at least, with its quotes and comma
_COLUMNS: Final = ("image_id", "split", "path", "file", "width", "height", "bytes", "group", "effect", "objects")


class Picked:
    """The state of picking: which images are, and which filter gives just these.

    Args:
        images: in the dataset.
    """

    def __init__(self, images: int) -> None:
        self._mask = np.zeros(images, np.bool_)
        self.by: Filter | None = None

    def change(self, how: How, ids: Ints, by: Filter | None = None) -> None:
        """Pick, or drop, some images; ``by`` is the filter that gives just these, when there is one."""
        if how == "set":
            self._mask[:] = False
        if how == "toggle":
            self._mask[ids] ^= True
        else:
            self._mask[ids] = how != "remove"
        self.by = by if how == "set" else None

    def clear(self) -> None:
        """Drop all."""
        self._mask[:] = False
        self.by = None

    def has(self, image_id: int) -> bool:
        """Return whether an image is picked."""
        return bool(self._mask[image_id])

    def __len__(self) -> int:
        return int(np.count_nonzero(self._mask))

    @property
    def ids(self) -> Ints:
        """Ids of the picked images, ascending."""
        return np.flatnonzero(self._mask)


class Selection:
    """Some images of a dataset.

    Args:
        index: that the ids are of.
        ids: int64, ascending.
        where: the view that gives just these, when there is one.

    Attributes:
        ids: int64, ascending; they hold as long as the dataset is not registered anew.
    """

    def __init__(self, index: Index, ids: Ints, where: str = "") -> None:
        self._index, self.ids, self._where = index, ids, where

    def __repr__(self) -> str:
        return f"<Selection of {len(self)} images>"

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def view(self) -> str:
        """What gives just these images, for ``datasets.keep_view`` and ``datasets.select``.

        Raises:
            RequestError: when nothing is selected, or so much by hand that no view has the room.
        """
        if not len(self):
            raise RequestError("No image is selected.", "One or more.", "Click images, or press Space on one.")
        if self._where:
            return self._where
        if len(self) == self._index.about.images:
            return "id>=0"
        return _paths_view(self._index, self.ids)

    def frame(self) -> pd.DataFrame:
        """Return a row for each image: its id, split, path, file, size and number of objects."""
        found: pd.DataFrame = self._index.images(self.ids).images.select(list(_COLUMNS)).to_pandas()
        return found


def _paths_view(index: Index, ids: Ints) -> str:
    """Return a view that names images by path: ids are others when the dataset is registered anew."""
    if len(ids) * _SHORTEST_TERM > LENGTH:
        raise _too_long(len(ids))
    images = index.images(ids).images
    text = "path:" + ",".join(quote(path) for path in images["path"].to_pylist())
    if len(text) > LENGTH:
        raise _too_long(len(ids))
    found = index.select(text).to_numpy()
    if len(found) == len(ids):
        return text
    splits = set(images["split"].to_pylist())  # a file that two splits list: its path alone says both
    narrowed = f"{text} AND split:{','.join(quote(split) for split in sorted(splits))}"
    if "" in splits or len(narrowed) > LENGTH or len(index.select(narrowed)) != len(ids):
        raise RequestError(
            "Other images have the paths of those that are selected.",
            "Images that their path and split tell apart.",
            "Take `browser.selection.ids` in Python.",
        )
    return narrowed


def quote(name: str) -> str:
    """Return a name as a value of a view."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _too_long(count: int) -> RequestError:
    return RequestError(
        f"{count:,} images that were picked by hand make a view that is too long.",
        f"A view has at most {LENGTH:,} characters, which is room for a few hundred paths.",
        "Filter, then select all that match; or take `browser.selection.ids` in Python.",
    )
