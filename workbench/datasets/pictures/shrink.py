"""One image made small.

What lives here: decoding an image as training sees it, shrinking it, and saying why one cannot be shown. What does not:
keeping the result (``thumbs``).
"""

from __future__ import annotations

import io
import threading
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

PIXELS_MAX = 178_956_970
"""Pillow's bound for an image that is no bomb: twice 89,478,485."""
_HUGE_PIXELS = 40_000_000
_ONE_HUGE = threading.Lock()  # 178 million pixels are half a gigabyte: only one such image at a time
_QUALITY, _METHOD = 80, 2
_DEEP = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")


class UnseenError(Exception):
    """The image cannot be shown.

    Attributes:
        lasting: whether that is so because of its content, and not of the disk that it lies on.
    """

    def __init__(self, why: str, *, lasting: bool) -> None:
        self.lasting = lasting
        super().__init__(why)


def fit(width: int, height: int, size: int) -> tuple[int, int]:
    """Return the width and height of an image that was shrunk into a square; one that fits is left as it is."""
    if max(width, height) <= size:
        return width, height
    if width >= height:
        return size, max(round(height * size / width), 1)
    return max(round(width * size / height), 1), size


def shrink(file: Path, size: int) -> bytes:
    """Return an image as WebP that fits into a square of ``size`` pixels, EXIF's orientation applied.

    Deep images (16 bit, float) are stretched from their darkest to their brightest pixel; transparency is left out, as
    training leaves it out.

    Raises:
        UnseenError: when it cannot be decoded, is not there, or has more than PIXELS_MAX pixels.
    """
    from PIL import Image, UnidentifiedImageError

    from workbench.pillow import opener

    try:
        with file.open("rb") as opened, opener()(opened) as image:
            pixels = image.width * image.height
            if pixels > PIXELS_MAX:
                raise _bomb(f"{image.width}x{image.height}")
            with _turn(pixels):
                return _encode(_small(image, size))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _bomb("the image") from error
    except UnidentifiedImageError as error:
        empty = file.stat().st_size == 0
        raise UnseenError("the file is empty" if empty else "no image format is recognised", lasting=True) from error
    except OSError as error:
        raise UnseenError(
            f"the image cannot be read ({error.strerror or error})", lasting=error.errno is None
        ) from error
    except (SyntaxError, ValueError, TypeError, EOFError, OverflowError, IndexError, KeyError, MemoryError) as error:
        # What Pillow's parsers raise for damaged files is not written down anywhere
        raise UnseenError(f"the image is damaged ({error})", lasting=not isinstance(error, MemoryError)) from error


@lru_cache(maxsize=8)
def placeholder(size: int) -> bytes:
    """Return the picture of an image that cannot be shown: grey, with a cross, a square of ``size`` pixels."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (size, size), (128, 128, 128))
    draw = ImageDraw.Draw(image)
    near, far, width = size // 3, size - size // 3, max(size // 32, 1)
    draw.line((near, near, far, far), (200, 200, 200), width)
    draw.line((near, far, far, near), (200, 200, 200), width)
    return _encode(image)


def _small(image: Image, size: int) -> Image:
    from PIL import Image as Images

    full = oriented_size(image)
    image.draft("RGB", (size, size))  # JPEG is decoded at an eighth, a quarter or half: most of the time saved
    turn = _orientation(image)
    flat = _flat(image)
    wanted = fit(*full, size)
    if turn >= 5:
        wanted = wanted[1], wanted[0]
    if flat.size != wanted:
        flat = flat.resize(wanted, Images.Resampling.BICUBIC, reducing_gap=2.0)
    method = _TURNS.get(turn)
    return flat if method is None else flat.transpose(Images.Transpose[method])


_TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}


def oriented_size(image: Image) -> tuple[int, int]:
    """Return width and height as training sees them, after EXIF's orientation."""
    return (image.height, image.width) if _orientation(image) >= 5 else (image.width, image.height)


def _orientation(image: Image) -> int:
    try:
        found = image.getexif().get(0x0112, 1)
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, ArithmeticError):
        return 1  # damaged EXIF turns nothing, here as in training
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _flat(image: Image) -> Image:
    """Return the image with three channels of 8 bit."""
    from PIL import Image as Images

    if image.mode not in _DEEP:
        return image.convert("RGB")
    values = np.asarray(image, np.float32)
    there = np.isfinite(values)
    low, high = (float(values[there].min()), float(values[there].max())) if there.any() else (0.0, 0.0)
    scaled = (np.where(there, values, low) - low) * (255.0 / (high - low) if high > low else 0.0)
    return Images.fromarray(scaled.astype(np.uint8)).convert("RGB")


def _encode(image: Image) -> bytes:
    target = io.BytesIO()
    image.save(target, "WEBP", quality=_QUALITY, method=_METHOD)
    return target.getvalue()


def _bomb(what: str) -> UnseenError:
    return UnseenError(f"{what} has more than {PIXELS_MAX} pixels, which may be a bomb", lasting=True)


def _turn(pixels: int) -> AbstractContextManager[object]:
    return _ONE_HUGE if pixels > _HUGE_PIXELS else nullcontext()
