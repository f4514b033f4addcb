"""Probing fills in what image files are, and what a training does with each."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workbench.datasets.content import IMAGES, ISSUES, OBJECTS, Content
from workbench.datasets.formats import classes
from workbench.datasets.formats.yolo import read as _read
from workbench.datasets.scan import probe
from workbench.datasets.scan.pictures import look
from workbench.errors import DatasetError

Make = Callable[..., Path]
PIXELS = Image.effect_noise((48, 32), 60).convert("RGB")


def made(format: str, mode: str = "RGB", **options: object) -> bytes:  # noqa: A002
    buffer = io.BytesIO()
    PIXELS.convert(mode).save(buffer, format, **options)
    return buffer.getvalue()


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[274] = orientation
    return exif


def huge(side: int) -> bytes:
    """Return a PNG that claims ``side`` x ``side`` pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


KEPT = {
    "a.jpg": (made("JPEG"), "jpeg", "RGB"),
    "gray.JPG": (made("JPEG", "L"), "jpeg", "L"),
    "cmyk.jpeg": (made("JPEG", "CMYK"), "jpeg", "CMYK"),
    "a.png": (made("PNG"), "png", "RGB"),
    "really a png.jpg": (made("PNG", "P"), "png", "P"),
    "a.bmp": (made("BMP"), "bmp", "RGB"),
    "a.webp": (made("WEBP"), "webp", "RGB"),
    "a.tif": (made("TIFF"), "tiff", "RGB"),
    "deep.png": (made("PNG", "I;16"), "png", "I;16"),
}
DROPPED = {
    "empty": (b"", "image-empty"),
    "html": (b"<html></html>", "image-unreadable"),
    "jpeg cut": (made("JPEG")[:-200], "image-truncated"),
    "png cut": (made("PNG")[:-200], "image-truncated"),
    "png with a wrong checksum": (made("PNG")[:-14] + b"\0" + made("PNG")[-13:], "image-unreadable"),
    "gif": (made("GIF"), "image-format"),
    "bomb": (huge(20_000), "image-bomb"),
}


@pytest.mark.parametrize("name", KEPT)
def test_an_image_that_training_keeps_is_described(tmp_path: Path, name: str) -> None:
    data, kind, mode = KEPT[name]
    (tmp_path / name).write_bytes(data)
    seen = look(str(tmp_path / name))
    assert (seen.width, seen.height, seen.format, seen.mode, seen.orientation) == (48, 32, kind, mode, 1)
    assert (seen.effect, seen.rule, seen.bytes) == ("keep", "", len(data))


@pytest.mark.parametrize("what", DROPPED)
def test_an_image_that_training_drops_says_why(tmp_path: Path, what: str) -> None:
    data, rule = DROPPED[what]
    (tmp_path / "a.png").write_bytes(data)
    seen = look(str(tmp_path / "a.png"))
    assert (seen.rule, seen.effect) == (rule, "drop")
    assert seen.detail


@pytest.mark.parametrize(("size", "rule"), [((9, 40), "image-too-small"), ((40, 9), "image-too-small"), ((10, 10), "")])
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_ten_pixels_are_the_least(tmp_path: Path, size: tuple[int, int], rule: str, suffix: str) -> None:
    Image.new("RGB", size).save(tmp_path / f"a{suffix}")
    assert look(str(tmp_path / f"a{suffix}")).rule == rule


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_turned_image_is_measured_upright(tmp_path: Path, format: str) -> None:  # noqa: A002
    (tmp_path / "a.jpg").write_bytes(made(format, exif=turned(6)))
    seen = look(str(tmp_path / "a.jpg"))
    assert seen.orientation == 6
    assert (seen.width, seen.height) == (32, 48)


def test_a_jpeg_with_bytes_behind_its_end_is_rewritten_and_never_by_us(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    file.write_bytes(made("JPEG") + b"xx")
    seen = look(str(file))
    assert (seen.rule, seen.effect, seen.width) == ("image-jpeg-tail", "rewrite", 48)
    assert file.read_bytes().endswith(b"xx")


def test_pixels_that_cannot_be_decoded_stop_a_training(tmp_path: Path) -> None:
    (tmp_path / "a.bmp").write_bytes(made("BMP")[:-2000])
    (tmp_path / "a.png").write_bytes(huge(4000))
    assert (look(str(tmp_path / "a.bmp")).rule, look(str(tmp_path / "a.bmp")).effect) == ("image-undecodable", "none")
    assert look(str(tmp_path / "a.png")).rule == ""
    assert look(str(tmp_path / "a.png"), decode=True).rule == "image-undecodable"


def test_depth_that_the_mode_hides_is_told(tmp_path: Path) -> None:
    import cv2

    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((20, 20, 3), np.uint16))
    seen = look(str(tmp_path / "a.png"))
    assert (seen.mode, seen.rule, seen.effect) == ("RGB", "image-16bit", "keep")


def test_a_header_alone_does_not_show_damage_behind_it(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(made("PNG")[:-200])
    (tmp_path / "a.jpg").write_bytes(made("JPEG")[:-200])
    for name in ("a.png", "a.jpg"):
        seen = look(str(tmp_path / name), verify=False)
        assert (seen.width, seen.rule) == (48, "")


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "lost.jpg").symlink_to(tmp_path / "nowhere")
    assert [look(str(tmp_path / name)).rule for name in ("pipe.jpg", "folder.jpg", "lost.jpg")] == [
        "image-unreadable",
        "image-unreadable",
        "image-missing",
    ]


def issues(content: Content) -> list[tuple[str, str, str]]:
    columns = [content.issues[name].to_pylist() for name in ("rule", "path", "effect")]
    return sorted(zip(*columns, strict=True))


def test_probing_fills_the_columns_and_decides_the_effect(yolo: Make) -> None:
    data = yolo()
    train = data.parent / "images/train"
    (train / "train0.jpg").write_bytes(made("JPEG") + b"xx")
    (train / "train1.jpg").write_bytes(b"")
    (train / "train2.jpg").write_bytes(made("JPEG") + b"xx")
    (data.parent / "labels/train/train2.txt").write_text("0 .5 .5 .1")
    content = probe(_read(data))
    assert (content.images.schema, content.objects.schema, content.issues.schema) == (IMAGES, OBJECTS, ISSUES)
    assert content.images["effect"].to_pylist() == ["rewrite", "drop", "drop", "keep", "keep", "keep"]
    assert content.images["width"].to_pylist() == [48, 0, 48, 32, 32, 32]
    assert content.images["verified"].to_pylist() == [True] * 6
    assert issues(content) == [
        ("image-empty", "images/train/train1.jpg", "drop"),
        ("image-jpeg-tail", "images/train/train0.jpg", "rewrite"),
        ("image-jpeg-tail", "images/train/train2.jpg", "rewrite"),
        ("label-columns", "labels/train/train2.txt", "drop"),
    ]


@pytest.mark.parametrize(
    ("row", "area"),
    [("0 .5 .5 .2 .5", 102.4), ("0 .25 .25 .75 .25 .75 .75 .25 .75", 256.0), ("0 .5 0 1 1 0 1", 512.0)],
    ids=["box", "obb", "triangle"],
)
def test_areas_are_told_in_pixels(yolo: Make, row: str, area: float) -> None:
    assert probe(_read(yolo(row=row))).objects["area"].to_pylist() == pytest.approx([area] * 6)


def test_probing_again_replaces_what_the_last_probe_said(yolo: Make) -> None:
    data = yolo()
    file = data.parent / "images/train/train0.jpg"
    whole = file.read_bytes()
    file.write_bytes(b"")
    once = probe(_read(data))
    assert issues(probe(once)) == issues(once)
    file.write_bytes(whole)
    again = probe(once)
    assert (issues(again), again.images["effect"][0].as_py()) == ([], "keep")


def test_images_that_did_not_change_are_not_opened_again(yolo: Make) -> None:
    data = yolo()
    (data.parent / "images/train/train1.jpg").write_bytes(made("JPEG") + b"xx")
    before = probe(_read(data))
    seen: list[tuple[int, int]] = []
    count = lambda done, total: seen.append((done, total))  # noqa: E731
    same = probe(_read(data), before=before, progress=count)
    assert seen == []
    assert (same.images, same.issues, same.objects) == (before.images, before.issues, before.objects)
    (data.parent / "images/train/train0.jpg").write_bytes(made("PNG"))
    after = probe(_read(data), before=before, progress=count)
    assert seen == [(1, 1)]
    assert after.images["format"].to_pylist()[:2] == ["png", "jpeg"]
    assert issues(after) == [("image-jpeg-tail", "images/train/train1.jpg", "rewrite")]


def test_headers_read_last_time_do_not_stand_for_a_check(yolo: Make) -> None:
    data = yolo()
    file = data.parent / "images/train/train0.jpg"
    file.write_bytes(file.read_bytes() + b"xx")
    before = probe(_read(data), verify=False)
    assert before.images["verified"].to_pylist() == [False] * 6
    assert issues(probe(_read(data), before=before)) == [("image-jpeg-tail", "images/train/train0.jpg", "rewrite")]


@pytest.mark.parametrize(
    ("mask", "rule"),
    [
        (np.zeros((32, 32), np.uint8), ""),
        (np.full((32, 32), 255, np.uint8), ""),
        (np.full((32, 32), 2, np.uint8), "mask-class"),
        (np.full((32, 32), 256, np.uint16), "mask-class"),
        (np.zeros((32, 31), np.uint8), "mask-size"),
        (None, "mask-unreadable"),
    ],
)
def test_masks_are_judged_as_training_judges_them(yolo: Make, mask: np.ndarray | None, rule: str) -> None:
    data = yolo()
    for image in (data.parent / "images").rglob("*.jpg"):
        file = data.parent / "masks" / image.parent.name / f"{image.stem}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((32, 32), np.uint8)).save(file)
    first = data.parent / "masks/train/train0.png"
    first.write_bytes(b"no image") if mask is None else Image.fromarray(mask).save(first)
    content = probe(_read(data, "semantic"))
    assert issues(content) == ([(rule, "masks/train/train0.png", "drop")] if rule else [])
    assert content.images["effect"][0].as_py() == ("drop" if rule else "keep")


@pytest.mark.parametrize(
    ("depth", "suffix", "rule"),
    [
        (np.ones((16, 16), np.uint16), ".png", ""),
        (np.ones((16, 16), np.uint8), ".png", "depth-unreadable"),
        (np.ones((16, 20), np.uint16), ".png", "depth-size"),
        (np.ones((16, 16), np.float32), ".npy", ""),
        (np.ones((16, 16), np.int32), ".npy", "depth-unreadable"),
    ],
)
def test_depth_maps_are_judged_as_training_judges_them(yolo: Make, depth: np.ndarray, suffix: str, rule: str) -> None:
    data = yolo()
    for image in (data.parent / "images").rglob("*.jpg"):
        file = data.parent / "depth" / image.parent.name / f"{image.stem}{suffix}"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(depth).save(file) if suffix == ".png" else np.save(file, depth)
    assert {found for found, _, _ in issues(probe(_read(data, "depth")))} == ({rule} if rule else set())


def test_a_label_mapping_that_is_none_is_refused(yolo: Make) -> None:
    data = yolo(extra="masks_dir: masks\nlabel_mapping: {0: dog}\n")
    with pytest.raises(DatasetError, match="label_mapping"):
        probe(_read(data))


def test_images_of_classes_are_probed_too(tmp_path: Path, picture: Make) -> None:
    picture(tmp_path / "train/a/one.jpg")
    picture(tmp_path / "val/a/two.png")
    content = probe(classes.read(tmp_path))
    assert content.images["format"].to_pylist() == ["jpeg", "png"]
    assert content.objects["area"].to_pylist() == [1024.0, 1024.0]
