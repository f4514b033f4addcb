"""Where the images of a dataset stand in what is written of it.

What lives here: a name for each image that no other has, and the putting of files. What does not: labels of any kind
(``write_yolo``, ``write_coco``, ``write_ndjson``).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from workbench.datasets import Progress
from workbench.datasets.content import Content
from workbench.datasets.filenames import to_name
from workbench.datasets.formats.draft import Tally
from workbench.datasets.formats.places import folder_split
from workbench.errors import ConflictError, DatasetError, storage_error

How = Literal["hardlink", "symlink", "copy", "none"]
UNSPLIT = "unsplit"  # the folder of images in no split

_FORBIDDEN = str.maketrans(dict.fromkeys(map(chr, (*range(32), 127)), "_") | {"\\": "_"})


def names(content: Content, tally: Tally, *, flat: bool = False) -> list[str | None]:
    """Return ``<split>/<name>`` for each image, None for one that is missing.

    What the layouts themselves put into a path (``images``, the split) is left out of the name, other folders stay.
    No two images of a split have one stem, because then they would have one label file.

    Args:
        content: what is written.
        tally: takes the images that are missing or get another name.
        flat: without folders.
    """
    taken: set[str] = set()
    placed: list[str | None] = []
    rows = zip(*(content.images[name].to_pylist() for name in ("split", "path", "file", "bytes")), strict=True)
    for split, path, file, size in rows:
        if not file or (size is None and not os.path.exists(to_name(file))):  # noqa: PTH110 - 10x Path
            tally.add("images that are missing", path)
            placed.append(None)
            continue
        wanted = _wanted(path, split)
        name = _free(wanted.replace("/", "__") if flat else wanted, split, taken)
        if name != wanted:
            tally.add("images under another name", path)
        placed.append(f"{split or UNSPLIT}/{name}")
    return placed


def _wanted(path: str, split: str) -> str:
    parts = [part for part in path.translate(_FORBIDDEN).split("/") if part not in ("", ".", "..")]
    # Folders such as val2017 say what the split says
    folders = [part for part in parts[:-1] if part != "images" and (not split or folder_split(f"{part}/") != split)]
    return "/".join((*folders, parts[-1]))


def _free(name: str, split: str, taken: set[str]) -> str:
    stem, suffix = os.path.splitext(name)  # noqa: PTH122 - 10x Path
    free, number = stem, 1
    while (key := f"{split}/{free}".casefold()) in taken:  # some file systems take A.jpg and a.jpg for one
        number += 1
        free = f"{stem}_{number}"
    taken.add(key)
    return free + suffix


def check_objects(content: Content, title: str) -> None:
    """Raise a DatasetError when the labels are pictures, which a format of objects cannot hold."""
    if content.task == "depth" or "masks_dir" in content.options:
        what = "depth maps" if content.task == "depth" else "masks"
        raise DatasetError(
            f"The labels of this dataset are {what}: {title} holds objects.",
            "A dataset of boxes, polygons, key points or classes.",
            "Write it as yolo.",
        )


def fresh(folder: Path) -> None:
    """Check that ``folder`` is not there, or empty: nothing is ever written among somebody's files.

    Raises:
        ConflictError: when it holds something.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConflictError(
            f"'{folder}' is not empty.", "A new folder.", "Choose another one, or empty it first.", path=str(folder)
        )


def put_files(files: Sequence[tuple[str, str]], folder: Path, how: How, progress: Progress | None = None) -> None:
    """Put files below ``folder``.

    Args:
        files: (absolute path, where it goes relative to ``folder``).
        folder: where.
        how: hard links fall back to copies where the file system has none; ``none`` puts nothing.
        progress: called with (files put, files in all).

    Raises:
        StorageError: when the disk is full or a file cannot be read.
    """
    if how == "none":
        return
    put = _PUT[how]
    made: set[str] = set()
    for number, (source, place) in enumerate(files, 1):
        target = f"{folder}/{place}"
        parent = os.path.dirname(target)  # noqa: PTH120 - 10x Path
        try:
            if parent not in made:
                Path(parent).mkdir(parents=True, exist_ok=True)
                made.add(parent)
            put(to_name(source), target)
        except OSError as error:
            raise storage_error(error, target) from error
        if progress:
            progress(number, len(files))


def _hardlink(source: str, target: str) -> None:
    try:
        os.link(os.path.realpath(source), target)
    except OSError:
        shutil.copyfile(source, target)


_PUT: dict[str, Callable[[str, str], object]] = {
    "hardlink": _hardlink,
    "symlink": os.symlink,
    "copy": shutil.copyfile,
}
