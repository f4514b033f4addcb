"""Each image file is read once, for its digest, its perceptual hash and its small picture."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from workbench.datasets.filenames import to_text
from workbench.datasets.similar import hashes

pytestmark = pytest.mark.slow

Make = Callable[..., Path]


def test_the_digest_is_of_the_files_bytes(written: Make, listed, scene) -> None:
    file = written("a.png", scene(1))
    looked = hashes.look(listed([file]))
    assert looked.images["sha256"].to_pylist() == [hashlib.sha256(file.read_bytes()).digest()]
    assert looked.images.schema == listed([file]).schema


def test_a_hash_that_is_known_is_believed_and_its_file_is_not_read(tmp_path: Path, listed) -> None:
    images = listed([tmp_path / "gone.png"], sha256=[b"s" * 32], phash=[7])
    seen: list[tuple[int, int]] = []
    looked = hashes.look(images, lambda done, total: seen.append((done, total)))
    assert looked.images.equals(images)
    assert seen == []


def test_only_what_is_missing_is_read(written: Make, listed, scene, tmp_path: Path) -> None:
    files = [written("new.png", scene(1)), tmp_path / "gone.png"]
    images = listed(files, sha256=[None, b"s" * 32], phash=[None, 7])
    seen: list[tuple[int, int]] = []
    looked = hashes.look(images, lambda done, total: seen.append((done, total)))
    assert looked.images["sha256"].null_count == looked.images["phash"].null_count == 0
    assert looked.images["phash"][1].as_py() == 7
    assert seen == [(1, 1)]


def test_a_known_perceptual_hash_stays_when_only_the_digest_is_missing(written: Make, listed, scene) -> None:
    looked = hashes.look(listed([written("a.png", scene(1))], phash=[7]))
    assert looked.images["phash"].to_pylist() == [7]
    assert looked.images["sha256"].null_count == 0


def test_a_known_digest_stays_when_only_the_perceptual_hash_is_missing(written: Make, listed, scene) -> None:
    looked = hashes.look(listed([written("a.png", scene(1))], sha256=[b"s" * 32]))
    assert looked.images["sha256"].to_pylist() == [b"s" * 32]
    assert looked.images["phash"].null_count == 0


def test_an_image_that_training_drops_is_not_read(written: Make, listed, scene) -> None:
    looked = hashes.look(listed([written("a.png", scene(1))], effect=["drop"]))
    assert looked.images["sha256"].to_pylist() == looked.images["phash"].to_pylist() == [None]


def test_a_file_that_is_no_image_has_a_digest_only(tmp_path: Path, listed) -> None:
    for name, data in (("page.jpg", b"<html>"), ("empty.jpg", b"")):
        (tmp_path / name).write_bytes(data)
    looked = hashes.look(listed([tmp_path / "page.jpg", tmp_path / "empty.jpg", tmp_path / "gone.jpg"]))
    assert looked.images["phash"].null_count == 3
    assert [digest is None for digest in looked.images["sha256"].to_pylist()] == [False, False, True]


def test_a_picture_with_nothing_in_it_is_flat(written: Make, listed) -> None:
    black = np.zeros((64, 64, 3), np.uint8)
    gradient = np.tile(np.linspace(0, 255, 64).astype(np.uint8)[:, None], (1, 64))
    looked = hashes.look(listed([written("black.png", black), written("gradient.png", gradient)]))
    assert looked.images["phash"].to_pylist() == [hashes.FLAT, hashes.FLAT]


def test_a_picture_of_fewer_than_32_pixels_is_not_compared(written: Make, listed, scene) -> None:
    looked = hashes.look(listed([written("small.png", scene(1, 31)), written("enough.png", scene(1, 32))]))
    small, enough = looked.images["phash"].to_pylist()
    assert small == hashes.FLAT
    assert enough != hashes.FLAT


def test_a_picture_is_hashed_as_training_sees_it_turned_by_exif(tmp_path: Path, written: Make, listed, scene) -> None:
    turned = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    pixels = cv2.cvtColor(cv2.rotate(scene(1), cv2.ROTATE_90_COUNTERCLOCKWISE), cv2.COLOR_BGR2RGB)
    Image.fromarray(pixels).save(turned, quality=95, exif=exif)
    upright, seen = hashes.look(listed([written("upright.png", scene(1)), turned])).images["phash"].to_pylist()
    assert (upright ^ seen).bit_count() <= 4


def test_a_big_jpeg_that_is_decoded_small_has_nearly_the_hash_of_the_whole(written: Make, listed, scene) -> None:
    big = written("big.jpg", scene(1, 640))
    quick = hashes.look(listed([big], width=[640], height=[640])).images["phash"][0].as_py()
    slow = hashes.look(listed([big])).images["phash"][0].as_py()
    assert (quick ^ slow).bit_count() <= 4


def test_small_pictures_are_drawn_again_for_chosen_rows(written: Make, listed, scene) -> None:
    images = listed([written(f"{n}.png", scene(n)) for n in range(3)])
    drawn = hashes.draw(images, np.array([2, 0]))
    assert np.array_equal(drawn, hashes.look(images).thumbs[[2, 0]])


def test_no_images_are_no_trouble(listed) -> None:
    looked = hashes.look(listed([]))
    assert looked.images.num_rows == 0
    assert looked.images["phash"].type == pa.uint64()


def test_a_file_whose_name_is_no_text_takes_part(tmp_path: Path, listed, scene) -> None:
    file = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png"))
    data = cv2.imencode(".png", scene(1))[1].tobytes()
    file.write_bytes(data)
    images = listed([tmp_path / "x.png"], file=[to_text(str(file))])
    assert hashes.look(images).images["sha256"].to_pylist() == [hashlib.sha256(data).digest()]
