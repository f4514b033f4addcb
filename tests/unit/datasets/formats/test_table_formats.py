"""KITTI, Open Images CSV and Parquet, read."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from workbench.datasets.formats import kitti, openimages, parquet
from workbench.errors import DatasetError

pytestmark = pytest.mark.slow

_CAR = "Car 0.00 1 -1.5 6.4 4.8 38.4 28.8 1.5 1.6 3.7 1.0 2.0 30.0 -1.6"


@pytest.fixture
def kitti_set(tmp_path, picture, text):
    """Return a maker of a KITTI folder with one labelled image, from lines."""

    def make(*lines):
        picture("training/image_2/000001.png")
        text("training/label_2/000001.txt", "\n".join(lines) + "\n")
        return tmp_path

    return make


def test_a_kitti_box_and_what_it_says_in_space(kitti_set):
    content = kitti.read(kitti_set(_CAR, "DontCare -1 -1 -10 0 0 5 5 -1 -1 -1 -1000 -1000 -1000 -10"))
    (row,) = content.objects.to_pylist()
    assert [row[name] for name in ("cx", "cy", "w", "h")] == pytest.approx([0.35, 0.35, 0.5, 0.5])
    assert json.loads(row["attributes"])["location"] == [1.0, 2.0, 30.0]
    assert (content.names, content.counts, row["line"]) == ({0: "Car"}, {"train": 1}, 1)
    assert [(loss.what, loss.count) for loss in content.losses] == [("DontCare regions", 1)]


def test_kitti_splits_come_from_imagesets_and_testing_has_no_labels(kitti_set, picture, text):
    picture("testing/image_2/000009.png")
    text("ImageSets/val.txt", "000001\n")
    content = kitti.read(kitti_set(_CAR))
    assert content.counts == {"val": 1, "test": 1}
    assert content.images["label"].null_count == 1


@pytest.mark.parametrize(("line", "rule"), [("Car 1 2 3", "label-columns"), (_CAR.replace("6.4", "x"), "label-number")])
def test_one_bad_kitti_line_is_an_issue_of_that_line(kitti_set, line, rule):
    content = kitti.read(kitti_set(_CAR, line))
    assert [(row["rule"], row["line"]) for row in content.issues.to_pylist()] == [(rule, 2)]
    assert content.objects.num_rows == 1


def test_a_kitti_label_without_an_image_is_an_orphan(kitti_set, text):
    text("training/label_2/000002.txt", _CAR)
    content = kitti.read(kitti_set(_CAR))
    assert content.issues.to_pylist()[0]["path"] == "training/label_2/000002.txt"


_HEAD = (
    "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside\n"
)


@pytest.fixture
def open_images(tmp_path, picture, text):
    """Return a maker of an Open Images folder with one image, from rows."""

    def make(*rows):
        picture("train/abc.jpg")
        text("class-descriptions-boxable.csv", '/m/1,Cat\n/m/2,"Dog, small"\n')
        text("train-annotations-bbox.csv", _HEAD + "".join(f"{row}\n" for row in rows))
        return tmp_path

    return make


def test_open_images_boxes_groups_and_flags(open_images):
    rows = (
        "abc,x,/m/2,1,0.1,0.6,0.2,0.4,1,0,0,0,1",
        "abc,x,/m/1,1,0,1,0,1,0,0,1,0,0",
        "gone,x,/m/1,1,0,1,0,1,0,0,0,0,0",
    )
    content = openimages.read(open_images(*rows))
    first, second = content.objects.to_pylist()
    assert [first[name] for name in ("cx", "cy", "w", "h")] == pytest.approx([0.35, 0.3, 0.5, 0.2])
    assert first["area"] == pytest.approx(0.1 * 64 * 48)
    assert json.loads(first["attributes"]) == {"IsOccluded": True, "IsInside": True}
    assert (second["crowd"], second["attributes"]) == (True, None)
    assert content.names == {0: "Cat", 1: "Dog, small"}
    assert content.counts == {"train": 1}
    assert {loss.what: loss.count for loss in content.losses} == {
        "images that are listed and not here": 1,
        "boxes of images that are not here": 1,
    }


def test_a_csv_that_is_cut_off_or_of_another_kind_is_refused(open_images, text):
    with pytest.raises(DatasetError, match="cannot be read"):
        openimages.read(open_images("abc,x,/m/2,1,zero,0.6,0.2,0.4,1,0,0,0,1"))
    with pytest.raises(DatasetError, match="has no column"):
        openimages.read(text("x.csv", "ImageID,LabelName,XMin\n"))


def _bytes(size=(64, 48), kind="PNG"):
    data = io.BytesIO()
    Image.new("RGB", size, (size[0] % 256, 9, 9)).save(data, kind)
    return data.getvalue()


@pytest.fixture
def table_of(tmp_path):
    """Return a writer of a Parquet file from columns, with Hugging Face's metadata when features are given."""

    def make(columns, name="data/train-00000-of-00001.parquet", features=None):
        rows = pa.table(columns)
        if features:
            rows = rows.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
        path = tmp_path / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(rows, path)
        return tmp_path / "source"

    return make


def _read(data, tmp_path, **options):
    return parquet.read(data, folder=tmp_path / "images", **options)


def _row(boxes, data=None, **columns):
    return {
        "image": [{"bytes": data or _bytes(), "path": "x.jpg"}],
        "objects": [{"bbox": boxes, "category": [0] * len(boxes), **columns}],
    }


def test_parquet_images_are_put_into_the_folder_under_their_hash_with_their_real_suffix(table_of, tmp_path):
    content = _read(table_of(_row([[6.4, 4.8, 32.0, 24.0]])), tmp_path)
    (row,) = content.images.to_pylist()
    assert row["path"].startswith("train/")
    assert row["path"].endswith(".png")
    assert (tmp_path / "images" / row["path"]).read_bytes() == _bytes()
    assert (row["split"], row["width"], row["bytes"]) == ("train", 64, len(_bytes()))
    assert content.objects["cx"].to_pylist() == pytest.approx([0.35])


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ([[32.0, 24.0, 32.0, 24.0]], (0.75, 0.75, 0.5, 0.5)),  # left, top, width, height
        ([[32.0, 24.0, 64.0, 48.0]], (0.75, 0.75, 0.5, 0.5)),  # corners: as sizes they would leave the image
        ([[0.5, 0.5, 0.5, 0.5]], (0.75, 0.75, 0.5, 0.5)),  # fractions
    ],
)
def test_what_the_numbers_of_a_parquet_box_mean_is_told_from_all_boxes(table_of, tmp_path, boxes, expected):
    (row,) = _read(table_of(_row(boxes)), tmp_path).objects.to_pylist()
    assert tuple(row[name] for name in ("cx", "cy", "w", "h")) == pytest.approx(expected)


def test_parquet_class_names_come_from_the_metadata(table_of, tmp_path):
    features = {"objects": {"feature": {"category": {"_type": "ClassLabel", "names": ["cat", "dog"]}}}}
    content = _read(table_of(_row([[0.0, 0.0, 5.0, 5.0]], id=[7], iscrowd=[1]), features=features), tmp_path)
    assert content.names == {0: "cat", 1: "dog"}
    assert (content.objects["source_id"].to_pylist(), content.objects["crowd"].to_pylist()) == (["7"], [True])


def test_parquet_labels_make_a_set_to_classify(table_of, tmp_path):
    images = [{"bytes": _bytes((20, 20)), "path": None}, {"bytes": _bytes((21, 20)), "path": None}]
    content = _read(table_of({"image": images, "label": ["dog", "cat"]}), tmp_path)
    assert (content.task, content.names) == ("classify", {0: "cat", 1: "dog"})
    assert sorted(content.objects["cls"].to_pylist()) == [0, 1]


def test_a_picture_that_stands_twice_stays_two_images(table_of, tmp_path):
    images = [{"bytes": _bytes(), "path": None}] * 2
    content = _read(table_of({"image": images, "label": [0, 1]}), tmp_path)
    assert len(set(content.images["path"].to_pylist())) == 2


def test_what_is_no_parquet_and_what_has_no_images_is_refused(table_of, tmp_path, text):
    with pytest.raises(DatasetError, match="has no column `image`"):
        _read(table_of({"x": [1]}), tmp_path)
    with pytest.raises(DatasetError, match="not a Parquet file"):
        _read(text("a.parquet", "PAR1"), tmp_path)


def test_many_rows_of_one_parquet_picture_take_the_room_of_one(table_of, tmp_path):
    rows = {key: value * 5 for key, value in _row([[6.4, 4.8, 32.0, 24.0]]).items()}
    files = _read(table_of(rows), tmp_path).images["file"].to_pylist()
    assert len(set(files)) == 5
    assert len({Path(file).stat().st_ino for file in files}) == 1


@pytest.mark.parametrize("metadata", [b"{", b"[]", b'{"info": 1}', b'{"info": {"features": []}}'])
def test_parquet_metadata_that_makes_no_sense_is_left_alone(table_of, tmp_path, metadata):
    data = table_of(_row([[6.4, 4.8, 32.0, 24.0]]))
    (file,) = data.rglob("*.parquet")
    pq.write_table(pq.read_table(file).replace_schema_metadata({"huggingface": metadata}), file)
    assert _read(data, tmp_path).objects.num_rows == 1
