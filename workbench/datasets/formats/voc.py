"""Pascal VOC: one XML file an image, and lists of names for the splits.

What lives here: its boxes and what is said of them. What does not: masks (``SegmentationClass``
and ``SegmentationObject``), which are counted as a loss; parsing (``xmlfile``).

Boxes are taken as they are written: corners in pixels, the left and upper one counted from 1 in VOC itself and from 0
in what most tools write. Nothing in a file tells which, so nothing is subtracted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from workbench.datasets import Progress
from workbench.datasets.content import Content
from workbench.datasets.formats import xmlfile
from workbench.datasets.formats.draft import Draft, packed
from workbench.datasets.formats.places import Places, folder_split, root_of
from workbench.datasets.formats.shapes import ShapeError
from workbench.datasets.formats.xmlfile import XmlError
from workbench.datasets.source import SPLITS
from workbench.errors import DatasetError

_FLAGS = ("difficult", "truncated", "occluded")
_MASKS = ("SegmentationClass/", "SegmentationObject/")
_NEAR = ("JPEGImages", "images", "")


def read(data: Path, task: str | None = None, progress: Progress | None = None) -> Content:
    """Read a folder of VOC files, or one file.

    Args:
        data: absolute path of the folder with ``Annotations`` and ``JPEGImages``, or of one .xml file.
        task: what it is read for; ``detect`` when left out.
        progress: called with (files read, files in all).

    Raises:
        DatasetError: when there is no such file, or none of the images is there.
    """
    draft = Draft("voc", Places.below(root_of(data)))
    names = [data.relative_to(draft.places.root).as_posix()] if data.is_file() else _files(draft.places)
    if not names:
        raise DatasetError(
            f"'{data}' holds no .xml files.",
            "Annotations/*.xml beside JPEGImages/.",
            "Name the folder that holds both.",
        )
    splits = _splits(draft.places)
    for number, name in enumerate(names, 1):
        _file(draft, name, splits)
        if progress:
            progress(number, len(names))
    masks = [name for name in draft.places.files if f"/{name}".find("/Segmentation") >= 0 and name.endswith(".png")]
    draft.tally.add("segmentation masks", masks[0] if masks else "", len(masks))
    draft.places.used.update(masks)
    return draft.content(data, task)


def _files(places: Places) -> list[str]:
    found = [name for name in places.files if name.lower().endswith(".xml")]
    inside = [name for name in found if "Annotations" in name.split("/")[:-1]]
    return sorted(inside or found)


def _splits(places: Places) -> dict[str, str]:
    """Return the split of each stem, from ImageSets/Main (or another list there); the first list that names it wins."""
    found: dict[str, str] = {}
    for folder in ("Main", "Segmentation", "Layout"):
        for split in SPLITS:
            for name in places.files:
                if name.endswith(f"ImageSets/{folder}/{split}.txt"):
                    for stem in _listed(places.path(name)):
                        found.setdefault(stem, split)
    return found


def _listed(path: Path) -> Iterator[str]:
    for line in path.read_text("utf-8-sig", errors="replace").splitlines():
        if words := line.split():
            yield words[0]


def _file(draft: Draft, name: str, splits: dict[str, str]) -> None:
    try:
        root = xmlfile.parse(draft.places.path(name).read_bytes())
    except (XmlError, OSError) as error:
        draft.issue("label-unreadable", None, str(error), path=name, effect="none")
        return
    stem = os.path.splitext(name.rpartition("/")[2])[0]  # noqa: PTH122
    named = (root.findtext("filename") or "").strip()
    folder = name.rpartition("/")[0]
    near = [_beside(folder, place) for place in _NEAR]
    found = draft.places.find(named or stem, near)
    if found.fault:  # many tools rename images and leave the name in the file as it was
        found = next(
            (other for end in (".jpg", ".png", ".jpeg") if not (other := draft.places.find(stem + end, near)).fault),
            found,
        )
    size = (_whole(root.findtext("size/width")), _whole(root.findtext("size/height")))
    split = splits.get(stem) or folder_split(name) or folder_split(found.path)
    label = draft.places.text(name)
    image = draft.image(found, size, split=split, label=label, attributes=packed(_source(root)))
    for number, element in enumerate(root.iter("object"), 1):
        _object(draft, image, element, f"object {number}", name)


def _beside(folder: str, place: str) -> str:
    parent = folder.rpartition("/")[0] if folder.rpartition("/")[2] == "Annotations" else folder
    return "/".join(part for part in (parent, place) if part)


def _source(root: Element) -> dict[str, Any]:
    found = {child.tag: child.text for child in root.find("source") or () if child.text}
    return {"source": found} if found else {}


def _object(draft: Draft, image: int, element: Element, which: str, path: str) -> None:
    name = (element.findtext("name") or "").strip()
    box = element.find("bndbox")
    values = [_number(box.findtext(side)) for side in ("xmin", "ymin", "xmax", "ymax")] if box is not None else []
    left, top, right, bottom = values or (None,) * 4
    if not name:
        draft.issue("label-class-unknown", image, f"{which} has no name", path=path)
        return
    if left is None or top is None or right is None or bottom is None:
        draft.issue("label-number", image, f"{which} ('{name}') has no box of four numbers", path=path)
        return
    if polygon := element.find("polygon"):
        draft.tally.add("polygons of objects", path, bool(len(polygon)))
    frame = draft.frame(image)
    if not frame.width:
        draft.tally.add("objects of images whose size is unknown", path)
        return
    try:
        shape = frame.box(left, top, right, bottom)
    except ShapeError as error:
        draft.issue("label-number", image, f"{which}: {error}", path=path)
        return
    said = {flag: True for flag in _FLAGS if (element.findtext(flag) or "").strip() == "1"}
    pose = (element.findtext("pose") or "").strip()
    more = {"pose": pose} if pose and pose != "Unspecified" else {}
    parts = [part.findtext("name") for part in element.findall("part")]
    draft.tally.add("parts of objects", path, len(parts))
    draft.add(image, draft.cls(name), shape, attributes=packed({**said, **more}))


def _whole(text: str | None) -> int:
    value = _number(text)
    return int(value) if value is not None and 0 < value < 1 << 31 else 0


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None
