"""What a training does with the mask or the depth map of an image: ``verify_image_mask`` and ``verify_image_depth``.

What lives here: one file's verdict, by the rules of ultralytics 8.4, without importing it. What does not: whether the
file is there (``formats.yolo``), the image itself (``pictures``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from workbench.datasets.scan.opening import FAILURES
from workbench.errors import DatasetError
from workbench.pillow import opener

IGNORED = 255
_DEPTH_SCALE = 1000
_STRETCH = 0.02  # how far the sides of a depth map may differ from the image's, as a logarithm

Fault = tuple[str, str]
"""Rule and detail; both empty when nothing is wrong."""

Check = Callable[[str, int, int], Fault]
"""Judge a file for an image of (width, height)."""


def check_for(task: str, options: Mapping[str, Any], classes: int) -> Check | None:
    """Return how the masks or depth maps of a dataset are judged; None when its labels are rows.

    Raises:
        DatasetError: when ``label_mapping`` cannot be understood.
    """
    if task == "depth":
        scale = options.get("depth_scale", _DEPTH_SCALE)
        return lambda file, width, height: depth(file, width, height, scale)
    if task == "semantic" and "masks_dir" in options:
        invalid = _invalid(options.get("label_mapping"), classes)
        return lambda file, width, height: mask(file, width, height, invalid)
    return None


def _invalid(mapping: Any, classes: int) -> np.ndarray:
    """Return which of 256 values in a mask are neither a class nor ignored."""
    table = class_of_values(mapping)
    invalid: np.ndarray = (table > max(classes - 1, 1)) & (table != IGNORED)
    return invalid


def class_of_values(mapping: Any) -> np.ndarray:
    """Return what class each of 256 values in a mask means; 255 is ignored.

    Raises:
        DatasetError: when the mapping cannot be understood.
    """
    table = np.arange(256)
    try:
        for source, target in dict(mapping or {}).items():
            to = IGNORED if target is None or str(target).strip() == "ignore_label" else int(target)
            if 0 <= int(source) < len(table):
                table[int(source)] = np.uint8(to)
    except (TypeError, ValueError, OverflowError) as error:
        raise DatasetError(
            f"`label_mapping` of the data.yaml cannot be understood: {error}.",
            "Values of the masks, each with a class id, 255 or ignore_label.",
            "Correct `label_mapping:`.",
        ) from error
    return table


def mask(file: str, width: int, height: int, invalid: np.ndarray) -> Fault:
    """Judge the mask of an image of ``width`` x ``height`` pixels."""
    try:
        values = mask_values(file)
    except FAILURES as error:
        return "mask-unreadable", f"the mask cannot be read ({error})"
    if values.shape[:2] != (height, width):
        return "mask-size", f"{values.shape[1]}x{values.shape[0]} pixels, where the image has {width}x{height}"
    found = np.unique(values)
    wrong = [int(value) for value in found if value >= len(invalid) or invalid[value]]
    if wrong:
        return "mask-class", f"the values {', '.join(map(str, wrong[:5]))} are neither classes nor 255"
    return "", ""


def mask_values(file: str) -> np.ndarray:
    """Return the values of a mask, one a pixel (height, width), as training reads them.

    Raises:
        OSError, ValueError: and others of ``opening.FAILURES``, when it cannot be read.
    """
    import cv2

    with opener()(file) as image:
        if image.mode == "P":  # coloured palettes hold class ids as indices, gray ones as gray levels
            palette = np.array(image.getpalette()).reshape(-1, 3)
            return np.array(image.convert("L") if (palette == palette[:, :1]).all() else image)
        mode = image.mode
    values = cv2.imread(file, cv2.IMREAD_ANYDEPTH)
    if values is None:
        raise ValueError("it cannot be decoded")
    return values // 255 if mode == "1" else values  # cv2 makes 255 of the ones of a 1-bit file


def depth(file: str, width: int, height: int, scale: Any) -> Fault:
    """Judge the depth map of an image of ``width`` x ``height`` pixels."""
    try:
        rows, columns = _depth_shape(file, scale)
        stretch = abs(math.log((columns / rows) / (width / height)))
    except FAILURES as error:
        return "depth-unreadable", f"the depth map cannot be read ({error})"
    if stretch > _STRETCH:
        return "depth-size", f"{columns}x{rows} pixels, where the image has {width}x{height}"
    return "", ""


def _depth_shape(file: str, scale: Any) -> tuple[int, int]:
    if file.lower().endswith(".npy"):
        values = np.load(file, mmap_mode="r", allow_pickle=False)
        if values.ndim != 2 or values.dtype.kind != "f":
            raise ValueError("an .npy has to hold a table of floating-point numbers")
        return values.shape[0], values.shape[1]
    if isinstance(scale, bool) or not isinstance(scale, int | float) or not math.isfinite(scale) or scale <= 0:
        raise ValueError(f"depth_scale is {scale}, not a number above 0")
    with opener()(file) as image:
        if image.format != "PNG" or image.mode not in ("I", "I;16"):
            raise ValueError("it is no PNG of 16-bit gray")
        size = image.height, image.width
        image.verify()
    return size
