"""Telling, reading and writing of formats."""

from __future__ import annotations

import json
import re
import zipfile
from dataclasses import replace
from importlib import import_module

import pytest

from workbench.datasets import formats
from workbench.errors import ConflictError, DatasetError

pytestmark = pytest.mark.slow

_KITTI = "Car 0.00 1 -1.5 6.4 4.8 38.4 28.8 1.5 1.6 3.7 1.0 2.0 30.0 -1.6"
_COCO = {"images": [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}], "annotations": [], "categories": []}
_FILES = {
    "yolo": ("data.yaml", "train: images\nval: images\nnames: [cat]\n"),
    "coco": ("annotations/x.json", json.dumps(_COCO)),
    "voc": ("Annotations/a.xml", "<annotation><filename>a.jpg</filename></annotation>"),
    "cvat": ("annotations.xml", "<annotations><version>1.1</version></annotations>"),
    "ndjson": ("x.ndjson", '{"type": "dataset", "task": "detect", "class_names": {}}\n'),
    "labelstudio": ("x.json", '[{"id": 1, "data": {"image": "a.jpg"}, "annotations": []}]'),
    "labelme": ("a.json", '{"version": "5", "shapes": [], "imagePath": "a.jpg"}'),
    "kitti": ("label_2/a.txt", _KITTI),
    "openimages": ("train-annotations-bbox.csv", "ImageID,LabelName,XMin,XMax,YMin,YMax\n"),
}


@pytest.mark.parametrize("name", _FILES)
def test_a_format_is_told_by_what_is_in_its_files_whatever_their_names(name, tmp_path, text, picture):
    picture("images/a.jpg")
    path, content = _FILES[name]
    file = text(path, content)
    text("notes.json", '{"made": "by hand"}')
    text("readme.txt", "15 words or so: " + "word " * 12)
    text("log.csv", "epoch,loss\n")
    assert formats.sniff(tmp_path) == name
    if name != "kitti":
        assert formats.sniff(file) == name


def test_folders_of_classes_are_told_last(tmp_path, picture):
    picture("train/cat/a.jpg")
    assert formats.sniff(tmp_path) == "classes"


def test_a_data_yaml_says_more_than_what_lies_beside_it(tmp_path, text, picture):
    picture("images/a.jpg")
    for name in ("yolo", "coco", "ndjson"):
        text(*_FILES[name])
    assert formats.sniff(tmp_path) == "yolo"


def test_a_folder_of_two_formats_is_not_guessed(tmp_path, text, picture):
    picture("images/a.jpg")
    for name in ("coco", "voc"):
        text(*_FILES[name])
    with pytest.raises(DatasetError, match=re.escape("coco ('annotations/x.json'), voc ('Annotations/a.xml')")):
        formats.sniff(tmp_path)


def test_images_without_labels_say_everything_that_was_looked_for(tmp_path, picture):
    picture("images/a.jpg")
    with pytest.raises(DatasetError) as caught:
        formats.sniff(tmp_path)
    assert all(each.title in str(caught.value) for each in formats.FORMATS.values())


def test_a_folder_without_images_is_said_to_be_one(tmp_path, text):
    text("notes.txt", "nothing")
    with pytest.raises(DatasetError, match="holds no images"):
        formats.sniff(tmp_path)


def test_a_loop_of_links_ends(tmp_path, picture):
    picture("train/cat/a.jpg")
    (tmp_path / "train/cat/again").symlink_to(tmp_path / "train")
    assert formats.sniff(tmp_path) == "classes"


def test_a_path_that_is_not_there_is_met_with_a_near_one(tmp_path, picture):
    picture("pets/a.jpg")
    with pytest.raises(DatasetError, match="Did you mean 'pets'"):
        formats.sniff(tmp_path / "pet")


def test_a_json_file_that_ends_early_says_so_even_when_nothing_is_known_of_it(text):
    with pytest.raises(DatasetError, match="ends early"):
        formats.sniff(text("x.json", '{"a": ['))


def test_an_xml_file_with_entities_is_refused_at_once(text):
    with pytest.raises(DatasetError, match="declares a document type"):
        formats.sniff(text("x.xml", '<!DOCTYPE x [<!ENTITY a "b">]><annotations>&a;</annotations>'))


def test_every_format_has_a_reader_and_every_written_one_a_writer():
    for name in formats.FORMATS:
        assert callable(import_module(f"workbench.datasets.formats.{name}").read)
    for name in formats.WRITTEN:
        assert callable(import_module(f"workbench.datasets.formats.write_{name}").write)
    told = import_module("workbench.datasets.formats.sniff")
    assert set(told._FOLDER_TESTS) | {"classes"} == set(formats.FORMATS)


def test_a_wrong_format_or_task_is_met_with_a_near_one(tmp_path):
    with pytest.raises(DatasetError, match="Did you mean 'coco'"):
        formats.read(tmp_path, "cocoo")
    with pytest.raises(DatasetError, match="Did you mean 'segment'"):
        formats.read(tmp_path, task="segments")


def test_an_archive_is_unpacked_into_the_folder_and_read(tmp_path, picture, coco):
    source = coco({}).parent.parent
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as packed:
        for name in ("images/a.jpg", "annotations/instances_train.json"):
            packed.write(source / name, f"pets/{name}")
    content = formats.read(tmp_path / "pets.zip", folder=tmp_path / "here")
    assert content.format == "coco"
    assert content.root == str(tmp_path / "here/unpacked/pets")
    with pytest.raises(DatasetError, match="no folder was given"):
        formats.read(tmp_path / "pets.zip")


@pytest.fixture
def content(coco):
    """One image with a box and a polygon."""
    return formats.read(coco({}, {"segmentation": [[0, 0, 32, 0, 32, 24]]}).parent.parent)


def test_yolo_is_written_with_labels_beside_links_to_the_images(content, tmp_path):
    losses = formats.write(content, "yolo", tmp_path / "out")
    assert (tmp_path / "out/images/train/a.jpg").samefile(tmp_path / "images/a.jpg")
    assert len((tmp_path / "out/labels/train/a.txt").read_text().splitlines()) == 2
    assert "train: images/train" in (tmp_path / "out/data.yaml").read_text()
    assert [(loss.what, loss.count) for loss in losses] == [("outlines, written as boxes", 1)]


def test_nothing_is_written_into_a_folder_that_holds_something(content, tmp_path):
    with pytest.raises(ConflictError, match="is not empty"):
        formats.write(content, "coco", tmp_path)


@pytest.mark.parametrize(("how", "there"), [("copy", True), ("symlink", True), ("none", False)])
def test_images_are_copied_linked_or_left_out(content, tmp_path, how, there):
    formats.write(content, "coco", tmp_path / "out", how)
    file = tmp_path / "out/images/train/a.jpg"
    assert (file.exists(), file.is_symlink()) == (there, how == "symlink")


def test_images_of_one_stem_get_different_labels(tmp_path, picture, coco):
    picture("images/a.png")
    picture("images/a.webp")
    images = [
        {"id": number, "file_name": name, "width": 64, "height": 48}
        for number, name in enumerate(("a.jpg", "a.png", "a.webp"))
    ]
    content = formats.read(coco({"image_id": 0}, images=images).parent.parent)
    (loss,) = formats.write(content, "yolo", tmp_path / "out")
    assert (loss.what, loss.count) == ("images under another name", 2)
    assert {path.name for path in (tmp_path / "out/labels/train").iterdir()} == {"a.txt", "a_2.txt", "a_3.txt"}


def test_a_missing_image_is_left_out_with_its_objects_and_said(tmp_path, coco):
    images = [
        {"id": number, "file_name": f"{name}.jpg", "width": 64, "height": 48}
        for number, name in ((1, "a"), (2, "gone"))
    ]
    content = formats.read(coco({}, {"image_id": 2}, images=images).parent.parent)
    for name in formats.WRITTEN:
        losses = {loss.what: loss.count for loss in formats.write(content, name, tmp_path / name)}
        assert losses.pop("images that are missing") == 1
        assert list(losses.values()) == [1]


def test_images_in_no_split_are_written_and_said(tmp_path, coco):
    content = formats.read(coco({}, name="annotations.json"))
    losses = {loss.what for loss in formats.write(content, "yolo", tmp_path / "out")}
    assert losses == {"images in no split: no training sees them"}
    assert (tmp_path / "out/labels/unsplit/a.txt").exists()
    assert "unsplit" not in (tmp_path / "out/data.yaml").read_text()


def test_classes_are_folders_and_hostile_names_stay_inside(tmp_path, picture, text):
    for number in range(3):
        picture(f"images/train/{number}.jpg")
    lines = [
        {"type": "dataset", "task": "classify", "class_names": {"0": "../up", "1": "..", "2": "_up"}},
        *(
            {"type": "image", "file": f"{n}.jpg", "split": "train", "annotations": {"classification": [n]}}
            for n in range(3)
        ),
    ]
    content = formats.read(text("x.ndjson", "\n".join(map(json.dumps, lines)) + "\n"))
    formats.write(content, "yolo", tmp_path / "deep/out")
    found = sorted(str(path.relative_to(tmp_path / "deep")) for path in (tmp_path / "deep").rglob("*.jpg"))
    assert found == ["out/train/_/1.jpg", "out/train/_up/0.jpg", "out/train/_up_2/2.jpg"]


def test_depth_maps_and_masks_are_refused_by_formats_of_objects(content, tmp_path):
    for name in ("coco", "ndjson"):
        with pytest.raises(DatasetError, match="depth maps"):
            formats.write(replace(content, task="depth"), name, tmp_path / "out")
