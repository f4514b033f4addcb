"""A contact sheet: the images of a page with what is marked on them, as one picture.

What lives here: laying thumbnails out. What does not: making them (``thumbs``), what is drawn on them (``overlays``).
"""

from __future__ import annotations

import io
import math

from workbench import fonts
from workbench.datasets.index import Index, Page
from workbench.datasets.pictures import overlays
from workbench.datasets.pictures.thumbs import Thumbs, pictures
from workbench.pillow import opener

_GAP = 6
_LINE, _LETTERS_PX = 16, 11
_INK, _PAPER = (96, 96, 96), (255, 255, 255)


def sheet(page: Page, index: Index, thumbs: Thumbs, *, size: int = 256, columns: int = 5) -> bytes:
    """Return the images of a page as one PNG, each with its path below it.

    Args:
        page: of ``index``.
        index: knows the classes.
        thumbs: where thumbnails are kept.
        size: of a thumbnail, one of ``thumbs.SIZES``.
        columns: thumbnails beside each other, >= 1.
    """
    from PIL import Image, ImageDraw

    cells = _cells(page, index, thumbs, size)
    paths = page.images["path"].to_pylist()
    across, down = min(columns, max(len(cells), 1)), max(math.ceil(len(cells) / columns), 1)
    canvas = Image.new("RGB", (across * (size + _GAP) + _GAP, down * (size + _LINE + _GAP) + _GAP), _PAPER)
    pen = ImageDraw.Draw(canvas)
    for place, (cell, path) in enumerate(zip(cells, paths, strict=True)):
        left = _GAP + place % columns * (size + _GAP)
        top = _GAP + place // columns * (size + _LINE + _GAP)
        with opener()(io.BytesIO(cell)) as thumb:
            canvas.paste(thumb.convert("RGB"), (left + (size - thumb.width) // 2, top + (size - thumb.height) // 2))
        _short(path, size).write(pen, (left, top + size + 1), _INK)
    target = io.BytesIO()
    canvas.save(target, "PNG", optimize=True)
    return target.getvalue()


def _cells(page: Page, index: Index, thumbs: Thumbs, size: int) -> list[bytes]:
    marked = overlays.shapes(page.images, page.objects, overlays.styles(index.classes), size)
    found = [thumbs.get(picture, size) for picture in pictures(page.images)]
    return [
        thumb.data if thumb.problem else overlays.draw(thumb.data, row["shapes"])
        for thumb, row in zip(found, marked, strict=True)
    ]


def _short(path: str, width: int) -> fonts.Line:
    """Return the end of a path that fits below a thumbnail."""
    whole = fonts.line(path[-width:], _LETTERS_PX)  # no letter is narrower than a pixel
    text, kept = whole.text, whole
    while kept.width > width and text:
        # As many letters at once as are too wide if all were as wide as the widest
        text = text[max(1, int((kept.width - width) / _LETTERS_PX / 1.5)) :]
        kept = fonts.line(f"...{text}", _LETTERS_PX)
    return kept
