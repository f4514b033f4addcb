"""The shapes of CVAT's XML, in fractions.

What lives here: one element to one shape. What does not: images, tracks and labels (``cvat``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from xml.etree.ElementTree import Element

import numpy as np
import numpy.typing as npt

from workbench.datasets.formats.shapes import Frame, Shape, ShapeError


def shape_of(element: Element, frame: Frame, keypoints: Sequence[float] = ()) -> Shape:
    """Return the shape of an element.

    Args:
        element: ``box``, ``polygon``, ``ellipse``, ``points``, ``skeleton``, ``mask`` or ``tag``.
        frame: its image; without a size only ``tag`` means anything.
        keypoints: x y v of each point of a ``skeleton``, pixels.

    Raises:
        ShapeError: when a number is none, or the shape is impossible.
    """
    if element.tag == "skeleton":
        return frame.pose(keypoints)
    return _SHAPES[element.tag](element, frame)


def _box(element: Element, frame: Frame) -> Shape:
    left, top, right, bottom = _numbers(element, "xtl", "ytl", "xbr", "ybr")
    (degrees,) = _numbers(element, "rotation")
    if not degrees % 360:
        return frame.box(left, top, right, bottom)
    return frame.rotated(((left + right) / 2, (top + bottom) / 2), (right - left, bottom - top), degrees)


def _ellipse(element: Element, frame: Frame) -> Shape:
    cx, cy, rx, ry, degrees = _numbers(element, "cx", "cy", "rx", "ry", "rotation")
    return frame.ellipse((cx, cy), (rx, ry), degrees)


def _mask(element: Element, frame: Frame) -> Shape:
    left, top, width, height = (int(value) for value in _numbers(element, "left", "top", "width", "height"))
    return frame.mask(unpacked(element.get("rle", ""), (left, top, width, height), frame))


def _polygon(element: Element, frame: Frame) -> Shape:
    return frame.polygon([list(places(element))])


def _marks(element: Element, frame: Frame) -> Shape:
    values = list(places(element))
    return frame.pose([value for x, y in zip(values[0::2], values[1::2], strict=True) for value in (x, y, 2.0)])


_SHAPES: dict[str, Callable[[Element, Frame], Shape]] = {
    "box": _box,
    "ellipse": _ellipse,
    "mask": _mask,
    "polygon": _polygon,
    "points": _marks,
    "tag": lambda element, frame: Shape("class"),  # noqa: ARG005 - it is of the whole image
}


def _numbers(element: Element, *names: str) -> list[float]:
    found = [float(element.get(name, "0")) for name in names]
    if not all(map(math.isfinite, found)):
        raise ShapeError(f"{', '.join(names)} are {found}")
    return found


def places(element: Element) -> Iterator[float]:
    """Yield x y x y ... of an element's points, pixels."""
    for pair in element.get("points", "").split(";"):
        x, _, y = pair.partition(",")
        for text in (x, y):
            value = float(text)
            if not math.isfinite(value):
                raise ShapeError(f"'{pair}' is no point")
            yield value


def unpacked(runs: str, area: tuple[int, int, int, int], frame: Frame) -> npt.NDArray[np.uint8]:
    """Return the mask of CVAT's run lengths: row by row inside a box, starting with what is outside the object.

    Args:
        runs: numbers with commas between them.
        area: left, top, width and height of the box.
        frame: of the whole image.

    Raises:
        ShapeError: when they do not fill the box, or the box leaves the image.
    """
    left, top, width, height = area
    lengths = np.array([int(run) for run in runs.split(",")], np.int64)
    if width < 1 or height < 1 or left < 0 or top < 0 or left + width > frame.width or top + height > frame.height:
        raise ShapeError(f"a mask of {width}x{height} at {left},{top} leaves the image of {frame.width}x{frame.height}")
    if lengths.min() < 0 or lengths.sum() != width * height:
        raise ShapeError(f"its mask has {int(lengths.sum()):,} pixels, its box {width * height:,}")
    inside = np.repeat(np.arange(len(lengths)) % 2, lengths).astype(np.uint8)
    mask = np.zeros((frame.height, frame.width), np.uint8)
    mask[top : top + height, left : left + width] = inside.reshape(height, width)
    return mask
