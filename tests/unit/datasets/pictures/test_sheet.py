"""A contact sheet shows images with what is marked on them."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workbench.datasets import formats, index, scan
from workbench.datasets.pictures.sheet import sheet
from workbench.datasets.pictures.thumbs import Thumbs

pytestmark = pytest.mark.slow

Make = Callable[..., Path]


def drawn(data: Path, folder: Path, **options: int) -> np.ndarray:
    index.write(scan.probe(formats.read(data)), folder / "index")
    with index.Index(folder / "index") as opened:
        picture = sheet(opened.page(), opened, Thumbs(folder / "thumbs"), size=64, **options)
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)


def test_every_image_has_a_place_with_its_boxes(yolo: Make, tmp_path: Path) -> None:
    with_boxes = drawn(yolo(), tmp_path / "one", columns=3)
    assert with_boxes.shape == (2 * (64 + 16 + 6) + 6, 3 * (64 + 6) + 6, 3)
    bare = drawn(yolo(row="", folder="bare"), tmp_path / "two", columns=3)
    differs = (with_boxes != bare).any(axis=2)
    for place in range(6):
        left, top = 6 + place % 3 * 70, 6 + place // 3 * 86
        assert differs[top : top + 64, left : left + 64].any()


def test_an_image_that_cannot_be_shown_keeps_its_place(yolo: Make, tmp_path: Path) -> None:
    data = yolo()
    (data.parent / "images/train/train0.jpg").write_bytes(b"no picture")
    assert drawn(data, tmp_path, columns=2).shape == (3 * 86 + 6, 2 * 70 + 6, 3)
