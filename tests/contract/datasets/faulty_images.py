"""Image files with something odd about them, by the name of the case: (file name's suffix, maker of its bytes)."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

Maker = Callable[[], bytes]
SIDE = (64, 48)


def pixels(mode: str = "RGB", size: tuple[int, int] = SIDE) -> Image.Image:
    """Return a smooth picture with some noise: a JPEG of it is neither empty nor large."""
    width, height = size
    across = np.linspace(20, 220, width)[None, :, None]
    down = np.linspace(0, 30, height)[:, None, None]
    noise = np.random.default_rng(0).integers(0, 5, (height, width, 3))
    picture = Image.fromarray((across + down + noise * np.arange(3)).clip(0, 255).astype(np.uint8))
    if mode == "I;16":
        return Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    if mode == "F":
        return Image.fromarray(np.asarray(picture.convert("L")).astype(np.float32) / 255)
    return picture.convert(mode)


def saved(kind: str, picture: Image.Image | None = None, **options: Any) -> bytes:
    """Return a picture as a file of ``kind``."""
    buffer = io.BytesIO()
    (picture or pixels()).save(buffer, kind, **options)
    return buffer.getvalue()


def turned(kind: str, orientation: int, **options: Any) -> bytes:
    """Return a picture whose EXIF says how to turn it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(kind, exif=exif, **options)


def png_of(width: int, height: int) -> bytes:
    """Return a PNG whose header announces a size, over a few bytes of data."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")
    )


def _cut(content: bytes, share: float) -> bytes:
    return content[: int(len(content) * share)]


def _garbled(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + b"\x5a" * 12 + content[middle + 12 :]


def _bad_exif() -> bytes:
    content = turned("JPEG", 6)
    at = content.index(b"Exif\0\0") + 6
    return content[:at] + b"\xff" * 12 + content[at + 12 :]


def _frames(kind: str) -> bytes:
    others = [pixels().rotate(angle) for angle in (90, 180)]
    return saved(kind, save_all=True, append_images=others)


def _flipped_crc() -> bytes:
    content = bytearray(saved("PNG"))
    content[content.index(b"IDAT") + 30] ^= 0xFF
    return bytes(content)


def _sixteen_bit_rgb() -> bytes:
    import cv2

    values = np.asarray(pixels()).astype(np.uint16) * 257
    return bytes(cv2.imencode(".png", values)[1])


IMAGES: dict[str, tuple[str, Maker]] = {
    # the cases of old
    "truncated jpeg": ("jpg", lambda: _cut(saved("JPEG"), 0.6)),
    "0 bytes": ("jpg", lambda: b""),
    "html": ("jpg", lambda: b"<html><body>404 Not Found</body></html>"),
    "8 x 8": ("png", lambda: saved("PNG", pixels(size=(8, 8)))),
    "truncated png": ("png", lambda: _cut(saved("PNG"), 0.6)),
    "garbage inside": ("jpg", lambda: _garbled(saved("JPEG"))),
    "png named jpg": ("jpg", lambda: saved("PNG")),
    "gray": ("jpg", lambda: saved("JPEG", pixels("L"))),
    "two bytes after the end": ("jpg", lambda: saved("JPEG") + b"\0\0"),
    # sizes
    "9 x 30": ("png", lambda: saved("PNG", pixels(size=(9, 30)))),
    "30 x 9": ("png", lambda: saved("PNG", pixels(size=(30, 9)))),
    "10 x 10": ("png", lambda: saved("PNG", pixels(size=(10, 10)))),
    "bomb": ("png", lambda: png_of(30_000, 30_000)),
    "just too many pixels": ("png", lambda: png_of(20_000, 8_948)),
    "nearly too many pixels": ("png", lambda: png_of(20_000, 8_947)),
    "a side of zero": ("png", lambda: png_of(0, 30)),
    # cut and damaged
    "jpeg cut in its header": ("jpg", lambda: saved("JPEG")[:100]),
    "jpeg of two bytes": ("jpg", lambda: b"\xff\xd8"),
    "jpeg of one byte": ("jpg", lambda: b"\xff"),
    "jpeg without its last byte": ("jpg", lambda: saved("JPEG")[:-1]),
    "jpeg without its last two bytes": ("jpg", lambda: saved("JPEG")[:-2]),
    "progressive jpeg cut": ("jpg", lambda: _cut(saved("JPEG", progressive=True), 0.7)),
    "jpeg cut, but with an end": ("jpg", lambda: _cut(saved("JPEG"), 0.7) + b"\xff\xd9"),
    "a newline after the end": ("jpg", lambda: saved("JPEG") + b"\n"),
    "4 KB of zeros after the end": ("jpg", lambda: saved("JPEG") + bytes(4096)),
    "a second end after the end": ("jpg", lambda: saved("JPEG") + b"rubbish\xff\xd9"),
    "turned, with bytes after the end": ("jpg", lambda: turned("JPEG", 6) + b"\0\0"),
    "cmyk, with bytes after the end": ("jpg", lambda: saved("JPEG", pixels("CMYK")) + b"\0\0"),
    "gray, with bytes after the end": ("jpg", lambda: saved("JPEG", pixels("L")) + b"\0\0"),
    "tail, named png": ("png", lambda: saved("JPEG") + b"\0\0"),
    "png without its end": ("png", lambda: saved("PNG")[:-12]),
    "png with a wrong sum": ("png", _flipped_crc),
    "png and bytes after the end": ("png", lambda: saved("PNG") + b"rubbish"),
    "bmp cut": ("bmp", lambda: _cut(saved("BMP"), 0.5)),
    "webp cut": ("webp", lambda: _cut(saved("WEBP"), 0.5)),
    "tiff cut": ("tif", lambda: _cut(saved("TIFF"), 0.5)),
    "jpeg 2000 cut": ("jp2", lambda: _cut(saved("JPEG2000"), 0.5)),
    "avif cut": ("avif", lambda: _cut(saved("AVIF"), 0.5)),
    "svg": ("png", lambda: b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="48"/>'),
    "zeros": ("jpg", lambda: bytes(4096)),
    # formats
    "jpeg named png": ("png", lambda: saved("JPEG")),
    "gif named png": ("png", lambda: saved("GIF")),
    "ico named png": ("png", lambda: saved("ICO")),
    "ppm named png": ("png", lambda: saved("PPM")),
    "webp named jpg": ("jpg", lambda: saved("WEBP")),
    "tiff named jpg": ("jpg", lambda: saved("TIFF")),
    "bmp": ("bmp", lambda: saved("BMP")),
    "webp": ("webp", lambda: saved("WEBP")),
    "lossless webp": ("webp", lambda: saved("WEBP", lossless=True)),
    "tiff": ("tiff", lambda: saved("TIFF")),
    "tiff named dng": ("dng", lambda: saved("TIFF")),
    "jpeg 2000": ("jp2", lambda: saved("JPEG2000")),
    "avif": ("avif", lambda: saved("AVIF")),
    "jpeg named heic": ("heic", lambda: saved("JPEG")),
    "mpo": ("mpo", lambda: _frames("MPO")),
    "mpo named jpg": ("jpg", lambda: _frames("MPO")),
    "mpo with bytes after the end": ("jpg", lambda: _frames("MPO") + b"\0\0"),
    "animated png": ("png", lambda: _frames("PNG")),
    "animated webp": ("webp", lambda: _frames("WEBP")),
    "tiff of pages": ("tif", lambda: _frames("TIFF")),
    "upper-case suffix": ("JPG", lambda: saved("JPEG")),
    "mixed-case suffix": ("Png", lambda: saved("PNG")),
    # modes
    "1 bit": ("png", lambda: saved("PNG", pixels("1"))),
    "palette": ("png", lambda: saved("PNG", pixels("P"))),
    "palette with a clear colour": ("png", lambda: saved("PNG", pixels("P"), transparency=0)),
    "gray with alpha": ("png", lambda: saved("PNG", pixels("LA"))),
    "alpha": ("png", lambda: saved("PNG", pixels("RGBA"))),
    "cmyk": ("jpg", lambda: saved("JPEG", pixels("CMYK"))),
    "cmyk tiff": ("tif", lambda: saved("TIFF", pixels("CMYK"))),
    "16 bit png": ("png", lambda: saved("PNG", pixels("I;16"))),
    "16 bit png in colours": ("png", _sixteen_bit_rgb),
    "16 bit tiff": ("tif", lambda: saved("TIFF", pixels("I;16"))),
    "float tiff": ("tif", lambda: saved("TIFF", pixels("F"))),
    # EXIF
    **{f"exif {n}": ("jpg", lambda n=n: turned("JPEG", n)) for n in range(1, 9)},  # type: ignore[misc]
    "exif 0": ("jpg", lambda: turned("JPEG", 0)),
    "exif 9": ("jpg", lambda: turned("JPEG", 9)),
    "exif of rubbish": ("jpg", _bad_exif),
    "exif 6 in png": ("png", lambda: turned("PNG", 6)),
    "exif 6 in webp": ("webp", lambda: turned("WEBP", 6)),
    "exif 6 in tiff": ("tif", lambda: saved("TIFF", tiffinfo={274: 6})),
    "exif 6 in avif": ("avif", lambda: turned("AVIF", 6)),
    "exif 6, 9 pixels wide": ("jpg", lambda: saved("JPEG", pixels(size=(30, 9)), exif=_six())),
}


def _six() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif
