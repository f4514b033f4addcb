"""Reading image files with Pillow, as ultralytics does.

What lives here: what it may raise, and the format that it learns on demand. What does not: opening them (``pillow``),
verdicts (``pictures``, ``maps``).
"""

from __future__ import annotations

import importlib
import importlib.util
import struct
import zlib

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


def learns_heif() -> bool:
    """Return whether Pillow reads HEIC from now on: ultralytics adds it the same way, once it meets such a file."""
    from PIL import Image

    if "HEIF" in Image.OPEN or importlib.util.find_spec("pi_heif") is None:
        return False
    importlib.import_module("pi_heif").register_heif_opener()
    return True
