"""How alike two ways of answering are: detections of the same images, matched box by box.

What lives here: matching and its sums. What does not: getting the answers (``answers``), the verdict (``parity``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BOX_TOLERANCE_PX = 0.01
CONFIDENCE_TOLERANCE = 1e-4

Rows = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """How alike two ways of answering are, over the same images.

    Attributes:
        boxes: that the reference answers, in all images together.
        matched: of these, how many the other answers too: same class, the nearest box that is not taken yet.
        images_differing: images in which one of the two has a box that the other lacks.
        box_px: largest difference of a coordinate among matched boxes, in pixels of the original image.
        confidence: largest difference of confidence among matched boxes.
    """

    boxes: int
    matched: int
    images_differing: int
    box_px: float
    confidence: float

    def __str__(self) -> str:
        return (
            f"{self.matched} of {self.boxes} boxes matched, {self.images_differing} images differ, "
            f"{self.box_px:.5g} px, {self.confidence:.2g} of confidence"
        )

    @property
    def within_tolerance(self) -> bool:
        """Every box is matched, to 0.01 px and 0.0001 of confidence."""
        return (
            self.images_differing == 0 and self.box_px <= BOX_TOLERANCE_PX and self.confidence <= CONFIDENCE_TOLERANCE
        )


@dataclass(frozen=True)
class Seen:
    """Detections of one image, rows of x1, y1, x2, y2, confidence, class: float64, shape (N, 6)."""

    rows: Rows
    shape: tuple[int, int]


def agreement(pairs: Iterable[tuple[Seen, Seen]]) -> Agreement:
    """Return how alike the second of each pair is to the first."""
    boxes = matched = differing = 0
    box_px = confidence = 0.0
    for reference, other in pairs:
        matches = _match(reference.rows, other.rows)
        boxes += len(reference.rows)
        matched += len(matches)
        differing += not len(reference.rows) == len(other.rows) == len(matches)
        for left, right in matches:
            difference = np.abs(reference.rows[left, :5] - other.rows[right, :5])
            box_px, confidence = max(box_px, difference[:4].max()), max(confidence, difference[4])
    return Agreement(boxes, matched, differing, float(box_px), float(confidence))


def _match(reference: Rows, other: Rows) -> list[tuple[int, int]]:
    free, matches = set(range(len(other))), []
    for left, row in enumerate(reference):
        same = [right for right in free if other[right, 5] == row[5]]
        if same:
            # The confidence settles which of two boxes in the same place is meant
            right = min(same, key=lambda index: float(np.abs(other[index, :5] - row[:5]).max()))
            free.remove(right)
            matches.append((left, right))
    return matches


def whole(seen: Seen) -> int:
    """Return how many boxes touch no edge of the image and have an area above 1 px²."""
    x1, y1, x2, y2 = seen.rows[:, :4].T
    height, width = seen.shape
    inside = (x1 > 0) & (y1 > 0) & (x2 < width) & (y2 < height)
    return int((inside & ((x2 - x1) * (y2 - y1) > 1)).sum())
