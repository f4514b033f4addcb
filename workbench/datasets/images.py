"""What a training does with an image file: the rules of ultralytics 8.4 (``check_image``), without importing it.

What lives here: which suffixes are images, and one file's verdict. What does not: decoding for training.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = frozenset(
    {".avif", ".bmp", ".dng", ".heic", ".heif", ".jp2", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp"}
)
_FORMATS = frozenset(suffix[1:] for suffix in SUFFIXES) | {"jpeg2000"}
RESTORED = "the JPEG has bytes after its end: training rewrites its own copy of it"


def check(path: Path) -> str | None:
    """Return why a training drops the image at ``path``, ``RESTORED`` when it re-encodes it, None when it is fine."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings(), path.open("rb") as file:
            warnings.simplefilter("ignore")  # of huge or odd files: the verdict says what matters
            with _open()(file) as image:
                size, kind = image.size, (image.format or "").lower()
                image.verify()
            if kind == "jpeg":
                file.seek(-2, 2)
                if file.read() != b"\xff\xd9":
                    return _reload(path)
    except UnidentifiedImageError:
        return "no image format is recognised" if path.stat().st_size else "the file is empty"
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return f"the image is damaged ({error})"
    if min(size) < 10:
        return f"{size[0]}x{size[1]} pixels, fewer than 10 on a side"
    return None if kind in _FORMATS else f"'{kind}' is not an image format that training reads"


def _reload(path: Path) -> str:
    with _open()(path) as image:
        image.load()
    return RESTORED


def _open() -> Callable[[Any], Image]:
    """Return PIL's own ``Image.open``.

    Once ultralytics is imported, it is another, which installs a package when it does not know a format.
    """
    from PIL import Image

    replaced = sys.modules.get("ultralytics.utils.patches")
    original: Callable[[Any], Image.Image] = getattr(replaced, "_image_open", Image.open)
    return original
