"""Pillow's own ``open``, whatever ultralytics put in its place.

What lives here: that. What does not: what may be opened and how much of it (``datasets.scan``, ``serving.decode``).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image


def opener() -> Callable[..., Image]:
    """Return PIL's own ``Image.open``.

    Once ultralytics is imported, that is another: it installs a package when it does not know a format, and a damaged
    file then fails for want of the package, with an error that no caller of ``Image.open`` expects.
    """
    from PIL import Image

    replaced = sys.modules.get("ultralytics.utils.patches")
    original: Callable[..., Any] = getattr(replaced, "_image_open", Image.open)
    return original
