"""A YOLO tree becomes columns: its images, its rows as objects, and what is wrong, by rule, file and line."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from workbench.datasets.content import IMAGES, ISSUES, OBJECTS, Content, table
from workbench.datasets.filenames import to_name
from workbench.datasets.formats.yolo import read, unchanged
from workbench.datasets.scan import probe
from workbench.errors import DatasetError

pytestmark = pytest.mark.slow

Make = Callable[..., Path]


def rules(content: Content) -> list[tuple[str, str, int, str]]:
    """Return the issues as (rule, path, line, effect)."""
    columns = [content.issues[name].to_pylist() for name in ("rule", "path", "line", "effect")]
    return sorted(zip(*columns, strict=True))


def test_a_tree_becomes_tables_of_the_shared_schemas(yolo: Make) -> None:
    content = read(yolo(row="1 0.5 0.25 0.2 0.1"))
    assert (content.images.schema, content.objects.schema, content.issues.schema) == (IMAGES, OBJECTS, ISSUES)
    assert (content.format, content.task, content.names) == ("yolo", "detect", {0: "cat", 1: "dog"})
    assert content.counts == {"train": 4, "val": 2}
    image, thing = content.images.to_pylist()[4], content.objects.to_pylist()[4]
    assert (image["image_id"], image["split"], image["path"]) == (4, "val", "images/val/val0.jpg")
    assert Path(image["file"]).stat().st_size == image["bytes"]
    assert Path(image["label"]).stat().st_mtime_ns == image["label_mtime_ns"]
    assert (image["effect"], image["width"], image["verified"]) == ("keep", None, None)
    assert (thing["image_id"], thing["object_id"], thing["cls"], thing["kind"], thing["line"]) == (4, 4, 1, "box", 1)
    assert (thing["cx"], thing["cy"], thing["w"], thing["h"], thing["crowd"]) == (0.5, 0.25, 0.2, 0.1, False)
    assert rules(content) == []


@pytest.mark.parametrize(
    ("row", "extra", "task", "kind"),
    [
        ("0 .5 .5 .2 .2", "", "detect", "box"),
        ("0 .1 .1 .5 .1 .5 .5", "", "segment", "polygon"),
        ("0 .1 .1 .5 .1 .5 .5 .1 .5", "", "obb", "obb"),
        ("0 .5 .5 .2 .2 .4 .4 2", "kpt_shape: [1, 3]", "pose", "pose"),
    ],
)
def test_the_task_is_told_from_the_rows(yolo: Make, row: str, extra: str, task: str, kind: str) -> None:
    content = read(yolo(row=row, extra=extra))
    (thing, *_) = content.objects.to_pylist()
    assert (content.task, thing["kind"]) == (task, kind)
    values = [float(word) for word in row.split()[1:]]
    assert thing["rings"] == ([values] if kind in ("polygon", "obb") else None)
    assert thing["keypoints"] == (values[4:] if kind == "pose" else None)


def test_key_points_are_cut_off_for_boxes(yolo: Make) -> None:
    content = read(yolo(row="0 .5 .5 .2 .2 .4 .4 2", extra="kpt_shape: [1, 3]"), "detect")
    assert set(content.objects["kind"].to_pylist()) == {"box"}


def test_wrong_rows_drop_their_image_and_say_rule_and_line(yolo: Make) -> None:
    data = yolo()
    labels = data.parent / "labels/train"
    (labels / "train0.txt").write_text("0 .5 .5 .1 .1\n0 .5 .5 .1\n7 .5 .5 .1 .1\n")
    (labels / "train1.txt").write_text("0 .5 .5 .1 .1\n" * 3)
    (labels / "train2.txt").write_text("")
    (labels / "train3.txt").unlink()
    content = read(data)
    assert rules(content) == [
        ("label-class-unknown", "labels/train/train0.txt", 3, "drop"),
        ("label-columns", "labels/train/train0.txt", 2, "drop"),
        ("label-empty", "images/train/train2.jpg", 0, "keep"),
        ("label-missing", "images/train/train3.jpg", 0, "keep"),
        ("label-row-twice", "labels/train/train1.txt", 2, "keep"),
        ("label-row-twice", "labels/train/train1.txt", 3, "keep"),
    ]
    assert content.images["effect"].to_pylist() == ["drop", "keep", "keep", "keep", "keep", "keep"]
    assert content.objects["image_id"].to_pylist() == [1, 4, 5]


def test_files_that_training_does_not_see_are_told(yolo: Make, picture: Make) -> None:
    data = yolo()
    root = data.parent
    (root / "labels/train/nobody.txt").write_text("0 .5 .5 .1 .1")
    (root / "labels/train/classes.txt").write_text("cat\ndog\n")
    (root / "images/train/moving.gif").write_bytes(b"GIF89a")
    picture(root / "images/train/.hidden.jpg")
    (root / "val.txt").write_text("images/val/val0.jpg\nimages/val/gone.jpg\nimages/val/val0.jpg\n")
    data.write_text("train: [images/train, images/train/train0.jpg]\nval: val.txt\nnames: [cat, dog]\n")
    content = read(data)
    assert rules(content) == [
        ("image-ignored", "images/train/moving.gif", 0, "none"),
        ("image-twice", "images/train/train0.jpg", 0, "none"),
        ("label-orphan", "labels/train/nobody.txt", 0, "none"),
        ("yaml-listed-missing", "val.txt", 2, "drop"),
        ("yaml-listed-twice", "val.txt", 3, "none"),
    ]
    assert content.counts == {"train": 4, "val": 1}


def test_a_label_of_an_image_in_no_split_is_no_orphan(yolo: Make) -> None:
    data = yolo()
    (data.parent / "some.txt").write_text("images/train/train0.jpg\n")
    data.write_text("train: some.txt\nval: images/val\nnames: [cat, dog]\n")
    assert rules(read(data)) == []


def test_a_name_of_any_bytes_is_kept(yolo: Make, picture: Make) -> None:
    data = yolo()
    odd = os.fsdecode(b"new\nline \xff.jpg")
    picture(data.parent / "images/train" / odd)
    (data.parent / "labels/train" / odd).with_suffix(".txt").write_text("1 .5 .5 .1 .1")
    content = read(data)
    image = next(row for row in content.images.to_pylist() if "line" in row["path"])
    assert image["path"] == "images/train/new\nline \\udcff.jpg"
    assert Path(to_name(image["file"])).samefile(data.parent / "images/train" / odd)
    assert 1 in content.objects["cls"].to_pylist()


def test_a_loop_of_links_is_followed_once(yolo: Make) -> None:
    data = yolo()
    (data.parent / "images/train/again").symlink_to(data.parent / "images")
    assert read(data).counts == {"train": 6, "val": 2}


@pytest.mark.parametrize("labels", ["pets/labels", "store/labels"])
def test_labels_beside_a_linked_folder_are_found_on_either_side(yolo: Make, tmp_path: Path, labels: str) -> None:
    data = yolo()
    shutil.move(data.parent / "images", tmp_path / "store" / "images")
    (data.parent / "images").symlink_to(tmp_path / "store" / "images")
    shutil.move(data.parent / "labels", tmp_path / labels)
    assert read(data).images["label"].null_count == 0


def test_labels_of_linked_images_are_found_beside_what_they_point_to(yolo: Make, tmp_path: Path) -> None:
    data = yolo()
    for split in ("train", "val"):
        for image in (data.parent / "images" / split).iterdir():
            link = tmp_path / "links/images" / split / image.name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(image)
    (tmp_path / "links/data.yaml").write_text(data.read_text())
    assert read(tmp_path / "links/data.yaml").images["label"].null_count == 0


@pytest.mark.parametrize(
    ("task", "folder", "rule"), [("semantic", "masks", "mask-missing"), ("depth", "depth", "depth-missing")]
)
def test_an_image_without_its_map_is_dropped(yolo: Make, task: str, folder: str, rule: str) -> None:
    data = yolo()
    for image in sorted((data.parent / "images").rglob("*.jpg"))[1:]:
        file = data.parent / folder / image.parent.name / f"{image.stem}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (32, 32)).save(file)
    content = read(data, task)
    assert rules(content) == [(rule, "images/train/train0.jpg", 0, "drop")]
    assert content.images["label"].to_pylist()[1].endswith(f"/{folder}/train/train1.png")
    assert content.images["effect"].to_pylist() == ["drop"] + ["keep"] * 5


def test_a_label_that_is_a_folder_counts_as_missing(yolo: Make) -> None:
    data = yolo()
    label = data.parent / "labels/train/train0.txt"
    label.unlink()
    label.mkdir()
    assert rules(read(data)) == [("label-missing", "images/train/train0.jpg", 0, "keep")]


def test_a_yaml_without_val_is_read_and_one_without_images_is_refused(yolo: Make) -> None:
    data = yolo()
    data.write_text("train: images/train\nnames: [cat, dog]\n")
    assert read(data).counts == {"train": 4}
    data.write_text("train: labels/train\nnames: [cat, dog]\n")
    with pytest.raises(DatasetError, match="have no images"):
        read(data)


def test_aliases_that_blow_up_are_refused(yolo: Make) -> None:
    data = yolo()
    nested = "".join(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]\n" for n in range(1, 9))
    data.write_text(f"train: images/train\nval: images/val\nx0: &x0 [a, a]\n{nested}names: *x8\n")
    with pytest.raises(DatasetError, match="more than 1,000,000 values"):
        read(data)


def test_progress_counts_label_files(yolo: Make) -> None:
    seen: list[tuple[int, int]] = []
    read(yolo(), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(6, 6)]


def test_what_did_not_change_is_recognised(yolo: Make) -> None:
    data = yolo()
    before = read(data)
    assert unchanged(before, data)
    assert not unchanged(before, data, "segment")


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "labels/train/train0.txt").write_text("1 .5 .5 .1 .1"),
        lambda root: (root / "labels/train/train0.txt").unlink(),
        lambda root: (root / "labels/train/orphan.txt").write_text(""),
        lambda root: (root / "images/train/train0.jpg").write_bytes(b"x"),
        lambda root: (root / "images/val/val0.jpg").rename(root / "images/train/new.jpg"),
        lambda root: (root / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [dog, cat]\n"),
    ],
    ids=["row", "label gone", "orphan", "image", "moved", "names"],
)
def test_any_change_is_recognised_and_reading_on_gives_what_reading_anew_gives(yolo: Make, change) -> None:
    data = yolo()
    labels = data.parent / "labels/train"
    (labels / "train2.txt").write_text("9 .5 .5 .1 .1")
    (labels / "train3.txt").write_text("")
    before = probe(read(data))
    change(data.parent)
    assert not unchanged(before, data)
    on, anew = probe(read(data, before=before), before=before), probe(read(data))
    for name in ("images", "objects", "classes"):
        assert getattr(on, name).equals(getattr(anew, name)), name
    assert rules(on) == rules(anew)
    assert on.task == anew.task


def test_only_changed_label_files_are_opened_again(yolo: Make) -> None:
    data = yolo()
    before = read(data)
    label = data.parent / "labels/train/train0.txt"
    stamp = label.stat()
    label.write_text("1 0.5 0.5 0.2 0.2\n")
    os.utime(label, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert read(data, before=before).objects["cls"].to_pylist()[0] == 0, "the same size and time: not opened"
    os.utime(label)
    seen: list[tuple[int, int]] = []
    content = read(data, progress=lambda done, total: seen.append((done, total)), before=before)
    assert (content.objects["cls"].to_pylist()[0], seen) == (1, [(1, 1)])


def test_a_label_file_that_could_not_be_read_last_time_is_opened_again(yolo: Make) -> None:
    data = yolo()
    content = read(data)
    failed = table(ISSUES, {"rule": ["label-unreadable"], "image_id": [0], "effect": ["drop"]})
    before = replace(content, objects=content.objects.slice(1), issues=failed)
    assert rules(read(data, before=before)) == []


def test_a_label_file_that_cannot_be_read_drops_its_image(yolo: Make) -> None:
    data = yolo()
    label = data.parent / "labels/train/train0.txt"
    label.unlink()
    label.symlink_to("/proc/self/mem")  # a file to the eye, and an error to every reader
    content = read(data)
    assert rules(content) == [("label-unreadable", "labels/train/train0.txt", 0, "drop")]
    assert content.images["effect"][0].as_py() == "drop"


def test_a_dataset_without_labels_is_read(yolo: Make) -> None:
    data = yolo()
    shutil.rmtree(data.parent / "labels")
    content = probe(read(data))
    assert (content.task, content.objects.num_rows, content.images["label"].null_count) == ("detect", 0, 6)
    assert unchanged(content, data)
    assert probe(read(data, before=content), before=content).images.equals(content.images)
