"""What is written is read back, a newer index takes the place of an older one whole, and readers go on."""

from __future__ import annotations

import gc
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from workbench.datasets.content import CLASSES, IMAGES, ISSUES, OBJECTS, Content, table
from workbench.datasets.index import Index, generation, read, tables, write, writing
from workbench.datasets.index.generation import About
from workbench.errors import DatasetError, StorageError

pytestmark = pytest.mark.slow


def many(count: int = 5000) -> Content:
    """Return images of which number n has n % 3 objects."""
    ids = np.arange(count)
    of = np.repeat(ids, ids % 3)
    images = {"image_id": ids, "split": ["train"] * count, "path": [f"{n:06d}.jpg" for n in ids]}
    places = {name: np.linspace(0, 1, len(of)) for name in ("cx", "cy", "w", "h")}
    objects = {"image_id": of, "object_id": np.arange(len(of)), "cls": of % 7, "area": of.astype(float), **places}
    classes = table(CLASSES, {"cls": list(range(7)), "name": [f"c{n}" for n in range(7)]})
    return Content("yolo", "detect", "/", table(IMAGES, images), table(OBJECTS, objects), classes)


def generations(folder: Path) -> list[str]:
    return sorted(child.name for child in folder.iterdir() if child.is_dir())


def test_what_is_written_is_read_back(content: Content, tmp_path: Path) -> None:
    write(content, tmp_path)
    found = read(tmp_path)
    assert found.images.equals(content.images)
    assert found.objects.equals(content.objects)
    assert found.classes.equals(content.classes)
    assert found.issues["image_id"].to_pylist() == [None, 1, 1, 8]
    assert found.issues["rule"].to_pylist() == ["class-unused", "label-number", "image-truncated", "image-truncated"]
    assert replace(found, images=None, objects=None, classes=None, issues=None) == replace(
        content, images=None, objects=None, classes=None, issues=None
    )


def test_a_dataset_of_many_row_groups_is_read_back_and_paged(tmp_path: Path) -> None:
    content = many()
    write(content, tmp_path)
    found = read(tmp_path)
    assert found.images.equals(content.images)
    assert found.objects.equals(content.objects)
    with Index(tmp_path) as index:
        for ids in ([0, 1, 511, 512, 4095, 4096, 4999], list(range(500, 530)), [4999]):
            page = index.images(ids)
            assert page.images["path"].to_pylist() == [f"{n:06d}.jpg" for n in ids]
            assert page.objects["image_id"].to_pylist() == [n for n in ids for _ in range(n % 3)]
        assert index.select("class:c3").to_pylist() == [n for n in range(5000) if n % 3 and n % 7 == 3]


def test_an_empty_dataset_has_an_empty_page(tmp_path: Path) -> None:
    empty = Content("yolo", "detect", "/", *(schema.empty_table() for schema in (IMAGES, OBJECTS, CLASSES)))
    write(empty, tmp_path)
    assert read(tmp_path).images.num_rows == 0
    with Index(tmp_path) as index:
        assert index.page().images.num_rows == index.count("small") == index.histogram().num_rows == 0


def test_batches_of_any_size_make_the_same_files(tmp_path: Path) -> None:
    content = many(2000)
    write(content, tmp_path / "whole")
    with writing(tmp_path / "parts", About("yolo", "detect", "/")) as writer:
        of = content.objects["image_id"].to_numpy()
        for begin in range(0, 2000, 333):
            images = content.images.slice(begin, 333)
            first, behind = np.searchsorted(of, [begin, begin + len(images)])
            writer.add(images, content.objects.slice(first, behind - first))
        writer.finish(content.classes, content.issues)
    with Index(tmp_path / "whole") as whole, Index(tmp_path / "parts") as parts:
        assert parts.about.runs == whole.about.runs == (("train", 0, 2000),)
        assert parts.histogram().equals(whole.histogram())
        assert parts.select("class:c5 AND medium").equals(whole.select("class:c5 AND medium"))
        assert parts.images([1, 700, 1999]).objects.equals(whole.images([1, 700, 1999]).objects)


def test_who_reads_an_index_goes_on_when_a_newer_one_is_published(tmp_path: Path) -> None:
    write(many(1500), tmp_path)
    with Index(tmp_path) as old:
        write(many(10), tmp_path)
        assert len(generations(tmp_path)) == 2
        assert old.page(after=1400, limit=3).images["image_id"].to_pylist() == [1401, 1402, 1403]
        assert old.count("small") > 10
        with Index(tmp_path) as new:
            assert new.count() == 10
    write(many(20), tmp_path)
    assert len(generations(tmp_path)) == 1


def test_an_index_that_nobody_closed_does_not_keep_its_files_for_ever(tmp_path: Path) -> None:
    write(many(10), tmp_path)
    Index(tmp_path).count("small")
    gc.collect()
    write(many(20), tmp_path)
    assert len(generations(tmp_path)) == 1


def test_a_write_that_fails_leaves_the_former_index(tmp_path: Path) -> None:
    write(many(10), tmp_path)
    before = generations(tmp_path)
    wrong = replace(many(20), classes=many(20).classes.slice(0, 2))
    with pytest.raises(DatasetError):
        write(wrong, tmp_path)
    assert generations(tmp_path) == before
    assert read(tmp_path).images.num_rows == 10


def test_a_full_disk_is_a_storage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    write(many(10), tmp_path)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space"):
        write(many(20), tmp_path)
    monkeypatch.undo()
    assert read(tmp_path).images.num_rows == 10
    assert len(generations(tmp_path)) == 1


def test_a_file_that_was_cut_short_is_named(tmp_path: Path) -> None:
    write(many(10), tmp_path)
    file = tmp_path / generations(tmp_path)[0] / tables.OBJECTS_FILE
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(StorageError, match=r"objects\.parquet is not what was written"):
        Index(tmp_path)


def test_a_flipped_byte_is_noticed_when_its_page_is_read(tmp_path: Path) -> None:
    write(many(10), tmp_path)
    file = tmp_path / generations(tmp_path)[0] / tables.IMAGES_FILE
    data = bytearray(file.read_bytes())
    data[data.index(b".jpg")] ^= 1
    file.write_bytes(data)
    with Index(tmp_path) as index, pytest.raises(StorageError, match="damaged"):
        index.page()


def test_an_index_of_a_later_release_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation, "VERSION", 9)
    write(many(10), tmp_path)
    monkeypatch.undo()
    with pytest.raises(StorageError, match="version 9"):
        Index(tmp_path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"images": {"image_id": [0, 2, 1]}}, "image_id is not 0 to 2"),
        ({"objects": {"image_id": [1, 0, 2]}}, "not in their order"),
        ({"objects": {"image_id": [0, 1, 3]}}, "other images"),
        ({"objects": {"object_id": [1, 2, 3]}}, "object_id is not 0 to 2"),
        ({"objects": {"cls": [0, 1, 2]}}, "not among the 2 classes"),
        ({"objects": {"cls": [0, -1, 1]}}, "not among the 2 classes"),
    ],
)
def test_tables_that_are_not_in_order_are_refused(tmp_path: Path, change: dict[str, dict], says: str) -> None:
    rows = {
        "images": {"image_id": [0, 1, 2], "split": ["train"] * 3},
        "objects": {"image_id": [0, 1, 1], "object_id": [0, 1, 2], "cls": [0, 1, 1]},
    }
    images = table(IMAGES, {**rows["images"], **change.get("images", {})})
    objects = table(OBJECTS, {**rows["objects"], **change.get("objects", {})})
    classes = table(CLASSES, {"cls": [0, 1], "name": ["a", "b"]})
    with pytest.raises(DatasetError, match=says):
        write(Content("yolo", "detect", "/", images, objects, classes), tmp_path)


def test_objects_without_an_area_have_no_size(tmp_path: Path) -> None:
    images = table(IMAGES, {"image_id": [0, 1, 2], "split": ["train"] * 3})
    areas = pa.array([0.0, None, float("nan")])
    objects = table(
        OBJECTS, {"image_id": [0, 1, 2], "object_id": [0, 1, 2], "cls": [0] * 3, "kind": ["box"] * 3, "area": areas}
    )
    classes = table(CLASSES, {"cls": [0], "name": ["a"]})
    write(Content("yolo", "detect", "/", images, objects, classes, ISSUES.empty_table()), tmp_path)
    with Index(tmp_path) as index:
        for view in ("small OR medium OR large", "area<100", "area>100", "kind:box AND size:small,medium,large"):
            assert index.count(view) == 0
        assert index.count("class:a AND kind:box") == 3


def test_readers_always_find_a_whole_index_while_it_is_published_again_and_again(tmp_path: Path) -> None:
    write(many(10), tmp_path)

    def publish() -> None:
        for count in range(11, 19):
            write(many(count), tmp_path)

    seen = set()
    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(publish)
        while not writer.done():
            with Index(tmp_path) as index:
                count = index.count()
                assert index.page(before=count).images["path"][-1].as_py() == f"{count - 1:06d}.jpg"
                assert index.histogram()["objects"].to_numpy().sum() == sum(n % 3 for n in range(count))
                seen.add(count)
        writer.result()
    assert len(seen) > 1
    assert len(generations(tmp_path)) <= 2
