"""Rules about single boxes."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tests.unit.datasets.lint.said import Box, content, image, pair
from workbench.datasets import lint
from workbench.datasets.content import OBJECTS, Content, table

pytestmark = pytest.mark.slow

A = "images/train/a.jpg"


def _found(said: Content, rule: str, **options: int) -> list[tuple[str, int, str]]:
    report = lint.check(said, **options)
    rows = [row for row in report.issues.to_pylist() if row["rule"] == rule]
    return [(row["path"], row["line"], row["detail"]) for row in rows]


def test_nothing_is_said_of_boxes_that_are_fine() -> None:
    """A clean dataset has an empty report."""
    report = lint.check(pair())
    assert report.summary == {}
    assert report.sentences() == ("Nothing is wrong with 2 images.",)


@pytest.mark.parametrize("size", [(0.0, 0.2), (0.2, 0.0), (0.0, 0.0)])
def test_a_box_without_size_is_zero_and_not_tiny(size: tuple[float, float]) -> None:
    """One fault is told once, at its line of the label file."""
    said = pair((A, 0, 0.5, 0.5, *size))
    assert [(path, line) for path, line, _ in _found(said, "box-zero")] == [("labels/train/a.txt", 3)]
    assert lint.check(said).summary == {"box-zero": 1}


def test_a_box_is_tiny_below_two_pixels_at_the_training_size() -> None:
    """640 x 480 pixels at imgsz 640: 0.003 of the width are 1.92 pixels, at imgsz 1280 3.84."""
    said = pair((A, 0, 0.5, 0.5, 0.003, 0.1))
    assert _found(said, "box-tiny") == [("labels/train/a.txt", 3, "1.92 x 48 pixels at imgsz 640")]
    assert _found(said, "box-tiny", imgsz=1280) == []


def test_the_longer_side_decides_what_is_tiny() -> None:
    """The height of a portrait image is scaled to imgsz: 2.1 of 480 x 960 pixels are 1.4."""
    portrait = image(A, width=480, height=960)
    said = content([portrait, image("images/val/b.jpg")], [(A, 0, 0.5, 0.5, 2.1 / 480, 0.1)], names=("cat",))
    assert [detail for *_, detail in _found(said, "box-tiny")] == ["1.4 x 64 pixels at imgsz 640"]


def test_a_box_is_huge_around_95_percent_of_the_image() -> None:
    """Both sides count."""
    said = pair((A, 0, 0.5, 0.5, 0.98, 0.98), (A, 0, 0.5, 0.5, 1.0, 0.9))
    assert [(line, detail) for _, line, detail in _found(said, "box-huge")] == [(3, "96 % of the image")]


@pytest.mark.parametrize(
    ("box", "by"),
    [
        ((A, 0, 0.95, 0.5, 0.4, 0.4), "by 0.15 of the image"),
        ((A, 0, 0.05, 0.5, 0.4, 0.4), "by 0.15 of the image"),
        ((A, 0, 0.5, 0.95, 0.4, 0.4), "by 0.15 of the image"),
        ((A, 0, 0.5, 0.05, 0.4, 0.4), "by 0.15 of the image"),
    ],
)
def test_a_box_that_leaves_the_image_is_told_on_every_side(box: Box, by: str) -> None:
    """It says by how much."""
    assert [detail for *_, detail in _found(pair(box), "box-outside")] == [by]


def test_a_pixel_beyond_the_image_is_rounding() -> None:
    """Boxes that were rounded from pixels are not told."""
    assert _found(pair((A, 0, 0.9, 0.5, 0.2 + 1.9 / 640, 0.4)), "box-outside") == []
    assert len(_found(pair((A, 0, 0.9, 0.5, 0.2 + 2.2 / 640, 0.4)), "box-outside")) == 1


def test_a_box_nearly_like_an_earlier_one_is_told_once_with_its_twin() -> None:
    """Of two that overlap by 95 % or more the later is the odd one."""
    said = pair((A, 0, 0.7, 0.7, 0.2, 0.2), (A, 0, 0.701, 0.7, 0.2, 0.2))
    assert _found(said, "box-near-twice") == [("labels/train/a.txt", 4, "overlaps that of line 3 by 99 %")]


@pytest.mark.parametrize(
    "other",
    [(A, 1, 0.701, 0.7, 0.2, 0.2), ("images/val/b.jpg", 0, 0.701, 0.7, 0.2, 0.2), (A, 0, 0.712, 0.7, 0.2, 0.2)],
    ids=["another class", "another image", "94 % over"],
)
def test_boxes_of_another_class_or_image_or_place_are_no_twins(other: Box) -> None:
    """Only the same thing marked twice is told."""
    assert _found(pair((A, 0, 0.7, 0.7, 0.2, 0.2), other), "box-near-twice") == []


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("odd", [np.inf, 1e39, np.nan, -np.inf])
def test_values_that_are_no_places_do_not_stop_the_look(odd: float) -> None:
    """ultralytics keeps a pose whose box is infinite."""
    said = pair((A, 0, 0.5, 0.5, odd, 0.2), (A, 0, odd, 0.5, 0.1, 0.2))
    assert set(lint.check(said).summary) <= {"box-zero", "box-huge", "box-outside"}


def test_twins_are_those_that_a_comparison_of_all_pairs_finds() -> None:
    """The sorted search misses none and invents none, in a crowd of boxes of all sizes."""
    random = np.random.default_rng(1)
    base = np.column_stack([random.uniform(0.3, 0.7, (60, 2)), random.uniform(0.05, 0.5, (60, 2))])
    shaken = np.vstack([base, base + random.normal(0, 0.003, base.shape), base])
    said = content([image(A), image("images/val/b.jpg")], [(A, 0, *map(float, row)) for row in shaken], names=("cat",))
    left, right = shaken[:, :2] - shaken[:, 2:] / 2, shaken[:, :2] + shaken[:, 2:] / 2
    shared = np.prod(np.clip(np.minimum(right[:, None], right) - np.maximum(left[:, None], left), 0, None), axis=2)
    area = np.prod(shaken[:, 2:], axis=1)
    alike = np.tril(shared / (area[:, None] + area - shared) >= 0.95, -1).any(axis=1)
    assert 60 < alike.sum() < 120
    lines = {line for _, line, _ in _found(said, "box-near-twice")}
    assert lines == set((np.flatnonzero(alike) + 1).tolist())


@pytest.mark.timeout(20)
def test_sixty_thousand_boxes_on_one_spot_do_not_stop_the_house() -> None:
    """Comparing all pairs would be nearly two thousand million; the work is bounded."""
    count = 60_000
    objects = {"image_id": np.zeros(count, np.int64), "object_id": np.arange(count), "cls": np.zeros(count, np.int32)}
    objects |= {name: np.full(count, 0.5) for name in ("cx", "cy", "w", "h")}
    base = pair()
    crowded = Content("yolo", "detect", "/data", base.images, table(OBJECTS, objects), base.classes)
    assert lint.check(crowded).summary["box-near-twice"] > count // 2


def test_crowds_and_whole_image_classes_are_not_looked_at_as_boxes() -> None:
    """A crowd region may be as large as it likes."""
    said = pair((A, 0, 0.5, 0.5, 0.0, 0.0))
    crowd = pa.array([False] * 2 + [True] + [False] * 2)
    at = said.objects.column_names.index("crowd")
    objects = said.objects.set_column(at, OBJECTS.field("crowd"), crowd)
    said = Content("coco", "detect", "/data", said.images, objects, said.classes)
    assert lint.check(said).summary == {}
    kind = said.objects.column_names.index("kind")
    classes = said.objects.set_column(at, OBJECTS.field("crowd"), pa.array([False] * 5))
    classes = classes.set_column(kind, OBJECTS.field("kind"), pa.array(["class"] * 5))
    assert lint.check(Content("classes", "classify", "/data", said.images, classes, said.classes)).summary == {}
