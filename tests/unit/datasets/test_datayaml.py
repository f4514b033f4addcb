"""A data.yaml is understood as it is meant, or refused with the place of the mistake."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from workbench.datasets.content import Content
from workbench.datasets.formats import read
from workbench.errors import DatasetError

Make = Callable[..., Path]


def labels(content: Content) -> list[str]:
    return [label for label in content.images["label"].to_pylist() if label]


def test_a_yaml_gives_classes_splits_and_labels(yolo: Make) -> None:
    source = read(yolo())
    assert (source.task, source.names, source.counts) == ("detect", {0: "cat", 1: "dog"}, {"train": 4, "val": 2})
    assert labels(source) == [
        str(Path(file.replace("images", "labels")).with_suffix(".txt")) for file in source.images["file"].to_pylist()
    ]
    assert source.issues.num_rows == 0


def test_a_folder_stands_for_its_yaml(yolo: Make) -> None:
    data = yolo()
    assert read(data.parent) == read(data)


def test_korean_names_and_files_pass(yolo: Make) -> None:
    data = yolo(names="[고양이, 개]", folder="반려동물")
    for kind, suffix in (("images", ".jpg"), ("labels", ".txt")):
        file = data.parent / kind / "train" / f"train0{suffix}"
        file.rename(file.with_name(f"사진 하나{suffix}"))
    source = read(data)
    assert source.names == {0: "고양이", 1: "개"}
    assert len(labels(source)) == 6


def test_a_download_key_is_never_followed(yolo: Make, tmp_path: Path) -> None:
    source = read(yolo(extra=f"download: |\n  open('{tmp_path}/ran', 'w')\n"))
    assert "download" not in source.options
    assert not (tmp_path / "ran").exists()


def test_splits_may_be_lists_of_folders_and_of_files(yolo: Make) -> None:
    data = yolo()
    root = data.parent
    (root / "val.txt").write_text(f"./images/val/val0.jpg\n{root}/images/val/val1.jpg\n./images/val/gone.jpg\n")
    data.write_text("train: [images/train, images/val]\nval: val.txt\nnames: {0: cat, 1: dog}\n")
    source = read(data)
    assert source.counts == {"train": 6, "val": 2}
    assert "./images/val/gone.jpg" in source.issues["detail"].to_pylist()


def test_the_last_images_folder_becomes_labels(yolo: Make) -> None:
    data = yolo(folder="images/pets")
    assert len(labels(read(data))) == 6


def test_a_roboflow_path_and_a_path_of_another_machine_are_understood(yolo: Make) -> None:
    data = yolo()
    data.write_text("path: /content/pets\ntrain: ../images/train\nvalid: ../images/val\nnc: 2\nnames: [a, b]\n")
    source = read(data)
    assert source.counts == {"train": 4, "val": 2}
    assert "/content/pets" in source.issues["detail"][0].as_py()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("train: images/train\nval: images/val\n", "has no class names"),
        ("train: images/train\nval: images/val\nnames: [a, b]\nnc: 3\n", "nc: 3 but names 2"),
        ("train: images/train\nval: images/val\nnames: {0: a, 2: b}\n", "class ids .* are 0, 2"),
        ("train: images/train\nvall: images/val\nnames: [a, b]\n", "no `val:` key"),
        ("trian: images/train\nval: images/val\nnames: [a, b]\n", "Did you mean 'trian'"),
        ("train: images/trian\nval: images/val\nnames: [a, b]\n", "Did you mean 'train'"),
        ("train: [unclosed\n", "not valid YAML"),
        ("just a text", "holds no keys"),
        ("train: images/train\nval: images/val\nnames: [a, b]\nkpt_shape: [17]\n", "kpt_shape"),
    ],
)
def test_a_yaml_that_cannot_be_trained_on_is_refused(yolo: Make, text: str, says: str) -> None:
    data = yolo()
    data.write_text(text)
    with pytest.raises(DatasetError, match=says) as caught:
        read(data)
    assert caught.value.exit_status == 2
    assert caught.value.expected
    assert caught.value.todo


def test_a_missing_yaml_names_its_neighbour(yolo: Make) -> None:
    with pytest.raises(DatasetError, match=r"Did you mean 'data\.yaml'"):
        read(yolo().with_name("date.yaml"))


def test_masks_and_depth_maps_are_found(yolo: Make) -> None:
    data = yolo()
    for kind in ("masks", "depth"):
        for split, count in (("train", 4), ("val", 2)):
            for index in range(count):
                file = data.parent / kind / split / f"{split}{index}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.new("L", (32, 32)).save(file)
    semantic, depth = read(data, task="semantic"), read(data, task="depth")
    assert {p.parent.parent.name for p in map(Path, labels(semantic))} == {"masks"}
    assert {p.parent.parent.name for p in map(Path, labels(depth))} == {"depth"}
    (data.parent / "depth/train/train0.png").unlink()
    assert read(data, task="depth").issues["rule"].to_pylist() == ["depth-missing"]


def test_an_unknown_task_is_refused(yolo: Make) -> None:
    with pytest.raises(DatasetError, match="Did you mean 'detect'"):
        read(yolo(), task="detct")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[" * 200_000, "nested deeper"),
        (
            "a0: &a0 {x: 1}\n"
            + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 8)),
            "merges keys",
        ),
        ("train: images/train\nval: images/val\nnc: 9999999999\n", "says nc: 9999999999"),
        ("train: images/train\nval: images/val\nnames: [2021-99-99]\n", "not valid YAML"),
        ("train: images/train\nval: images/val\nnames: [a, b]\nkpt_shape: [2, 3]\nflip_idx: 5\n", "has flip_idx: 5"),
    ],
    ids=["deep", "merges", "classes", "date", "flips"],
)
def test_a_yaml_that_means_harm_is_refused_at_once(yolo: Make, text: str, says: str) -> None:
    data = yolo()
    data.write_text(text)
    with pytest.raises(DatasetError, match=says):
        read(data)
    with pytest.raises(DatasetError):
        read(data.parent)
