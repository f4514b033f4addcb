"""A thumbnail shows the image as training sees it, is made once, and an image that cannot be shown says why."""

from __future__ import annotations

import io
import os
import re
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from workbench.datasets.filenames import to_text
from workbench.datasets.pictures import shrink
from workbench.datasets.pictures.thumbs import LIMIT_MIN_BYTES, Picture, Thumbs, pictures
from workbench.errors import RequestError, StorageError

pytestmark = pytest.mark.slow


@pytest.fixture
def thumbs(tmp_path: Path) -> Thumbs:
    return Thumbs(tmp_path / "thumbs")


@pytest.fixture
def halves(tmp_path: Path) -> Path:
    """A JPEG of 800 x 400 pixels whose left half is red and whose right half is blue."""
    return save(tmp_path / "halves.jpg", two_halves())


def two_halves(width: int = 800, height: int = 400) -> Image.Image:
    image = Image.new("RGB", (width, height), (220, 20, 20))
    image.paste((20, 20, 220), (width // 2, 0, width, height))
    return image


def save(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def shown(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "WEBP"
        return image.convert("RGB")


def is_red(image: Image.Image, x: float, y: float) -> bool:
    red, _, blue = image.getpixel((int(x * (image.width - 1)), int(y * (image.height - 1))))
    return red > blue


def bomb(path: Path) -> Path:
    """Write a PNG whose header says 30,000 x 30,000 pixels."""
    head = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")]
    chunks = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    return path


def files(thumbs: Thumbs) -> list[Path]:
    return sorted(path for path in thumbs.folder.rglob("*") if path.is_file() and path.name != "lock")


@pytest.mark.parametrize(("size", "width", "height"), [(64, 64, 32), (256, 256, 128), (512, 512, 256)])
def test_a_thumbnail_fits_into_its_square(thumbs: Thumbs, halves: Path, size: int, width: int, height: int) -> None:
    image = shown(thumbs.get(Picture(str(halves)), size).data)
    assert image.size == (width, height) == shrink.fit(800, 400, size)
    assert is_red(image, 0.1, 0.5)
    assert not is_red(image, 0.9, 0.5)


def test_a_small_image_is_not_blown_up(thumbs: Thumbs, tmp_path: Path) -> None:
    file = save(tmp_path / "tiny.png", two_halves(40, 20))
    assert shown(thumbs.get(Picture(str(file)), 256).data).size == (40, 20)


@pytest.mark.parametrize(
    ("orientation", "red"),
    [
        (1, "left"),
        (2, "right"),
        (3, "right"),
        (4, "left"),
        (5, "top"),
        (6, "top"),
        (7, "bottom"),
        (8, "bottom"),
        (9, "left"),
    ],
)
def test_exif_orientation_is_applied(thumbs: Thumbs, tmp_path: Path, orientation: int, red: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = save(tmp_path / "turned.jpg", two_halves(), exif=exif)
    image = shown(thumbs.get(Picture(str(file)), 128).data)
    assert image.size == ((64, 128) if red in ("top", "bottom") else (128, 64))
    places = {"left": (0.1, 0.5), "right": (0.9, 0.5), "top": (0.5, 0.1), "bottom": (0.5, 0.9)}
    assert [side for side, (x, y) in places.items() if is_red(image, x, y) and side == red] == [red]


@pytest.mark.parametrize("mode", ["L", "CMYK", "RGBA", "P", "LA", "1", "I;16", "I", "F"])
def test_images_of_every_mode_are_shown_from_dark_to_bright(thumbs: Thumbs, tmp_path: Path, mode: str) -> None:
    ramp = np.tile(np.linspace(0, 255, 300), (200, 1))
    if mode == "I;16":
        image = Image.fromarray((ramp * 16).astype(np.uint16))
    elif mode in ("I", "F"):
        image = Image.fromarray((ramp * 1000).astype(np.int32 if mode == "I" else np.float32))
    else:
        image = (
            Image.fromarray(ramp.astype(np.uint8))
            .convert("RGB" if mode in ("CMYK", "RGBA", "P") else "L")
            .convert(mode)
        )
    file = save(tmp_path / "ramp.tiff", image)
    thumb = thumbs.get(Picture(str(file)), 128)
    assert thumb.problem == ""
    small = np.asarray(shown(thumb.data).convert("L"), float)
    assert small[:, :10].mean() < 40
    assert small[:, -10:].mean() > 200


def test_a_thumbnail_is_made_once_and_then_read(thumbs: Thumbs, halves: Path) -> None:
    picture = Picture(str(halves), sha256=b"\x07" * 32)
    first = thumbs.get(picture)
    halves.unlink()
    assert thumbs.get(picture) == first
    assert [path.name for path in files(thumbs)] == [f"{'07' * 32}-256.webp"]


def test_one_content_has_one_thumbnail_wherever_it_lies(thumbs: Thumbs, halves: Path, tmp_path: Path) -> None:
    thumbs.get(Picture(str(halves), sha256=b"\x07" * 32))
    assert thumbs.get(Picture(str(tmp_path / "elsewhere.jpg"), sha256=b"\x07" * 32)).problem == ""


def test_a_file_that_changes_before_it_was_hashed_gets_a_new_thumbnail(thumbs: Thumbs, halves: Path) -> None:
    red = thumbs.get(Picture(str(halves)))
    save(halves, Image.new("RGB", (100, 100), (0, 255, 0)))
    assert thumbs.get(Picture(str(halves))) != red


def test_many_threads_make_a_thumbnail_once(thumbs: Thumbs, halves: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    real = shrink.shrink
    monkeypatch.setattr(shrink, "shrink", lambda file, size: made.append(file) or real(file, size))
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: thumbs.get(Picture(str(halves), b"\1" * 32)).data, range(32)))
    assert (len(found), len(made)) == (1, 1)


@pytest.mark.parametrize(
    ("name", "write", "says"),
    [
        ("empty.jpg", lambda path: path.write_bytes(b""), "the file is empty"),
        ("page.jpg", lambda path: path.write_bytes(b"<html>not found</html>"), "no image format is recognised"),
        ("cut.jpg", lambda path: cut(path, 0.5), "truncated"),
        ("cut.png", lambda path: cut(path, 0.5), "truncated|damaged"),
        ("bomb.png", bomb, "more than 178956970 pixels"),
    ],
)
def test_an_image_that_cannot_be_shown_says_why_and_is_not_tried_again(
    thumbs: Thumbs, tmp_path: Path, name: str, write, says: str
) -> None:
    write(tmp_path / name)
    picture = Picture(str(tmp_path / name), sha256=b"\2" * 32)
    thumb = thumbs.get(picture, 128)
    assert shown(thumb.data).size == (128, 128)
    assert re.search(says, thumb.problem)
    (tmp_path / name).unlink()
    assert thumbs.get(picture, 128) == thumb


def cut(path: Path, share: float) -> None:
    save(path, Image.effect_noise((300, 300), 80).convert("RGB"))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


def test_an_image_that_is_missing_is_tried_again(thumbs: Thumbs, halves: Path) -> None:
    away = halves.rename(halves.with_name("away.jpg"))
    for picture in (Picture(str(halves)), Picture(str(halves), sha256=b"\3" * 32)):
        assert "No such file" in thumbs.get(picture).problem
    away.rename(halves)
    for picture in (Picture(str(halves)), Picture(str(halves), sha256=b"\3" * 32)):
        assert thumbs.get(picture).problem == ""


def test_a_thumbnail_that_a_power_cut_left_torn_is_made_again(thumbs: Thumbs, halves: Path) -> None:
    picture = Picture(str(halves), sha256=b"\4" * 32)
    whole = thumbs.get(picture)
    (path,) = files(thumbs)
    for torn in (b"", whole.data[:-1], b"\0" * len(whole.data)):
        path.write_bytes(torn)
        assert thumbs.get(picture) == whole


def test_a_batch_says_what_it_made_what_was_there_and_what_failed(thumbs: Thumbs, halves: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    images = [Picture(str(halves), bytes([number]) * 32) for number in range(5)]
    thumbs.get(images[0], 64)
    seen = []
    done = thumbs.prepare([*images, Picture(str(tmp_path / "empty.jpg"))], 64, progress=lambda *args: seen.append(args))
    assert (done.made, done.found, done.problems) == (4, 1, {str(tmp_path / "empty.jpg"): "the file is empty"})
    assert seen == [(6, 6)]
    assert len(files(thumbs)) == 6


def test_rows_of_a_page_are_pictures() -> None:
    rows = {"file": ["/a.jpg"], "sha256": [b"\1" * 32], "bytes": [5], "mtime_ns": [7], "width": [1]}
    assert pictures(pa.table(rows)) == [Picture("/a.jpg", b"\1" * 32, 5, 7)]


def test_a_name_that_is_not_utf_8_is_found(thumbs: Thumbs, halves: Path) -> None:
    odd = halves.rename(halves.with_name(os.fsdecode(b"\xff\xfe.jpg")))
    rows = {"file": [to_text(str(odd))], "sha256": [None], "bytes": [None], "mtime_ns": [None]}
    assert thumbs.get(*pictures(pa.table(rows))).problem == ""


def test_the_least_recently_used_make_place(thumbs: Thumbs, halves: Path) -> None:
    thumbs = Thumbs(thumbs.folder, LIMIT_MIN_BYTES)
    shard = thumbs.folder / "aa"
    shard.mkdir(parents=True)
    for number in range(20):
        kept = shard / f"aa{number:062x}-256.webp"
        data = thumbs.get(Picture(str(halves), b"\1" * 32)).data if number == 0 else b"x" * 10_000
        kept.write_bytes(data)
        os.utime(kept, (number, number))
    used = Picture(str(halves), bytes.fromhex("aa" + "0" * 62))
    assert thumbs.get(used).problem == ""
    thumbs.get(Picture(str(halves), b"\xaa" * 32))
    left = sorted(path.name for path in shard.glob("*.webp"))
    assert f"{'aa' * 32}-256.webp" in left
    assert f"aa{0:062x}-256.webp" in left  # the oldest, but it was used just now
    assert f"aa{1:062x}-256.webp" not in left
    assert f"aa{19:062x}-256.webp" in left
    assert sum(path.stat().st_size for path in shard.iterdir()) <= LIMIT_MIN_BYTES // 256


def test_a_thumbnail_larger_than_the_room_of_its_shard_stays_until_the_next(thumbs: Thumbs, tmp_path: Path) -> None:
    thumbs = Thumbs(thumbs.folder, LIMIT_MIN_BYTES)
    noise = np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8)
    file = save(tmp_path / "noise.png", Image.fromarray(noise))
    data = thumbs.get(Picture(str(file), b"\5" * 32), 512).data
    assert len(data) > LIMIT_MIN_BYTES // 256
    assert [path.read_bytes() for path in files(thumbs)] == [data]


def test_a_bomb_is_refused_by_its_header_whatever_pillow_was_told(
    thumbs: Thumbs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert "30000x30000 has more than" in thumbs.get(Picture(str(bomb(tmp_path / "bomb.png")))).problem


def test_what_cannot_be_kept_is_shown_all_the_same_but_a_batch_says_so(tmp_path: Path, halves: Path) -> None:
    (tmp_path / "file").touch()
    thumbs = Thumbs(tmp_path / "file" / "thumbs")
    assert thumbs.get(Picture(str(halves))).problem == ""
    with pytest.raises(StorageError):
        thumbs.prepare([Picture(str(halves))])


def test_sizes_and_limits_that_do_not_exist_are_refused(thumbs: Thumbs, halves: Path) -> None:
    with pytest.raises(RequestError, match="no thumbnails of 100 pixels"):
        thumbs.get(Picture(str(halves)), 100)
    with pytest.raises(RequestError, match="too few"):
        Thumbs(thumbs.folder, 1000)
