"""How alike two ways of answering are: what they see in the same images, matched object by object.

What lives here: matching and its sums. What does not: getting the answers (``answers``), how far apart they may be
(``tolerances``), the verdict (``certificate``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from workbench.exports.matching_rotated import aligned, farthest, overlap, turn

Rows = npt.NDArray[np.float64]
Bits = npt.NDArray[np.uint8]

SAME_PLACE_IOU = 0.5
"""Boxes that overlap less are of two objects."""
_NEVER: Final = 1e9
_COUNTS: Final = ("boxes", "matched", "images_differing", "missed", "added", "flipped", "borderline", "beyond")


@dataclass(frozen=True)
class Agreement:
    """How alike two ways of answering are, over the same images.

    Attributes:
        boxes: that the reference answers, in all images together.
        matched: of these, how many the other answers too: same class, and an overlap of at least a half.
        images_differing: images in which one of the two has a box, or the most likely class, that the other lacks.
        box_px: largest difference of a coordinate among matched boxes, in pixels of the original image; of a corner for
            rotated boxes.
        confidence: largest difference of confidence among matched boxes.
        missed: boxes of the reference where the other has none.
        added: boxes of the other where the reference has none.
        flipped: boxes in the same place, of another class.
        borderline: boxes that only one of the two has, because their confidence is the lowest that is answered.
        beyond: matched boxes that are farther apart than was asked for, in place or confidence.
        iou_mean: overlap of matched boxes on average, 0-1.
        iou_min: the smallest one.
        mask_iou: smallest overlap of the masks of matched boxes, 0-1; None without masks.
        keypoint_px: largest difference of a coordinate of their keypoints, in pixels; None without keypoints.
        visibility: largest difference of how visible one is said to be, 0-1.
        angle: largest difference of their angles, in radians; None without angles.
        scores: largest difference of a class's probability; None when images are not classified as a whole.
        same_top: images for which both find the same class most likely.
    """

    boxes: int
    matched: int
    images_differing: int
    box_px: float
    confidence: float
    missed: int = 0
    added: int = 0
    flipped: int = 0
    borderline: int = 0
    beyond: int = 0
    iou_mean: float = 1.0
    iou_min: float = 1.0
    mask_iou: float | None = None
    keypoint_px: float | None = None
    visibility: float | None = None
    angle: float | None = None
    scores: float | None = None
    same_top: int | None = None

    @property
    def differing(self) -> int:
        """Boxes about which the two do not agree: too far apart, of another class, or seen by one of them alone."""
        return self.beyond + self.missed + self.added + self.flipped

    def __str__(self) -> str:
        if self.scores is not None:
            return f"{self.scores:.2g} of probability, {self.images_differing} images have another likeliest class"
        counts = {"missed": self.missed, "added": self.added, "of another class": self.flipped}
        counts |= {"borderline": self.borderline, "too far apart": self.beyond}
        told = "".join(f", {count} {name}" for name, count in counts.items() if count)
        return (
            f"{self.matched} of {self.boxes} boxes matched{told}, {self.images_differing} images differ, "
            f"{self.box_px:.5g} px, {self.confidence:.2g} of confidence, IoU {self.iou_min:.4g} or more"
        )


@dataclass(frozen=True)
class Seen:
    """What was seen in one image.

    Attributes:
        rows: x1, y1, x2, y2, confidence, class of each object, in pixels of the image; float64, shape (N, 6). Of
            rotated boxes, what encloses them.
        shape: height and width of the image in pixels.
        masks: a bit for each pixel of the model's input, packed: uint8, shape (N, bytes).
        keypoints: x, y, visibility: float64, shape (N, points, 3).
        corners: of rotated boxes: float64, shape (N, 4, 2).
        scores: probability of each class, when the image is classified as a whole: float64, shape (classes,).
    """

    rows: Rows
    shape: tuple[int, int]
    masks: Bits | None = None
    keypoints: Rows | None = None
    corners: Rows | None = None
    scores: Rows | None = None


@dataclass
class Pairs:
    """Which rows of two answers mean the same object; places in their rows.

    Attributes:
        same: of the same class.
        flipped: in the same place, of another class.
        missed: rows of the first that have no partner.
        added: rows of the second that have none.
    """

    same: list[tuple[int, int]]
    flipped: list[tuple[int, int]]
    missed: list[int]
    added: list[int]


def agreement(
    pairs: Iterable[tuple[Seen, Seen]], *, conf: float = 0.0, slack: float = 0.0, px: float = 0.0
) -> Agreement:
    """Return how alike the second of each pair is to the first.

    Args:
        pairs: what the reference and the other see in the same image.
        conf: the lowest confidence that both were asked for.
        slack: how far confidences may be apart: a box that is so little above ``conf`` may be below it for the other.
        px: how far their places may be apart, in pixels of the image.
    """
    sums = _Sums(px, slack)
    for reference, other in pairs:
        if reference.scores is not None and other.scores is not None:
            sums.add_scores(reference.scores, other.scores)
        else:
            sums.add_boxes(reference, other, conf + slack)
    return sums.total()


def match(reference: Rows, other: Rows) -> Pairs:
    """Return which rows of two answers mean the same object: as many as possible, then the nearest."""
    if not len(reference) or not len(other):
        return Pairs([], [], list(range(len(reference))), list(range(len(other))))
    # The confidence settles which of two boxes in the same place is meant
    apart = np.abs(reference[:, None, :5] - other[None, :, :5]).max(axis=2)
    there = (ious(reference[:, :4], other[:, :4]) >= SAME_PLACE_IOU) | (apart <= 1)
    equal = reference[:, None, 5] == other[None, :, 5]
    same = _assign(apart, there & equal)
    free = np.ones(apart.shape, dtype=bool)
    for left, right in same:
        free[left, :] = free[:, right] = False
    flipped = _assign(apart, there & ~equal & free)
    taken = same + flipped
    missed = sorted(set(range(len(reference))) - {left for left, _ in taken})
    added = sorted(set(range(len(other))) - {right for _, right in taken})
    return Pairs(same, flipped, missed, added)


def ious(first: Rows, second: Rows) -> Rows:
    """Return the overlaps of boxes x1, y1, x2, y2: shape (N, M), 0-1."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:4], second[None, :, 2:4])
    common = (high - low).clip(0).prod(axis=2)
    areas = [(boxes[:, 2:4] - boxes[:, :2]).clip(0).prod(axis=1) for boxes in (first, second)]
    union = areas[0][:, None] + areas[1][None] - common
    found: Rows = np.divide(common, union, out=np.zeros_like(common), where=union > 0)
    return found


def whole(seen: Seen) -> int:
    """Return how many boxes touch no edge of the image and have an area above 1 px²."""
    x1, y1, x2, y2 = seen.rows[:, :4].T
    height, width = seen.shape
    inside = (x1 > 0) & (y1 > 0) & (x2 < width) & (y2 < height)
    return int((inside & ((x2 - x1) * (y2 - y1) > 1)).sum())


def _assign(apart: Rows, allowed: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]

    if not allowed.any():
        return []
    rows, columns = linear_sum_assignment(np.where(allowed, apart, _NEVER))
    return [(int(left), int(right)) for left, right in zip(rows, columns, strict=True) if allowed[left, right]]


@dataclass
class _Sums:
    px: float
    slack: float
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTS, 0))
    most: dict[str, float] = field(default_factory=dict)
    overlaps: list[float] = field(default_factory=list)
    masks: list[float] = field(default_factory=list)
    same_top: int | None = None

    def add_scores(self, reference: Rows, other: Rows) -> None:
        first, second = int(reference.argmax()), int(other.argmax())
        self.same_top = (self.same_top or 0) + (first == second)
        # Two classes that are as likely may change places
        self.counts["images_differing"] += bool(reference[first] - reference[second] > self.slack)
        self._widen("scores", float(np.abs(reference - other).max()))

    def add_boxes(self, reference: Seen, other: Seen, sure: float) -> None:
        pairs = match(reference.rows, other.rows)
        lost = [at for at in pairs.missed if reference.rows[at, 4] >= sure]
        new = [at for at in pairs.added if other.rows[at, 4] >= sure]
        found = {"boxes": len(reference.rows), "matched": len(pairs.same), "flipped": len(pairs.flipped)}
        found |= {"missed": len(lost), "added": len(new)}
        found["borderline"] = len(pairs.missed) + len(pairs.added) - len(lost) - len(new)
        found["images_differing"] = int(bool(lost or new or pairs.flipped))
        for name, count in found.items():
            self.counts[name] += count
        if pairs.same:
            self._add_pairs(reference, other, *(list(side) for side in zip(*pairs.same, strict=True)))

    def _add_pairs(self, reference: Seen, other: Seen, left: list[int], right: list[int]) -> None:
        rows, others = reference.rows[left], other.rows[right]
        confidence = np.abs(rows[:, 4] - others[:, 4])
        self._widen("confidence", float(confidence.max()))
        if reference.corners is not None and other.corners is not None:
            px = self._add_corners(reference.corners[left], other.corners[right])
        else:
            px = np.abs(rows[:, :4] - others[:, :4]).max(axis=1)
            self.overlaps += [_iou(*pair) for pair in zip(rows, others, strict=True)]
        self._widen("box_px", float(px.max()))
        self.counts["beyond"] += int(((px > self.px) | (confidence > self.slack)).sum())
        if reference.masks is not None and other.masks is not None:
            self.masks += mask_ious(reference.masks[left], other.masks[right])
        if reference.keypoints is not None and other.keypoints is not None:
            apart = np.abs(reference.keypoints[left] - other.keypoints[right]).max(axis=(0, 1))
            self._widen("keypoint_px", float(apart[:2].max()))
            self._widen("visibility", float(apart[2]))

    def _add_corners(self, corners: Rows, others: Rows) -> Rows:
        turned = [aligned(first, second) for first, second in zip(corners, others, strict=True)]
        for first, second in zip(corners, turned, strict=True):
            self._widen("angle", turn(first, second))
            self.overlaps.append(overlap(first, second))
        return np.array([farthest(first, second) for first, second in zip(corners, turned, strict=True)])

    def _widen(self, name: str, value: float) -> None:
        self.most[name] = max(self.most.get(name, 0.0), value)

    def total(self) -> Agreement:
        most = {"box_px": 0.0, "confidence": 0.0, **self.most}
        return Agreement(
            **self.counts,
            **most,  # type: ignore[arg-type]  # names of figures
            iou_mean=float(np.mean(self.overlaps)) if self.overlaps else 1.0,
            iou_min=min(self.overlaps, default=1.0),
            mask_iou=min(self.masks) if self.masks else None,
            same_top=self.same_top,
        )


def mask_ious(first: Bits, second: Bits) -> list[float]:
    """Return the overlaps of masks, pair by pair; two empty ones are the same."""
    left, right = (np.unpackbits(bits, axis=1).astype(bool) for bits in (first, second))
    common, union = (left & right).sum(axis=1), (left | right).sum(axis=1)
    return [float(a / b) if b else 1.0 for a, b in zip(common.tolist(), union.tolist(), strict=True)]


def _iou(first: Rows, second: Rows) -> float:
    if (first[:4] == second[:4]).all():  # without an area, too
        return 1.0
    return float(ious(first[None, :4], second[None, :4])[0, 0])
