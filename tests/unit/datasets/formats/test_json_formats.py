"""LabelMe, Label Studio and NDJSON, read."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from workbench.datasets.formats import brush, labelme, labelstudio, ndjson, shapes
from workbench.datasets.formats.shapes import ShapeError
from workbench.errors import DatasetError

pytestmark = pytest.mark.slow


def _png(mask):
    data = io.BytesIO()
    Image.fromarray(mask.astype(bool)).save(data, "PNG")
    return base64.b64encode(data.getvalue()).decode()


@pytest.fixture
def labelme_set(tmp_path, picture, text):
    """Return a maker of a LabelMe folder with one image and the shapes given."""

    def make(*marked, **keys):
        picture("train/a.jpg")
        each = [{"label": "cat", "group_id": None, "flags": {}, **shape} for shape in marked]
        document = {"version": "5", "imagePath": "a.jpg", "imageWidth": 64, "imageHeight": 48, "shapes": each, **keys}
        text("train/a.json", json.dumps(document))
        return tmp_path

    return make


def test_labelme_shapes(labelme_set):
    content = labelme.read(
        labelme_set(
            {"shape_type": "rectangle", "points": [[32, 24], [0, 0]]},
            {"shape_type": "polygon", "points": [[0, 0], [32, 0], [32, 24]]},
            {"shape_type": "circle", "points": [[32, 24], [32, 36]]},
            {"shape_type": "mask", "points": [[10, 20], [12, 21]], "mask": _png(np.array([[1, 0], [1, 1]]))},
            {"shape_type": "linestrip", "points": [[0, 0], [1, 1]]},
        )
    )
    box, polygon, circle, mask = content.objects.to_pylist()
    assert [box[name] for name in ("cx", "cy", "w", "h")] == [0.25, 0.25, 0.5, 0.5]
    assert polygon["rings"] == [[0, 0, 0.5, 0, 0.5, 0.5]]
    assert (len(circle["rings"][0]), circle["h"]) == (128, pytest.approx(0.5))
    assert np.argwhere(shapes.decode(mask["rle"], 64, 48)).tolist() == [[20, 10], [21, 10], [21, 11]]
    assert [(loss.what, loss.count) for loss in content.losses] == [("shapes of type linestrip", 1)]
    assert content.counts == {"train": 1}


def test_labelme_polygons_of_one_group_are_one_object(labelme_set):
    ring = {"shape_type": "polygon", "points": [[0, 0], [32, 0], [32, 24]], "group_id": 1}
    content = labelme.read(labelme_set(ring, ring, {**ring, "label": "dog"}))
    assert [len(rings) for rings in content.objects["rings"].to_pylist()] == [2, 1]


@pytest.mark.parametrize(
    "shape",
    [
        {"shape_type": "polygon", "points": [[0, 0]]},
        {"shape_type": "rectangle", "points": [["x", 0], [1, 1]]},
        {"shape_type": "circle", "points": [[0, 0]]},
        {"shape_type": "mask", "points": [[0, 0]], "mask": "!!"},
        {"shape_type": "mask", "points": [[0, 0]], "mask": base64.b64encode(b"no png").decode()},
        {"shape_type": "mask", "points": [[0, 0]], "mask": _png(np.ones((99, 99)))},
    ],
)
def test_one_bad_labelme_shape_is_an_issue(labelme_set, shape):
    content = labelme.read(labelme_set(shape, {"shape_type": "rectangle", "points": [[0, 0], [9, 9]]}))
    assert (content.issues["rule"].to_pylist(), content.objects.num_rows) == (["label-number"], 1)


def test_a_labelme_file_that_ends_early_is_an_issue(labelme_set, text):
    text("train/b.json", '{"shapes": [')
    assert labelme.read(labelme_set()).issues["rule"].to_pylist() == ["label-unreadable"]


def _region(kind, value, **keys):
    return {"id": "r", "type": kind, "original_width": 64, "original_height": 48, "value": value, **keys}


@pytest.fixture
def studio(tmp_path, picture, text):
    """Return a maker of a Label Studio export with one task and the regions given."""

    def make(*regions, image="/data/upload/1/0a1b2c3d-a.jpg", **keys):
        picture("images/a.jpg")
        results = [{**region, "id": f"{region['id']}{number}"} for number, region in enumerate(regions)]
        task = {"id": 5, "data": {"image": image}, "annotations": [{"result": results}], **keys}
        return text("export.json", json.dumps([task]))

    return make


def test_label_studio_rectangles_upright_and_turned_about_their_corner(studio):
    value = {"x": 10, "y": 10, "width": 50, "height": 25, "rectanglelabels": ["cat"]}
    content = labelstudio.read(
        studio(_region("rectanglelabels", value), _region("rectanglelabels", {**value, "rotation": 90}))
    )
    plain, turned = content.objects.to_pylist()
    assert [plain[name] for name in ("cx", "cy", "w", "h")] == pytest.approx([0.35, 0.225, 0.5, 0.25])
    assert turned["rings"][0][:4] == pytest.approx([0.1, 0.1, 0.1, 0.1 + 32 / 48])
    assert turned["cx"] == pytest.approx(0.1 - 6 / 64)


def test_label_studio_finds_an_uploaded_image_without_its_prefix(studio):
    content = labelstudio.read(studio(_region("choices", {"choices": ["cat"]})))
    assert content.images["path"].to_pylist() == ["images/a.jpg"]
    assert (content.task, content.objects["kind"].to_pylist()) == ("classify", ["class"])


@pytest.mark.parametrize("image", ["images/a.jpg", "s3://bucket/deep/a.jpg?sig=1", "/data/local-files/?d=images/a.jpg"])
def test_label_studio_finds_images_by_the_end_of_what_names_them(studio, image):
    content = labelstudio.read(studio(_region("choices", {"choices": ["cat"]}), image=image))
    assert content.images["path"].to_pylist() == ["images/a.jpg"]


def test_label_studio_polygons_ellipses_and_points_of_a_parent(studio):
    ring = {"points": [[0, 0], [50, 0], [50, 50]], "polygonlabels": ["cat"]}
    oval = {"x": 50, "y": 50, "radiusX": 25, "radiusY": 25, "ellipselabels": ["cat"]}
    box = {"x": 0, "y": 0, "width": 100, "height": 100, "rectanglelabels": ["cat"]}
    point = {"x": 50, "y": 50, "keypointlabels": ["nose"]}
    content = labelstudio.read(
        studio(
            _region("polygonlabels", ring),
            _region("ellipselabels", oval),
            _region("rectanglelabels", box),
            _region("keypointlabels", point, parentID="r2"),
        )
    )
    polygon, ellipse, pose = content.objects.to_pylist()
    assert polygon["rings"] == [[0, 0, 0.5, 0, 0.5, 0.5]]
    assert (ellipse["w"], ellipse["h"]) == (pytest.approx(0.5), pytest.approx(0.5))
    assert (pose["kind"], pose["keypoints"], pose["w"]) == ("pose", [0.5, 0.5, 2], 1.0)
    assert content.names == {0: "cat"}


def test_label_studio_reads_one_opinion_and_counts_the_others(studio):
    result = [_region("choices", {"choices": ["cat"]})]
    other = [_region("choices", {"choices": ["dog"]})]
    path = studio(
        annotations=[{"result": other, "was_cancelled": True}, {"result": result}, {"result": other}], predictions=[{}]
    )
    content = labelstudio.read(path)
    assert content.names == {0: "cat"}
    assert {(loss.what, loss.count) for loss in content.losses} == {
        ("predictions", 1),
        ("further annotations of one task", 1),
    }


def test_label_studios_short_form_is_read(picture, text):
    picture("a.jpg")
    value = {
        "x": 0,
        "y": 0,
        "width": 50,
        "height": 50,
        "rectanglelabels": ["cat"],
        "original_width": 64,
        "original_height": 48,
    }
    path = text(
        "export.json", json.dumps([{"image": "a.jpg", "id": 1, "label": [value], "annotator": 1, "annotation_id": 2}])
    )
    assert labelstudio.read(path).objects["w"].to_pylist() == [0.5]


def _brushed(mask):
    """Return Label Studio's bytes for a mask, every value as it is, by the description of the format."""
    values = np.repeat(mask.reshape(-1) * 255, 4)
    bits = f"{len(values):032b}" + f"{7:05b}" + "".join(f"{size:04b}" for size in (2, 7, 11, 15))
    for start in range(0, len(values), 256):
        piece = values[start : start + 256]
        bits += "0" + "01" + f"{len(piece) - 1:08b}" + "".join(f"{value:08b}" for value in piece)
    bits += "0" * (-len(bits) % 8)
    return [int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)]


def test_brush_strokes_are_decoded(studio):
    mask = np.zeros((48, 64), np.int64)
    mask[3:9, 5:20] = 1
    value = {"format": "rle", "rle": _brushed(mask), "brushlabels": ["cat"]}
    content = labelstudio.read(studio(_region("brushlabels", value)))
    assert (shapes.decode(content.objects["rle"][0].as_py(), 64, 48) == mask).all()


def test_repeated_values_of_brush_strokes_are_decoded():
    bits = f"{16:032b}" + f"{7:05b}" + "".join(f"{3:04b}" for _ in range(4)) + "1" + "00" + f"{15:04b}" + f"{255:08b}"
    bits += "0" * (-len(bits) % 8)
    data = [int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)]
    assert brush.unpacked(data, 2, 2).tolist() == [[1, 1], [1, 1]]
    for broken in (data[:7], "x", [300], data[:-1]):
        with pytest.raises(ShapeError):
            brush.unpacked(broken, 2, 2)
    with pytest.raises(ShapeError, match="4 pixels, its image 6"):
        brush.unpacked(data, 2, 3)


@pytest.fixture
def lines(tmp_path, picture, text):
    """Return a maker of an NDJSON file with one image and the annotations given."""

    def make(annotations, **header):
        picture("images/train/a.jpg")
        first = {"type": "dataset", "task": "detect", "class_names": {"0": "cat", "1": "dog"}, **header}
        image = {
            "type": "image",
            "file": "a.jpg",
            "split": "train",
            "width": 64,
            "height": 48,
            "annotations": annotations,
        }
        return text("set.ndjson", json.dumps(first) + "\n" + json.dumps(image) + "\n")

    return make


@pytest.mark.parametrize(
    ("key", "row", "kind"),
    [
        ("boxes", [1, 0.5, 0.5, 0.25, 0.25], "box"),
        ("segments", [1, 0, 0, 0.5, 0, 0.5, 0.5], "polygon"),
        ("obb", [1, 0, 0, 0.5, 0, 0.5, 0.5, 0, 0.5], "obb"),
        ("pose", [1, 0.5, 0.5, 0.25, 0.25, 0.5, 0.5, 2], "pose"),
        ("classification", 1, "class"),
    ],
)
def test_every_kind_of_ndjson_annotation_is_read(lines, key, row, kind):
    content = ndjson.read(lines({key: [row]}, kpt_shape=[1, 3]))
    (found,) = content.objects.to_pylist()
    assert (found["kind"], found["cls"], found["line"]) == (kind, 1, 2)
    assert content.names == {0: "cat", 1: "dog"}
    assert content.options["kpt_shape"] == [1, 3]


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ([0, 0.5, 0.5, 0.2], "label-columns"),
        ([0, 0.5, 0.5, 0.2, "x"], "label-number"),
        ([0.5, 0.5, 0.5, 0.2, 0.2], "label-class-fraction"),
        ([-1, 0.5, 0.5, 0.2, 0.2], "label-class-unknown"),
        ([0, 1.02, 0.5, 0.2, 0.2], "label-outside"),
        ([0, 0.5, -0.02, 0.2, 0.2], "label-negative"),
    ],
)
def test_a_row_that_ultralytics_drops_is_an_issue_of_its_line(lines, row, rule):
    content = ndjson.read(lines({"boxes": [row, [0, 0.5, 0.5, 0.2, 0.2]]}))
    (issue,) = content.issues.to_pylist()
    assert (issue["rule"], issue["line"], issue["effect"]) == (rule, 2, "drop")
    assert content.objects.num_rows == 1


def test_a_class_without_a_name_gets_the_name_that_ultralytics_gives_it(lines):
    content = ndjson.read(lines({"boxes": [[3, 0.5, 0.5, 0.2, 0.2]]}))
    assert content.names == {0: "cat", 1: "dog", 2: "class2", 3: "class3"}
    assert content.issues["rule"].to_pylist() == ["label-class-unknown"]


def test_only_the_first_kind_of_annotation_counts(lines):
    content = ndjson.read(lines({"boxes": [[0, 0.5, 0.5, 0.2, 0.2]], "segments": [[0, 0, 0, 1, 0, 1, 1]]}))
    assert content.objects["kind"].to_pylist() == ["box"]
    assert [(loss.what, loss.count) for loss in content.losses] == [("segments of images that have boxes too", 1)]


def test_an_ndjson_file_that_ends_early_is_refused_with_line_and_byte(lines):
    path = lines({})
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DatasetError, match=f"Line 2 .* ends early, at byte {path.stat().st_size}"):
        ndjson.read(path)
