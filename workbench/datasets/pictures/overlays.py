"""What is marked on images, as shapes on their thumbnails.

What lives here: from rows of objects to shapes in pixels of a thumbnail, as JSON-able rows and drawn on the picture.
What does not: the thumbnails (``thumbs``), pages of images (``index``).
"""

from __future__ import annotations

import colorsys
import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa

from workbench import fonts
from workbench.datasets.pictures.shrink import fit
from workbench.pillow import opener

PERSON_SKELETON = (
    *((16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12), (7, 13), (6, 7), (6, 8), (7, 9), (8, 10), (9, 11)),
    *((2, 3), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7)),
)
"""COCO's, counted from 1: for 17 keypoints of a class that says nothing else."""
SHAPES_MAX = 2000
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_GOLDEN = 0.61803398875
_SMALLEST_LABEL_PX = 24
_LETTERS_PX, _LABEL_LETTERS = 11, 24
_COUNT_BITS = 40


@dataclass(frozen=True)
class Style:
    """How the objects of a class are shown.

    Attributes:
        name: of the class.
        color: ``#rrggbb``.
        skeleton: pairs of keypoints that a line joins, counted from 0; None when the class does not say.
    """

    name: str
    color: str
    skeleton: tuple[tuple[int, int], ...] | None = None


def color_of(cls: int) -> str:
    """Return the colour of a class that has none of its own: the same for an id, far from those of its neighbours."""
    hue = (cls * _GOLDEN) % 1.0
    lightness = (0.50, 0.62, 0.40)[cls % 3]
    red, green, blue = colorsys.hls_to_rgb(hue, lightness, 0.85)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"


def styles(classes: pa.Table) -> list[Style]:
    """Return the style of each class (schema ``CLASSES``): its ``color`` and ``skeleton`` attributes count first."""
    return [
        _style(*row) for row in zip(*(classes[name].to_pylist() for name in ("cls", "name", "attributes")), strict=True)
    ]


def shapes(images: pa.Table, objects: pa.Table, classes: Sequence[Style], size: int = 256) -> list[dict[str, Any]]:
    """Return what is marked on each image of a page.

    Args:
        images: columns ``image_id``, ``width`` and ``height``.
        objects: columns ``image_id``, ``object_id``, ``cls``, ``kind``, ``cx cy w h``, ``rings``, ``rle``,
            ``keypoints`` and ``crowd``, sorted by image.
        classes: style by class id.
        size: of the thumbnails.

    Returns:
        A row for each image, in their order: ``image_id``, ``width`` and ``height`` of its thumbnail, ``shapes``, and
        ``more``, how many were left out beyond SHAPES_MAX. A shape has ``object_id``, ``cls``, ``name``, ``color``,
        ``kind``, ``crowd``, and in pixels of the thumbnail ``box`` [x, y, w, h] and, where the object has them,
        ``rings`` [[x, y, ...], ...] and ``keypoints`` [[x, y, v], ...] with ``skeleton`` [[from, to], ...]. An image
        of unknown size has no shapes.
    """
    by_image: dict[int, list[dict[str, Any]]] = {}
    for row in objects.to_pylist():
        by_image.setdefault(row["image_id"], []).append(row)
    found = []
    for row in images.select(["image_id", "width", "height"]).to_pylist():
        full = row["width"] or 0, row["height"] or 0
        there = by_image.get(row["image_id"], []) if min(full) > 0 else []
        width, height = fit(*full, size) if min(full) > 0 else (0, 0)
        drawn = [_shape(one, classes[one["cls"]], full, (width, height)) for one in there[:SHAPES_MAX]]
        head = {"image_id": row["image_id"], "width": width, "height": height}
        found.append({**head, "shapes": drawn, "more": max(len(there) - SHAPES_MAX, 0)})
    return found


def draw(thumbnail: bytes, shapes: Iterable[dict[str, Any]], *, names: bool = True) -> bytes:
    """Return a thumbnail with shapes drawn on it, as WebP.

    Args:
        thumbnail: of the image, in any format.
        shapes: of the image, from ``shapes`` with the same size.
        names: whether class names stand at boxes that have the room.
    """
    from PIL import ImageDraw

    with opener()(io.BytesIO(thumbnail)) as opened:
        image = opened.convert("RGB")
    pen = ImageDraw.Draw(image, "RGBA")
    for shape in shapes:
        _draw_one(pen, shape, names=names)
    target = io.BytesIO()
    image.save(target, "WEBP", quality=90, method=2)
    return target.getvalue()


def _style(cls: int, name: str, attributes: str | None) -> Style:
    given = _json(attributes)
    color, skeleton = given.get("color"), given.get("skeleton")
    valid = isinstance(color, str) and _COLOR.fullmatch(color) is not None
    return Style(name, str(color) if valid else color_of(cls), _skeleton(skeleton))


def _json(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _skeleton(given: Any) -> tuple[tuple[int, int], ...] | None:
    """Return COCO's pairs, counted from 1, counted from 0; None when they are none."""
    if not isinstance(given, list):
        return None
    pairs = [tuple(pair) for pair in given if isinstance(pair, list) and len(pair) == 2]
    whole = [pair for pair in pairs if all(isinstance(end, int) and end >= 1 for end in pair)]
    return tuple((first - 1, second - 1) for first, second in whole)


def _shape(row: dict[str, Any], style: Style, full: tuple[int, int], shown: tuple[int, int]) -> dict[str, Any]:
    width, height = shown
    left, top = (row["cx"] or 0.0) - (row["w"] or 0.0) / 2, (row["cy"] or 0.0) - (row["h"] or 0.0) / 2
    shape: dict[str, Any] = {
        **{name: row[name] for name in ("object_id", "cls", "kind")},
        "name": style.name,
        "color": style.color,
        "crowd": bool(row["crowd"]),
    }
    if row["kind"] != "class":
        box = (left * width, top * height, (row["w"] or 0.0) * width, (row["h"] or 0.0) * height)
        shape["box"] = [round(value, 2) for value in box]
    if rings := row["rings"] or (_outlines(row["rle"], full) if row["rle"] else None):
        shape["rings"] = [[round(value * shown[at % 2], 2) for at, value in enumerate(ring)] for ring in rings]
    if points := row["keypoints"]:
        triples = [points[at : at + 3] for at in range(0, len(points) - 2, 3)]
        shape["keypoints"] = [[round(x * width, 2), round(y * height, 2), int(v)] for x, y, v in triples]
        shape["skeleton"] = _pairs(style, len(triples))
    return shape


def _pairs(style: Style, count: int) -> list[list[int]]:
    own = style.skeleton
    if own is None:
        own = tuple((first - 1, second - 1) for first, second in PERSON_SKELETON) if count == 17 else ()
    return [[first, second] for first, second in own if first < count and second < count]


@lru_cache(maxsize=4096)
def _outlines(counts: str, full: tuple[int, int]) -> list[list[float]]:
    """Return the outlines of COCO's compressed counts as fractions; none when they are of another size."""
    import cv2
    import numpy as np

    width, height = full
    runs = _runs(counts)
    if sum(runs) != width * height:
        return []
    pixels = np.repeat(np.arange(len(runs), dtype=np.uint8) % 2, runs).reshape(width, height).T
    found, _ = cv2.findContours(np.ascontiguousarray(pixels), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    return [((ring.reshape(-1, 2) + 0.5) / (width, height)).ravel().tolist() for ring in found if len(ring) > 2]


def _runs(counts: str) -> list[int]:
    """Return the lengths of the runs that compressed counts hold, column by column; none when they are no counts.

    Read here, so that counts of another size than the image's are told by their sum before anything is decoded.
    """
    runs: list[int] = []
    value = shift = 0
    for character in counts:
        code = ord(character) - 48
        if not 0 <= code < 64 or shift > _COUNT_BITS:
            return []
        value |= (code & 0x1F) << shift
        shift += 5
        if not code & 0x20:
            value -= (1 << shift) if code & 0x10 else 0
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    return runs if shift == 0 and all(run >= 0 for run in runs) else []


def _draw_one(pen: Any, shape: dict[str, Any], *, names: bool) -> None:
    color = shape["color"]
    rings = shape.get("rings") or []
    for ring in rings:
        points = list(zip(ring[::2], ring[1::2], strict=False))
        if len(points) > 2:
            pen.polygon(points, fill=f"{color}38", outline=color)
    if "box" in shape and not rings:
        x, y, width, height = shape["box"]
        pen.rectangle((x, y, x + max(width, 0), y + max(height, 0)), outline=color, width=1 if shape["crowd"] else 2)
    seen = [(x, y, v) for x, y, v in shape.get("keypoints", ())]
    for first, second in shape.get("skeleton", ()):
        if seen[first][2] and seen[second][2]:
            pen.line((*seen[first][:2], *seen[second][:2]), fill=color, width=1)
    for x, y, v in seen:
        if v:
            pen.ellipse((x - 2, y - 2, x + 2, y + 2), fill=color if v > 1 else None, outline=color)
    if names:
        _write_name(pen, shape)


def _write_name(pen: Any, shape: dict[str, Any]) -> None:
    x, y, width, _ = shape.get("box", (0.0, 0.0, float(_SMALLEST_LABEL_PX), 0.0))
    if width < _SMALLEST_LABEL_PX:
        return
    label = fonts.line(_label(shape["name"], shape["cls"]), _LETTERS_PX)
    left, top = max(x, 0.0), max(y - label.height, 0.0)
    pen.rectangle((left, top, left + label.width, top + label.height - 1), fill=f"{shape['color']}c0")
    label.write(pen, (left, top), "#ffffff" if _is_dark(shape["color"]) else "#000000")


def _label(name: str, cls: int) -> str:
    """Return what stands for a class: its name, and its number before what is left of it where a font is missing."""
    text = fonts.visible(name)[:_LABEL_LETTERS]
    missing = fonts.lacking(text)
    if text.strip() and not missing:
        return text
    left = "".join(letter for letter in text if letter not in missing)
    return " ".join([f"#{cls}", *left.split()])


def _is_dark(color: str) -> bool:
    red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
    return red * 299 + green * 587 + blue * 114 < 140_000
