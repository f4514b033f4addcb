from __future__ import annotations

import io
import struct
import time
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from workbench.serving.decode import ImageLimits, decode
from workbench.serving.refusals import MediaTypeError, RefusalError, TooLargeError, UnreadableImageError

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)


def encoded(mode: str = "RGB", kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS[..., ::-1]).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that announces a size and holds one byte of pixels."""
    chunks = (b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0), b"IDAT" + zlib.compress(b"0"))
    framed = [struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


def test_a_lossless_image_gives_its_pixels_as_blue_green_red() -> None:
    assert np.array_equal(decode(encoded()), PIXELS)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("CMYK", "JPEG"),
        ("L", "JPEG"),
        ("L", "PNG"),
        ("RGBA", "PNG"),
        ("P", "PNG"),
        ("1", "PNG"),
        ("I;16", "PNG"),
        ("P", "GIF"),
        ("RGB", "WEBP"),
        ("RGB", "BMP"),
        ("RGB", "TIFF"),
        ("RGB", "AVIF"),
    ],
)
def test_every_colour_mode_and_format_gives_three_channels_of_a_byte(mode: str, kind: str) -> None:
    image = decode(encoded(mode, kind))
    assert (image.shape, image.dtype) == ((24, 40, 3), np.uint8)


def test_alpha_is_dropped_and_not_blended() -> None:
    assert np.array_equal(decode(encoded("RGBA")), PIXELS)


def test_the_exif_orientation_is_applied_as_ultralytics_does() -> None:
    exif = Image.Exif()
    exif[274] = 6
    upright = decode(encoded(kind="JPEG", quality=95))
    assert np.array_equal(decode(encoded(kind="JPEG", quality=95, exif=exif)), np.rot90(upright, -1))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", UnreadableImageError),
        (b"hello", MediaTypeError),
        (bytes(range(256)) * 20, MediaTypeError),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", MediaTypeError),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", MediaTypeError),
        (encoded(kind="JPEG")[:200], UnreadableImageError),
        (encoded(kind="JPEG")[:-300], UnreadableImageError),
        (encoded()[:500], UnreadableImageError),
        (png_header(40, 24), UnreadableImageError),
    ],
    ids=["empty", "text", "garbage", "eps", "svg", "jpeg header", "jpeg cut", "png cut", "png without pixels"],
)
def test_what_is_no_whole_image_is_refused_by_kind(data: bytes, kind: type[RefusalError]) -> None:
    with pytest.raises(kind) as caught:
        decode(data)
    assert caught.value.expected
    assert caught.value.todo


@pytest.mark.parametrize("side", [9_000, 20_000, 2_000_000])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("the bomb was decoded"))
    started = time.monotonic()
    with pytest.raises(TooLargeError, match=f"{side} × {side} pixels"):
        decode(png_header(side, side))
    assert time.monotonic() - started < 0.5


def test_no_package_is_installed_for_an_unknown_format_beside_ultralytics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("Image.open was used"))
    with pytest.raises(MediaTypeError):
        decode(b"\x00\x00\x00\x18ftypheic" + bytes(64))


def test_a_jpeg_cut_anywhere_is_refused() -> None:
    data = encoded(kind="JPEG")
    for cut in range(0, len(data) - 10, 37):
        with pytest.raises(RefusalError):
            decode(data[:cut])


def test_the_limits_are_inclusive() -> None:
    data = encoded()
    assert decode(data, ImageLimits(len(data), 24 * 40)).shape == (24, 40, 3)
    with pytest.raises(TooLargeError, match="At most 959 pixels"):
        decode(data, ImageLimits(len(data), 24 * 40 - 1))
    with pytest.raises(TooLargeError, match=f"At most {len(data) - 1} bytes"):
        decode(data, ImageLimits(len(data) - 1))
