"""Label Studio JSON, whole (JSON) or short (JSON-MIN): a list of tasks.

What lives here: its tasks. What does not: one region (``regions``), brush strokes' run lengths (``brush``).

    rectanglelabels   a box; a rotated box when it is turned
    polygonlabels     a polygon
    ellipselabels     a polygon of 64 corners
    brushlabels       a run-length mask
    keypointlabels    points of one parent region are its key points, in the order of their names; one alone is an
                      object of one point
    choices           the class of the image

Of several people's annotations of a task the first that was not cancelled is read, predictions are not; both are
counted as a loss. An uploaded file has eight digits and a dash before its name: images are found without them too.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from workbench.datasets import Progress
from workbench.datasets.content import Content
from workbench.datasets.formats import jsonfile
from workbench.datasets.formats.draft import Draft, pose_options
from workbench.datasets.formats.places import Found, Places, folder_split, is_image, root_of
from workbench.datasets.formats.regions import joined, kind_of, labels_of, shape_of, short
from workbench.datasets.formats.shapes import Frame, ShapeError
from workbench.errors import DatasetError

_UPLOADED = re.compile(r"^[0-9a-f]{8}-")
_KINDS = {"rectangle", "polygon", "ellipse", "brush", "keypoint", "choices"}


def read(data: Path, task: str | None = None, progress: Progress | None = None) -> Content:
    """Read an export of Label Studio.

    Args:
        data: absolute path of the .json file, or of a folder with one.
        task: what it is read for; told from the regions when left out.
        progress: called with (bytes read, bytes in all).

    Raises:
        DatasetError: when the file is no JSON, ends early, or none of its images is there.
    """
    file = data if data.is_file() else _only(data)
    draft = Draft("labelstudio", Places.below(root_of(data)))
    reader = _Reader(draft, file.name)
    for batch in jsonfile.elements(file, progress=progress):
        for record in batch.elements:
            if batch.key == jsonfile.ROOT and isinstance(record, dict):
                reader.task(record)
    return reader.content(data, task)


def _only(folder: Path) -> Path:
    files = sorted(child for child in folder.iterdir() if child.suffix.lower() == ".json")
    if len(files) != 1:
        raise DatasetError(
            f"'{folder}' holds {len(files)} .json files.",
            "One export.",
            "Name the file instead of the folder.",
            path=str(folder),
        )
    return files[0]


class _Reader:
    def __init__(self, draft: Draft, name: str) -> None:
        self.draft, self.name = draft, name
        self.points: list[str] = []  # names of key points

    def task(self, record: dict[str, Any]) -> None:
        """Read one task."""
        given = record.get("data")
        data = given if isinstance(given, dict) else record
        found = self._find(_image_of(data))
        regions = self._regions(record)
        sized = next((region for region in regions if region.get("original_width")), {})
        size = (_whole(sized.get("original_width")), _whole(sized.get("original_height")))
        known = {"split": folder_split(found.path), "source_id": str(record["id"]) if "id" in record else None}
        image = self.draft.image(found, size, **known)
        self._objects(image, regions)

    def _find(self, url: str) -> Found:
        query = parse_qs(urlsplit(url).query) if url.startswith("/data/local-files") else {}
        name = query.get("d", [url])[0]
        found = self.draft.places.find(name, ["images"])
        if not found.fault:
            return found
        base = name.rpartition("/")[2]
        other = self.draft.places.find(_UPLOADED.sub("", base), ["images"]) if _UPLOADED.match(base) else found
        return found if other.fault else other

    def _regions(self, record: dict[str, Any]) -> list[dict[str, Any]]:
        self.draft.tally.add("predictions", self.name, len(record.get("predictions") or ()))
        if "annotations" not in record and "completions" not in record:
            return list(short(record))
        given = record.get("annotations") or record.get("completions") or []
        kept = [each for each in given if isinstance(each, dict) and not each.get("was_cancelled")]
        self.draft.tally.add("further annotations of one task", self.name, max(0, len(kept) - 1))
        if not kept:
            return []
        first = next((each for each in kept if each.get("ground_truth")), kept[0])
        return [region for region in first.get("result") or () if isinstance(region, dict)]

    def _objects(self, image: int, regions: list[dict[str, Any]]) -> None:
        whole = joined(regions)
        parents = {region.get("id"): region for region in whole}
        children: dict[str, list[dict[str, Any]]] = {}
        for region in whole:
            parent = region.get("parentID")
            if kind_of(region) == "keypoint" and parent in parents and parent != region.get("id"):
                children.setdefault(str(parent), []).append(region)
        for region in whole:
            points = children.get(str(region.get("id")), [])
            if kind_of(region) == "keypoint" and region.get("parentID") in parents:
                continue
            self._object(image, region, points)

    def _object(self, image: int, region: dict[str, Any], points: list[dict[str, Any]]) -> None:
        value, kind = region["value"], kind_of(region)
        labels = labels_of(value)
        if kind not in _KINDS or not labels:
            what = f"regions of type {region.get('type')}" if kind not in _KINDS else "regions without a label"
            self.draft.tally.add(what, self.name)
            return
        self.draft.tally.add(f"further labels of one {kind}", self.name, len(labels) - 1)
        if region.get("image_rotation"):
            self.draft.tally.add("turned images, read as not turned", self.name)
        frame = self._frame(image, region)
        if not frame.width and kind != "choices":
            self.draft.tally.add("objects of images whose size is unknown", self.name)
            return
        try:
            shape = shape_of(kind, value, frame, self._named(points))
        except (ShapeError, TypeError, ValueError, LookupError, OverflowError) as error:
            self.draft.issue("label-number", image, f"{kind} '{labels[0]}': {error}", path=self.name)
            return
        self.draft.add(image, self.draft.cls(labels[0]), shape, source_id=_text(region.get("id")))

    def _frame(self, image: int, region: dict[str, Any]) -> Frame:
        width, height = _whole(region.get("original_width")), _whole(region.get("original_height"))
        return Frame(width, height) if width and height else self.draft.frame(image)

    def _named(self, points: list[dict[str, Any]]) -> list[dict[str, Any] | None]:
        """Return the values of key points in the order of all names met so far, None where one is missing."""
        found = {}
        for point in points:
            value = point.get("value") or {}
            name = next(iter(labels_of(value)), "")
            if name not in self.points:
                self.points.append(name)
            found[name] = value
        return [found.get(name) for name in self.points] if found else []

    def content(self, data: Path, task: str | None) -> Content:
        """Return what was read, each pose with all key points that any of them has."""
        columns = self.draft.objects.columns
        for row, kind in enumerate(columns["kind"]):
            if kind == "pose" and self.points:
                padded = columns["keypoints"][row] + [0.0] * 3 * len(self.points)
                columns["keypoints"][row] = padded[: 3 * len(self.points)]
        found = self.draft.content(data, task)
        if found.task == "pose" and self.points:
            found.options.update(pose_options(self.points))
        return found


def _image_of(data: dict[str, Any]) -> str:
    """Return what names the image of a task: the first text that ends like one, else what is called ``image``."""
    texts = [value for value in data.values() if isinstance(value, str)]
    return next(
        (text for text in texts if is_image(text.partition("?")[0]) or is_image(text)), str(data.get("image", ""))
    )


def _whole(value: Any) -> int:
    return int(value) if isinstance(value, int | float) and 0 < value < 1 << 31 else 0


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
