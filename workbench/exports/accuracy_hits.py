"""What of a model's answers is right, image by image.

What lives here: the truth about an image, and which objects hit it at which overlap, as ultralytics counts. What does
not: reading labels (``accuracy_truth``), accuracy (``accuracy``). It runs where an export can: torch is imported late.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Classes = npt.NDArray[np.int64]

THRESHOLDS: Final[Floats] = np.linspace(0.5, 0.95, 10)
"""Overlaps at which COCO counts a hit."""
_STEP: Final = 4  # ultralytics measures masks at a quarter of the input's size
_BODY: Final = 0.53  # share of a box that its object fills; ultralytics and COCO's tools for keypoints


@dataclass(frozen=True)
class Truth:
    """What is in an image. Places are shares of its width and height, 0-1.

    Attributes:
        classes: of each object; of the image itself, when it is classified as a whole.
        boxes: centre x, centre y, width, height: shape (N, 4).
        polygons: outlines of shape (points, 2): of masks, or the four corners of rotated boxes.
        keypoints: x, y, visibility: shape (N, points, 3).
    """

    classes: Classes
    boxes: Floats
    polygons: tuple[Floats, ...] = ()
    keypoints: Floats | None = None


@dataclass(frozen=True)
class Hits:
    """What of one image's answers is right.

    Attributes:
        right: whether each answer hits, at each of ``THRESHOLDS``: bool, shape (N, 10); of an image that is classified
            as a whole, whether its likeliest class is right: shape (1, 1).
        confidence: of each answer, shape (N,).
        classes: of each answer, shape (N,).
        targets: classes of what is there, shape (M,).
    """

    right: npt.NDArray[np.bool_]
    confidence: Floats
    classes: Classes
    targets: Classes


NOTHING: Final = Hits(np.zeros((0, 10), bool), np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64))
"""Of an image whose truth is not known."""


def hits(result: Any, truth: Truth | None, imgsz: tuple[int, int]) -> Hits:
    """Return which of the objects that ultralytics sees in an image are there.

    Args:
        result: of ultralytics' ``predict``.
        truth: None when it is not known.
        imgsz: height and width of the model's input in pixels.
    """
    if truth is None:
        return NOTHING
    if result.probs is not None:
        right = np.array([[int(result.probs.top1) == int(truth.classes[0])]])
        return Hits(right, np.ones(1), np.array([int(result.probs.top1)]), truth.classes)
    found = result.boxes if result.obb is None else result.obb
    confidence = found.conf.double().numpy()
    order = np.argsort(-confidence, kind="stable")
    classes = found.cls.numpy().astype(np.int64)[order]
    if len(truth.classes) and len(order):
        likeness = _likeness(result, truth, imgsz)[:, order]
        right = claim(np.where(truth.classes[:, None] == classes, likeness, 0.0))
    else:
        right = np.zeros((len(order), len(THRESHOLDS)), dtype=bool)
    return Hits(right, confidence[order], classes, truth.classes)


def claim(likeness: Floats) -> npt.NDArray[np.bool_]:
    """Return which answers hit at each threshold: the most confident takes the likest object that is still free.

    Args:
        likeness: of each object and answer, by descending confidence: shape (objects, answers), 0-1.
    """
    right = np.zeros((likeness.shape[1], len(THRESHOLDS)), dtype=bool)
    taken = np.zeros((likeness.shape[0], len(THRESHOLDS)), dtype=bool)
    every = np.arange(len(THRESHOLDS))
    for answer in np.flatnonzero((likeness >= THRESHOLDS[0]).any(axis=0)):
        free = np.where(taken, 0.0, likeness[:, answer, None])
        best = free.argmax(axis=0)
        right[answer] = free[best, every] >= THRESHOLDS
        taken[best, every] |= right[answer]
    return right


def _likeness(result: Any, truth: Truth, imgsz: tuple[int, int]) -> Floats:
    import torch
    from ultralytics.utils import metrics
    from ultralytics.utils import ops as untyped

    ops: Any = untyped
    height, width = result.orig_shape
    size = np.array([width, height], dtype=np.float64)
    if result.obb is not None:
        corners = np.stack([polygon * size for polygon in truth.polygons]).reshape(-1, 8)
        there = ops.xyxyxyxy2xywhr(torch.from_numpy(corners.astype(np.float32)))
        found = metrics.batch_probiou(there, result.obb.xywhr.float())
    elif result.masks is not None:
        there = torch.from_numpy(_masks(truth, (height, width), imgsz)).flatten(1)
        found = metrics.mask_iou(there, result.masks.data[:, 2::_STEP, 2::_STEP].flatten(1).float())
    elif result.keypoints is not None and truth.keypoints is not None:
        there = torch.from_numpy((truth.keypoints * np.array([*size, 1.0])).astype(np.float32))
        area = torch.from_numpy(((truth.boxes[:, 2:] * size).prod(axis=1) * _BODY).astype(np.float32))
        points = there.shape[1]
        sigma: Any = metrics.OKS_SIGMA if points == 17 else np.ones(points) / points
        found = metrics.kpt_iou(there, result.keypoints.data.float(), area, sigma)
    else:
        boxes = ops.xywh2xyxy(torch.from_numpy((truth.boxes * np.tile(size, 2)).astype(np.float32)))
        found = metrics.box_iou(boxes, result.boxes.xyxy.float())
    return np.asarray(found.double().numpy(), dtype=np.float64)


def _masks(truth: Truth, shape: tuple[int, int], imgsz: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Return the objects as the model's input shows them, at a quarter of its size."""
    import cv2

    gain = min(imgsz[0] / shape[0], imgsz[1] / shape[1])
    inner = np.array([round(shape[1] * gain), round(shape[0] * gain)])
    left, top = ((side - within) / 2 for side, within in zip(imgsz[::-1], inner.tolist(), strict=True))
    offset = np.array([round(left - 0.1), round(top - 0.1)])
    masks = np.zeros((len(truth.polygons), *imgsz), dtype=np.uint8)
    for mask, polygon in zip(masks, truth.polygons, strict=True):
        cv2.fillPoly(mask, [(polygon * inner + offset).astype(np.int32)], (1,))
    return masks[:, 2::_STEP, 2::_STEP].astype(np.float32)
