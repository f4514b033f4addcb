"""The pixels of an image file, as a training decodes them: ``imread`` of ultralytics 8.4, without importing it.

What lives here: whether they can be decoded, and their size. What does not: the header (``pictures``).
"""

from __future__ import annotations

from functools import cache

from workbench.datasets.scan.opening import FAILURES
from workbench.pillow import opener


def decoded_size(file: str) -> tuple[int, int] | None:
    """Return width and height of the decoded pixels, upright; None when training could not decode them.

    ultralytics asks the pixels themselves about turned TIFF and WebP files, since its libraries differ there.
    """
    import cv2
    import numpy as np

    _silence()
    try:
        data = np.fromfile(file, np.uint8)
        image = None
        if file.lower().endswith((".tif", ".tiff")):
            done, frames = cv2.imdecodemulti(data, cv2.IMREAD_UNCHANGED)
            image = frames[0] if done and frames[0].ndim == 3 else None
        upright = _upright_size(file) if image is None and file.lower().endswith((".avif", ".heic", ".heif")) else None
        if upright:
            return upright
        if image is None:
            image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except (*FAILURES, cv2.error):
        return None
    return None if image is None else (image.shape[1], image.shape[0])


def _upright_size(file: str) -> tuple[int, int] | None:
    from PIL import ImageOps

    try:
        with opener()(file) as image:
            return ImageOps.exif_transpose(image).size
    except FAILURES:
        return None


@cache
def _silence() -> None:
    """Keep OpenCV from writing what it thinks of damaged files to the terminal: the verdict says it."""
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
