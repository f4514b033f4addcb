"""KITTI: a text file an image, 15 columns a line.

What lives here: its boxes; what it says in three dimensions goes into their attributes. What does not: point clouds and
calibration.

``DontCare`` regions are counted as a loss: they have no class. The splits are those of ``ImageSets``; else what lies in
``training`` is in ``train``, and ``testing``, which has no labels, is ``test``.
"""

from __future__ import annotations

import os
from pathlib import Path

from workbench.datasets import Progress
from workbench.datasets.content import Content
from workbench.datasets.formats.draft import Draft, packed
from workbench.datasets.formats.places import Places, folder_split, is_image, sizes
from workbench.datasets.source import SPLITS
from workbench.errors import DatasetError

_COLUMNS = (15, 16)  # the last one is a score, in results
_PAIRS = {"label_2": "image_2", "label_02": "image_02", "labels": "images", "label": "image"}
_IGNORED = "DontCare"


def read(data: Path, task: str | None = None, progress: Progress | None = None) -> Content:
    """Read a folder of KITTI.

    Args:
        data: absolute path of the folder that holds ``training`` or ``label_2`` and ``image_2``.
        task: what it is read for; ``detect`` when left out.
        progress: called with (images read, images in all).

    Raises:
        DatasetError: when there are no such folders, or no images.
    """
    draft = Draft("kitti", Places.below(data))
    pairs = _pairs(draft.places)
    images = sorted(name for name in draft.places.files if is_image(name) and name.rpartition("/")[0] in pairs.values())
    if not pairs or not images:
        raise DatasetError(
            f"'{data}' holds no KITTI labels with images.",
            "A folder label_2 with text files beside a folder image_2 with images.",
            "Name the folder that holds both.",
            path=str(data),
        )
    splits = _splits(draft.places)
    label_folder = {image: label for label, image in pairs.items()}
    known = sizes([draft.places.text(name) for name in images])
    for number, (name, size) in enumerate(zip(images, known, strict=True), 1):
        folder, _, base = name.rpartition("/")
        stem = os.path.splitext(base)[0]  # noqa: PTH122
        label = f"{label_folder[folder]}/{stem}.txt"
        exists = label in draft.places.files
        split = splits.get(stem, "") if splits and "testing" not in folder else folder_split(name)
        found = draft.places.find(name)
        image = draft.image(
            found, size, split=split, label=draft.places.text(label) if exists else None, source_id=stem
        )
        if exists:
            _labels(draft, image, label)
        if progress:
            progress(number, len(images))
    orphans = [name for name in draft.places.files if name.rpartition("/")[0] in pairs and name.endswith(".txt")]
    labelled = set(draft.images.columns["label"])
    for name in orphans:
        if draft.places.text(name) not in labelled:
            draft.issue("label-orphan", None, "there is no image of this name", path=name, effect="none")
    return draft.content(data, task)


def _pairs(places: Places) -> dict[str, str]:
    """Return the folder of images of each folder of labels; ``testing`` has images only."""
    folders = {name.rpartition("/")[0] for name in places.files}
    found = {}
    for folder in folders:
        parent, _, last = folder.rpartition("/")
        if last in _PAIRS:
            beside = f"{parent}/{_PAIRS[last]}".lstrip("/")
            if beside in folders:
                found[folder] = beside
    if "testing/image_2" in folders:
        found.setdefault("testing/label_2", "testing/image_2")
    return found


def _splits(places: Places) -> dict[str, str]:
    found = {}
    for name in places.files:
        folder, _, base = name.rpartition("/")
        stem = base.removesuffix(".txt")
        if folder.rpartition("/")[2] == "ImageSets" and stem in SPLITS and base.endswith(".txt"):
            lines = places.path(name).read_text("utf-8-sig", errors="replace").split()
            found.update(dict.fromkeys(lines, stem))
    return found


def _labels(draft: Draft, image: int, path: str) -> None:
    try:
        text = draft.places.path(path).read_text("utf-8-sig")
    except UnicodeDecodeError:
        draft.issue("label-encoding", image, "it is not UTF-8", path=path, effect="none")
        return
    except OSError as error:
        draft.issue("label-unreadable", image, f"it cannot be read ({error.strerror})", path=path, effect="none")
        return
    frame = draft.frame(image)
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words:
            continue
        if words[0] == _IGNORED:
            draft.tally.add("DontCare regions", path)
            continue
        if len(words) not in _COLUMNS:
            detail = f"{len(words)} columns where 15 were expected"
            draft.issue("label-columns", image, detail, path=path, line=number)
            continue
        try:
            values = [float(word) for word in words[1:]]
        except ValueError:
            draft.issue("label-number", image, f"{line[:60]!r} has a column that is no number", path=path, line=number)
            continue
        if not all(abs(value) < float("inf") for value in values):
            draft.issue("label-not-finite", image, f"{line[:60]!r}", path=path, line=number)
        elif not frame.width:
            draft.tally.add("objects of images whose size is unknown", path)
        else:
            shape = frame.box(*values[3:7])
            draft.add(image, draft.cls(words[0]), shape, line=number, attributes=packed(_said(values)))


def _said(values: list[float]) -> dict[str, object]:
    found: dict[str, object] = {
        "truncated": values[0],
        "occluded": int(values[1]),
        "alpha": values[2],
        "dimensions": values[7:10],
        "location": values[10:13],
        "rotation_y": values[13],
    }
    return {**found, "score": values[14]} if len(values) > 14 else found
