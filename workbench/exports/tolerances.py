"""How far an export may be from its checkpoint, by format and precision.

What lives here: the numbers. What does not: how they are measured (``matching``, ``accuracy``), the verdict
(``certificate``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

QUANTISED: Final = frozenset({"int8", "w8a16", "w8a32"})
"""Precisions in which boxes move: they are judged by their accuracy."""


@dataclass(frozen=True)
class Tolerances:
    """What passes.

    Attributes:
        px: largest difference of a coordinate of a box, a corner or a keypoint, in pixels of the image.
        confidence: largest difference of a confidence.
        mask_iou: smallest overlap of masks, 0-1.
        angle: largest difference of an angle, in radians.
        scores: largest difference of a class's probability.
        drop: largest drop of accuracy, in points: hundredths of mAP or of top-1.
        images: least number of images for the drop to say something.
        differing: share of boxes that may be farther apart, or be seen by one of the two alone, 0-1.
        by_accuracy: single objects may differ; only the drop counts.
    """

    px: float = 0.01
    confidence: float = 1e-4
    mask_iou: float = 0.99
    angle: float = 0.001
    scores: float = 1e-4
    drop: float = 0.1
    images: int = 0
    differing: float = 0.0
    by_accuracy: bool = False


EXACT: Final = Tolerances()
"""What fp32 has to meet."""
# Of two candidates that are as likely, rounding makes NMS keep the other one: the more boxes, the surer it happens once
_HALF: Final = Tolerances(px=1.0, confidence=0.02, mask_iou=0.95, angle=0.01, scores=0.02, drop=0.5, differing=0.005)
_EIGHT: Final = replace(_HALF, drop=2.0, images=200, by_accuracy=True)
# Its compiler reorders sums, and rounds some weights
_OPENVINO: Final = replace(_HALF, confidence=0.01, scores=0.01, drop=0.1, differing=0.0)


def tolerances(format: str, precision: str) -> Tolerances:  # noqa: A002
    """Return what an export has to meet.

    Args:
        format: ultralytics' name, e.g. ``onnx``.
        precision: ``fp32``, ``fp16``, ``int8``, ``w8a16`` or ``w8a32``.
    """
    if precision in QUANTISED:
        return _EIGHT
    if precision == "fp16":
        return _HALF
    return _OPENVINO if format == "openvino" else EXACT
