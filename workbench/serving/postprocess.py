"""The model's output to boxes in the original image.

What lives here: confidence filter, NMS and scaling, with the arithmetic of ultralytics and torchvision in float32.
What does not: running the model (``model``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.serving.preprocess import Placement
from workbench.serving.spec import ModelSpec

CLASS_OFFSET = 7680  # ultralytics max_wh: shifts the classes apart, so that one NMS serves all of them
CANDIDATES_MAX = 30000  # ultralytics max_nms

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Boxes:
    """Boxes of one image, strongest first once NMS has run.

    Attributes:
        xyxy: float32, shape (N, 4), corners in pixels.
        confidence: float32, shape (N,), 0-1.
        class_id: int64, shape (N,).
    """

    xyxy: Floats
    confidence: Floats
    class_id: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.confidence)

    def take(self, index: npt.NDArray[np.int64]) -> Boxes:
        """Return the boxes at ``index``, in that order."""
        return Boxes(self.xyxy[index], self.confidence[index], self.class_id[index])


def candidates(output: Floats, spec: ModelSpec, conf: float) -> Boxes:
    """Return the boxes of one image above ``conf``, in pixels of the model's input, before NMS.

    Args:
        output: the model's output without its batch axis: (4 + classes, N) when ``raw``, (N, 6) when ``end2end``.
        spec: the model's spec.
        conf: 0-1; a box must be above it.
    """
    if spec.output == "end2end":
        rows = output[output[:, 4] > np.float32(conf)]
        return Boxes(rows[:, :4].copy(), rows[:, 4], rows[:, 5].astype(np.int64))
    scores = output[4:]
    index = np.flatnonzero(scores.max(axis=0) > np.float32(conf))
    scores = scores[:, index]
    centre, half = output[:2, index].T, output[2:4, index].T / np.float32(2)
    boxes = np.concatenate((centre - half, centre + half), axis=1)
    return Boxes(boxes, scores.max(axis=0, initial=0), scores.argmax(axis=0).astype(np.int64))


def suppress(boxes: Boxes, spec: ModelSpec, iou: float) -> Boxes:
    """Drop the boxes that overlap a stronger one by more than ``iou``, and what exceeds ``spec.max_det``.

    Equal confidences keep the order of the model's output. An end-to-end model has done this itself: its boxes are
    only counted.
    """
    if spec.output == "end2end":
        return boxes.take(np.arange(min(len(boxes), spec.max_det)))
    boxes = boxes.take(np.argsort(-boxes.confidence, kind="stable")[:CANDIDATES_MAX])
    offset = np.float32(0 if spec.agnostic else CLASS_OFFSET) * boxes.class_id[:, None].astype(np.float32)
    return boxes.take(nms(boxes.xyxy + offset, iou, spec.max_det))


def nms(boxes: Floats, iou: float, max_det: int) -> npt.NDArray[np.int64]:
    """Return the indices that greedy NMS keeps, at most ``max_det``.

    Args:
        boxes: float32, shape (N, 4), xyxy, strongest first.
        iou: 0-1; a box goes when its overlap with a kept one is above it.
        max_det: stop after this many.
    """
    x1, y1, x2, y2 = np.ascontiguousarray(boxes.T)
    areas = (x2 - x1) * (y2 - y1)
    left = np.arange(len(boxes))
    keep: list[np.int64] = []
    with np.errstate(divide="ignore", invalid="ignore"):
        while len(left) and len(keep) < max_det:
            best, left = left[0], left[1:]
            keep.append(best)
            width = np.minimum(x2[best], x2[left]) - np.maximum(x1[best], x1[left])
            height = np.minimum(y2[best], y2[left]) - np.maximum(y1[best], y1[left])
            inter = np.maximum(width, np.float32(0)) * np.maximum(height, np.float32(0))
            overlap = inter / (areas[best] + areas[left] - inter)
            # torchvision compares as double, and keeps a box whose overlap is not a number (both areas are 0)
            left = left[~(overlap.astype(np.float64) > iou)]
    return np.asarray(keep, dtype=np.int64)


def scale(boxes: Boxes, placement: Placement) -> Boxes:
    """Move boxes from the model's input into the original image and clip them to it."""
    gain_y, gain_x = placement.gain
    height, width = placement.shape
    shift = np.array([placement.left, placement.top] * 2, dtype=np.float32)
    gain = np.array([gain_x, gain_y] * 2, dtype=np.float32)
    limit = np.array([width, height] * 2, dtype=np.float32)
    return Boxes(((boxes.xyxy - shift) / gain).clip(0, limit), boxes.confidence, boxes.class_id)
