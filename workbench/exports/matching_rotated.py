"""How alike two rotated boxes are.

What lives here: corners, angles and overlaps of boxes that may be turned. What does not: which boxes belong together
(``matching``).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Corners = npt.NDArray[np.float64]


def aligned(first: Corners, second: Corners) -> Corners:
    """Return the corners of the second box in the order that is nearest to those of the first: shape (4, 2).

    A box that is turned by a quarter, with its sides exchanged, is the same box.
    """
    return min((np.roll(second, by, axis=0) for by in range(4)), key=lambda turned: farthest(first, turned))


def farthest(first: Corners, second: Corners) -> float:
    """Return the largest difference of a coordinate."""
    return float(np.abs(first - second).max())


def turn(first: Corners, second: Corners) -> float:
    """Return the angle between the first sides of two boxes, 0 to π."""
    sides = [corners[1] - corners[0] for corners in (first, second)]
    angles = [float(np.arctan2(side[1], side[0])) for side in sides]
    return float(abs((angles[0] - angles[1] + np.pi) % (2 * np.pi) - np.pi))


def overlap(first: Corners, second: Corners) -> float:
    """Return the intersection over the union of two boxes, 0-1.

    OpenCV's intersection of convex outlines finds nothing for some boxes that are nearly the same.
    """
    subject = [(float(x), float(y)) for x, y in first]
    clip = second if _area(second) >= 0 else second[::-1]
    for start, end in zip(clip, np.roll(clip, -1, axis=0), strict=True):
        subject = _cut(subject, start, end)
    common = abs(_area(np.array(subject))) if len(subject) > 2 else 0.0
    union = abs(_area(first)) + abs(_area(second)) - common
    return min(common / union, 1.0) if union > 0 else float((first == second).all())


def _cut(outline: list[tuple[float, float]], start: Corners, end: Corners) -> list[tuple[float, float]]:
    """Return what of an outline lies on the left of a line (Sutherland and Hodgman)."""
    (x, y), (dx, dy) = start.tolist(), (end - start).tolist()
    sides = [dx * (py - y) - dy * (px - x) for px, py in outline]
    kept = []
    for at, (point, side) in enumerate(zip(outline, sides, strict=True)):
        before, before_side = outline[at - 1], sides[at - 1]
        if (side >= 0) != (before_side >= 0):
            share = before_side / (before_side - side)
            crossing = (before[0] + share * (point[0] - before[0]), before[1] + share * (point[1] - before[1]))
            kept.append(crossing)
        if side >= 0:
            kept.append(point)
    return kept


def _area(corners: Corners) -> float:
    x, y = corners.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)
