"""A folder of classes becomes one object an image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.datasets.formats.classes import read, unchanged
from workbench.datasets.scan import probe
from workbench.errors import DatasetError

Make = Callable[..., Path]


@pytest.fixture
def pets(tmp_path: Path, picture: Make) -> Path:
    for split in ("train", "val"):
        for name in ("개", "고양이"):
            picture(tmp_path / split / name / "sub" / "하나.jpg")
            picture(tmp_path / split / name / "둘.png")
    return tmp_path


def test_the_folders_are_the_classes(pets: Path) -> None:
    content = read(pets)
    assert (content.format, content.task, content.names) == ("classes", "classify", {0: "개", 1: "고양이"})
    assert content.counts == {"train": 4, "val": 4}
    assert content.objects["cls"].to_pylist() == [0, 0, 1, 1] * 2
    assert set(content.objects["kind"].to_pylist()) == {"class"}
    assert content.images["path"].to_pylist()[0] == "train/개/sub/하나.jpg"


def test_hidden_folders_are_no_classes_and_images_beside_the_classes_are_told(pets: Path, picture: Make) -> None:
    picture(pets / "train/.ipynb_checkpoints/a.jpg")
    picture(pets / "train/lost.jpg")
    content = read(pets)
    assert len(content.names) == 2
    assert content.issues.select(["rule", "path"]).to_pylist() == [{"rule": "image-ignored", "path": "train/lost.jpg"}]


def test_a_class_that_train_has_not_is_refused(pets: Path, picture: Make) -> None:
    picture(pets / "val/새/a.jpg")
    with pytest.raises(DatasetError, match="class '새', which train has not"):
        read(pets)


def test_test_stands_in_for_val(pets: Path) -> None:
    (pets / "val").rename(pets / "test")
    assert read(pets).counts == {"train": 4, "val": 4}


@pytest.mark.parametrize("task", ["detect", "detct"])
def test_another_task_is_refused(pets: Path, task: str) -> None:
    with pytest.raises(DatasetError):
        read(pets, task)


def test_a_new_image_is_a_change(pets: Path, picture: Make) -> None:
    before = probe(read(pets))
    assert unchanged(before, pets)
    picture(pets / "val/개/new.jpg")
    assert not unchanged(before, pets)
