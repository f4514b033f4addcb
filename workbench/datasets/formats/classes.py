"""A folder of classes: ``train/<class>/…`` with ``val`` or ``test`` beside it, for classification.

What lives here: the columns of such a folder. What does not: the verdict on image files (``scan``).
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from workbench.datasets import Progress, layout
from workbench.datasets.content import OBJECTS, Content, table
from workbench.datasets.datayaml import Problem
from workbench.datasets.formats.yolo import Tree, check_some, check_task, outline, same_files
from workbench.datasets.listing import Finder, Placed
from workbench.errors import DatasetError


def read(data: Path, task: str | None = None, progress: Progress | None = None) -> Content:
    """Read the folder of classes at ``data``: nothing is opened, the folders say it all.

    Args:
        data: absolute.
        task: ``classify``, or left out.
        progress: called once, with (images, images).

    Raises:
        DatasetError: when it is no such folder, or a split has a class that train has not.
    """
    names, tree, classes = _find(data, task)
    content = outline(tree, names=names)
    if progress:
        progress(len(tree.images), len(tree.images))
    return replace(content, objects=_objects(np.array(classes, np.int32)))


def unchanged(before: Content, data: Path, task: str | None = None) -> bool:
    """Return whether reading ``data`` again would give the same content: by names, sizes and times of change.

    Args:
        before: what was read and probed there last time.
        data: absolute.
        task: as it was asked for then.

    Raises:
        DatasetError: as ``read``.
    """
    names, tree, _ = _find(data, task)
    return before.format == "classes" and same_files(before, outline(tree, names=names))


def _find(data: Path, task: str | None) -> tuple[list[str], Tree, list[int]]:
    """Return the classes, the files, and the class of each image."""
    check_task(task)
    if task not in (None, "classify"):
        raise DatasetError(
            f"'{data}' is a folder of classes.",
            f"A data.yaml: the task is {task}.",
            "Leave the task out, or name a data.yaml.",
            path=str(data),
        )
    names, folders = layout.classes(data)
    finder = Finder(str(data))
    found: list[tuple[Placed, int]] = []
    for split, base in folders.items():
        finder.problems += _strays(finder, base)
        for cls, name in enumerate(names):
            below = os.path.join(base, name)  # noqa: PTH118 - 10x Path
            if os.path.isdir(below):  # noqa: PTH112
                found += [(placed, cls) for placed in finder.split(split, [below])]
    found.sort()
    images = [placed for placed, _ in found]
    check_some(images, data)
    return names, Tree(data, data, images, finder.problems), [cls for _, cls in found]


def _strays(finder: Finder, base: Path) -> list[Problem]:
    """Return the images that lie beside the folders of the classes: a training does not see them."""
    strays = sorted(finder.pictures(str(base)))
    return [
        Problem("image-ignored", "it lies in no folder of a class", finder.short(str(base / name))) for name in strays
    ]


def _objects(classes: np.ndarray) -> pa.Table:
    """Return one object for each image: its class, over the whole image."""
    count = len(classes)
    half, whole = pa.repeat(pa.scalar(0.5), count), pa.repeat(pa.scalar(1.0), count)
    columns = {
        "image_id": np.arange(count),
        "object_id": np.arange(count),
        "cls": classes,
        "kind": pa.repeat(pa.scalar("class"), count),
        "cx": half,
        "cy": half,
        "w": whole,
        "h": whole,
        "area": pa.repeat(pa.scalar(0.0), count),
        "crowd": pa.repeat(pa.scalar(value=False), count),
        "line": np.zeros(count, np.int32),
    }
    return table(OBJECTS, columns, count)
