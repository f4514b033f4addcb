"""Splits keep what belongs together on one side, share out classes evenly, and come out the same anywhere."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from workbench.datasets import splits
from workbench.datasets.content import CLASSES, IMAGES, OBJECTS, Content, table
from workbench.errors import DatasetError

pytestmark = pytest.mark.slow

SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}


def make(
    classes: list[list[int]], groups: list[str | None] | None = None, given: list[str] | None = None, first: int = 0
) -> Content:
    """Return a dataset of images with these classes in them; their paths say their place in the list."""
    count = len(classes)
    images = {
        "image_id": range(count),
        "split": given or [""] * count,
        "path": [f"{n + first:05d}.jpg" for n in range(count)],
        "file": [f"/data/{n + first:05d}.jpg" for n in range(count)],
        "group": groups or [None] * count,
    }
    rows = [(image, cls) for image, found in enumerate(classes) for cls in found]
    objects = {
        "image_id": [image for image, _ in rows],
        "object_id": range(len(rows)),
        "cls": [cls for _, cls in rows],
    }
    known = 1 + max((cls for _, cls in rows), default=-1)
    return Content(
        "yolo",
        "detect",
        "/data",
        table(IMAGES, images, count),
        table(OBJECTS, objects, len(rows)),
        table(CLASSES, {"cls": range(known), "name": [f"c{n}" for n in range(known)]}, known),
    )


def shuffled(content: Content, seed: int) -> Content:
    """Return the same dataset, listed in another order."""
    order = np.random.default_rng(seed).permutation(len(content.images))
    place = np.argsort(order)
    images = content.images.take(pa.array(order)).set_column(0, "image_id", pa.array(range(len(order)), pa.int64()))
    moved = place[content.objects["image_id"].to_numpy()]
    objects = content.objects.set_column(0, "image_id", pa.array(moved, pa.int64())).sort_by("image_id")
    return Content(content.format, content.task, content.root, images, objects, content.classes)


def where(content: Content) -> dict[str, str]:
    return dict(zip(content.images["path"].to_pylist(), content.images["split"].to_pylist(), strict=True))


def mixed(count: int, seed: int = 0) -> list[list[int]]:
    """Return the classes of images: some common, some rare, several an image, some images with none."""
    rng = np.random.default_rng(seed)
    odds = np.array([0.5, 0.3, 0.1, 0.05, 0.02])
    return [np.flatnonzero(rng.random(5) < odds).tolist() for _ in range(count)]


def test_shares_and_classes_come_out_as_asked() -> None:
    found = splits.balance(splits.assign(make(mixed(2000)), SHARES))
    assert found.images == {"train": 1600, "val": 200, "test": 200}
    for row in found.classes.values():
        total = sum(row.values())
        for split, share in SHARES.items():
            assert row[split] == pytest.approx(share * total, abs=4)
    assert found.missing == {}
    assert found.left_out == 0


def test_without_stratification_only_the_shares_count() -> None:
    content = make([[n // 100] for n in range(1000)])
    even = splits.balance(splits.assign(content, SHARES))
    plain = splits.balance(splits.assign(content, SHARES, stratify=False))
    assert plain.images == even.images == {"train": 800, "val": 100, "test": 100}
    assert even.farthest == 0
    assert plain.farthest > 0.02


def test_groups_stay_on_one_side() -> None:
    rng = np.random.default_rng(0)
    groups = [f"clip{n}" for n in rng.integers(0, 60, 900)]
    found = where(splits.assign(make(mixed(900), groups), SHARES))
    sides = defaultdict(set)
    for path, split in found.items():
        sides[groups[int(path[:5])]].add(split)
    assert all(len(there) == 1 for there in sides.values())
    assert Counter(found.values())["train"] == pytest.approx(720, abs=40)


def test_groups_that_are_given_go_before_the_column() -> None:
    content = make([[0]] * 20, ["all"] * 10 + ["rest"] * 10)
    found = splits.assign(content, {"train": 0.5, "val": 0.5}, groups=pa.array([f"{n % 4}" for n in range(20)]))
    sides = {(int(path[:5]) % 4, split) for path, split in where(found).items()}
    assert len(sides) == 4


def test_a_group_larger_than_a_split_goes_where_there_is_room() -> None:
    groups = ["big"] * 60 + [None] * 40
    found = splits.assign(make([[0]] * 100, groups), SHARES)
    assert where(found)["00000.jpg"] == "train"
    assert found.counts == {"train": 80, "val": 10, "test": 10}


@pytest.mark.parametrize("stratify", [True, False])
def test_the_order_of_the_files_changes_nothing(stratify: bool) -> None:
    content = make(mixed(300), [f"g{n // 3}" if n % 2 else None for n in range(300)])
    first = splits.assign(content, SHARES, seed=3, stratify=stratify)
    for seed in range(3):
        assert where(splits.assign(shuffled(content, seed), SHARES, seed=3, stratify=stratify)) == where(first)


def test_a_seed_decides_and_another_decides_otherwise() -> None:
    content = make(mixed(200))
    assert where(splits.assign(content, SHARES, 1)) == where(splits.assign(content, SHARES, 1))
    assert where(splits.assign(content, SHARES, 1)) != where(splits.assign(content, SHARES, 2))


def test_these_splits_are_the_same_on_every_machine() -> None:
    """Written down on one; a change here changes everybody's splits."""
    found = where(splits.assign(make([[n % 3] for n in range(20)]), {"train": 0.6, "val": 0.2, "test": 0.2}, seed=7))
    assert "".join(found[f"{n:05d}.jpg"][1] for n in range(20)) == "rarrarerarrererarrer"


def test_every_class_has_an_image_in_train_and_rare_ones_do_not_fill_it() -> None:
    found = splits.balance(splits.assign(make([[n // 3] for n in range(900)]), SHARES))
    assert all(row["train"] for row in found.classes.values())
    assert found.shares == {split: pytest.approx(share, abs=0.02) for split, share in SHARES.items()}


@pytest.mark.parametrize("seed", range(4))
def test_every_split_gets_something_that_train_can_spare(seed: int) -> None:
    found = splits.assign(make([[0], [0], [0], [1]]), {"train": 0.98, "val": 0.01, "test": 0.01}, seed)
    assert found.counts == {"train": 2, "val": 1, "test": 1}
    assert splits.balance(found).classes["c1"]["train"] == 1


@pytest.mark.parametrize("seed", range(4))
def test_a_class_with_one_image_is_learned(seed: int) -> None:
    content = make([[0]] * 90 + [[cls] for cls in range(1, 11)])
    found = splits.balance(splits.assign(content, {"train": 0.5, "val": 0.5}, seed))
    assert [row["train"] for row in found.classes.values()][1:] == [1] * 10
    assert found.images == {"train": 50, "val": 50}


@pytest.mark.parametrize("seed", range(4))
def test_large_groups_are_placed_first_so_that_small_ones_even_out(seed: int) -> None:
    groups = [f"g{size}" for size in range(1, 13) for _ in range(size)]
    found = splits.assign(make([[]] * 78, groups), {"train": 0.5, "val": 0.5}, seed, stratify=False)
    assert found.counts == {"train": 39, "val": 39}


def test_images_without_objects_are_shared_out_too() -> None:
    content = make([[0]] * 50 + [[]] * 50)
    found = where(splits.assign(content, {"train": 0.5, "val": 0.5}))
    assert Counter(found[f"{n:05d}.jpg"] for n in range(50, 100)) == {"train": 25, "val": 25}


def test_ten_thousand_classes_are_split_at_once() -> None:
    found = splits.balance(splits.assign(make([[n] for n in range(5000)] * 2), {"train": 0.5, "val": 0.5}))
    assert found.missing == {}
    assert found.farthest == 0


def test_a_kept_split_stays_and_nothing_leaks_into_it() -> None:
    given = ["test"] * 10 + ["train"] * 90
    groups = [f"g{n}" if n < 5 else None for n in range(10)] + ["g0", "g1"] + [None] * 88
    found = splits.assign(make([[0]] * 100, groups, given), {"train": 0.75, "val": 0.25}, keep=("test",))
    there = where(found)
    assert [there[f"{n:05d}.jpg"] for n in range(10)] == ["test"] * 10
    assert [there["00010.jpg"], there["00011.jpg"]] == ["", ""]
    assert found.counts == {"train": 66, "val": 22, "test": 10, "": 2}
    assert splits.balance(found).left_out == 2


def test_a_file_that_is_listed_in_two_splits_ends_once_in_one() -> None:
    content = make([[0]] * 10)
    doubled = content.images.set_column(3, "file", pa.array([f"/data/{n // 2}.jpg" for n in range(10)]))
    found = splits.assign(
        Content("yolo", "detect", "/data", doubled, content.objects, content.classes), {"train": 0.6, "val": 0.4}
    )
    assert found.counts == {"train": 3, "val": 2}
    assert found.objects.num_rows == 5


def test_the_tables_follow_the_new_order() -> None:
    content = make([[n % 5] for n in range(50)])
    found = splits.assign(content, SHARES)
    assert found.images["image_id"].to_pylist() == list(range(50))
    keys = list(zip(found.images["split"].to_pylist(), found.images["path"].to_pylist(), strict=True))
    assert keys == sorted(keys)
    paths = found.images["path"].to_pylist()
    for row in found.objects.to_pylist():
        assert row["cls"] == int(paths[row["image_id"]][:5]) % 5
    assert content.counts == {"": 50}


@pytest.mark.parametrize("stratify", [True, False])
def test_images_that_training_drops_do_not_count_for_the_shares(stratify: bool) -> None:
    content = make([[0]] * 41)
    effects = pa.array(["drop"] * 21 + ["keep"] * 20)
    place = content.images.schema.get_field_index("effect")
    dropped = content.images.set_column(place, "effect", effects)
    found = splits.assign(
        Content("yolo", "detect", "/data", dropped, content.objects, content.classes),
        {"train": 0.5, "val": 0.5},
        stratify=stratify,
    )
    assert Counter(split for path, split in where(found).items() if int(path[:5]) >= 21) == {"train": 10, "val": 10}


def test_each_image_is_once_in_val_over_all_folds() -> None:
    groups = [f"g{n // 4}" for n in range(100)]
    found = list(splits.folds(make(mixed(100), groups), 5, seed=1))
    assert len(found) == 5
    seen = Counter(path for fold in found for path, split in where(fold).items() if split == "val")
    assert seen == Counter({f"{n:05d}.jpg": 1 for n in range(100)})
    assert all(fold.counts == {"train": 80, "val": 20} for fold in found)
    for fold in found:
        sides = {(groups[int(path[:5])], split) for path, split in where(fold).items()}
        assert len(sides) == 25


def test_folds_keep_a_test_split() -> None:
    content = make([[0]] * 30, given=["test"] * 6 + ["train"] * 24)
    assert [fold.counts for fold in splits.folds(content, 3, keep=("test",))] == [
        {"train": 16, "val": 8, "test": 6}
    ] * 3


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ({"train": 0.8, "val": 0.1}, r"sum to 0\.9 \(train 0\.8 \+ val 0\.1\)"),
        ({}, "sum to 0"),
        ({"train": 1.2, "val": -0.2}, r"share of train is 1\.2"),
        ({"train": 1.0, "val": 0.0}, "share of val is 0"),
        ({"train": float("nan"), "val": 0.5}, "share of train is nan"),
        ({"train": 0.5, "vall": 0.5}, "'vall' is not a split.*Did you mean 'val'"),
    ],
)
def test_shares_that_cannot_be_had_are_refused(shares: dict[str, float], said: str) -> None:
    with pytest.raises(DatasetError, match=said):
        splits.assign(make([[0]] * 10), shares)


def test_fewer_groups_than_splits_are_refused() -> None:
    with pytest.raises(DatasetError, match="10 images in 2 groups cannot fill 3 splits"):
        splits.assign(make([[0]] * 10, ["a"] * 5 + ["b"] * 5), SHARES)
    with pytest.raises(DatasetError, match="2 images in 2 groups cannot fill 3 folds"):
        list(splits.folds(make([[0]] * 2), 3))
    with pytest.raises(DatasetError, match="1 folds are too few"):
        list(splits.folds(make([[0]] * 2), 1))


def test_a_kept_split_must_be_there_and_have_no_share() -> None:
    content = make([[0]] * 10, given=["train"] * 5 + ["val"] * 5)
    with pytest.raises(DatasetError, match=r"no split 'test' to keep.*train, val"):
        splits.assign(content, {"train": 1.0}, keep=("test",))
    with pytest.raises(DatasetError, match="'val' is to be kept, and to get a share"):
        splits.assign(content, {"train": 0.5, "val": 0.5}, keep=("val",))


@settings(max_examples=40, deadline=None)
@given(
    classes=st.lists(st.lists(st.integers(0, 4), max_size=3, unique=True), min_size=12, max_size=60),
    groups=st.data(),
    val=st.floats(0.05, 0.5),
    seed=st.integers(0, 5),
)
def test_any_dataset_is_split_whole_with_groups_intact(classes, groups, val: float, seed: int) -> None:
    names = groups.draw(st.lists(st.sampled_from([None, "a", "b", "c"]), min_size=len(classes), max_size=len(classes)))
    assume(names.count(None) + len({*names} - {None}) >= 2)
    there = where(splits.assign(make(classes, names), {"train": 1 - val, "val": val}, seed))
    assert len(there) == len(classes)
    assert set(there.values()) == {"train", "val"}
    for name in ("a", "b", "c"):
        assert len({there[f"{n:05d}.jpg"] for n, group in enumerate(names) if group == name}) <= 1
