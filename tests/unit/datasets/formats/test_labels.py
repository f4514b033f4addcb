"""Label files, written from columns."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.datasets.content import CLASSES, IMAGES, OBJECTS, Content, table
from workbench.datasets.formats import labels, shapes
from workbench.datasets.formats.draft import Tally

pytestmark = pytest.mark.slow

_CORNERS = [0.1, 0.1, 0.5, 0.1, 0.5, 0.4, 0.1, 0.4]


def _content(task, *objects, images=1, form="coco", size=(100, 50), **options):
    rows = [
        {"image_id": 0, "cls": 1, "kind": "box", "cx": 0.3, "cy": 0.25, "w": 0.4, "h": 0.3, "crowd": False, **each}
        for each in objects
    ]
    return Content(
        form,
        task,
        "/",
        table(
            IMAGES,
            {
                "image_id": list(range(images)),
                "split": ["train"] * images,
                "path": [f"{number}.jpg" for number in range(images)],
                "width": [size[0]] * images,
                "height": [size[1]] * images,
            },
        ),
        table(OBJECTS, {name: [row.get(name) for row in rows] for name in OBJECTS.names}),
        table(CLASSES, {"cls": [0, 1], "name": ["cat", "dog"]}),
        options=options,
    )


def _written(content):
    tally = Tally()
    texts = dict(labels.rows(content, tally))
    return texts[0], {loss.what: loss.count for loss in tally.losses}


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("detect", "1 0.3 0.25 0.4 0.3\n"),
        ("segment", "1 0.1 0.1 0.5 0.1 0.5 0.4 0.1 0.4\n"),
        ("semantic", "1 0.1 0.1 0.5 0.1 0.5 0.4 0.1 0.4\n"),
        ("obb", "1 0.1 0.1 0.5 0.1 0.5 0.4 0.1 0.4\n"),
        ("pose", "1 0.3 0.25 0.4 0.3 0 0 0\n"),
    ],
)
def test_a_box_is_written_for_every_task(task, expected):
    assert _written(_content(task, {}, kpt_shape=[1, 3]))[0] == expected


@pytest.mark.parametrize(
    ("task", "lost"),
    [
        ("detect", {"outlines, written as boxes": 1}),
        ("segment", {}),
        ("obb", {}),
    ],
)
def test_a_polygon_loses_only_what_the_task_has_no_room_for(task, lost):
    text, losses = _written(_content(task, {"kind": "polygon", "rings": [_CORNERS]}))
    assert losses == lost
    found = sorted(round(float(value), 6) for value in text.split()[1:])
    assert found == sorted(_CORNERS if task != "detect" else [0.3, 0.25, 0.4, 0.3])


def test_an_outline_that_is_no_rectangle_becomes_the_smallest_rotated_box():
    text, losses = _written(
        _content("obb", {"kind": "polygon", "rings": [[0.2, 0.2, 0.6, 0.2, 0.6, 0.8]]}, size=(100, 100))
    )
    values = np.array([float(value) for value in text.split()[1:]]).reshape(4, 2) * 100
    sides = np.linalg.norm(values - np.roll(values, 1, axis=0), axis=1)
    assert sides[0] * sides[1] == pytest.approx(40 * 60, rel=0.01)
    assert losses == {"outlines, written as rotated boxes": 1}


def test_several_rings_become_one_row():
    other = [0.7, 0.7, 0.9, 0.7, 0.9, 0.9]
    text, _ = _written(_content("segment", {"kind": "polygon", "rings": [_CORNERS, other]}))
    assert text.count("\n") == 1
    assert len(text.split()) == 1 + len(_CORNERS) + len(other) + 4  # the bridge is entered and left


def test_a_mask_becomes_its_outline_and_its_holes_are_said():
    mask = np.zeros((50, 100), np.uint8)
    mask[10:30, 20:60] = 1
    mask[15:20, 30:40] = 0
    text, losses = _written(_content("segment", {"kind": "rle", "rle": shapes.encode(mask)}))
    values = [float(value) for value in text.split()[1:]]
    assert (min(values[0::2]), max(values[0::2])) == (0.205, 0.595)
    assert losses == {"holes of masks": 1}


def test_a_mask_of_another_size_is_written_as_its_box_and_said():
    _, losses = _written(_content("segment", {"kind": "rle", "rle": shapes.encode(np.ones((5, 5), np.uint8))}))
    assert losses["masks of another size than their image"] == 1


def test_a_mask_is_read_in_the_size_that_its_source_had():
    mask = np.zeros((10, 20), np.uint8)
    mask[2:6, 4:12] = 1
    content = _content("segment", {"kind": "rle", "rle": shapes.encode(mask)})
    images = content.images.set_column(
        content.images.schema.get_field_index("attributes"), IMAGES.field("attributes"), [['{"size":[20,10]}']]
    )
    text, losses = _written(Content("coco", "segment", "/", images, content.objects, content.classes))
    assert losses == {}
    assert min(float(value) for value in text.split()[1::2]) == 4.5 / 20


@pytest.mark.parametrize("task", ["detect", "segment", "obb", "pose"])
def test_crowd_regions_are_left_out_and_said(task):
    text, losses = _written(_content(task, {"crowd": True}, {}, kpt_shape=[1, 3]))
    assert (text.count("\n"), losses["crowd regions"]) == (1, 1)


def test_a_box_is_cut_off_at_the_border_so_that_its_image_is_kept():
    text, losses = _written(_content("detect", {"cx": 0.0, "cy": 0.5, "w": 0.5, "h": 0.5}, {"cx": 1.4, "w": 0.2}))
    assert text == "1 0.125 0.5 0.25 0.5\n"
    assert losses == {"parts of objects outside the image": 1, "objects without area inside the image": 1}


def test_a_polygon_is_cut_off_at_the_border():
    text, losses = _written(_content("segment", {"kind": "polygon", "rings": [[-0.5, 0, 0.5, 0, 0.5, 1.2]]}))
    assert text == "1 0 0 0.5 0 0.5 1\n"
    assert losses == {"parts of objects outside the image": 1}


def test_a_rotated_box_keeps_its_corners_as_long_as_ultralytics_takes_them():
    near = [-0.05, 0.2, 0.4, -0.05, 0.5, 0.3, 0.1, 0.5]
    text, losses = _written(_content("obb", {"kind": "obb", "rings": [near]}))
    assert [float(value) for value in text.split()[1:]] == near
    assert losses == {}


def test_labels_that_were_read_from_yolo_are_written_as_they_were():
    text, losses = _written(_content("detect", {"cx": 0.0, "w": 0.5}, form="yolo"))
    assert (text, losses) == ("1 0 0.25 0.5 0.3\n", {})


def test_key_points_are_cut_and_filled_to_the_shape_of_the_dataset():
    two = _content("pose", {"kind": "pose", "keypoints": [0.2, 0.2, 2, 0.3, 0.3, 1]}, kpt_shape=[3, 3])
    assert _written(two)[0] == "1 0.3 0.25 0.4 0.3 0.2 0.2 2 0.3 0.3 1 0 0 0\n"
    text, losses = _written(
        _content("pose", {"kind": "pose", "keypoints": [0.2, 0.2, 2, 1.3, 0.3, 1]}, kpt_shape=[1, 2])
    )
    assert text == "1 0.3 0.25 0.4 0.3 0.2 0.2\n"
    assert losses == {"key points beyond those of kpt_shape": 1}


def test_a_key_point_outside_the_image_is_not_marked():
    content = _content("pose", {"kind": "pose", "keypoints": [1.3, 0.2, 2]}, kpt_shape=[1, 3])
    assert _written(content)[0].endswith(" 0 0 0\n")


def test_an_image_without_objects_gets_an_empty_text_and_none_if_yolo_had_none():
    assert dict(labels.rows(_content("detect", {}, images=3)))[2] == ""
    assert set(dict(labels.rows(_content("detect", {}, images=3, form="yolo")))) == {0}


def test_tasks_whose_labels_are_no_text_have_no_rows():
    assert list(labels.rows(_content("classify", {}))) == []
    assert list(labels.rows(_content("depth", {}))) == []
    assert list(labels.rows(_content("semantic", {}, masks_dir="masks"))) == []
