"""What a training does with one image file: the rules of ultralytics 8.4 (``check_image``), without importing it.

What lives here: one file's verdict and what its header says. What does not: many files (``probing``), decoding for
training. A plain JPEG is judged from its header and its last two bytes, as Pillow would (``jpeg``); everything else by
Pillow itself.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from workbench.datasets.images import SUFFIXES
from workbench.datasets.scan.jpeg import header
from workbench.datasets.scan.opening import FAILURES, learns_heif
from workbench.datasets.scan.pixels import decoded_size
from workbench.pillow import opener

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = frozenset(suffix[1:] for suffix in SUFFIXES) | {"jpeg2000"}
SMALLEST = 10  # pixels of a side
_OPEN = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_HEAD = 16_384
_END = b"\xff\xd9"
DEEP = "16 bits a channel"
_COSTLY = ("jpeg", "png", "webp")  # decoded on demand only: there are many of them, and Pillow checks most of each


class Look(NamedTuple):
    """What one image file is.

    Attributes:
        width: in pixels, as training sees it; 0 when unknown.
        height: in pixels, as training sees it; 0 when unknown.
        format: Pillow's name in lower case; empty when unknown.
        mode: Pillow's; empty when unknown.
        orientation: EXIF's, 1 without any.
        bytes: its size; -1 when unknown.
        mtime_ns: its time of change; -1 when unknown.
        rule: what is wrong, an id of the lint catalogue; empty when nothing is.
        detail: one clause, with the value.
        effect: ``keep``, ``drop``, ``rewrite``, or ``none`` when a training would stop.
    """

    width: int = 0
    height: int = 0
    format: str = ""
    mode: str = ""
    orientation: int = 1
    bytes: int = -1
    mtime_ns: int = -1
    rule: str = ""
    detail: str = ""
    effect: str = "keep"


def look(file: str, *, verify: bool = True, decode: bool = False) -> Look:
    """Look into the image ``file``. Warnings of Pillow are the caller's to silence.

    Args:
        file: absolute.
        verify: whether to check its bytes as a training does before it starts; otherwise the header alone is read.
        decode: whether to decode its pixels too, as a training does later; the rarer formats are whenever they are
            verified.
    """
    seen = _seen(file, verify=verify)
    if seen.effect == "keep" and (decode or (verify and seen.format not in _COSTLY)) and decoded_size(file) is None:
        detail = "its pixels cannot be decoded: the training that meets it stops"
        return seen._replace(rule="image-undecodable", detail=detail, effect="none")
    return seen


def _seen(file: str, *, verify: bool) -> Look:
    try:
        opened = os.open(file, _OPEN)
    except FileNotFoundError:
        return Look(rule="image-missing", detail="it is not there", effect="drop")
    except (OSError, ValueError) as error:
        return _dropped("image-unreadable", f"it cannot be read ({getattr(error, 'strerror', None) or error})")
    try:
        return _judged(file, opened, verify=verify)
    except OSError as error:
        return _dropped("image-unreadable", f"it cannot be read ({error.strerror})")
    finally:
        os.close(opened)


def _judged(file: str, opened: int, *, verify: bool) -> Look:
    found = os.fstat(opened)
    if not stat.S_ISREG(found.st_mode):
        return _dropped("image-unreadable", "it is no file")
    bytes_, mtime_ns = found.st_size, found.st_mtime_ns
    head = os.read(opened, _HEAD)
    plain = header(head, lambda count, offset: _at(opened, offset, count))
    if plain is None:
        known = Look(bytes=bytes_, mtime_ns=mtime_ns)
        return _by_pillow(file, known, verify=verify) if head else _dropped("image-empty", "the file is empty", known)
    width, height, mode, turn = plain
    if turn >= 5:
        width, height = height, width
    seen = Look(width, height, "jpeg", mode, turn, bytes_, mtime_ns)
    if width < SMALLEST or height < SMALLEST:
        return _too_small(seen)
    end = _END
    if verify:
        end = head[-2:] if bytes_ == len(head) else _at(opened, bytes_ - 2, 2)
    return seen if end == _END else _reloaded(file, seen)


def _at(opened: int, offset: int, count: int) -> bytes:
    os.lseek(opened, offset, os.SEEK_SET)
    return os.read(opened, count)


def _dropped(rule: str, detail: str, known: Look | None = None) -> Look:
    return (known or Look())._replace(rule=rule, detail=detail, effect="drop")


def _too_small(known: Look) -> Look:
    return _dropped("image-too-small", f"{known.width}x{known.height} pixels, fewer than 10 on a side", known)


def _reloaded(file: str, known: Look) -> Look:
    """Say what becomes of a JPEG that does not end as it should: re-encoded when it can be decoded, else dropped."""
    from PIL import ImageOps

    try:
        with opener()(file) as image:
            ImageOps.exif_transpose(image)
    except FAILURES as error:
        return _damaged(error, known)
    detail = "the JPEG has bytes after its end: training rewrites its own copy of it"
    return known._replace(rule="image-jpeg-tail", detail=detail, effect="rewrite")


def _damaged(error: BaseException, known: Look) -> Look:
    text = str(error) or type(error).__name__
    rule = "image-truncated" if "truncated" in text.lower() else "image-unreadable"
    return _dropped(rule, f"the image is damaged ({text})", known)


def _by_pillow(file: str, known: Look, *, verify: bool) -> Look:
    from PIL import Image, UnidentifiedImageError

    try:
        with Path(file).open("rb") as stream:
            seen = _opened(file, stream, known, verify=verify)
            if verify and seen.format == "jpeg" and seen.effect == "keep":
                stream.seek(-2, os.SEEK_END)
                return seen if stream.read() == _END else _reloaded(file, seen)
            return seen
    except UnidentifiedImageError:
        if learns_heif():
            return _by_pillow(file, known, verify=verify)
        return _dropped("image-unreadable", "no image format is recognised", known)
    except Image.DecompressionBombError as error:
        return _dropped("image-bomb", str(error), known)
    except FAILURES as error:
        return _damaged(error, known)


def _opened(file: str, stream: Any, known: Look, *, verify: bool) -> Look:
    with opener()(stream) as image:
        size, kind, mode = image.size, (image.format or "").lower(), image.mode
        deep = mode in ("RGB", "RGBA") and any("16" in str(tile[3]) for tile in getattr(image, "tile", ()))
        if verify:
            image.verify()
        turn, swapped = _orientation(image)
        if swapped:
            size = size[::-1] if kind in ("jpeg", "mpo", "png", "avif") else decoded_size(file) or size
    seen = known._replace(width=size[0], height=size[1], format=kind, mode=mode, orientation=turn)
    if min(size) < SMALLEST:
        return _too_small(seen)
    if kind not in FORMATS:
        return _dropped("image-format", f"'{kind}' is not an image format that training reads", seen)
    # Pillow's mode hides it, but the way that it unpacks a PNG does not
    return seen._replace(rule="image-16bit", detail=DEEP) if deep and kind == "png" else seen


def _orientation(image: Image) -> tuple[int, bool]:
    """Return the EXIF orientation, and whether it swaps width and height."""
    if image.format == "PNG" and "exif" not in image.info:  # Pillow would decode all of it to look behind the pixels
        return 1, False
    try:
        exif = image.tag_v2 if image.format == "TIFF" else image.getexif()  # type: ignore[attr-defined]
        turn = exif.get(274)
        swapped = turn in {5, 6, 7, 8}
    except FAILURES:
        return 1, False
    return (turn if isinstance(turn, int) and 1 <= turn <= 8 else 1), swapped
