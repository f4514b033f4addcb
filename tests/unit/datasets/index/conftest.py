"""A small dataset as tables: ten images in three splits, drawn by hand so that every count is known."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from workbench.datasets.content import CLASSES, IMAGES, ISSUES, OBJECTS, Content, Loss, table
from workbench.datasets.index import Index, write

NAMES = ("person", "dog", "traffic light", "고양이")
PATHS = [
    *("a/night_1.jpg", "a/night_2.jpg", "day/3.jpg", "day/4.png"),
    *("day/5.jpg", "night/6.jpg", "새/7 하나.jpg", "x_y%.jpg"),
    *("z/9.jpg", "z/10.jpg"),
]
SPLITS = ["train"] * 6 + ["val"] * 3 + [""]
# image, class, side of the square in pixels (images are 640 x 480 but for two)
MARKED = [(0, 0, 20), (0, 0, 50), (0, 1, 200), (1, 0, 40), (1, 1, 20), (2, 1, 96), (3, 2, 32), (6, 3, 31), (6, 0, 300)]


def _images() -> pa.Table:
    width, height = [640] * 8 + [0, 320], [480] * 8 + [0, 240]
    return table(
        IMAGES,
        {
            "image_id": list(range(10)),
            "split": SPLITS,
            "path": PATHS,
            "file": [f"/data/{path}" for path in PATHS],
            "width": width,
            "height": height,
            "format": ["jpeg", "jpeg", "jpeg", "png", *["jpeg"] * 6],
            "mode": ["RGB"] * 10,
            "orientation": [1] * 10,
            "bytes": [1000 * number for number in range(10)],
            "mtime_ns": [1_700_000_000_000_000_000 + number for number in range(10)],
            "sha256": [bytes([number]) * 32 for number in range(9)] + [None],
            "phash": [2**64 - 1] + [None] * 9,
            "group": ["x", "x", "y", *[None] * 7],
            "effect": ["keep"] * 8 + ["drop", "rewrite"],
        },
    )


def _objects() -> pa.Table:
    return table(
        OBJECTS,
        {
            "image_id": [image for image, _, _ in MARKED],
            "object_id": list(range(len(MARKED))),
            "cls": [cls for _, cls, _ in MARKED],
            "kind": ["box"] * 8 + ["polygon"],
            "cx": [0.5] * 9,
            "cy": [0.5] * 9,
            "w": [side / 640 for _, _, side in MARKED],
            "h": [side / 480 for _, _, side in MARKED],
            "area": [float(side * side) for _, _, side in MARKED],
            "rings": [None] * 8 + [[[0.1, 0.1, 0.4, 0.1, 0.4, 0.6]]],
            "crowd": [False] * 7 + [True, False],
            "line": list(range(9)),
        },
    )


def _issues() -> pa.Table:
    return table(
        ISSUES,
        {
            "rule": ["image-truncated", "class-unused", "label-number", "image-truncated"],
            "image_id": [8, None, 1, 1],
            "path": ["z/9.jpg", "data.yaml", "a/night_1.txt", "a/night_2.jpg"],
            "line": [0, 0, 3, 0],
            "detail": ["ends early", "none", "'x'", "ends early"],
            "effect": ["drop", "none", "keep", "keep"],
        },
    )


def tables() -> Content:
    """Return ten images with nine objects and three issues."""
    attributes = json.dumps({"supercategory": "animal"})
    classes = table(CLASSES, {"cls": [0, 1, 2, 3], "name": NAMES, "attributes": [None, attributes, None, None]})
    return Content(
        "coco",
        "detect",
        "/data",
        _images(),
        _objects(),
        classes,
        _issues(),
        {"kpt_shape": [17, 3], "kpt_names": {0: ["nose"]}},
        (Loss("crowd regions", 2, "a/night_1.jpg"),),
    )


@pytest.fixture
def content() -> Content:
    return tables()


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an index of ``content``, for tests that only read it."""
    folder = tmp_path_factory.mktemp("read") / "index"
    write(tables(), folder)
    return folder


@pytest.fixture
def found(written: Path) -> Callable[..., list[int]]:
    """Return the ids that a view selects: ``found("small")``."""

    def select(view: str, **options: object) -> list[int]:
        with Index(written, **options) as index:
            return index.select(view).to_pylist()

    return select
