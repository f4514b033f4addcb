"""Pixels to the model's input tensor.

What lives here: the letterbox of ultralytics with ``rect=False``, to the bit. What does not: decoding (``decode``).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from workbench.serving.spec import ModelSpec


@dataclass(frozen=True)
class Placement:
    """Where an image lies inside the model's input.

    Attributes:
        shape: height and width of the original image in pixels.
        resized: height and width that it has inside the input.
        top: rows of border above it.
        left: columns of border to its left.
    """

    shape: tuple[int, int]
    resized: tuple[int, int]
    top: int
    left: int

    @property
    def gain(self) -> tuple[float, float]:
        """Input pixels per original pixel, vertical and horizontal: rounding makes them differ."""
        return self.resized[0] / self.shape[0], self.resized[1] / self.shape[1]


def place(shape: tuple[int, int], spec: ModelSpec) -> Placement:
    """Return where an image of ``shape`` (height, width) lies in the input of ``spec``."""
    ratio = min(spec.imgsz[0] / shape[0], spec.imgsz[1] / shape[1])
    if not spec.letterbox.scaleup:
        ratio = min(ratio, 1.0)
    height, width = max(round(shape[0] * ratio), 1), max(round(shape[1] * ratio), 1)
    if not spec.letterbox.center:
        return Placement(shape, (height, width), 0, 0)
    # The tenth settles a border of an odd number of pixels, as ultralytics does: the smaller half goes first
    top, left = round((spec.imgsz[0] - height) / 2 - 0.1), round((spec.imgsz[1] - width) / 2 - 0.1)
    return Placement(shape, (height, width), top, left)


def new_tensor(spec: ModelSpec) -> npt.NDArray[np.float32]:
    """Return an input tensor for ``fill``: float32, shape (1, 3, height, width)."""
    return np.empty((1, 3, *spec.imgsz), dtype=np.float32)


def fill(tensor: npt.NDArray[np.float32], image: npt.NDArray[np.uint8], spec: ModelSpec) -> Placement:
    """Write ``image`` into ``tensor``, which may hold an earlier image, and return where it lies.

    Args:
        tensor: float32, shape (1, 3, height, width) of ``spec.imgsz``.
        image: uint8, shape (height, width, 3), channels blue, green, red.
        spec: the model's spec.
    """
    height, width = image.shape[:2]
    placement = place((height, width), spec)
    if placement.resized != placement.shape:
        image = cv2.resize(image, placement.resized[::-1], interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
    divisor = np.float32(spec.divisor)
    rows = slice(placement.top, placement.top + placement.resized[0])
    columns = slice(placement.left, placement.left + placement.resized[1])
    tensor.fill(np.float32(spec.letterbox.pad_value) / divisor)
    for channel in range(3):
        source = image[..., 2 - channel if spec.channels == "RGB" else channel]
        # Dividing costs what multiplying by 1/255 does and gives the bits of ultralytics, which multiplying does not
        np.divide(source, divisor, out=tensor[0, channel, rows, columns], dtype=np.float32)
    return placement
