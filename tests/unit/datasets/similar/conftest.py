"""Pictures that look like something, and tables that list them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from workbench.datasets.content import IMAGES, table

Pixels = NDArray[np.uint8]
Listed = Callable[..., pa.Table]
Scene = Callable[..., Pixels]


@pytest.fixture
def scene() -> Scene:
    """Return a maker of pictures: ``scene(seed, side)`` is blobs of many sizes, as a photograph has."""

    def make(seed: int, side: int = 160) -> Pixels:
        rng = np.random.default_rng(seed)
        picture = np.zeros((side, side, 3), np.float32)
        for cells in (3, 6, 12, 24):
            blobs = rng.normal(0, 50 / np.sqrt(cells / 3), (cells, cells, 3)).astype(np.float32)
            picture += cv2.resize(blobs, (side, side), interpolation=cv2.INTER_CUBIC)
        return np.clip(picture + 120, 0, 255).astype(np.uint8)

    return make


@pytest.fixture
def listed() -> Listed:
    """Return a maker of the table of images: ``listed(files, splits=...)``, in the order given."""

    def make(files: list[Path], **columns: object) -> pa.Table:
        known = {
            "image_id": range(len(files)),
            "split": ["train"] * len(files),
            "path": [file.name for file in files],
            "file": [str(file) for file in files],
            "width": [0] * len(files),
            "height": [0] * len(files),
            "effect": ["keep"] * len(files),
        }
        return table(IMAGES, known | columns, len(files))

    return make


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Return a writer of pictures: ``written("a.jpg", pixels, quality)``."""

    def write(name: str, pixels: Pixels, quality: int = 92) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), pixels, [cv2.IMWRITE_JPEG_QUALITY, quality] if path.suffix == ".jpg" else [])
        return path

    return write
