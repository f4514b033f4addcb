"""A workspace knows its datasets by name and by content."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workbench.datasets import registration
from workbench.datasets.registry import Dataset, list_datasets, load, remove, slug
from workbench.datasets.store import Store
from workbench.errors import ConflictError, DatasetError, RequestError, StorageError, UnknownNameError
from workbench.paths import WorkspacePaths

pytestmark = pytest.mark.slow

Make = Callable[..., Path]


def register(paths: WorkspacePaths, uri: Path, name: str | None = None, **options: Any) -> Dataset:
    return registration.register(paths, uri, name, store=lambda: Store(paths.root / "cache"), **options)


@pytest.fixture
def paths(tmp_path: Path) -> WorkspacePaths:
    return WorkspacePaths(tmp_path / "workspace")


def test_a_registered_dataset_is_found_with_all_it_says(yolo: Make, paths: WorkspacePaths) -> None:
    data = yolo(names="[고양이, 개]")
    dataset = register(paths, data)
    assert dataset == load(paths, "pets")
    assert dataset.names == {0: "고양이", 1: "개"}
    assert (dataset.task, dataset.images, dataset.uri) == ("detect", {"train": 4, "val": 2}, str(data))
    assert dataset.digest == dataset.manifest.digest
    assert dataset.created_at.endswith("+00:00")
    assert dataset.data_yaml == paths.dataset("pets").tree(dataset.digest) / "data.yaml"
    assert dataset.data_yaml.is_file()
    assert "folder" not in json.loads(paths.dataset("pets").spec.read_text("utf-8"))


def test_the_same_content_again_is_the_same_dataset(yolo: Make, paths: WorkspacePaths) -> None:
    first = register(paths, yolo())
    assert register(paths, yolo()) == first
    assert list_datasets(paths) == [first]


def test_other_content_under_a_taken_name_is_a_conflict_unless_it_replaces(yolo: Make, paths: WorkspacePaths) -> None:
    data = yolo()
    first = register(paths, data, "animals")
    (data.parent / "labels/train/train0.txt").write_text("1 .5 .5 .2 .2\n")
    with pytest.raises(ConflictError, match="--name, or --replace"):
        register(paths, data, "animals")
    assert load(paths, "animals") == first
    second = register(paths, data, "animals", replace=True)
    assert second.digest != first.digest
    assert load(paths, "animals") == second
    assert list(second.manifest.verify(second.data_yaml.parent)) == []


def test_a_moved_source_is_followed(yolo: Make, paths: WorkspacePaths, tmp_path: Path) -> None:
    first = register(paths, yolo(), "animals")
    moved = (tmp_path / "pets").rename(tmp_path / "moved")
    second = register(paths, moved / "data.yaml", "animals")
    assert (second.digest, second.created_at) == (first.digest, first.created_at)
    assert second.uri == str(moved / "data.yaml")
    assert list(second.manifest.verify(second.data_yaml.parent)) == []


def test_an_unknown_name_names_its_neighbour(yolo: Make, paths: WorkspacePaths) -> None:
    with pytest.raises(UnknownNameError, match="no dataset yet"):
        load(paths, "pets")
    register(paths, yolo())
    with pytest.raises(UnknownNameError, match="Did you mean 'pets'"):
        load(paths, "pest")
    with pytest.raises(UnknownNameError):
        load(paths, "../datasets/pets")


@pytest.mark.parametrize("name", ["Pets", "my pets", "../pets", "", ".hidden", "개", "a" * 65])
def test_a_name_that_is_no_name_is_refused(yolo: Make, paths: WorkspacePaths, name: str) -> None:
    with pytest.raises(RequestError, match="cannot name a dataset"):
        register(paths, yolo(), name)
    assert not paths.datasets.exists()


@pytest.mark.parametrize(("text", "expected"), [("My Pets!", "my-pets"), ("반려동물", ""), ("반려 v2.1", "v2.1")])
def test_a_name_is_made_from_a_folder(text: str, expected: str) -> None:
    assert slug(text) == expected


def test_a_korean_folder_gets_a_name_from_its_content(yolo: Make, paths: WorkspacePaths) -> None:
    dataset = register(paths, yolo(folder="반려동물"))
    assert re.fullmatch("dataset-[0-9a-f]{8}", dataset.name)
    assert register(paths, yolo(folder="반려동물")).name == dataset.name


def test_what_cannot_be_understood_leaves_no_trace(yolo: Make, paths: WorkspacePaths) -> None:
    with pytest.raises(DatasetError, match="not valid YAML"):
        register(paths, yolo(extra="names: ["))
    assert list_datasets(paths) == []
    assert not paths.datasets.exists()


def test_errors_are_kept_with_the_dataset_and_can_be_accepted_by_name(yolo: Make, paths: WorkspacePaths) -> None:
    data = yolo(row="9 .5 .5 .1 .1")
    dataset = register(paths, data)
    assert "label-class-unknown" in dataset.blocking
    assert "labels/train/train0.txt line 1" in dataset.blocking["label-class-unknown"]
    with pytest.raises(RequestError, match="Did you mean 'label-class-unknown'"):
        register(paths, data, accept=["label-clas-unknown"])
    again = register(paths, data, accept=dataset.blocking)
    assert (again.blocking, again.digest) == ({}, dataset.digest)
    assert register(paths, data).accepted == again.accepted


def test_removing_keeps_the_users_files(yolo: Make, paths: WorkspacePaths) -> None:
    data = yolo()
    register(paths, data)
    remove(paths, "pets")
    assert list_datasets(paths) == []
    assert not paths.dataset("pets").root.exists()
    assert len(list(data.parent.rglob("*.jpg"))) == 6
    with pytest.raises(UnknownNameError):
        remove(paths, "pets")


def test_an_interrupted_registration_is_not_listed_and_can_be_repeated(yolo: Make, paths: WorkspacePaths) -> None:
    dataset = register(paths, yolo())
    paths.dataset("pets").spec.unlink()
    assert list_datasets(paths) == []
    assert register(paths, yolo()).digest == dataset.digest


def test_a_replacement_that_fails_leaves_what_was_there(yolo: Make, paths: WorkspacePaths) -> None:
    data = yolo()
    first = register(paths, data)
    (data.parent / "labels/train/train0.txt").write_text("1 .5 .5 .2 .2\n")
    (paths.dataset("pets").root / "trees").rename(paths.root / "away")
    (paths.dataset("pets").root / "trees").write_text("in the way")
    with pytest.raises(StorageError):
        register(paths, data, replace=True)
    assert load(paths, "pets") == first


def test_a_damaged_record_is_told_and_replaced_on_demand(yolo: Make, paths: WorkspacePaths) -> None:
    register(paths, yolo())
    paths.dataset("pets").spec.write_text('{"name": "pets"')
    with pytest.raises(StorageError, match="damaged"):
        list_datasets(paths)
    with pytest.raises(StorageError, match="damaged"):
        register(paths, yolo())
    assert register(paths, yolo(), replace=True) == load(paths, "pets")


def test_a_full_disk_is_a_storage_error_and_nothing_is_registered(yolo: Make, full_disk: Path) -> None:
    paths = WorkspacePaths(full_disk)
    data = yolo()
    with pytest.raises(StorageError, match="No space left on device"):
        register(paths, data)
    assert list_datasets(paths) == []


def test_a_workspace_that_cannot_be_written_is_a_storage_error(yolo: Make, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="Could not write"):
        register(WorkspacePaths(tmp_path / "file"), yolo())


def test_a_record_is_frozen(yolo: Make, paths: WorkspacePaths) -> None:
    dataset = register(paths, yolo())
    with pytest.raises(ValueError, match="frozen"):
        dataset.name = "x"  # type: ignore[misc]
    assert isinstance(dataset, Dataset)


def test_the_room_imports_nothing_heavy() -> None:
    """Only a fresh interpreter can tell."""
    code = (
        "import sys, pkgutil, importlib, workbench.datasets as d\n"
        "for m in pkgutil.iter_modules(d.__path__): importlib.import_module('workbench.datasets.' + m.name)\n"
        "print([m for m in ('torch', 'sklearn', 'cv2', 'ultralytics', 'matplotlib') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert out.stdout.strip() == "[]"
