"""ultralytics is given links to files, never the user's folders."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from workbench.datasets import formats
from workbench.datasets import tree as tree_module
from workbench.datasets.content import Content
from workbench.datasets.snapshots.manifest import take
from workbench.datasets.tree import class_folders, materialize, plan
from workbench.errors import StorageError

pytestmark = pytest.mark.slow

Make = Callable[..., Path]


def first_file(content: Content) -> Path:
    return Path(content.images["file"][0].as_py())


def test_the_tree_holds_links_to_files_and_no_linked_folder(yolo: Make, tmp_path: Path) -> None:
    source = formats.read(yolo())
    data = materialize(plan(source), tmp_path / "tree")
    links = [p for p in data.parent.rglob("*") if p.is_symlink()]
    assert len(links) == 12
    assert all(p.is_file() for p in links)
    again = formats.read(data)
    assert (again.names, again.counts, again.task) == (source.names, source.counts, source.task)
    assert take(plan(again)).digest == take(plan(source)).digest


def test_the_yaml_has_no_path_and_no_download_and_keeps_korean_names(yolo: Make, tmp_path: Path) -> None:
    data = materialize(
        plan(formats.read(yolo(names="[고양이, 개]", extra="download: bash evil.sh\n"))), tmp_path / "tree"
    )
    assert yaml.safe_load(data.read_text("utf-8")) == {
        "train": "images/train",
        "val": "images/val",
        "names": {0: "고양이", 1: "개"},
    }
    assert "고양이" in data.read_text("utf-8")


def test_replacing_a_file_in_the_tree_leaves_the_users_file(yolo: Make, tmp_path: Path, picture: Make) -> None:
    """ultralytics re-encodes a JPEG by replacing it; the next materialize puts the link back."""
    source = formats.read(yolo())
    tree = materialize(plan(source), tmp_path / "tree").parent
    original = first_file(source)
    before = original.read_bytes()
    picture(tmp_path / "other.jpg").replace(tree / "images/train/train0.jpg")
    assert original.read_bytes() == before
    materialize(plan(source), tree)
    assert (tree / "images/train/train0.jpg").samefile(original)


def test_a_fitting_tree_is_left_as_it_is(yolo: Make, tmp_path: Path) -> None:
    source = formats.read(yolo())
    tree = materialize(plan(source), tmp_path / "tree").parent
    (tree / "labels/train.cache").write_bytes(b"ultralytics was here")
    materialize(plan(source), tree)
    assert (tree / "labels/train.cache").exists()
    materialize(replace(plan(source), names={0: "x", 1: "y"}), tree)
    assert not (tree / "labels/train.cache").exists()


def test_images_of_one_name_from_two_folders_keep_their_own_labels(yolo: Make, tmp_path: Path, picture: Make) -> None:
    data = yolo()
    root = data.parent
    for folder, row in (("a", "0 .5 .5 .1 .1"), ("b", "1 .5 .5 .1 .1")):
        picture(root / "more" / folder / "images" / "1.jpg")
        (root / "more" / folder / "labels").mkdir()
        (root / "more" / folder / "labels" / "1.txt").write_text(row)
    picture(root / "more/b/images/1.png")
    data.write_text("train: [more/a/images, more/b/images]\nval: images/val\nnames: [cat, dog]\n")
    source = formats.read(data)
    tree = materialize(plan(source), tmp_path / "tree").parent
    assert plan(source) == plan(formats.read(data))
    rows = {p.stem: p.read_text()[0] for p in (tree / "labels/train").iterdir()}
    images = {p.stem: p.resolve() for p in (tree / "images/train").iterdir()}
    assert len(images) == 3
    assert {images[stem].parent.parent.name: row for stem, row in rows.items()} == {"a": "0", "b": "1"}


def test_a_classification_tree_is_a_folder_of_classes(tmp_path: Path, picture: Make) -> None:
    for split in ("train", "val"):
        for name in ("개", "고양이"):
            picture(tmp_path / "pets" / split / name / "1.jpg")
    picture(tmp_path / "pets" / "train" / "개" / "deep" / "1.jpg")
    source = formats.read(tmp_path / "pets")
    tree = materialize(plan(source), tmp_path / "tree")
    assert tree == tmp_path / "tree"
    assert formats.read(tree).names == source.names
    assert formats.read(tree).counts == {"train": 3, "val": 2}


def test_a_class_without_images_keeps_its_id(tmp_path: Path, picture: Make) -> None:
    for split in ("train", "val"):
        picture(tmp_path / "pets" / split / "zebra" / "1.jpg")
    (tmp_path / "pets/train/ant").mkdir()
    tree = materialize(plan(formats.read(tmp_path / "pets")), tmp_path / "tree")
    assert sorted(path.name for path in (tree / "train").iterdir()) == ["ant", "zebra"]
    assert formats.read(tree).names == {0: "ant", 1: "zebra"}


def test_no_two_classes_share_a_folder() -> None:
    assert class_folders({0: "a/b", 1: "a_b", 2: "..", 3: ".", 4: "A_B"}) == {
        0: "a_b",
        1: "a_b-" + hashlib.sha256(b"a_b").hexdigest()[:8],
        2: "_",
        3: "_-" + hashlib.sha256(b".").hexdigest()[:8],
        4: "A_B-" + hashlib.sha256(b"A_B").hexdigest()[:8],
    }


def test_hard_links_stand_in_where_symbolic_ones_are_not_allowed(
    yolo: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(target: str, path: str) -> None:
        raise PermissionError(1, "a privilege is not held")

    monkeypatch.setattr(tree_module.os, "symlink", refuse)
    source = formats.read(yolo())
    tree = materialize(plan(source), tmp_path / "tree").parent
    file = tree / "images/train/train0.jpg"
    assert not file.is_symlink()
    assert file.samefile(first_file(source))


def test_a_full_disk_is_a_storage_error_and_leaves_no_tree(yolo: Make, full_disk: Path) -> None:
    source = formats.read(yolo())
    with pytest.raises(StorageError, match="No space left on device"):
        materialize(plan(source), full_disk / "tree")
    assert not (full_disk / "tree").exists()
