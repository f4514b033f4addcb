"""Which suffixes are images to a training.

What lives here: the list, light to import. What does not: looking into files (``scan``).
"""

from __future__ import annotations

SUFFIXES = frozenset(
    {".avif", ".bmp", ".dng", ".heic", ".heif", ".jp2", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp"}
)
