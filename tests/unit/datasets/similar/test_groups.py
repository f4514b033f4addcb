"""Images belong together when their names say so, or a column, or a folder; and near duplicates do."""

from __future__ import annotations

import time

import numpy as np
import pyarrow as pa
import pytest

from workbench.datasets import similar
from workbench.datasets.content import IMAGES, table
from workbench.datasets.similar.groups import components
from workbench.datasets.similar.pairs import PAIRS
from workbench.errors import DatasetError

pytestmark = pytest.mark.slow


def images(paths: list[str], groups: list[str | None] | None = None) -> pa.Table:
    columns = {"image_id": range(len(paths)), "path": paths, "group": groups or [None] * len(paths)}
    return table(IMAGES, columns, len(paths))


def pairs(*edges: tuple[int, int]) -> pa.Table:
    rows = [{"a": a, "b": b, "kind": "near", "bits": 1, "likeness": 0.9} for a, b in edges]
    return pa.Table.from_pylist(rows, schema=PAIRS)


def together(paths: list[str], **options) -> list[list[str]]:
    """Return the sets of paths that share a key."""
    found: dict[str, list[str]] = {}
    for path, key in zip(paths, similar.keys(images(paths), **options).to_pylist(), strict=True):
        if key is not None:
            found.setdefault(key, []).append(path)
    return sorted(sorted(members) for members in found.values() if len(members) > 1)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("train/cat_jpg.rf.0a1b2c3d4e5f.jpg", "valid/cat_jpg.rf.9f8e7d6c5b4a.jpg"),
        ("train/images/cat.jpg", "val/images/cat_aug3.jpg"),
        ("cat_flip.jpg", "cat_hflip.png"),
        ("cat-aug-1.jpg", "cat-aug-12.jpg"),
        ("cat.jpg", "cat_rot90.jpg"),
        ("cat.jpg", "cat_flip_rot180.jpg"),
        ("cat.jpg", "cat (1).jpg"),
        ("cat_aug1_jpg.rf.0a1b2c3d4e5f.jpg", "cat.jpg"),
        ("고양이.jpg", "고양이_augmented.jpg"),
    ],
)
def test_copies_are_known_by_how_they_are_named(one: str, other: str) -> None:
    assert together([one, other, "dog.jpg", "bird.jpg"]) == [sorted([one, other])]


@pytest.mark.parametrize(
    "stem", ["clip{}_{:06d}", "video-{}-{}", "seq{}.{:04d}", "night_clip{}frame{:05d}", "{}/frame_{:03d}"]
)
def test_frames_of_one_film_belong_together_and_those_of_two_do_not(stem: str) -> None:
    paths = [f"images/{stem.format(film, frame)}.jpg" for film in (1, 2, 3) for frame in (1, 20, 300)]
    assert together(paths) == sorted(sorted(paths[at : at + 3]) for at in (0, 3, 6))


@pytest.mark.parametrize(
    "stem", ["IMG_{:04d}", "cat_{:03d}", "{:012d}", "DSC{:05d}", "train_{:04d}", "screenshot_{:03d}", "scan {}"]
)
def test_a_number_alone_makes_no_film(stem: str) -> None:
    assert together([f"images/{stem.format(number)}.jpg" for number in range(10)]) == []


def test_a_word_that_all_names_share_makes_no_film() -> None:
    """The whole dataset on one side would be no split."""
    assert together([f"scene_{number:04d}.jpg" for number in range(10)]) == []


def test_the_same_number_in_two_splits_is_not_the_same_image() -> None:
    assert together(["train/0001.jpg", "val/0001.jpg"]) == []


def test_copies_in_two_folders_of_classes_are_apart() -> None:
    assert together(["train/cat/1_aug1.jpg", "train/dog/1_aug1.jpg"]) == []


def test_a_column_goes_before_names_and_folders_only_when_asked() -> None:
    rows = images(["a/cat_aug1.jpg", "a/cat_aug2.jpg", "b/dog.jpg"], ["night", None, "night"])
    assert similar.keys(rows).to_pylist() == ["night", "a/cat", "night"]
    assert similar.keys(rows, by=("folders",)).to_pylist() == ["a", "a", "b"]
    assert similar.keys(rows, by=("names",)).to_pylist() == ["a/cat", "a/cat", None]


def test_folders_of_splits_say_nothing() -> None:
    rows = images(["train/images/x.jpg", "val/images/y.jpg", "train/patient7/z.jpg", "val/patient7/w.jpg"])
    assert similar.keys(rows, by=("folders",)).to_pylist() == [None, None, "patient7", "patient7"]


def test_a_pattern_is_asked_first() -> None:
    rows = images(["p12_a.jpg", "p12_b.jpg", "p7_aug1.jpg", "x_aug1.jpg"])
    assert similar.keys(rows, pattern=r"(p\d+)_").to_pylist() == ["p12", "p12", "p7", "x"]
    assert similar.keys(rows, pattern=r"p\d+").to_pylist() == ["p12", "p12", "p7", "x"]


def test_what_cannot_be_understood_is_refused() -> None:
    with pytest.raises(DatasetError, match="grouped by 'colour'"):
        similar.keys(images(["a.jpg"]), by=("colour",))  # type: ignore[arg-type]
    with pytest.raises(DatasetError, match="not a regular expression"):
        similar.keys(images(["a.jpg"]), pattern="(")


def test_a_long_odd_name_is_told_at_once() -> None:
    assert together(["_aug__" * 40 + "x.jpg", "_" * 250 + "9.jpg", "aug" * 80 + ".jpg"]) == []


def test_near_duplicates_join_groups() -> None:
    rows = images(["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"])
    groups = pa.array(["left", "left", "right", "right", None])
    assert similar.join(rows, groups, pairs((1, 2))).to_pylist() == ["left"] * 4 + [None]
    assert similar.join(rows, groups, pairs((0, 4))).to_pylist() == ["left", "left", "right", "right", "left"]


def test_near_duplicates_alone_bear_the_first_path() -> None:
    rows = images(["z.jpg", "b.jpg", "c.jpg"])
    assert similar.join(rows, pa.nulls(3, pa.string()), pairs((0, 1))).to_pylist() == ["b.jpg", "b.jpg", None]


def test_the_order_of_images_and_pairs_changes_no_group() -> None:
    rng = np.random.default_rng(0)
    paths = [f"{n:03d}.jpg" for n in range(80)]
    keys = [f"g{n}" if n < 10 else None for n in rng.integers(0, 30, 80)]
    edges = [tuple(sorted(edge)) for edge in rng.integers(0, 80, (30, 2)).tolist() if edge[0] != edge[1]]
    straight = similar.join(images(paths), pa.array(keys, pa.string()), pairs(*edges)).to_pylist()
    moved = rng.permutation(80)
    place = np.argsort(moved)
    turned = similar.join(
        images([paths[n] for n in moved]),
        pa.array([keys[n] for n in moved], pa.string()),
        pairs(*[tuple(sorted((int(place[a]), int(place[b])))) for a, b in reversed(edges)]),
    ).to_pylist()
    assert [turned[at] for at in place] == straight


def test_a_long_chain_is_one_component() -> None:
    order = np.random.default_rng(0).permutation(5000)
    assert set(components(5000, order[:-1], order[1:]).tolist()) == {0}


def test_a_name_that_no_file_can_have_takes_no_time() -> None:
    """A missing image keeps the name that its annotation gives it, of any length."""
    began = time.process_time()
    assert similar.keys(images(["_" * 20_000 + "x", "1" * 20_000 + "x"])).to_pylist() == [None, None]
    assert time.process_time() - began < 1
