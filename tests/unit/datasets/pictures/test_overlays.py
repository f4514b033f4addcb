"""What is marked on an image stands where it is on the thumbnail, in the colour of its class."""

from __future__ import annotations

import io
import json

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pycocotools import mask

from workbench.datasets.content import CLASSES, IMAGES, OBJECTS, table
from workbench.datasets.pictures.overlays import SHAPES_MAX, color_of, draw, shapes, styles

pytestmark = pytest.mark.slow


def one(kind: str, width: int = 800, height: int = 400, **fields: object) -> tuple[pa.Table, pa.Table]:
    """Return an image with one object in the middle, half as wide and half as high."""
    images = table(IMAGES, {"image_id": [7], "width": [width], "height": [height]})
    place = {"cx": [0.5], "cy": [0.5], "w": [0.5], "h": [0.5]}
    row = {"image_id": [7], "object_id": [3], "cls": [0], "kind": [kind], **place}
    return images, table(OBJECTS, {**row, **{name: [value] for name, value in fields.items()}})


def classes(attributes: object = None) -> list:
    text = attributes if attributes is None or isinstance(attributes, str) else json.dumps(attributes)
    return styles(table(CLASSES, {"cls": [0], "name": ["person"], "attributes": [text]}))


def test_a_box_is_given_in_pixels_of_the_thumbnail() -> None:
    (row,) = shapes(*one("box"), classes(), 256)
    assert {key: row[key] for key in ("image_id", "width", "height", "more")} == {
        "image_id": 7,
        "width": 256,
        "height": 128,
        "more": 0,
    }
    assert row["shapes"] == [
        {
            "object_id": 3,
            "cls": 0,
            "kind": "box",
            "name": "person",
            "color": color_of(0),
            "crowd": False,
            "box": [64.0, 32.0, 128.0, 64.0],
        }
    ]
    assert json.loads(json.dumps(row)) == row


def test_polygons_and_turned_boxes_are_rings() -> None:
    for kind in ("polygon", "obb"):
        (row,) = shapes(*one(kind, rings=[[0.0, 0.0, 1.0, 0.5, 0.5, 1.0]]), classes(), 256)
        assert row["shapes"][0]["rings"] == [[0.0, 0.0, 256.0, 64.0, 128.0, 128.0]]


def test_a_mask_is_its_outline() -> None:
    pixels = np.zeros((40, 60), np.uint8, order="F")
    pixels[10:30, 20:50] = 1
    counts = mask.encode(pixels)["counts"].decode()
    (row,) = shapes(*one("rle", 60, 40, rle=counts), classes(), 64)
    (ring,) = row["shapes"][0]["rings"]
    assert (min(ring[::2]), max(ring[::2]), min(ring[1::2]), max(ring[1::2])) == (20.5, 49.5, 10.5, 29.5)


@pytest.mark.parametrize("counts", ["", "한글", "PPYo0", "\x00", "o" * 50])
def test_counts_that_do_not_fit_the_image_leave_the_box(counts: str) -> None:
    (row,) = shapes(*one("rle", 60, 40, rle=counts), classes(), 64)
    assert "rings" not in row["shapes"][0]
    assert row["shapes"][0]["box"] == [15.0, 10.0, 30.0, 20.0]


def test_keypoints_come_with_the_skeleton_of_their_class() -> None:
    points = [0.25, 0.5, 2.0, 0.5, 0.5, 1.0, 0.0, 0.0, 0.0]
    given = classes({"skeleton": [[1, 2], [2, 3], [3, 9], "x", [0, 1]]})
    (row,) = shapes(*one("pose", keypoints=points), given, 256)
    shape = row["shapes"][0]
    assert shape["keypoints"] == [[64.0, 64.0, 2], [128.0, 64.0, 1], [0.0, 0.0, 0]]
    assert shape["skeleton"] == [[0, 1], [1, 2]]


def test_seventeen_keypoints_without_a_skeleton_are_a_person() -> None:
    (row,) = shapes(*one("pose", keypoints=[0.5, 0.5, 2.0] * 17), classes(), 256)
    assert [15, 13] in row["shapes"][0]["skeleton"]
    (other,) = shapes(*one("pose", keypoints=[0.5, 0.5, 2.0] * 5), classes(), 256)
    assert other["shapes"][0]["skeleton"] == []


def test_a_class_of_the_whole_image_has_no_box() -> None:
    (row,) = shapes(*one("class"), classes(), 256)
    assert "box" not in row["shapes"][0]


def test_images_keep_their_order_and_those_without_objects_or_size_have_none() -> None:
    images = table(IMAGES, {"image_id": [7, 8, 9], "width": [100, 0, 100], "height": [100, 0, 100]})
    objects = pa.concat_tables([one("box")[1], table(OBJECTS, {"image_id": [8], "cls": [0], "kind": ["box"]})])
    found = shapes(images, objects, classes(), 256)
    assert [(row["image_id"], len(row["shapes"])) for row in found] == [(7, 1), (8, 0), (9, 0)]


def test_an_image_with_very_many_objects_says_how_many_are_left_out() -> None:
    images, objects = one("box")
    (row,) = shapes(images, pa.concat_tables([objects] * (SHAPES_MAX + 5)), classes(), 256)
    assert (len(row["shapes"]), row["more"]) == (SHAPES_MAX, 5)


def test_colours_are_stable_and_those_of_the_dataset_count_first() -> None:
    assert color_of(5) == color_of(5)
    assert len({color_of(number) for number in range(100)}) == 100
    assert classes({"color": "#12AB34"})[0].color == "#12AB34"
    for odd in ("red; background: url(x)", "#12345", 7, None):
        assert classes({"color": odd})[0].color == color_of(0)
    assert classes("not json")[0].color == color_of(0)


def test_shapes_are_drawn_in_their_colour_where_they_are() -> None:
    target = io.BytesIO()
    Image.new("RGB", (256, 128), (0, 0, 0)).save(target, "WEBP")
    (row,) = shapes(*one("box"), classes({"color": "#ff0000"}), 256)
    with Image.open(io.BytesIO(draw(target.getvalue(), row["shapes"], names=False))) as image:
        drawn = np.asarray(image.convert("RGB"), int)[..., 0]
    assert drawn.shape == (128, 256)
    assert drawn[32:96, 64].min() > 100  # the left side
    assert drawn[50:80, 80:170].max() < 60  # inside
    assert drawn[:25].max() < 60  # above


@pytest.mark.parametrize("kind", ["polygon", "pose", "rle", "class", "obb"])
def test_every_kind_of_shape_leaves_a_mark(kind: str) -> None:
    fields = {
        "polygon": {"rings": [[0.1, 0.1, 0.9, 0.1, 0.5, 0.9]]},
        "obb": {"rings": [[0.1, 0.1, 0.9, 0.1, 0.9, 0.9, 0.1, 0.9]]},
        "pose": {"keypoints": [0.5, 0.5, 2.0] * 17},
        "rle": {"rle": mask.encode(np.asfortranarray(np.ones((400, 800), np.uint8)))["counts"].decode()},
    }
    target = io.BytesIO()
    Image.new("RGB", (256, 128)).save(target, "PNG")
    given = styles(table(CLASSES, {"cls": [0], "name": ["고양이"]}))
    (row,) = shapes(*one(kind, **fields.get(kind, {})), given, 256)
    with Image.open(io.BytesIO(draw(target.getvalue(), row["shapes"]))) as image:
        assert np.asarray(image.convert("RGB")).max() > 60
