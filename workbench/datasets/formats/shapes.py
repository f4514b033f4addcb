"""What is marked on an image, from pixels to fractions, and from one kind of shape to another.

What lives here: boxes, rotated boxes, polygons, ellipses and run-length masks of one object. What does not: columns
of many (``coco``), the text of label files (``labels``).

Masks are run lengths as COCO has them: column by column, from the top left. They are checked here before pycocotools
sees them, because it trusts the sums in them.

    ShapeError    a shape that means nothing
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

PIXELS_MAX = 178_956_970  # Pillow's bound for an image that is no bomb, twice 89,478,485
ELLIPSE_CORNERS = 64

Points = Sequence[float]  # x y x y ...
Mask = npt.NDArray[np.uint8]  # shape (height, width), 0 or 1
Floats = npt.NDArray[np.float64]


class ShapeError(ValueError):
    """A shape that means nothing; the message is a clause for people."""


@dataclass(frozen=True)
class Shape:
    """What is marked, in fractions of the image; the fields are columns of ``content.OBJECTS``."""

    kind: str
    box: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)  # cx, cy, w, h
    area: float = 0.0  # square pixels
    rings: list[list[float]] | None = None
    rle: str | None = None
    keypoints: list[float] | None = None


@dataclass(frozen=True)
class Frame:
    """An image's size in pixels, by which pixels become fractions. Without a size (0) nothing can be said of shapes."""

    width: int
    height: int

    def box(self, left: float, top: float, right: float, bottom: float) -> Shape:
        """Return a box; the corners may come in any order."""
        (left, right), (top, bottom) = sorted((left, right)), sorted((top, bottom))
        return Shape("box", self._around(left, top, right, bottom), (right - left) * (bottom - top))

    def polygon(self, rings: Sequence[Points]) -> Shape:
        """Return the union of ``rings``, each of 3 or more points.

        Raises:
            ShapeError: when a ring has fewer points, or half a point.
        """
        for ring in rings:
            check_ring(ring)
        box = self._around(*extent(rings))
        return Shape("polygon", box, sum(map(ring_area, rings)), [self._fractions(ring) for ring in rings])

    def rotated(self, centre: tuple[float, float], size: tuple[float, float], degrees: float) -> Shape:
        """Return a rotated box: ``degrees`` clockwise about its centre, as seen on the screen."""
        turn = math.radians(degrees)
        across = (size[0] / 2 * math.cos(turn), size[0] / 2 * math.sin(turn))
        down = (-size[1] / 2 * math.sin(turn), size[1] / 2 * math.cos(turn))
        corners = [
            centre[axis] + x * across[axis] + y * down[axis]
            for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))
            for axis in (0, 1)
        ]
        return Shape("obb", self._around(*extent([corners])), abs(size[0] * size[1]), [self._fractions(corners)])

    def ellipse(self, centre: tuple[float, float], radii: tuple[float, float], degrees: float = 0.0) -> Shape:
        """Return a polygon of ``ELLIPSE_CORNERS`` corners on an ellipse."""
        turn = math.radians(degrees)
        ring = []
        for corner in range(ELLIPSE_CORNERS):
            angle = 2 * math.pi * corner / ELLIPSE_CORNERS
            x, y = radii[0] * math.cos(angle), radii[1] * math.sin(angle)
            ring += [
                centre[0] + x * math.cos(turn) - y * math.sin(turn),
                centre[1] + x * math.sin(turn) + y * math.cos(turn),
            ]
        return self.polygon([ring])

    def mask(self, mask: Mask) -> Shape:
        """Return a run-length mask of the whole image.

        Raises:
            ShapeError: when the mask has another size than the image.
        """
        if mask.shape != (self.height, self.width):
            raise ShapeError(f"a mask of {mask.shape[1]}x{mask.shape[0]} on an image of {self.width}x{self.height}")
        return self.rle(encode(mask))

    def rle(self, counts: str) -> Shape:
        """Return the mask of COCO's compressed ``counts``.

        Raises:
            ShapeError: when they are damaged or of another size.
        """
        check_rle(counts, self.width, self.height)
        left, top, width, height, area = measure(counts, self.width, self.height)
        return Shape("rle", self._around(left, top, left + width, top + height), area, rle=counts)

    def pose(self, keypoints: Points, box: Sequence[float] | None = None) -> Shape:
        """Return key points ``x y v ...``, with the box ``left top right bottom``, or the one around those marked."""
        scaled = list(keypoints)
        scaled[0::3] = [x / self.width for x in keypoints[0::3]]
        scaled[1::3] = [y / self.height for y in keypoints[1::3]]
        if box is None:
            marked = [value for at in range(0, len(scaled), 3) if keypoints[at + 2] for value in keypoints[at : at + 2]]
            box = extent([marked]) if marked else (0.0, 0.0, 0.0, 0.0)
        plain = self.box(*box)
        return Shape("pose", plain.box, plain.area, keypoints=scaled)

    def _around(self, left: float, top: float, right: float, bottom: float) -> tuple[float, float, float, float]:
        return (
            (left + right) / 2 / self.width,
            (top + bottom) / 2 / self.height,
            (right - left) / self.width,
            (bottom - top) / self.height,
        )

    def _fractions(self, ring: Points) -> list[float]:
        return [value / (self.height if at % 2 else self.width) for at, value in enumerate(ring)]


def check_ring(ring: Points) -> None:
    """Raise a ShapeError unless ``ring`` is 3 or more points."""
    if len(ring) % 2 or len(ring) < 6:
        raise ShapeError(f"a polygon of {len(ring)} numbers where 3 or more pairs x y were expected")


def extent(rings: Sequence[Points]) -> tuple[float, float, float, float]:
    """Return left, top, right, bottom of all points."""
    xs, ys = [x for ring in rings for x in ring[0::2]], [y for ring in rings for y in ring[1::2]]
    return min(xs), min(ys), max(xs), max(ys)


def ring_area(ring: Points) -> float:
    """Return the area inside a ring, in the square of its unit."""
    xs, ys = np.asarray(ring[0::2], float), np.asarray(ring[1::2], float)
    return float(abs(np.dot(xs, np.roll(ys, -1)) - np.dot(ys, np.roll(xs, -1))) / 2)


def encode(mask: Mask) -> str:
    """Return COCO's compressed counts of ``mask``."""
    from pycocotools import mask as coco

    return str(coco.encode(np.asfortranarray(mask, dtype=np.uint8))["counts"].decode("ascii"))


def decode(counts: str, width: int, height: int) -> Mask:
    """Return the mask of checked ``counts``."""
    from pycocotools import mask as coco

    decoded: Mask = coco.decode(_object(counts, width, height))
    return decoded


def measure(counts: str, width: int, height: int) -> tuple[float, float, float, float, float]:
    """Return left, top, width, height of the box around a mask, and its area; pixels."""
    from pycocotools import mask as coco

    rle = _object(counts, width, height)
    left, top, across, down = (float(value) for value in coco.toBbox(rle))
    return left, top, across, down, float(coco.area(rle))


def _object(counts: str, width: int, height: int) -> dict[str, Any]:
    return {"size": [height, width], "counts": counts.encode("ascii")}


def from_runs(runs: Sequence[int], width: int, height: int) -> str:
    """Return the compressed counts of COCO's uncompressed ones.

    Raises:
        ShapeError: when they do not cover the image exactly.
    """
    from pycocotools import mask as coco

    try:
        lengths = np.asarray(runs, dtype=np.int64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ShapeError("the counts of its mask are no whole numbers") from error
    _check_runs(lengths, width, height)
    rle = coco.frPyObjects({"size": [height, width], "counts": [int(run) for run in lengths]}, height, width)
    return str(rle["counts"].decode("ascii"))


def check_rle(counts: str, width: int, height: int) -> None:
    """Check that compressed ``counts`` cover an image of this size exactly.

    Raises:
        ShapeError: when they do not.
    """
    try:
        digits = np.frombuffer(counts.encode("ascii"), np.uint8).astype(np.int64) - 48
    except UnicodeEncodeError as error:
        raise ShapeError("the counts of its mask are damaged") from error
    if not len(digits) or digits.min() < 0 or digits.max() > 63 or digits[-1] & 32:
        raise ShapeError("the counts of its mask are damaged")
    last = np.flatnonzero(~digits & 32)
    first = np.concatenate(([0], last[:-1] + 1))
    lengths = last - first + 1
    if lengths.max() > 7:
        raise ShapeError("the counts of its mask are damaged")
    shift = 5 * (np.arange(len(digits)) - np.repeat(first, lengths))
    values = np.add.reduceat((digits & 31) << shift, first)
    values -= np.where(digits[last] & 16, np.int64(1) << (5 * lengths), 0)
    # From the third on a count is stored as the difference to the one before the last
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    _check_runs(values, width, height)


def _check_runs(runs: npt.NDArray[np.int64], width: int, height: int) -> None:
    if width * height > PIXELS_MAX:
        raise ShapeError(f"a mask of {width}x{height} pixels")
    if not len(runs) or runs.min() < 0 or int(runs.sum()) != width * height:
        raise ShapeError(f"its mask covers {int(runs.sum()):,} pixels, its image has {width * height:,}")


def contours(mask: Mask) -> tuple[list[list[float]], int]:
    """Return the outlines of a mask as rings in pixels, largest first, and the number of holes that they do not show.

    They go through the centres of the outermost pixels: what is filled is then the mask again, also where places are
    cut off to whole pixels, as ultralytics does. A spot of one or two pixels becomes a small box.
    """
    import cv2

    found, tree = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    rings, holes = [], 0
    for contour, links in zip(found, tree[0] if tree is not None else (), strict=True):
        if links[3] >= 0:
            holes += 1
            continue
        points = contour.reshape(-1, 2) + 0.5
        if len(points) < 3:
            (left, top), (right, bottom) = points.min(axis=0) - 0.25, points.max(axis=0) + 0.25
            points = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
        rings.append([float(value) for value in points.reshape(-1)])
    return sorted(rings, key=ring_area, reverse=True), holes


def joined(rings: Sequence[Points]) -> list[float]:
    """Return several rings as one: each is entered and left at the point nearest to what is there already.

    The bridges have no width, so the filled area is that of the rings, up to the pixels that the bridges touch.
    """
    outline = np.asarray(rings[0], float).reshape(-1, 2)
    for ring in rings[1:]:
        other = np.asarray(ring, float).reshape(-1, 2)
        here, there = _nearest(outline, other)
        turned = np.concatenate((other[there:], other[: there + 1]))
        outline = np.concatenate((outline[: here + 1], turned, outline[here:]))
    return [float(value) for value in outline.reshape(-1)]


def _nearest(outline: Floats, other: Floats) -> tuple[int, int]:
    best = (math.inf, 0, 0)
    for start in range(0, len(outline), 1024):
        distances = ((outline[start : start + 1024, None] - other[None]) ** 2).sum(axis=2)
        at = int(distances.argmin())
        row, column = divmod(at, len(other))
        best = min(best, (float(distances[row, column]), start + row, column))
    return best[1], best[2]


def smallest_rotated(points: Points) -> list[float]:
    """Return the four corners of the smallest rotated box around ``points``, pixels."""
    import cv2

    corners = cv2.boxPoints(cv2.minAreaRect(np.asarray(points, np.float32).reshape(-1, 2)))
    return [float(value) for value in corners.reshape(-1)]
