"""The header of a plain JPEG, read without Pillow: four times as fast, with the same verdict.

What lives here: the parser. It knows what nearly every JPEG is made of, and gives up on anything else: Pillow then
decides (``pictures``). What does not: the pixels.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

_SOF = frozenset((0xC0, 0xC1, 0xC2))
_SKIPPED = frozenset((0xC4, 0xDD, 0xFE))  # Huffman tables, restart interval, comment
_MODES = {1: "L", 3: "RGB", 4: "CMYK"}
_SOS, _WINDOW = 0xDA, 65_540  # a segment has at most 65,535 bytes and its mark
_EXIF = b"Exif\0\0"
_MOST_PIXELS = 89_478_485  # Pillow warns above, and refuses twice as many
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_ORIENTATION, _DPI = 274, {0x128: (3, 1), 0x11A: (5, 1), 0x11B: (5, 1)}

# What most encoders write, and nothing else: found in one step instead of nine
_COMMON = re.compile(
    rb"\xff\xd8\xff\xe0\x00\x10JFIF\x00.{9}"  # the JFIF segment
    rb"(?:\xff\xdb\x00\x43[\x00-\x0f].{64}){1,4}"  # quantization tables, one a segment
    rb"\xff[\xc0-\xc2]\x00(?:\x11\x08(?P<colour>.{4})\x03.{9}|\x0b\x08(?P<gray>.{4})\x01.{3})"  # the frame
    rb"(?:\xff\xc4\x00\x1f.{29}|\xff\xc4\x00\xb5.{179}){0,8}"  # the standard Huffman tables
    rb"\xff\xda\x00(?:\x0c.{10}|\x08.{6})",  # the first scan
    re.DOTALL,
)

More = Callable[[int, int], bytes]
"""Return up to (count) bytes of the file from (offset)."""


class Header(NamedTuple):
    """A plain JPEG.

    Attributes:
        width: in pixels, as stored.
        height: in pixels, as stored.
        mode: ``L``, ``RGB`` or ``CMYK``.
        orientation: EXIF's, 1 without any.
    """

    width: int
    height: int
    mode: str
    orientation: int


class _OddError(Exception):
    """Raised for what Pillow had better look at."""


def header(data: bytes, more: More) -> Header | None:
    """Return the header of the JPEG that starts with ``data``; None when it is not as plain as that.

    Args:
        data: the first bytes of the file.
        more: asked for what lies behind them.
    """
    common = _COMMON.match(data)
    if common:
        return _common(common)
    if data[:3] != b"\xff\xd8\xff":
        return None
    frame: tuple[int, int, str] | None = None
    orientation, exif = 0, False
    try:
        for mark, body in _segments(data, more):
            if mark in _SOF:
                if frame is not None:
                    return None
                frame = _frame(body)
            elif mark == 0xE1:
                if exif and body[:6] == _EXIF:
                    return None
                exif = exif or body[:6] == _EXIF
                orientation = orientation or _application(body)
            elif mark not in _SKIPPED:
                _check(mark, body)
    except _OddError:
        return None
    return Header(*frame, orientation or 1) if frame else None


def _common(found: re.Match[bytes]) -> Header | None:
    colour = found["colour"]
    height, width = struct.unpack(">HH", colour or found["gray"])
    if not 0 < width * height <= _MOST_PIXELS:
        return None
    return Header(width, height, "RGB" if colour else "L", 1)


def _segments(data: bytes, more: More) -> Iterator[tuple[int, bytes]]:
    """Yield the segments before the first scan: the second byte of the mark, and what follows the length."""
    window, start, at = data, 0, 2  # ``window`` holds the file from ``start``
    while True:
        place = at - start
        if place + 4 > len(window):
            window, start, place = more(_WINDOW, at), at, 0
            if len(window) < 4:
                raise _OddError
        mark, length = window[place + 1], (window[place + 2] << 8) | window[place + 3]
        if window[place] != 0xFF or length < 2:
            raise _OddError
        if place + 2 + length > len(window):
            window, start, place = more(_WINDOW, at), at, 0
            if 2 + length > len(window):
                raise _OddError
        if mark == _SOS:
            return
        yield mark, window[place + 4 : place + 2 + length]
        at += 2 + length


def _frame(body: bytes) -> tuple[int, int, str]:
    if len(body) < 6 or body[0] != 8 or len(body) != 6 + 3 * body[5] or body[5] not in _MODES:
        raise _OddError
    height, width = (body[1] << 8) | body[2], (body[3] << 8) | body[4]
    if not 0 < width * height <= _MOST_PIXELS:
        raise _OddError
    return width, height, _MODES[body[5]]


def _check(mark: int, body: bytes) -> None:
    """Raise unless a segment is one that Pillow reads without objection."""
    if mark == 0xE0:
        fine = body[:4] != b"JFIF" or len(body) >= 12
    elif mark == 0xDB:
        fine = _tables(body)
    elif mark == 0xE2:
        fine = body[:4] != b"MPF\0" and (body[:12] != b"ICC_PROFILE\0" or len(body) >= 14)
    elif mark == 0xEE:
        fine = body[:5] != b"Adobe" or len(body) >= 12
    elif mark == 0xED:
        fine = body[:14] != b"Photoshop 3.0\0"
    else:
        fine = 0xE3 <= mark <= 0xEF
    if not fine:
        raise _OddError


def _tables(body: bytes) -> bool:
    at = 0
    while at < len(body):
        at += 65 if body[at] < 16 else 129
    return at == len(body)


def _application(body: bytes) -> int:
    """Return the orientation that an APP1 segment states, 0 when it states none."""
    if body[:6] == _EXIF:
        return _orientation(body[6:])
    if body[:29] == b"http://ns.adobe.com/xap/1.0/\0" and b"tiff:Orientation" in body:
        raise _OddError
    return 0


def _orientation(exif: bytes) -> int:
    """Return what the first directory of EXIF data states: 1..8, or 0; all of it has to be in order."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None or len(exif) < 14:
        raise _OddError
    (offset,) = struct.unpack_from(order + "L", exif, 4)
    if not 8 <= offset <= len(exif) - 6:
        raise _OddError
    (count,) = struct.unpack_from(order + "H", exif, offset)
    if offset + 2 + 12 * count + 4 > len(exif):
        raise _OddError
    found = 0
    for entry in range(offset + 2, offset + 2 + 12 * count, 12):
        tag, kind, items, value = struct.unpack_from(order + "HHLL", exif, entry)
        size = _TYPE_BYTES.get(kind, 0) * items
        if not size or (size > 4 and value + size > len(exif)) or (tag in _DPI and (kind, items) != _DPI[tag]):
            raise _OddError
        if tag == _ORIENTATION:
            if found or (kind, items) != (3, 1):
                raise _OddError
            (found,) = struct.unpack_from(order + "H", exif, entry + 8)
            if not 1 <= found <= 8:
                raise _OddError
    return found
