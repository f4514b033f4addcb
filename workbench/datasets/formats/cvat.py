"""CVAT XML 1.1: the images of a task, or the tracks of a video.

What lives here: its boxes, rotated boxes, polygons, ellipses, points, skeletons, masks and tags. What does not: one
shape (``cvat_shapes``), parsing (``xmlfile``). Polylines and cuboids are counted as a loss.

Tracks need their frames as image files: the frame's number is looked for at the end of the file names. All frames of
one file are one group, which belongs on one side of a split.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from workbench.datasets import Progress
from workbench.datasets.content import Content
from workbench.datasets.formats import xmlfile
from workbench.datasets.formats.cvat_shapes import places, shape_of
from workbench.datasets.formats.draft import Draft, packed
from workbench.datasets.formats.places import Found, Places, folder_split, is_image, root_of, split_of
from workbench.datasets.formats.shapes import ShapeError
from workbench.datasets.formats.xmlfile import XmlError
from workbench.errors import DatasetError

_SHAPES = ("box", "polygon", "ellipse", "points", "skeleton", "mask", "tag", "polyline", "cuboid")
_LOST = {"polyline": "polylines", "cuboid": "cuboids"}
_NUMBER = re.compile(r"(\d+)\D*$")


def read(data: Path, task: str | None = None, progress: Progress | None = None) -> Content:
    """Read a CVAT file, or all of a folder.

    Args:
        data: absolute path of an .xml file or a folder.
        task: what it is read for; told from the shapes when left out.
        progress: called with (files read, files in all).

    Raises:
        DatasetError: when a file is no XML, declares entities, or none of its images is there.
    """
    draft = Draft("cvat", Places.below(root_of(data)))
    root = draft.places.root
    names = [data.relative_to(root).as_posix()] if data.is_file() else []
    names = names or sorted(name for name in draft.places.files if name.endswith(".xml"))
    reader = _Reader(draft)
    for number, name in enumerate(names, 1):
        try:
            reader.file(name)
        except XmlError as error:
            raise DatasetError(
                f"'{name}' cannot be read: {error}.", "A CVAT file, XML 1.1.", "Export it again.", path=name
            ) from error
        if progress:
            progress(number, len(names))
    return reader.content(data, task)


class _Reader:
    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.points: dict[str, list[str]] = {}  # names of key points by the label of the skeleton
        self.frames: dict[int, str] = {}
        self.tracked: dict[int, int] = {}  # image by frame
        self.group = ""
        self.size = (0, 0)

    def file(self, name: str) -> None:
        """Read one file."""
        self.group, self.tracked = name, {}
        for element in xmlfile.elements(self.draft.places.path(name), ("meta", "image", "track")):
            if element.tag == "meta":
                self._meta(element)
            elif element.tag == "image":
                self._image(element, name)
            else:
                self._track(element, name)

    def _meta(self, meta: Element) -> None:
        for label in meta.iter("label"):
            name, parent = (label.findtext("name") or "").strip(), (label.findtext("parent") or "").strip()
            if parent:  # a key point of a skeleton, not a class
                self.points.setdefault(parent, []).append(name)
            elif name:
                self.draft.cls(name)
        self.size = (_whole(meta.findtext(".//original_size/width")), _whole(meta.findtext(".//original_size/height")))

    def _image(self, element: Element, path: str) -> None:
        name = element.get("name", "")
        subset = element.get("subset", "")
        near = ["images", *([f"images/{subset}"] if subset else [])]
        found = self.draft.places.find(name, near)
        split = split_of(subset) or folder_split(name) or folder_split(found.path)
        size = (_whole(element.get("width")), _whole(element.get("height")))
        image = self.draft.image(found, size, split=split, source_id=element.get("id"))
        for shape in element:
            if shape.tag in _SHAPES:
                self._object(image, shape, shape.get("label", ""), path)

    def _track(self, track: Element, path: str) -> None:
        for shape in track:
            frame = _whole(shape.get("frame")) if shape.get("frame") != "0" else 0
            if shape.get("outside") != "1" and shape.tag in _SHAPES:
                if frame not in self.tracked:
                    found = self._frame(frame)
                    split = folder_split(found.path)
                    known = {"split": split, "source_id": str(frame), "group": self.group}
                    self.tracked[frame] = self.draft.image(found, self.size, **known)
                said = {"track": track.get("id")}
                self._object(self.tracked[frame], shape, track.get("label", ""), path, said)

    def _frame(self, number: int) -> Found:
        if not self.frames:
            for name in self.draft.places.files:
                if is_image(name) and (found := _NUMBER.search(name.rpartition("/")[2].rpartition(".")[0])):
                    self.frames.setdefault(int(found[1]), name)
        return self.draft.places.find(self.frames.get(number, f"frame_{number:06d}"))

    def _object(self, image: int, element: Element, label: str, path: str, said: dict[str, Any] | None = None) -> None:
        if element.tag in _LOST:
            self.draft.tally.add(_LOST[element.tag], path)
            return
        frame = self.draft.frame(image)
        if not frame.width and element.tag != "tag":
            self.draft.tally.add("objects of images whose size is unknown", path)
            return
        try:
            points = self._skeleton(element, label) if element.tag == "skeleton" else []
            shape = shape_of(element, frame, points)
        except (ShapeError, ValueError, OverflowError) as error:
            self.draft.issue("label-number", image, f"{element.tag} '{label}': {error}", path=path)
            return
        own = {child.get("name", ""): child.text for child in element.findall("attribute")}
        found = dict(said or {})
        if element.get("occluded") == "1":
            found["occluded"] = True
        if own:
            found["attributes"] = own
        self.draft.add(image, self.draft.cls(label), shape, attributes=packed(found))

    def _skeleton(self, element: Element, label: str) -> list[float]:
        """Return x y v of each key point of the label, in the order of the labels; 0 0 0 where one is missing."""
        names = self.points.setdefault(label, [])
        found = {}
        for point in element.findall("points"):
            name = point.get("label", "")
            if name not in names:
                names.append(name)
            x, y = list(places(point))[:2]
            outside, hidden = point.get("outside") == "1", point.get("occluded") == "1"
            found[name] = (0.0, 0.0, 0.0) if outside else (x, y, 1.0 if hidden else 2.0)
        return [value for name in names for value in found.get(name, (0.0, 0.0, 0.0))]

    def content(self, data: Path, task: str | None) -> Content:
        """Return what was read."""
        for label, names in self.points.items():
            self.draft.attributes[self.draft.cls(label)] = {"keypoints": names}
        return self.draft.content(data, task)


def _whole(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 10 else 0
