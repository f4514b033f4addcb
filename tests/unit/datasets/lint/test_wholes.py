"""Rules about images, classes and splits as a whole."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.datasets.lint.said import content, image, issue, pair
from workbench.datasets import lint
from workbench.datasets.content import Content

pytestmark = pytest.mark.slow

A, B = "images/train/a.jpg", "images/val/b.jpg"


def _details(said: Content, rule: str) -> list[str]:
    return [row["detail"] for row in lint.check(said).issues.to_pylist() if row["rule"] == rule]


def _both(*boxes: Any, **fields: Any) -> Content:
    return content([image(A), image(B)], [*boxes], **fields)


@pytest.mark.parametrize(
    ("columns", "rule"),
    [
        ({"orientation": 6}, "image-exif-rotated"),
        ({"mode": "CMYK"}, "image-cmyk"),
        ({"mode": "I;16"}, "image-16bit"),
        ({"mode": "F"}, "image-16bit"),
        ({"mode": "L"}, "image-gray"),
        ({"mode": "RGBA"}, "image-alpha"),
        ({"format": "png"}, "image-suffix"),
        ({"path": "images/train/a.JPG", "format": "webp"}, "image-suffix"),
    ],
)
def test_an_odd_image_is_told_by_what_the_probe_saw(columns: dict[str, Any], rule: str) -> None:
    """Each oddity has its own rule."""
    odd = image(A, **columns)
    said = content([odd, image(B)], [(row, 0, 0.5, 0.5, 0.2, 0.2) for row in (odd["path"], B)], ("cat",))
    report = lint.check(said)
    assert report.summary == {rule: 1}
    assert report.issues["path"].to_pylist() == [odd["path"]]
    assert report.dropped == 0


@pytest.mark.parametrize("columns", [{"format": "mpo"}, {"format": ""}, {"path": "images/train/a", "format": "png"}])
def test_a_name_that_fits_or_says_nothing_is_not_told(columns: dict[str, Any]) -> None:
    """A phone's JPEG with two pictures is an mpo; what was not probed has no format."""
    said = content([image(A, **columns), image(B)])
    assert _details(said, "image-suffix") == []


def test_what_the_probe_said_itself_is_not_said_again() -> None:
    """One image, one rule, one issue: the first word counts."""
    told = issue("image-exif-rotated", 0, "as the probe puts it")
    said = content([image(A, orientation=6), image(B)], issues=[told])
    assert _details(said, "image-exif-rotated") == ["as the probe puts it"]


def test_classes_without_objects_are_told_by_name() -> None:
    """Objects in any split count."""
    said = _both((A, 0, 0.5, 0.5, 0.2, 0.2), (B, 2, 0.5, 0.5, 0.2, 0.2), names=("cat", "dog", "cow"))
    assert _details(said, "class-unused") == ["'dog' (class 1) has no object"]


def test_objects_of_dropped_images_do_not_count() -> None:
    """A class that only dropped images have is unused."""
    fine = [(A, 0, 0.5, 0.5, 0.2, 0.2), (B, 0, 0.5, 0.5, 0.2, 0.2)]
    gone = image("images/train/gone.jpg", effect="drop")
    said = content([image(A), gone, image(B)], [*fine, (gone["path"], 1, 0.5, 0.5, 0.2, 0.2)])
    assert _details(said, "class-unused") == ["'dog' (class 1) has no object"]


def test_a_class_a_hundred_times_rarer_is_told() -> None:
    """101 to 1 is, 100 to 1 is not."""
    places = [(A, 0, 0.1 + at * 0.008, 0.5, 0.01, 0.01) for at in range(101)]
    rare = [(A, 1, 0.5, 0.1, 0.1, 0.1), (B, 0, 0.5, 0.5, 0.2, 0.2), (B, 1, 0.5, 0.5, 0.2, 0.2)]
    assert _details(_both(*places, *rare), "class-imbalance") == ["'dog' has 1 objects, 'cat' has 101"]
    assert _details(_both(*places[:100], *rare), "class-imbalance") == []


def test_two_classes_of_one_name_are_told_whatever_their_case() -> None:
    """Their ids are told."""
    said = _both(names=("cat", "dog", " Cat"))
    assert _details(said, "class-name-twice") == ["classes 0 'cat', 2 ' Cat'"]


def test_a_name_that_the_yaml_was_told_for_is_not_told_again() -> None:
    """The reader may know the line."""
    said = _both(names=("cat", "cat"), issues=[issue("yaml-name-twice", None, "as the reader puts it")])
    assert _details(said, "class-name-twice") == []


def test_ten_thousand_classes_are_looked_at_in_no_time_and_told_in_few_words() -> None:
    """The payload stays small."""
    names = [f"class {at}" for at in range(10_000)]
    report = lint.check(_both((A, 0, 0.5, 0.5, 0.2, 0.2), (B, 0, 0.5, 0.5, 0.2, 0.2), names=names))
    assert report.summary == {"class-unused": 9_999}
    (rule,) = report.to_payload(examples=5)["rules"]
    assert (len(rule["examples"]), rule["more"]) == (5, 9_994)


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_split_that_training_needs_is_missed(split: str) -> None:
    """It says what there is."""
    said = content([image(f"images/{'val' if split == 'train' else 'train'}/a.jpg", label=None)])
    there = "val 1" if split == "train" else "train 1"
    assert _details(said, "split-missing") == [f"no images in {split} ({there})"]


def test_a_dataset_without_splits_misses_both() -> None:
    """As COCO files of one piece come."""
    said = content([image("a.jpg", split="")], format="coco")
    assert _details(said, "split-missing") == [f"no images in {name} (in no split 1)" for name in ("train", "val")]


def test_a_split_of_which_nothing_remains_is_empty_and_not_also_unlabelled() -> None:
    """The cause is told, not its consequences."""
    said = content([image(A, effect="drop"), image(B)], [(B, 0, 0.5, 0.5, 0.2, 0.2)], ("cat",))
    assert lint.check(said).summary == {"split-empty": 1}


def test_a_split_without_objects_is_unlabelled() -> None:
    """The split test may be: nothing depends on it."""
    rest = image("images/test/c.jpg")
    said = content([image(A), image(B), rest], [(A, 0, 0.5, 0.5, 0.2, 0.2)], ("cat",))
    assert _details(said, "split-unlabelled") == ["1 images of val, no object"]


def test_classes_that_only_one_split_has_are_told_from_both_sides() -> None:
    """Never learned, or never measured."""
    said = _both((A, 0, 0.5, 0.5, 0.2, 0.2), (B, 1, 0.5, 0.5, 0.2, 0.2))
    assert _details(said, "split-class-missing") == [
        "'dog' (class 1) is in val, 1 objects, but not in train",
        "'cat' (class 0) is in train, 1 objects, but not in val",
    ]


@pytest.mark.parametrize("task", ["depth", "semantic"])
def test_masks_and_depth_maps_have_no_objects_to_miss(task: str) -> None:
    """Nothing is counted that is not there."""
    options = {"masks_dir": "masks"} if task == "semantic" else {}
    assert lint.check(_both(task=task, options=options)).summary == {}


def test_the_same_bytes_in_two_splits_are_a_leak_and_in_one_a_duplicate() -> None:
    """Each later image is told with the first."""
    same = {"sha256": b"x" * 32}
    images = [image(A, **same), image("images/train/c.jpg", **same), image(B, **same), image("images/val/d.jpg")]
    report = lint.check(content(images, format="coco"))
    told = {
        row["rule"]: (row["path"], row["detail"]) for row in report.issues.to_pylist() if row["image_id"] is not None
    }
    assert told == {"leak-exact": (B, f"as {A}"), "duplicate-exact": ("images/train/c.jpg", f"as {A}")}


def test_one_file_in_two_splits_leaks_without_any_hash_and_is_told_once() -> None:
    """As in datasets whose val is their train."""
    for known in ({}, {"sha256": b"x" * 32}):
        assert _details(content([image(A, **known), image(A, split="val", **known)]), "leak-exact") == [f"as {A}"]


def test_leaks_that_the_search_for_duplicates_told_are_not_looked_for_again() -> None:
    """It saw more than the hashes show."""
    same = {"sha256": b"x" * 32}
    told = issue("leak-exact", 0, "as the search puts it")
    assert _details(content([image(A, **same), image(B, **same)], issues=[told]), "leak-exact") == [told["detail"]]


def test_boxes_stop_a_training_of_shapes() -> None:
    """As many as there are, by split; a polygon is fine."""
    said = pair(task="segment")
    assert _details(said, "task-shapes") == ["2 boxes in train", "2 boxes in val"]
    polygons = said.objects.set_column(said.objects.column_names.index("kind"), "kind", [["polygon"] * 4])
    fine = Content("yolo", "segment", "/data", said.images, polygons, said.classes)
    assert lint.check(fine).summary == {}


def test_boxes_of_other_formats_become_rectangles_and_stop_nothing() -> None:
    """Their labels are written anew for YOLO."""
    assert lint.check(pair(task="segment", format="coco")).summary == {}


def test_crowd_regions_are_no_objects_of_their_class() -> None:
    """They are not handed to training."""
    said = pair()
    crowds = said.objects.set_column(said.objects.column_names.index("crowd"), "crowd", [[False, True, False, True]])
    assert _details(Content("coco", "detect", "/data", said.images, crowds, said.classes), "class-unused") == [
        "'dog' (class 1) has no object"
    ]


def test_polygons_among_boxes_are_noted_for_detection() -> None:
    """ultralytics then uses the boxes around them."""
    said = pair()
    kinds = said.objects.set_column(said.objects.column_names.index("kind"), "kind", [["polygon", "box", "box", "box"]])
    mixed = Content("yolo", "detect", "/data", said.images, kinds, said.classes)
    assert _details(mixed, "task-shapes-mixed") == ["1 boxes, 1 polygons in train"]


def test_an_empty_dataset_is_looked_at_without_an_error() -> None:
    """No image, no object, no class: only the splits are missing."""
    assert lint.check(content([], names=())).summary == {"split-missing": 2}
