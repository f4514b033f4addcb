"""Copies across splits are leaks, copies within one are duplicates, and each image hears of the strongest."""

from __future__ import annotations

import pyarrow as pa
import pytest

from workbench.datasets import similar
from workbench.datasets.content import IMAGES, ISSUES, table
from workbench.datasets.similar.pairs import PAIRS

pytestmark = pytest.mark.slow


def make(splits: list[str], *rows: tuple[int, int, str, float]) -> similar.Pairs:
    files = [f"/data/{n}.jpg" for n in range(len(splits))]
    paths = [f"{n}.jpg" for n in range(len(splits))]
    images = table(IMAGES, {"image_id": range(len(splits)), "split": splits, "path": paths, "file": files}, len(splits))
    found = [{"a": a, "b": b, "kind": kind, "bits": 0, "likeness": like} for a, b, kind, like in rows]
    return similar.Pairs(pa.Table.from_pylist(found, schema=PAIRS), images)


def told(pairs: similar.Pairs, groups: list[str | None] | None = None) -> list[tuple[int, str, str]]:
    found = similar.leaks(pairs, None if groups is None else pa.array(groups, pa.string()))
    assert found.schema == ISSUES
    assert set(found["effect"].to_pylist()) <= {"keep"}
    return [(row["image_id"], row["rule"], row["detail"]) for row in found.to_pylist()]


def test_a_leak_is_told_of_the_later_split_with_its_counterpart() -> None:
    pairs = make(["test", "train", "val"], (0, 1, "bytes", 1.0), (0, 2, "bytes", 1.0))
    assert told(pairs) == [
        (0, "leak-exact", "the same bytes as train image '1.jpg'"),
        (2, "leak-exact", "the same bytes as train image '1.jpg'"),
    ]


def test_copies_within_a_split_are_duplicates_of_the_first() -> None:
    pairs = make(["train"] * 4, (0, 1, "bytes", 1.0), (0, 2, "bytes", 1.0), (0, 3, "near", 0.9))
    assert told(pairs) == [
        (1, "duplicate-exact", "the same bytes as train image '0.jpg'"),
        (2, "duplicate-exact", "the same bytes as train image '0.jpg'"),
        (3, "duplicate-near", "nearly the same picture as train image '0.jpg'"),
    ]


def test_the_same_pixels_count_as_exact() -> None:
    assert told(make(["train", "val"], (0, 1, "pixels", 1.0))) == [
        (1, "leak-exact", "the same pixels as train image '0.jpg'")
    ]


def test_the_strongest_counterpart_is_told() -> None:
    splits = ["train", "train", "train", "val"]
    pairs = make(splits, (0, 3, "near", 0.88), (1, 3, "near", 0.97), (2, 3, "pixels", 1.0))
    assert told(pairs) == [(3, "leak-exact", "the same pixels as train image '2.jpg'")]
    assert told(make(splits, (0, 3, "near", 0.88), (1, 3, "near", 0.97)))[0][2].endswith("'1.jpg'")


def test_copies_of_the_same_bytes_share_their_near_pairs() -> None:
    """Only the first of them was compared."""
    pairs = make(["val", "val", "train", "test"], (0, 1, "bytes", 1.0), (0, 2, "near", 0.9), (0, 3, "near", 0.9))
    assert [(row, rule) for row, rule, _ in told(pairs)] == [
        (0, "leak-near"),
        (1, "duplicate-exact"),
        (1, "leak-near"),
        (3, "leak-near"),
    ]


def test_a_copy_of_an_image_in_no_split_is_no_leak() -> None:
    assert told(make(["", "train", ""], (0, 1, "bytes", 1.0), (0, 2, "bytes", 1.0))) == []


def test_an_image_that_is_listed_twice_is_no_duplicate_but_leaks_across_splits() -> None:
    pairs = make(["train", "train", "val"], (0, 1, "bytes", 1.0), (0, 2, "bytes", 1.0))
    same = pairs.images.set_column(3, "file", pa.array(["/data/0.jpg"] * 3))
    assert [rule for _, rule, _ in told(similar.Pairs(pairs.table, same))] == ["leak-exact"]


def test_a_group_in_two_splits_leaks_where_nothing_stronger_does() -> None:
    pairs = make(["train", "val", "val", "test", "val"], (0, 1, "near", 0.9))
    assert told(pairs, ["clip", "clip", "clip", "clip", None]) == [
        (1, "leak-near", "nearly the same picture as train image '0.jpg'"),
        (2, "leak-group", "of the group 'clip' like train image '0.jpg'"),
        (3, "leak-group", "of the group 'clip' like train image '0.jpg'"),
    ]


def test_a_group_in_one_split_is_fine() -> None:
    assert told(make(["train", "train", "val", ""]), ["clip", "clip", None, "clip"]) == []


def test_ten_thousand_copies_are_told_at_once() -> None:
    pairs = make(["train"] * 5000 + ["val"] * 5000, *[(0, n, "bytes", 1.0) for n in range(1, 10000)])
    found = similar.leaks(pairs)
    assert found["rule"].value_counts().to_pylist() == [
        {"values": "duplicate-exact", "counts": 9998},
        {"values": "leak-exact", "counts": 5000},
    ]
