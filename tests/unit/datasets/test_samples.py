"""The sample dataset is real, disjoint, reproducible and whole."""

from __future__ import annotations

import hashlib
import json
import shutil
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from workbench.datasets import digits
from workbench.datasets.formats import read
from workbench.datasets.samples import DIGEST, build_digit_scenes
from workbench.errors import ConflictError, DatasetError, StorageError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_digit_scenes(tmp_path_factory.mktemp("samples") / "digits", scenes=16, size=96, seed=3)


def test_a_small_sample_has_the_recorded_digest(small: Path) -> None:
    """A change of it needs a new _RECIPE, a new DIGEST, and a look at the demo's recorded metrics."""
    digest = json.loads((small.parent / "sample.json").read_text())["digest"]
    assert digest == "58b53e0737055b5770a891682d47f8f08bbe75ea6d08aab9492df3959e1b85d5"


@pytest.mark.slow
def test_the_default_sample_has_the_recorded_digest(tmp_path: Path) -> None:
    folder = build_digit_scenes(tmp_path / "digits").parent
    assert json.loads((folder / "sample.json").read_text())["digest"] == DIGEST
    assert read(folder / "data.yaml").counts == {"train": 400, "val": 64, "test": 32}


def test_the_same_arguments_give_the_same_bytes_and_another_seed_gives_others(small: Path, tmp_path: Path) -> None:
    again = build_digit_scenes(tmp_path / "again", scenes=16, size=96, seed=3)
    other = build_digit_scenes(tmp_path / "other", scenes=16, size=96, seed=4)
    names = sorted(p.relative_to(small.parent) for p in small.parent.rglob("*") if p.is_file())
    assert names == sorted(p.relative_to(again.parent) for p in again.parent.rglob("*") if p.is_file())
    assert all((small.parent / n).read_bytes() == (again.parent / n).read_bytes() for n in names)
    first = Path("images/train/train_0000.jpg")
    assert (small.parent / first).read_bytes() != (other.parent / first).read_bytes()


def test_the_splits_share_no_digit() -> None:
    drawn = {split: {ink.tobytes() for ink in digits.material(split).digits} for split in digits.SHARES}
    assert [len(inks) for inks in drawn.values()] == [1078, 359, 360]
    assert all(not drawn[a] & drawn[b] for a, b in combinations(drawn, 2))


def test_the_splits_share_no_part_of_a_photograph_and_together_are_the_whole() -> None:
    for shape in ((60, 100, 3), (101, 47, 3)):
        numbered = np.arange(np.prod(shape), dtype=np.uint32).reshape(shape)
        parts = [set(digits.part(numbered, split).ravel().tolist()) for split in digits.SHARES]
        assert all(not a & b for a, b in combinations(parts, 2))
        assert set.union(*parts) == set(numbered.ravel().tolist())


def test_the_boxes_fit_the_digits_that_were_drawn() -> None:
    """Where no digit lies the scene is the photograph; the digits change pixels up to the edges of their boxes."""
    material, size = digits.material("val"), 128
    for seed in range(12):
        mask = digits.stamp(material.digits[seed], 40, seed * 2 - 12)
        ground = np.full((size, size, 3), 120, np.uint8)
        pixels, boxes = ground.copy(), []
        digits.place(pixels, mask, 7, boxes, np.random.default_rng(seed))
        rows, columns = np.nonzero((pixels != ground).any(2))
        (box,) = boxes
        assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (
            box.left,
            box.top,
            box.right,
            box.bottom,
        )


def test_digits_hardly_overlap_and_are_at_least_three_an_image_on_average() -> None:
    scenes = list(digits.scenes(digits.material("train"), 40, 192, np.random.default_rng(0)))
    assert np.mean([len(boxes) for _, boxes in scenes]) >= 4
    assert max(a.overlap(b) for _, boxes in scenes for a, b in combinations(boxes, 2)) <= digits.IOU_MAX
    assert {box.label for _, boxes in scenes for box in boxes} == set(range(10))


def test_a_turn_by_nothing_changes_nothing() -> None:
    mask = np.random.default_rng(0).integers(0, 256, size=(21, 21))
    assert np.array_equal(digits._turn(mask, 0), mask)
    assert np.array_equal(digits._turn(mask, 90), np.rot90(mask, -1)) or np.array_equal(
        digits._turn(mask, 90), np.rot90(mask)
    )


def test_a_second_call_builds_nothing(small: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in small.parent.rglob("*")}
    assert build_digit_scenes(small.parent, scenes=16, size=96, seed=3) == small
    assert {p: p.stat().st_mtime_ns for p in small.parent.rglob("*")} == before


def test_a_moved_sample_still_reads(small: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(small.parent, tmp_path / "옮긴 폴더"))
    assert read(moved / "data.yaml").counts == read(small).counts
    assert str(small.parent) not in (moved / "data.yaml").read_text("utf-8")


def test_a_damaged_sample_is_rebuilt(small: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(small.parent, tmp_path / "digits"))
    image = folder / "images/val/val_0000.jpg"
    whole = hashlib.sha256(image.read_bytes()).digest()
    image.write_bytes(b"")
    (folder / "labels/train/train_0001.txt").unlink()
    build_digit_scenes(folder, scenes=16, size=96, seed=3)
    assert hashlib.sha256(image.read_bytes()).digest() == whole


def test_an_interrupted_build_leaves_nothing_that_looks_complete(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == total // 2:
            raise KeyboardInterrupt

    folder = tmp_path / "digits"
    with pytest.raises(KeyboardInterrupt):
        build_digit_scenes(folder, scenes=16, size=96, progress=stop)
    assert not folder.exists()
    # What a killed process would leave, which had no chance to clean up
    (tmp_path / ".digits.building/images/train").mkdir(parents=True)
    (tmp_path / ".digits.building/images/train/stray.jpg").write_bytes(b"half")
    assert build_digit_scenes(folder, scenes=16, size=96).is_file()
    assert not list(folder.rglob("stray.jpg"))
    assert [p.name for p in tmp_path.iterdir() if p.is_dir()] == ["digits"]


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ConflictError, match="did not build it"):
        build_digit_scenes(tmp_path, scenes=16, size=96)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("wrong", [{"scenes": 0}, {"size": 10}, {"seed": -1}])
def test_an_argument_out_of_range_is_refused(wrong: dict[str, int], tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=f"{next(iter(wrong))}="):
        build_digit_scenes(tmp_path / "digits", **wrong)


def test_a_place_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="Could not write"):
        build_digit_scenes(tmp_path / "file" / "digits", scenes=16, size=96)
