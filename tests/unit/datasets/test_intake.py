"""A user's dataset is read as it is meant, or refused with the place of the mistake."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from workbench.datasets.intake import load
from workbench.errors import DatasetError

Make = Callable[..., Path]


def test_a_yaml_gives_classes_splits_and_labels(yolo: Make) -> None:
    source = load(yolo())
    assert (source.task, source.names, source.images) == ("detect", {0: "cat", 1: "dog"}, {"train": 4, "val": 2})
    image = source.splits["train"][0]
    assert source.labels[image] == Path(str(image).replace("images", "labels")).with_suffix(".txt")
    assert source.problems == ()


def test_a_folder_stands_for_its_yaml(yolo: Make) -> None:
    data = yolo()
    assert load(data.parent) == load(data)


def test_korean_names_and_files_pass(yolo: Make) -> None:
    data = yolo(names="[고양이, 개]", folder="반려동물")
    for kind, suffix in (("images", ".jpg"), ("labels", ".txt")):
        file = data.parent / kind / "train" / f"train0{suffix}"
        file.rename(file.with_name(f"사진 하나{suffix}"))
    source = load(data)
    assert source.names == {0: "고양이", 1: "개"}
    assert len(source.labels) == 6


def test_a_download_key_is_never_followed(yolo: Make, tmp_path: Path) -> None:
    source = load(yolo(extra=f"download: |\n  open('{tmp_path}/ran', 'w')\n"))
    assert "download" not in source.options
    assert not (tmp_path / "ran").exists()


def test_splits_may_be_lists_of_folders_and_of_files(yolo: Make) -> None:
    data = yolo()
    root = data.parent
    (root / "val.txt").write_text(f"./images/val/val0.jpg\n{root}/images/val/val1.jpg\n./images/val/gone.jpg\n")
    data.write_text("train: [images/train, images/val]\nval: val.txt\nnames: {0: cat, 1: dog}\n")
    source = load(data)
    assert source.images == {"train": 6, "val": 2}
    assert source.problems == ("1 images listed in val.txt are not there, first: ./images/val/gone.jpg.",)


def test_the_last_images_folder_becomes_labels(yolo: Make) -> None:
    data = yolo(folder="images/pets")
    assert len(load(data).labels) == 6


@pytest.mark.parametrize("labels", ["pets/labels", "store/labels"])
def test_labels_beside_a_linked_folder_are_found_on_either_side(yolo: Make, tmp_path: Path, labels: str) -> None:
    data = yolo()
    shutil.move(data.parent / "images", tmp_path / "store" / "images")
    (data.parent / "images").symlink_to(tmp_path / "store" / "images")
    shutil.move(data.parent / "labels", tmp_path / labels)
    assert len(load(data).labels) == 6


def test_a_roboflow_path_and_a_path_of_another_machine_are_understood(yolo: Make) -> None:
    data = yolo()
    data.write_text("path: /content/pets\ntrain: ../images/train\nvalid: ../images/val\nnc: 2\nnames: [a, b]\n")
    source = load(data)
    assert source.images == {"train": 4, "val": 2}
    assert "/content/pets" in source.problems[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("train: images/train\nval: images/val\n", "has no class names"),
        ("train: images/train\nval: images/val\nnames: [a, b]\nnc: 3\n", "nc: 3 but names 2"),
        ("train: images/train\nval: images/val\nnames: {0: a, 2: b}\n", "class ids .* are 0, 2"),
        ("train: images/train\nnames: [a, b]\n", "no `val:` key"),
        ("trian: images/train\nval: images/val\nnames: [a, b]\n", "Did you mean 'trian'"),
        ("train: images/trian\nval: images/val\nnames: [a, b]\n", "Did you mean 'train'"),
        ("train: labels/train\nval: images/val\nnames: [a, b]\n", "train split .* has no images"),
        ("train: [unclosed\n", "not valid YAML"),
        ("just a text", "holds no keys"),
        ("train: images/train\nval: images/val\nnames: [a, b]\nkpt_shape: [17]\n", "kpt_shape"),
    ],
)
def test_a_yaml_that_cannot_be_trained_on_is_refused(yolo: Make, text: str, says: str) -> None:
    data = yolo()
    data.write_text(text)
    with pytest.raises(DatasetError, match=says) as caught:
        load(data)
    assert caught.value.exit_status == 2
    assert caught.value.expected
    assert caught.value.todo


def test_a_missing_yaml_names_its_neighbour(yolo: Make) -> None:
    with pytest.raises(DatasetError, match=r"Did you mean 'data\.yaml'"):
        load(yolo().with_name("date.yaml"))


def test_a_wrong_class_is_refused_with_file_line_and_count(yolo: Make) -> None:
    data = yolo()
    for name in ("train1", "train3"):
        (data.parent / "labels/train" / f"{name}.txt").write_text("0 .5 .5 .1 .1\n12 .5 .5 .1 .1\n")
    with pytest.raises(DatasetError) as caught:
        load(data)
    assert caught.value.happened == (
        "2 of 6 images would be dropped by training, first: labels/train/train1.txt line 2: class 12 but names has 2."
    )


def test_isolated_bad_files_are_counted_not_refused(yolo: Make) -> None:
    data = yolo()
    (data.parent / "labels/train/train0.txt").write_text("0 .5 .5 .1\n")
    (data.parent / "labels/val/val0.txt").write_text("0 .5 .5 .1 .1\n" * 3)
    image = data.parent / "images/train/train2.jpg"
    image.write_bytes(image.read_bytes() + b"xx")
    (data.parent / "images/train/train3.jpg").write_bytes(b"")
    (data.parent / "labels/train/train3.txt").unlink()
    assert load(data).problems == (
        (
            "2 of 6 images would be dropped by training, first images/train/train0.jpg: "
            "labels/train/train0.txt line 1: 4 columns where 5 were expected."
        ),
        (
            "1 of 6 images, first images/train/train2.jpg: the JPEG has bytes after its end: "
            "training rewrites its own copy of it."
        ),
        "2 repeated label rows would be removed, first in labels/val/val0.txt.",
        "1 of 4 train images have no label file and count as background.",
    )


@pytest.mark.parametrize(
    ("break_it", "says"),
    [
        (lambda p: p.write_bytes(p.read_bytes()[:-200]), "damaged"),
        (lambda p: p.write_text("<html>"), "no image format"),
        (lambda p: Image.new("RGB", (9, 9)).save(p), "9x9 pixels"),
    ],
)
def test_an_image_that_training_drops_is_told(yolo: Make, break_it, says: str) -> None:
    data = yolo()
    break_it(data.parent / "images/train/train0.jpg")
    (problem,) = load(data).problems
    assert problem.startswith("1 of 6 images would be dropped")
    assert says in problem


def test_a_dataset_without_labels_is_refused_and_says_where_they_belong(yolo: Make) -> None:
    data = yolo()
    shutil.rmtree(data.parent / "labels")
    with pytest.raises(DatasetError, match=r"such as 'labels/train/train0\.txt' for 'images/train/train0\.jpg'"):
        load(data)


def test_a_dataset_whose_every_train_image_is_dropped_is_refused(yolo: Make) -> None:
    with pytest.raises(DatasetError, match="drop all 4 images"):
        load(yolo(row="0 50 50 20 20"))


@pytest.mark.parametrize(
    ("row", "extra", "task"),
    [
        ("0 .1 .1 .5 .1 .5 .5", "", "segment"),
        ("0 .1 .1 .5 .1 .5 .5 .1 .5", "", "obb"),
        ("0 .5 .5 .2 .2 .4 .4 2", "kpt_shape: [1, 3]", "pose"),
        ("0 .5 .5 .2 .2", "", "detect"),
    ],
)
def test_the_task_is_told_from_the_rows(yolo: Make, row: str, extra: str, task: str) -> None:
    assert load(yolo(row=row, extra=extra)).task == task


def test_boxes_are_refused_for_segmentation(yolo: Make) -> None:
    with pytest.raises(DatasetError, match="6 label files hold boxes"):
        load(yolo(), task="segment")


def test_masks_and_depth_maps_are_found(yolo: Make) -> None:
    data = yolo()
    for kind in ("masks", "depth"):
        for split, count in (("train", 4), ("val", 2)):
            for index in range(count):
                file = data.parent / kind / split / f"{split}{index}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.new("L", (32, 32)).save(file)
    semantic, depth = load(data, task="semantic"), load(data, task="depth")
    assert {p.parent.parent.name for p in semantic.labels.values()} == {"masks"}
    assert {p.parent.parent.name for p in depth.labels.values()} == {"depth"}
    (data.parent / "depth/train/train0.png").unlink()
    assert "its depth map is missing" in load(data, task="depth").problems[0]


def test_a_folder_of_classes_is_a_classification_set(tmp_path: Path, picture: Make) -> None:
    for split in ("train", "val"):
        for name in ("개", "고양이"):
            picture(tmp_path / split / name / "하나.jpg")
    source = load(tmp_path)
    assert (source.task, source.names) == ("classify", {0: "개", 1: "고양이"})
    picture(tmp_path / "val" / "새" / "a.jpg")
    with pytest.raises(DatasetError, match="class '새', which train has not"):
        load(tmp_path)


def test_an_unknown_task_is_refused(yolo: Make) -> None:
    with pytest.raises(DatasetError, match="Did you mean 'detect'"):
        load(yolo(), task="detct")


def test_progress_counts_every_file(yolo: Make) -> None:
    seen: list[tuple[int, int]] = []
    load(yolo(), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(n, 12) for n in range(1, 13)]
