"""Bytes to pixels, with limits.

What lives here: ``decode``. What does not: fitting the pixels into a model's input (``preprocess``).
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from workbench.serving.refusals import MediaTypeError, TooLargeError, UnreadableImageError

# PIL's other formats stay closed: some of them start programs
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF")
PREFIX_BYTES = 16  # what PIL gives its plugins to recognise a format by
READABLE = "a JPEG, PNG, WebP, BMP, GIF, TIFF or AVIF image"

# PIL knows a format only once its plugin is loaded
Image.init()


@dataclass(frozen=True)
class ImageLimits:
    """What an image may cost.

    Attributes:
        bytes_max: most bytes of the encoded image.
        pixels_max: most pixels of the decoded image; each takes three bytes.
    """

    bytes_max: int = 20 * 1024 * 1024
    pixels_max: int = 50_000_000


def decode(data: bytes, limits: ImageLimits | None = None) -> npt.NDArray[np.uint8]:
    """Decode an image as ultralytics reads it: EXIF orientation applied, alpha dropped, 16 bits cut to 8.

    Args:
        data: the encoded image.
        limits: what it may cost; checked before anything is decoded.

    Returns:
        uint8, shape (height, width, 3), channels blue, green, red.

    Raises:
        TooLargeError: when it has too many bytes or pixels.
        MediaTypeError: when it is no image of a kind that is read.
        UnreadableImageError: when it is empty, truncated or damaged.
    """
    limits = limits or ImageLimits()
    _check_header(data, limits)
    try:
        image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR)
    except (cv2.error, MemoryError) as error:
        raise _damaged(data) from error
    if image is None:
        raise _damaged(data)
    return np.ascontiguousarray(image, dtype=np.uint8)


def _check_header(data: bytes, limits: ImageLimits) -> None:
    if not data:
        raise UnreadableImageError("The image is empty (0 bytes).", f"Send {READABLE}.", "Check the file.")
    check_length(len(data), limits)
    width, height = _size(data)
    if width * height > limits.pixels_max:
        raise TooLargeError(
            f"The image has {width} × {height} pixels.",
            f"At most {limits.pixels_max} pixels.",
            "Send a smaller image.",
            width=width,
            height=height,
            pixels_max=limits.pixels_max,
        )


def _size(data: bytes) -> tuple[int, int]:
    """Return width and height as the header has them.

    The plugins are asked directly: ultralytics replaces ``Image.open`` by one that installs a package when it does not
    know a format, and a certificate runs beside ultralytics.
    """
    opener = _opener(data[:PREFIX_BYTES])
    if opener is None:
        raise MediaTypeError(
            f"The {len(data)} bytes are not an image that the endpoint reads.",
            f"Expected {READABLE}.",
            "Convert the image, or check that the file is whole.",
        )
    try:
        with opener(io.BytesIO(data), "") as header:
            return header.size
    except Exception as error:
        # A damaged header makes PIL raise anything from SyntaxError to struct.error
        raise _damaged(data) from error


def _opener(prefix: bytes) -> Callable[[io.BytesIO, str], Image.Image] | None:
    for name in FORMATS:
        opener, accepts = Image.OPEN.get(name, (None, None))
        # A text instead of True says that this build of PIL lacks the format
        if opener and accepts and accepts(prefix) is True:
            return opener
    return None


def check_length(length: int, limits: ImageLimits) -> None:
    """Refuse an image of ``length`` bytes when that is too long.

    Raises:
        TooLargeError: when it is longer than ``limits.bytes_max``.
    """
    if length > limits.bytes_max:
        raise TooLargeError(
            f"The image has {length} bytes or more.",
            f"At most {limits.bytes_max} bytes.",
            "Send a smaller image, or compress it.",
            bytes_max=limits.bytes_max,
        )


def _damaged(data: bytes) -> UnreadableImageError:
    return UnreadableImageError(
        f"The image of {len(data)} bytes cannot be decoded.",
        f"Expected {READABLE} that is whole.",
        "The file is truncated or damaged: send it again.",
    )
