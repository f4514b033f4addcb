"""COCO JSON, read."""

from __future__ import annotations

import json

import numpy as np
import pytest

from workbench.datasets.formats import coco as reader
from workbench.datasets.formats import shapes
from workbench.errors import DatasetError

pytestmark = pytest.mark.slow


def _rules(content):
    return [(row["rule"], row["detail"]) for row in content.issues.to_pylist()]


def test_a_box_becomes_fractions_and_keeps_its_ids(coco):
    content = reader.read(coco({"id": 77, "area": 5.5}).parent.parent)
    (row,) = content.objects.to_pylist()
    assert [row[name] for name in ("cx", "cy", "w", "h")] == pytest.approx([0.35, 0.35, 0.5, 0.5])
    assert (row["kind"], row["cls"], row["source_id"], row["area"]) == ("box", 0, "77", 5.5)
    assert content.classes.to_pydict()["source_id"] == ["3", "9"]
    assert (content.task, content.counts) == ("detect", {"train": 1})


def test_polygons_are_fractions_ring_by_ring(coco):
    content = reader.read(coco({"segmentation": [[0, 0, 32, 0, 32, 24], [64, 48, 32, 48, 32, 24]]}))
    (row,) = content.objects.to_pylist()
    assert row["rings"] == [[0, 0, 0.5, 0, 0.5, 0.5], [1, 1, 0.5, 1, 0.5, 0.5]]
    assert (row["kind"], content.task) == ("polygon", "segment")


@pytest.mark.parametrize("compressed", [True, False])
def test_both_kinds_of_run_lengths_become_the_same_mask(coco, compressed):
    mask = np.zeros((48, 64), np.uint8)
    mask[3:9, 5:20] = 1
    runs = [5 * 48 + 3, *([6, 42] * 14), 6, 48 * 44 + 39]
    counts = shapes.encode(mask) if compressed else runs
    content = reader.read(coco({"segmentation": {"size": [48, 64], "counts": counts}, "iscrowd": 1}))
    (row,) = content.objects.to_pylist()
    assert (shapes.decode(row["rle"], 64, 48) == mask).all()
    assert (row["kind"], row["crowd"]) == ("rle", True)
    assert json.loads(content.images["attributes"][0].as_py())["size"] == [64, 48]


def test_key_points_come_with_their_shape_and_what_mirrors(coco):
    names = ["nose", "left_eye", "right_eye"]
    path = coco(
        {"category_id": 1, "keypoints": [32, 24, 2, 0, 0, 0, 64, 48, 1], "num_keypoints": 2},
        categories=[{"id": 1, "name": "person", "keypoints": names, "skeleton": [[1, 2]]}],
    )
    content = reader.read(path)
    assert content.objects["keypoints"].to_pylist() == [[0.5, 0.5, 2, 0, 0, 0, 1, 1, 1]]
    assert content.options == {"kpt_shape": [3, 3], "flip_idx": [0, 2, 1]}
    assert json.loads(content.classes["attributes"][0].as_py()) == {"keypoints": names, "skeleton": [[1, 2]]}


def test_a_polygon_beside_key_points_is_kept(coco):
    content = reader.read(coco({"keypoints": [1, 1, 2], "segmentation": [[0, 0, 32, 0, 32, 24]]}))
    (row,) = content.objects.to_pylist()
    assert (row["kind"], row["rings"]) == ("pose", [[0, 0, 0.5, 0, 0.5, 0.5]])


def test_what_else_the_file_says_is_kept_as_attributes(coco):
    content = reader.read(coco({"occluded": True, "score": 0.5}))
    assert json.loads(content.objects["attributes"][0].as_py()) == {"occluded": True, "score": 0.5}


@pytest.mark.parametrize(
    ("annotation", "rule", "says"),
    [
        ({"image_id": 5}, "label-orphan", "image_id 5 is not among the images"),
        ({"category_id": 4}, "label-class-unknown", "category_id 4 is not among the categories"),
        ({"bbox": [1, 2, 3]}, "label-columns", "3 numbers"),
        ({"bbox": [1, 2, 3, "x"]}, "label-number", "bbox of [1, 2, 3, 'x']"),
        ({"segmentation": [[1, 2, 3, 4]]}, "label-columns", "4 numbers"),
        ({"segmentation": [[1, 2, 3, 4, None, 6]]}, "label-number", "no list of numbers"),
        ({"segmentation": {"size": [48, 64], "counts": "zz"}}, "label-mask", "damaged"),
        ({"segmentation": {"size": [2, 2], "counts": [4]}}, "label-mask", "a mask of 2x2 on an image of 64x48"),
        ({"segmentation": {"counts": [4]}}, "label-mask", "without size or counts"),
        ({"keypoints": [1, 2]}, "label-columns", "2 numbers of key points"),
    ],
)
def test_one_bad_annotation_is_an_issue_and_the_others_are_read(coco, annotation, rule, says):
    content = reader.read(coco({"id": 1}, {"id": 2, **annotation}, {"id": 3}))
    ((found, detail),) = _rules(content)
    assert (found, says in detail) == (rule, True), detail
    assert "annotation 2" in detail
    assert {"1", "3"} <= set(content.objects["source_id"].to_pylist())


def test_numbers_that_are_not_finite_are_no_box(coco, text):
    path = coco({"bbox": [0, 0, 1, 1]}, {})
    path.write_text(path.read_text().replace("[0, 0, 1, 1]", "[NaN, 0, 1, Infinity]"))
    content = reader.read(path)
    assert [rule for rule, _ in _rules(content)] == ["label-number"]


def test_a_missing_image_is_dropped_and_said(coco):
    images = [
        {"id": 1, "file_name": "a.jpg", "width": 64, "height": 48},
        {"id": 2, "file_name": "gone.jpg", "width": 64, "height": 48},
        {"id": 3, "file_name": "../../outside.jpg", "width": 64, "height": 48},
        {"id": 4, "file_name": "http://host/b.jpg", "width": 64, "height": 48},
    ]
    content = reader.read(coco({}, images=images))
    assert content.images["effect"].to_pylist().count("drop") == 3
    assert {rule for rule, _ in _rules(content)} == {"image-missing"}
    assert {detail.split(",")[0] for _, detail in _rules(content)} == {
        "it is not there",
        "its path leads out of the dataset",
        "it is a URL",
    }
    assert all(".." not in path for path in content.images["path"].to_pylist())


def test_nothing_outside_the_folder_is_ever_found(coco, tmp_path, picture):
    picture("secret/outside.jpg")
    (tmp_path / "set").mkdir()
    path = coco(
        {}, images=[{"id": 1, "file_name": "../../secret/outside.jpg"}], name="set/annotations/instances_train.json"
    )
    with pytest.raises(DatasetError, match="None of the 1 images"):
        reader.read(path)


def test_an_image_on_disk_that_nothing_names_is_counted(coco, picture):
    picture("images/extra.jpg")
    (loss,) = reader.read(coco({})).losses
    assert (loss.what, loss.count, loss.first) == ("images that the annotations do not name", 1, "images/extra.jpg")


def test_files_are_splits_by_their_names(coco, picture):
    picture("images/val/b.jpg")
    coco({})
    path = coco(
        {},
        name="annotations/instances_val2017.json",
        images=[{"id": 1, "file_name": "b.jpg", "width": 64, "height": 48}],
    )
    content = reader.read(path.parent.parent)
    assert content.counts == {"train": 1, "val": 1}
    assert content.images["path"].to_pylist() == ["images/a.jpg", "images/val/b.jpg"]


def test_roboflows_folders_are_splits(coco, picture):
    picture("valid/b.jpg")
    path = coco(
        {}, name="valid/_annotations.coco.json", images=[{"id": 1, "file_name": "b.jpg", "width": 64, "height": 48}]
    )
    assert reader.read(path.parent.parent).counts == {"val": 1}


def test_of_the_files_of_one_split_the_one_for_the_task_is_read(coco):
    coco({"id": 1})
    path = coco({"id": 2, "keypoints": [1, 1, 2]}, name="annotations/person_keypoints_train.json")
    root = path.parent.parent
    assert reader.read(root).objects["source_id"].to_pylist() == ["1"]
    assert reader.read(root, "pose").objects["source_id"].to_pylist() == ["2"]
    assert any(loss.what.startswith("annotation files not read") for loss in reader.read(root).losses)


def test_two_classes_of_one_name_stay_two_classes(coco):
    path = coco({}, {"category_id": 9}, categories=[{"id": 3, "name": "cat"}, {"id": 9, "name": "cat"}])
    content = reader.read(path)
    assert content.names == {0: "cat", 1: "cat"}
    assert content.objects["cls"].to_pylist() == [0, 1]


def test_a_class_is_the_same_in_all_files_whatever_its_number(coco):
    coco({"category_id": 3})
    path = coco({"category_id": 5}, name="annotations/instances_val.json", categories=[{"id": 5, "name": "cat"}])
    content = reader.read(path.parent.parent)
    assert content.names == {0: "cat", 1: "dog"}
    assert content.objects["cls"].to_pylist() == [0, 0]


def test_two_classes_of_one_name_in_a_later_file_are_not_both_the_earlier_one(coco):
    coco({"category_id": 3})
    twins = [{"id": 5, "name": "cat"}, {"id": 6, "name": "cat"}]
    path = coco({"category_id": 6}, name="annotations/instances_val.json", categories=twins)
    assert reader.read(path.parent.parent).names == {0: "cat", 1: "dog", 2: "cat", 3: "cat"}


def test_a_missing_image_of_one_split_is_not_the_image_of_that_name_in_another(coco, picture):
    picture("images/train/b.jpg")
    images = [
        {"id": number, "file_name": name, "width": 64, "height": 48} for number, name in ((1, "a.jpg"), (2, "b.jpg"))
    ]
    content = reader.read(coco({}, name="annotations/instances_val.json", images=images))
    assert content.images["effect"].to_pylist() == ["drop", "keep"]


def test_ten_thousand_classes_are_read(coco):
    categories = [{"id": number * 3, "name": f"c{number}"} for number in range(10_000)]
    content = reader.read(coco({"category_id": 29_997}, categories=categories))
    assert (content.classes.num_rows, content.objects["cls"].to_pylist()) == (10_000, [9_999])


def test_an_image_listed_twice_counts_once(coco):
    image = {"file_name": "a.jpg", "width": 64, "height": 48}
    content = reader.read(
        coco({}, {"image_id": 2}, images=[{"id": 1, **image}, {"id": 2, **image}, {"id": 1, **image}])
    )
    assert (content.images.num_rows, content.objects.num_rows) == (1, 2)
    assert [rule for rule, _ in _rules(content)] == ["image-twice", "image-twice"]


def test_sizes_that_the_file_does_not_say_are_read_from_the_images(coco):
    content = reader.read(coco({}, images=[{"id": 1, "file_name": "a.jpg"}]))
    assert content.objects["w"].to_pylist() == [0.5]
    assert content.images["width"].to_pylist() == [64]


def test_objects_of_an_image_without_a_size_are_counted_not_guessed(coco, tmp_path):
    path = coco({}, images=[{"id": 1, "file_name": "a.jpg"}])
    (tmp_path / "images/a.jpg").write_bytes(b"")
    content = reader.read(path)
    assert content.objects.num_rows == 0
    assert ("objects of images whose size is unknown", 1) in {(loss.what, loss.count) for loss in content.losses}


def test_annotations_before_images_are_read_alike(coco):
    path = coco({})
    document = json.loads(path.read_text())
    path.write_text(json.dumps(dict(reversed(document.items()))))
    assert reader.read(path).objects.num_rows == 1


def test_images_are_numbered_by_path_and_objects_by_image(coco, picture):
    names = ["c.jpg", "a.jpg", "b.jpg"]
    for name in names:
        picture(f"images/{name}")
    images = [{"id": number, "file_name": name, "width": 64, "height": 48} for number, name in enumerate(names)]
    content = reader.read(coco({"image_id": 0}, {"image_id": 1}, {"image_id": 0}, images=images))
    assert content.images["path"].to_pylist() == ["images/a.jpg", "images/b.jpg", "images/c.jpg"]
    assert content.objects["image_id"].to_pylist() == [0, 2, 2]
    assert content.objects["source_id"].to_pylist() == ["2", "1", "3"]


def test_a_file_that_names_no_images_is_refused(coco):
    with pytest.raises(DatasetError, match="names no images"):
        reader.read(coco({}, images=[]))


def test_progress_ends_at_the_size_of_the_files(coco):
    told = []
    path = coco({})
    reader.read(path, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (path.stat().st_size, path.stat().st_size)
