"""Tiny datasets on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

Make = Callable[..., Path]


def draw(path: Path, colour: int = 90, size: int = 32) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (size, size), (colour % 256, 40, 200)).save(path)
    return path


@pytest.fixture
def picture() -> Make:
    """Return a maker of a small JPEG: ``picture(path, colour, size)``."""
    return draw


@pytest.fixture
def yolo(tmp_path: Path) -> Make:
    """Return a maker of a dataset: 4 train and 2 val images, each with one row, and its data.yaml."""

    def make(names: str = "[cat, dog]", row: str = "0 0.5 0.5 0.2 0.2", extra: str = "", folder: str = "pets") -> Path:
        root = tmp_path / folder
        for split, count in (("train", 4), ("val", 2)):
            for index in range(count):
                draw(root / "images" / split / f"{split}{index}.jpg", index * 20)
                label = root / "labels" / split / f"{split}{index}.txt"
                label.parent.mkdir(parents=True, exist_ok=True)
                label.write_text(row + "\n", "utf-8")
        data = root / "data.yaml"
        data.write_text(f"train: images/train\nval: images/val\nnames: {names}\n{extra}", "utf-8")
        return data

    return make


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder on a disk that fills up: writing a file there fails as the kernel fails it (ENOSPC from /dev/full)."""
    folder = tmp_path / "full"
    folder.mkdir()
    real = Path.open

    def open_full(self: Path, mode: str = "r", **options: object):
        if folder in self.parents and "w" in mode:
            return real(Path("/dev/full"), mode, **options)
        return real(self, mode, **options)

    monkeypatch.setattr(Path, "open", open_full)
    return folder
