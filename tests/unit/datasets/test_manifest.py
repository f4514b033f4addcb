"""The digest names what a training sees, and nothing else."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.datasets.intake import load
from workbench.datasets.manifest import Entry, Manifest
from workbench.datasets.tree import materialize
from workbench.errors import DatasetError, StorageError

Make = Callable[..., Path]


def digest(data: Path) -> str:
    return Manifest.build(load(data)).digest


def test_the_root_digest_is_the_documented_one() -> None:
    entry = Entry("images/train/고양이.jpg", 3, "ab" * 32)
    lines = '{"format":"workbench-manifest-1","names":{"0":"고양이"},"options":{},"task":"detect"}\n'
    lines += f"{'ab' * 32} 3 images/train/고양이.jpg\n"
    assert Manifest("detect", {0: "고양이"}, {}, (entry,)).digest == hashlib.sha256(lines.encode()).hexdigest()


def test_moving_a_dataset_does_not_change_its_digest(yolo: Make, tmp_path: Path) -> None:
    data = yolo()
    moved = Path(shutil.copytree(data.parent, tmp_path / "elsewhere"))
    assert digest(moved / "data.yaml") == digest(data)


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "labels/train/train0.txt").write_text("1 .5 .5 .2 .2\n"),
        lambda root: (root / "images/val/val0.jpg").write_bytes((root / "images/val/val1.jpg").read_bytes()),
        lambda root: (root / "images/train/train0.jpg").rename(root / "images/train/zz.jpg"),
        lambda root: (root / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [dog, cat]\n"),
    ],
)
def test_any_change_of_what_is_trained_on_changes_the_digest(yolo: Make, change) -> None:
    data = yolo()
    before = digest(data)
    change(data.parent)
    assert digest(data) != before


def test_a_manifest_reads_back_as_written(yolo: Make, tmp_path: Path) -> None:
    manifest = Manifest.build(load(yolo(names="[고양이, 개]")))
    path = manifest.write(tmp_path / "new" / "manifest.jsonl")
    assert Manifest.read(path) == manifest
    assert json.loads(path.read_text("utf-8").splitlines()[0])["digest"] == manifest.digest
    assert [e.path for e in manifest.entries] == sorted(e.path for e in manifest.entries)
    assert len(manifest.entries) == 12
    assert manifest.bytes_total == sum(e.bytes for e in manifest.entries)


@pytest.mark.parametrize("text", ["", "{}", '{"format": "workbench-manifest-1"', "not json\n"])
def test_a_damaged_manifest_is_a_storage_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "manifest.jsonl"
    path.write_text(text)
    with pytest.raises(StorageError, match="damaged"):
        Manifest.read(path)


def test_a_manifest_with_a_changed_line_is_found_out(yolo: Make, tmp_path: Path) -> None:
    path = Manifest.build(load(yolo())).write(tmp_path / "manifest.jsonl")
    path.write_text(path.read_text().replace("train0.jpg", "train9.jpg"))
    with pytest.raises(StorageError, match="digest does not fit"):
        Manifest.read(path)


def test_verify_names_what_is_missing_or_changed(yolo: Make, tmp_path: Path) -> None:
    source = load(yolo())
    manifest = Manifest.build(source)
    tree = materialize(source, tmp_path / "tree").parent
    assert list(manifest.verify(tree)) == []
    (tree / "labels/val/val0.txt").unlink()
    (tree / "images/train/train0.jpg").unlink()
    (tree / "images/train/train0.jpg").write_bytes(b"re-encoded")
    assert list(manifest.verify(tree)) == [("images/train/train0.jpg", "changed"), ("labels/val/val0.txt", "missing")]


def test_a_file_that_vanishes_before_it_is_hashed_is_named(yolo: Make) -> None:
    source = load(yolo())
    source.splits["train"][0].unlink()
    with pytest.raises(DatasetError, match=r"train0\.jpg.*cannot be read"):
        Manifest.build(source)


def test_a_full_disk_is_a_storage_error_and_leaves_no_part(yolo: Make, tmp_path: Path, full_disk: Path) -> None:
    manifest = Manifest.build(load(yolo()))
    with pytest.raises(StorageError, match="No space left on device"):
        manifest.write(full_disk / "manifest.jsonl")
    assert list(full_disk.iterdir()) == []
