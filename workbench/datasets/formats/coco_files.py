"""Which of a folder's JSON files are the COCO annotations to read.

What lives here: finding them, their splits, the choice among several of one split. What does not: their reading
(``coco``).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from workbench.datasets.formats import jsonfile
from workbench.datasets.formats.draft import Draft
from workbench.datasets.formats.places import Places, split_of
from workbench.errors import DatasetError

KEYS = {"info", "licenses", "images", "annotations", "categories", "type"}
_FIRST = {"pose": ("person_keypoints", "instances"), None: ("instances", "person_keypoints")}
_OTHER = ("captions", "panoptic", "stuff", "image_info")


@dataclass(frozen=True)
class CocoFile:
    """One annotation file.

    Attributes:
        path: absolute.
        name: relative to the root.
        split: empty when neither the file nor its folder names one.
        near: folders relative to the root where its images may be.
    """

    path: Path
    name: str
    split: str
    near: tuple[str, ...]


def annotation_files(data: Path, draft: Draft, task: str | None) -> list[CocoFile]:
    """Return the files to read, sorted; those of a split that are not read are counted as a loss.

    COCO itself has several files of one split: instances, key points, captions. The one that fits the task is read.

    Raises:
        DatasetError: when there is none.
    """
    if data.is_file():
        return [_file(data, draft.places.root)]
    found = [_file(path, data) for path in candidates(draft.places)]
    if not found:
        raise DatasetError(
            f"'{data}' holds no COCO file.",
            "A .json file with the arrays `images`, `annotations` and `categories`.",
            "Name the file instead of the folder.",
            path=str(data),
        )
    chosen = []
    for split in sorted({file.split for file in found}):
        same = [file for file in found if file.split == split]
        kept = _preferred(same, task)
        chosen += kept
        for file in same:
            if file not in kept:
                draft.tally.add("annotation files not read beside the one that fits the task", file.name)
    return chosen


def candidates(places: Places) -> list[Path]:
    """Return the COCO files of a folder, sorted."""
    names = sorted(name for name in places.files if name.lower().endswith(".json") and name.count("/") <= 3)
    return [path for name in names if is_coco(path := places.path(name))]


def is_coco(path: Path) -> bool:
    """Return whether a JSON file starts like COCO's."""
    found = jsonfile.first_keys(path)
    return found is not None and found[0] == "{" and found[1] <= KEYS and bool(found[1] & {"images", "annotations"})


def _preferred(files: list[CocoFile], task: str | None) -> list[CocoFile]:
    for prefix in _FIRST.get(task, _FIRST[None]):
        if named := [file for file in files if file.path.name.startswith(prefix)]:
            return named
    return [file for file in files if not file.path.name.startswith(_OTHER)] or files[:1]


def _file(path: Path, root: Path) -> CocoFile:
    name = os.path.relpath(path, root).replace(os.sep, "/")
    folder = name.rpartition("/")[0]
    split = split_of(path.stem, *reversed(folder.split("/")))
    words = {re.split(r"[_.\-]", path.stem)[-1], path.stem, split}
    subsets = [word for word in sorted(words) if word]
    near = [folder, f"{folder}/images".lstrip("/"), *subsets, *(f"images/{word}" for word in subsets), "images"]
    return CocoFile(path, name, split, tuple(dict.fromkeys(near)))
