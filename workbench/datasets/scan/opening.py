"""Opening image files with Pillow, as ultralytics does.

What lives here: its ``open``, what it may raise, and the format that it learns on demand. What does not: verdicts
(``pictures``, ``maps``).
"""

from __future__ import annotations

import importlib
import importlib.util
import struct
import sys
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

# What reading a hostile file may raise, in Pillow and below it
FAILURES = (
    OSError,
    SyntaxError,
    ValueError,
    LookupError,
    TypeError,
    ArithmeticError,
    AttributeError,
    AssertionError,
    RuntimeError,
    EOFError,
    MemoryError,
    struct.error,
    zlib.error,
)


def opener() -> Callable[[Any], Image]:
    """Return PIL's own ``Image.open``.

    Once ultralytics is imported, it is another, which installs a package when it does not know a format.
    """
    from PIL import Image

    replaced = sys.modules.get("ultralytics.utils.patches")
    original: Callable[[Any], Image.Image] = getattr(replaced, "_image_open", Image.open)
    return original


def learns_heif() -> bool:
    """Return whether Pillow reads HEIC from now on: ultralytics adds it the same way, once it meets such a file."""
    from PIL import Image

    if "HEIF" in Image.OPEN or importlib.util.find_spec("pi_heif") is None:
        return False
    importlib.import_module("pi_heif").register_heif_opener()
    return True
