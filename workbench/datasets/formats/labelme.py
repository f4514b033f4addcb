"""LabelMe: one JSON file an image.

What lives here: its shapes. What does not: pictures embedded in the files (``imageData``), which are not unpacked.

    rectangle      a box
    rotation       a rotated box (its four corners)
    polygon        a polygon
    circle         a polygon of 64 corners around its centre, through the second point
    mask           a run-length mask: the picture in the file, put where its box is
    point, line, linestrip, points   nothing here is like them: counted as a loss

Shapes of one label and one ``group_id`` that are polygons are the parts of one object.
"""

from __future__ import annotations

import base64
import binascii
import io
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from workbench.datasets import Progress
from workbench.datasets.content import Content
from workbench.datasets.formats import jsonfile
from workbench.datasets.formats.draft import Draft, packed
from workbench.datasets.formats.places import Places, folder_split, root_of
from workbench.datasets.formats.shapes import Frame, Shape, ShapeError
from workbench.errors import DatasetError
from workbench.pillow import opener

_OWN = {"label", "points", "group_id", "shape_type", "flags", "mask", "description"}


def read(data: Path, task: str | None = None, progress: Progress | None = None) -> Content:
    """Read a folder of LabelMe files, or one file.

    Args:
        data: absolute path.
        task: what it is read for; told from the shapes when left out.
        progress: called with (files read, files in all).

    Raises:
        DatasetError: when there is no such file, or none of the images is there.
    """
    draft = Draft("labelme", Places.below(root_of(data)))
    root = draft.places.root
    names = [data.relative_to(root).as_posix()] if data.is_file() else []
    names = names or sorted(name for name in draft.places.files if name.lower().endswith(".json"))
    for number, name in enumerate(names, 1):
        _file(draft, name)
        if progress:
            progress(number, len(names))
    if not len(draft):
        raise DatasetError(
            f"'{data}' holds no LabelMe files.", "One .json file an image, with `shapes`.", "Name their folder."
        )
    return draft.content(data, task)


def _file(draft: Draft, name: str) -> None:
    path = draft.places.path(name)
    try:
        found = orjson.loads(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except (OSError, orjson.JSONDecodeError) as error:
        draft.issue("label-unreadable", None, f"it is no JSON ({error})", path=name, effect="none")
        return
    if not isinstance(found, dict) or not isinstance(found.get("shapes"), list):
        if jsonfile.first_keys(path) is not None:
            draft.tally.add("JSON files that are not LabelMe's", name)
        return
    folder = name.rpartition("/")[0]
    near = [folder, f"{folder}/images".lstrip("/"), "images"]
    image_name = str(found.get("imagePath") or f"{path.stem}.jpg")
    place = draft.places.find(image_name, near)
    if place.fault and found.get("imageData"):
        draft.tally.add("pictures embedded in the JSON files", name)
    size = tuple(
        side if isinstance(side, int) and side > 0 else 0
        for side in (found.get("imageWidth"), found.get("imageHeight"))
    )
    said = {key: value for key, value in (found.get("flags") or {}).items() if value}
    split = folder_split(name) or folder_split(place.path)
    label = draft.places.text(name)
    image = draft.image(
        place, (size[0], size[1]), split=split, label=label, attributes=packed({"flags": said} if said else {})
    )
    for label_name, group in _objects(found["shapes"]):
        _object(draft, image, label_name, group, name)


def _objects(shapes: list[Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return the shapes of each object: polygons of one group and label are one."""
    groups: dict[Any, list[dict[str, Any]]] = {}
    for number, shape in enumerate(shapes):
        if isinstance(shape, dict):
            polygon = shape.get("shape_type", "polygon") == "polygon"
            grouped = polygon and shape.get("group_id") is not None
            key = (str(shape.get("label")), str(shape["group_id"])) if grouped else number
            groups.setdefault(key, []).append(shape)
    return [(str(group[0].get("label", "")), group) for group in groups.values()]


def _object(draft: Draft, image: int, label: str, group: list[dict[str, Any]], path: str) -> None:
    kind = str(group[0].get("shape_type") or "polygon")
    frame = draft.frame(image)
    if not frame.width:
        draft.tally.add("objects of images whose size is unknown", path)
        return
    try:
        shape = _shape(kind, group, frame)
    except (ShapeError, TypeError, ValueError, IndexError) as error:
        draft.issue("label-number", image, f"{kind} '{label}': {error}", path=path)
        return
    if shape is None:
        draft.tally.add(f"shapes of type {kind}", path, len(group))
        return
    first = group[0]
    said = {key: first[key] for key in first if key not in _OWN or (key in ("flags", "description") and first[key])}
    grouped = {} if first.get("group_id") is None else {"group_id": first["group_id"]}
    draft.add(image, draft.cls(label), shape, attributes=packed({**grouped, **said}))


def _shape(kind: str, group: list[dict[str, Any]], frame: Frame) -> Shape | None:
    rings = [[float(value) for point in shape["points"] for value in point] for shape in group]
    if any(not math.isfinite(value) for ring in rings for value in ring):
        raise ShapeError("a place that is no number")
    first = rings[0]
    if kind == "polygon":
        return frame.polygon(rings)
    if kind == "rotation" and len(first) == 8:
        plain = frame.polygon([first])
        return Shape("obb", plain.box, plain.area, plain.rings)
    if kind == "rectangle":
        return frame.box(min(first[0::2]), min(first[1::2]), max(first[0::2]), max(first[1::2]))
    if kind == "circle":
        radius = math.hypot(first[2] - first[0], first[3] - first[1])
        return frame.ellipse((first[0], first[1]), (radius, radius))
    return _mask(group[0], first, frame) if kind == "mask" else None


def _mask(shape: dict[str, Any], corners: list[float], frame: Frame) -> Shape:
    """Return the mask whose picture stands in the file."""
    from PIL import Image

    try:
        data = base64.b64decode(shape["mask"] or "", validate=True)
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with opener()(io.BytesIO(data), formats=("PNG",)) as picture:
                if picture.width > frame.width or picture.height > frame.height:
                    raise ShapeError(f"a mask of {picture.width}x{picture.height} is larger than the image")
                part = np.asarray(picture.convert("1"), dtype=np.uint8)
    except (
        KeyError,
        binascii.Error,
        OSError,
        SyntaxError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as error:
        raise ShapeError(f"its mask cannot be read ({error})") from error
    whole = np.zeros((frame.height, frame.width), np.uint8)
    left, top = (
        min(max(round(value), 0), side) for value, side in zip(corners[:2], (frame.width, frame.height), strict=True)
    )
    height, width = min(part.shape[0], frame.height - top), min(part.shape[1], frame.width - left)
    whole[top : top + height, left : left + width] = part[:height, :width]
    return frame.mask(whole)
