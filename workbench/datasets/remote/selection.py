"""Which images of a remote dataset are worth fetching.

What lives here: splits, classes and a fraction. What does not: views (``index``), whose image ids can be given.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workbench.datasets.content import Content
from workbench.errors import RequestError, UnknownNameError, did_you_mean


@dataclass(frozen=True)
class Selection:
    """Images by what they are.

    Attributes:
        splits: names; all when empty.
        classes: images that show one of these, by name; all when empty.
        fraction: of what is left in each split, 0 < fraction <= 1; at least one image of each split that has any.
        seed: another one draws another fraction. The same seed draws the same images on any machine, and a larger
            fraction has all images of a smaller one.
    """

    splits: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    fraction: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.fraction <= 1:
            raise RequestError(
                f"A fraction of {self.fraction} cannot be fetched.", "More than 0, at most 1.", "0.1 is a tenth."
            )

    def image_ids(self, content: Content) -> pa.Array:
        """Return the ids of the chosen images, ascending.

        Raises:
            UnknownNameError: when the dataset has no such split or class.
        """
        images = content.images.select(["image_id", "split", "path"])
        if self.splits:
            _check(self.splits, content.counts, "split")
            images = images.filter(pc.is_in(images["split"], value_set=pa.array(self.splits, pa.string())))
        if self.classes:
            _check(self.classes, content.names.values(), "class")
            numbers = [cls for cls, name in content.names.items() if name in self.classes]
            shown = content.objects.filter(pc.is_in(content.objects["cls"], value_set=pa.array(numbers, pa.int32())))
            images = images.filter(pc.is_in(images["image_id"], value_set=pc.unique(shown["image_id"])))
        if self.fraction < 1:
            images = self._draw(images)
        return pc.unique(images["image_id"]).sort()

    def paths(self, content: Content, folder: Path, image_ids: Sequence[int] | pa.Array | None = None) -> list[str]:
        """Return the files of the chosen images, and of their masks or depths, relative to ``folder``.

        Args:
            content: what was read from the mirror.
            folder: the mirror.
            image_ids: those of a view, to choose among; all when left out.
        """
        chosen = self.image_ids(content)
        if image_ids is not None:
            given = pa.array(image_ids, pa.int64()) if not isinstance(image_ids, pa.Array) else image_ids
            chosen = chosen.filter(pc.is_in(chosen, value_set=given))
        images = content.images.filter(pc.is_in(content.images["image_id"], value_set=chosen))
        files = [*images["file"].to_pylist(), *(one for one in images["label"].to_pylist() if one)]
        base = f"{folder}{os.sep}"
        return sorted({Path(one.removeprefix(base)).as_posix() for one in files if one.startswith(base)})

    def _draw(self, images: pa.Table) -> pa.Table:
        splits = np.asarray(images["split"].to_pylist(), dtype=object)
        ranks = np.array([self._rank(path) for path in images["path"].to_pylist()], dtype=np.uint64)
        kept = np.zeros(len(ranks), dtype=bool)
        for split in sorted(set(splits.tolist())):
            rows = np.flatnonzero(splits == split)
            count = math.ceil(self.fraction * len(rows))
            kept[rows[np.argsort(ranks[rows], kind="stable")[:count]]] = True
        return images.filter(pa.array(kept))

    def _rank(self, path: str) -> int:
        digest = hashlib.sha256(f"{self.seed}\0{path}".encode("utf-8", "surrogateescape")).digest()
        return int.from_bytes(digest[:8], "little")


def _check(asked: Sequence[str], known: Iterable[str], kind: str) -> None:
    names = list(known)
    for name in asked:
        if name not in names:
            raise UnknownNameError(
                f"The dataset has no {kind} '{name}'.",
                f"One of: {', '.join(names[:20])}.",
                did_you_mean(name, names) or f"Name a {kind} that it has.",
                name=name,
            )
