"""Small datasets in other formats than YOLO."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image


@pytest.fixture
def picture(tmp_path: Path) -> Callable[..., Path]:
    """Return a maker of a picture: ``picture("images/a.jpg", (64, 48))`` below ``tmp_path``."""

    def draw(name: str, size: tuple[int, int] = (64, 48)) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, (90, 40, 200)).save(path)
        return path

    return draw


@pytest.fixture
def text(tmp_path: Path) -> Callable[[str, str], Path]:
    """Return a maker of a text file below ``tmp_path``."""

    def put(name: str, content: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
        return path

    return put


@pytest.fixture
def coco(tmp_path: Path, picture: Callable[..., Path]) -> Callable[..., Path]:
    """Return a maker of a COCO file with one image of 64x48 pixels, and the annotations given."""

    def make(*annotations: dict[str, Any], name: str = "annotations/instances_train.json", **keys: Any) -> Path:
        picture("images/a.jpg")
        document = {
            "images": [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}],
            "annotations": [
                {"id": number, "image_id": 1, "category_id": 3, "bbox": [6.4, 4.8, 32, 24], "iscrowd": 0, **annotation}
                for number, annotation in enumerate(annotations, 1)
            ],
            "categories": [{"id": 3, "name": "cat"}, {"id": 9, "name": "dog"}],
            **keys,
        }
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document), "utf-8")
        return path

    return make
