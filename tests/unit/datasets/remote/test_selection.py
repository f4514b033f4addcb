"""Which images are fetched: by split, class, fraction, view."""

from __future__ import annotations

import pytest

from workbench.datasets.content import CLASSES, IMAGES, OBJECTS, Content, table
from workbench.datasets.remote import Selection
from workbench.errors import RequestError, UnknownNameError

pytestmark = pytest.mark.slow


@pytest.fixture
def content(tmp_path):
    """100 train and 20 val images, every fifth with a dog, all with a cat; the first has a mask."""
    splits = ["train"] * 100 + ["val"] * 20
    paths = [f"images/{split}/{number:03d}.jpg" for number, split in enumerate(splits)]
    images = table(
        IMAGES,
        {
            "image_id": list(range(120)),
            "split": splits,
            "path": paths,
            "file": [f"{tmp_path}/{path}" for path in paths],
            "label": [f"{tmp_path}/masks/train/000.png"] + [None] * 119,
        },
    )
    shown = [(number, 0) for number in range(120)] + [(number, 1) for number in range(0, 120, 5)]
    objects = table(OBJECTS, {"image_id": [one for one, _ in shown], "cls": [cls for _, cls in shown]})
    classes = table(CLASSES, {"cls": [0, 1], "name": ["cat", "dog"]})
    return Content("yolo", "detect", str(tmp_path), images, objects, classes)


def test_nothing_said_means_everything_and_masks_come_along(content, tmp_path):
    paths = Selection().paths(content, tmp_path)
    assert len(paths) == 121
    assert "masks/train/000.png" in paths


def test_a_split_and_a_class_are_both_asked_for(content):
    assert Selection(splits=("val",), classes=("dog",)).image_ids(content).to_pylist() == [100, 105, 110, 115]


def test_a_fraction_is_of_each_split_and_the_same_every_time(content):
    first = Selection(fraction=0.1, seed=3).image_ids(content).to_pylist()
    assert (sum(one < 100 for one in first), sum(one >= 100 for one in first)) == (10, 2)
    assert Selection(fraction=0.1, seed=3).image_ids(content).to_pylist() == first
    assert Selection(fraction=0.1, seed=4).image_ids(content).to_pylist() != first


def test_a_larger_fraction_has_all_of_a_smaller_one(content):
    small = set(Selection(fraction=0.05).image_ids(content).to_pylist())
    assert small < set(Selection(fraction=0.5).image_ids(content).to_pylist())


def test_a_tiny_fraction_still_gives_an_image_of_each_split(content):
    assert len(Selection(fraction=0.0001).image_ids(content)) == 2


def test_a_view_is_met_with_the_rest(content, tmp_path):
    assert Selection(classes=("dog",)).paths(content, tmp_path, [4, 5, 6]) == ["images/train/005.jpg"]


def test_unknown_names_and_impossible_fractions_are_refused(content):
    with pytest.raises(UnknownNameError, match=r"no class 'dgo'.*Did you mean 'dog'"):
        Selection(classes=("dgo",)).image_ids(content)
    with pytest.raises(UnknownNameError, match=r"no split 'test'.*train, val"):
        Selection(splits=("test",)).image_ids(content)
    with pytest.raises(RequestError, match="A fraction of 0"):
        Selection(fraction=0)
