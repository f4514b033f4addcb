"""The own reader of JPEG headers says what Pillow says, or nothing."""

from __future__ import annotations

import io
import random
import warnings

import pytest
from PIL import Image

from workbench.datasets.scan.jpeg import header


def jpeg(mode: str = "RGB", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((40, 30), 50).convert(mode).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def exif(**tags: object) -> Image.Exif:
    made = Image.Exif()
    made.update({{"orientation": 274, "maker": 271, "unit": 0x128, "dpi": 0x11A}[name]: tags[name] for name in tags})
    return made


PLAIN = {
    "rgb": jpeg(),
    "gray": jpeg("L"),
    "cmyk": jpeg("CMYK"),
    "progressive": jpeg(progressive=True),
    "turned": jpeg(exif=exif(orientation=6, maker="a maker", unit=2, dpi=72.0)),
    "with EXIF that does not turn": jpeg(exif=exif(maker="a maker")),
    "with a profile and a comment": jpeg(icc_profile=b"x" * 100_000, comment=b"hello"),
}
_TURNED = jpeg(exif=exif(orientation=3))
_SECOND = _TURNED[_TURNED.index(b"\xff\xe1") : _TURNED.index(b"\xff\xdb")]
ODD = {
    "two EXIF segments": jpeg(exif=exif(orientation=6))[:-2].replace(b"\xff\xdb", _SECOND + b"\xff\xdb", 1),
    "turned by XMP": jpeg(xmp=b'<x tiff:Orientation="6"/>'),
    "EXIF cut off": jpeg(exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff"),
    "12 bits": jpeg().replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc0\x00\x11\x0c"),
    "a PNG": b"\x89PNG\r\n\x1a\n" + b"\0" * 100,
    "cut before the pixels": jpeg()[:100],
    "nothing": b"",
}


def ours(data: bytes, first: int = 4096) -> tuple[object, ...] | None:
    return header(data[:first], lambda count, offset: data[offset : offset + count])


def pillows(data: bytes) -> tuple[object, ...] | None:
    """Return what Pillow reads, None when it does not open."""
    try:
        image = Image.open(io.BytesIO(data))
    except (OSError, SyntaxError, ValueError):
        return None
    turn = 1
    try:
        turn = image.getexif().get(274)
    except (OSError, SyntaxError, ValueError, LookupError, TypeError):
        turn = 1
    return (image.format, *image.size, image.mode, turn if turn in range(1, 9) else 1)


@pytest.mark.parametrize("data", PLAIN.values(), ids=PLAIN)
@pytest.mark.parametrize("first", [16, 300, 4096])
def test_a_plain_jpeg_is_read_whatever_part_comes_first(data: bytes, first: int) -> None:
    assert ("JPEG", *(ours(data, first) or ())) == pillows(data)


@pytest.mark.parametrize("data", ODD.values(), ids=ODD)
def test_anything_else_is_left_to_pillow(data: bytes) -> None:
    assert ours(data) is None


def test_what_is_read_of_damaged_headers_is_what_pillow_reads() -> None:
    chance = random.Random(3)
    read = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(2500):
            data = bytearray(chance.choice(list(PLAIN.values())))
            for _ in range(chance.choice([1, 1, 2])):
                place = chance.randrange(2, min(len(data), 700))
                kind = chance.random()
                if kind < 0.7:
                    data[place] = chance.choice([0, 255, chance.randrange(256), data[place] ^ 1 << chance.randrange(8)])
                elif kind < 0.85:
                    del data[place : place + chance.randint(1, 3)]
                else:
                    data[place:place] = chance.randbytes(2)
            found = ours(bytes(data))
            if found is not None:
                read += 1
                assert ("JPEG", *found) == pillows(bytes(data)), bytes(data[:700])
    assert read > 500
