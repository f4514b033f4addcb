"""Near duplicates on real photographs: copies are found, and what only looks alike is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.bench import datasets_similar as bench
from workbench.datasets import similar
from workbench.datasets.similar import hashes, likeness, neighbours


def test_disjoint_parts_of_photographs_are_hardly_ever_paired(tmp_path: Path) -> None:
    """Of 2,032 parts; the few pairs are black but for the rim of the same eye."""
    found = bench.false_pairs(tmp_path)
    assert found["tiles"] >= 1500
    assert found["near, falsely"] <= bench.FALSE_PAIRS
    assert found["exact, falsely"] == 0
    assert found["flat"] < 0.1 * found["tiles"]


@pytest.mark.parametrize(("side", "flat"), [(256, 0.01), (128, 0.06)])
def test_copies_of_photographs_are_found(tmp_path: Path, side: int, flat: float) -> None:
    found = bench.recall(tmp_path, side)
    assert found.pop("flat") < flat
    assert found.keys() == bench.COPIES.keys()
    assert bench.misses({f"{side} px": found}) == []


def test_a_perceptual_hash_alone_would_pair_many_more(tmp_path: Path) -> None:
    """What the guard and the pixels are for."""
    thumbs = {tile.tobytes(): tile for _, tile in bench.tiles(64)}
    pictures = np.stack([bench.small(tile) for tile in thumbs.values()])
    prints = hashes.perceptual(pictures)
    guarded = np.flatnonzero(prints != hashes.FLAT)
    close = neighbours.within(prints[guarded], np.zeros(len(guarded), np.int64), 1000)
    like = likeness.likeness(pictures[guarded[close.first]], pictures[guarded[close.second]])
    assert len(close.first) > 100
    assert likeness.alike(like, close.bits).sum() <= bench.FALSE_PAIRS


def test_a_photograph_and_its_copies_across_splits_are_leaks(tmp_path: Path) -> None:
    photos = bench.photographs()
    files, splits = [], []
    for name in ("astronaut", "coffee", "china", "bus", "zidane"):
        for split, (pixels, quality) in (
            ("train", (photos[name], 95)),
            ("val", bench.COPIES["half size"](photos[name])),
        ):
            files.append(tmp_path / f"{split}-{name}.jpg")
            splits.append(split)
            bench.write(files[-1], pixels, quality)
    images = bench.listed(files, splits)
    issues = similar.leaks(similar.find(images)).to_pylist()
    assert [(row["rule"], row["path"]) for row in issues] == [
        ("leak-near", file.name) for file, split in zip(files, splits, strict=True) if split == "val"
    ]
    assert [row["detail"] for row in issues] == [
        f"nearly the same picture as train image 'train-{file.name[4:]}'" for file in files[1::2]
    ]
