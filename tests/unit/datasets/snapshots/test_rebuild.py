"""What a training was given can be had again, as long as the bytes are anywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.datasets import formats
from workbench.datasets.snapshots.manifest import Manifest, take
from workbench.datasets.snapshots.rebuild import locate, rebuild
from workbench.datasets.tree import plan
from workbench.errors import ConflictError, StorageError

pytestmark = pytest.mark.slow

Make = Callable[..., Path]


def manifest(data: Path) -> Manifest:
    return take(plan(formats.read(data)))


def test_a_rebuilt_snapshot_has_the_same_digest(yolo: Make, tmp_path: Path) -> None:
    made = manifest(yolo(names="[고양이, 개]"))
    data = rebuild(made, locate(made, {}), tmp_path / "again")
    assert manifest(data).digest == made.digest
    assert formats.read(data).names == {0: "고양이", 1: "개"}


def test_edited_labels_come_back_as_they_were(yolo: Make, tmp_path: Path) -> None:
    data = yolo()
    made = manifest(data)
    (data.parent / "labels/train/train0.txt").write_text("1 .9 .9 .1 .1\n")
    (data.parent / "labels/train/train1.txt").unlink()
    again = rebuild(made, locate(made, {}), tmp_path / "again")
    assert (again.parent / "labels/train/train0.txt").read_text() == "0 0.5 0.5 0.2 0.2\n"
    assert manifest(again).digest == made.digest


def test_an_image_that_moved_is_found_where_another_snapshot_saw_it(yolo: Make, tmp_path: Path) -> None:
    data = yolo()
    made = manifest(data)
    moved = (data.parent / "images/train/train0.jpg").rename(tmp_path / "elsewhere.jpg")
    places = {sha256: [str(moved)] for sha256 in made.files["sha256"].to_pylist()}
    assert not any(source.lost for source in locate(made, places))
    again = rebuild(made, locate(made, places), tmp_path / "again", copy=True)
    assert (again.parent / "images/train/train0.jpg").read_bytes() == moved.read_bytes()
    assert not (again.parent / "images/train/train0.jpg").is_symlink()


def test_bytes_that_are_nowhere_are_named_and_nothing_is_made(yolo: Make, tmp_path: Path) -> None:
    data = yolo()
    made = manifest(data)
    (data.parent / "images/train/train0.jpg").write_bytes(b"re-encoded")
    with pytest.raises(StorageError, match=r"1 of 12 files .* are nowhere any more, first: images/train/train0\.jpg"):
        rebuild(made, locate(made, {}), tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_folder_with_something_in_it_is_left_alone(yolo: Make, tmp_path: Path) -> None:
    made = manifest(yolo())
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(ConflictError, match="is no empty folder"):
        rebuild(made, locate(made, {}), tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_a_class_without_images_keeps_its_id(tmp_path: Path, picture: Make) -> None:
    for split in ("train", "val"):
        picture(tmp_path / "pets" / split / "zebra" / "1.jpg")
    (tmp_path / "pets/train/ant").mkdir()
    made = take(plan(formats.read(tmp_path / "pets")))
    assert formats.read(rebuild(made, locate(made, {}), tmp_path / "again")).names == {0: "ant", 1: "zebra"}


def test_a_file_in_the_way_is_left_alone(yolo: Make, tmp_path: Path) -> None:
    made = manifest(yolo())
    (tmp_path / "mine").write_text("years of work")
    with pytest.raises(ConflictError, match="is no empty folder"):
        rebuild(made, locate(made, {}), tmp_path / "mine")
