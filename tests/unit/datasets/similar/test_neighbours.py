"""Hashes that differ in few bits are found, all of them, without comparing all with all."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from workbench.datasets.similar import neighbours

pytestmark = pytest.mark.slow

Hashes = NDArray[np.uint64]


def compare_all(hashes: Hashes, radius: int) -> set[tuple[int, int]]:
    bits = np.bitwise_count(hashes[:, None] ^ hashes[None])
    return {(int(a), int(b)) for a, b in zip(*np.nonzero(np.triu(bits <= radius, 1)), strict=True)}


def flipped(hashes: Hashes, rng: np.random.Generator, count: int) -> Hashes:
    """Return the hashes with ``count`` bits of each turned over."""
    found = hashes.copy()
    for index in range(len(found)):
        for bit in rng.choice(64, count, replace=False):
            found[index] ^= np.uint64(1) << np.uint64(bit)
    return found


def search(hashes: Hashes, keep: int = 1000) -> set[tuple[int, int]]:
    found = neighbours.within(hashes, np.zeros(len(hashes), np.int64), keep)
    return set(zip(found.first.tolist(), found.second.tolist(), strict=True))


@pytest.mark.parametrize("bits", [0, 1, 11, 12])
def test_every_pair_within_twelve_bits_is_found(bits: int) -> None:
    rng = np.random.default_rng(bits)
    base = rng.integers(0, 2**64, 150, dtype=np.uint64)
    hashes = np.concatenate([base, flipped(base, rng, bits)])
    wanted = compare_all(hashes, neighbours.RADIUS)
    assert {(n, n + 150) for n in range(150)} <= wanted
    assert search(hashes) == wanted


def test_three_bits_in_each_band_are_found_too() -> None:
    """The one way that twelve bits can lie that two bits a band do not cover."""
    spread = sum(0b111 << (16 * band) for band in range(4))
    hashes = np.array([0x0123_4567_89AB_CDEF, 0x0123_4567_89AB_CDEF ^ spread], np.uint64)
    assert search(hashes) == {(0, 1)}


def test_thirteen_bits_are_too_many() -> None:
    rng = np.random.default_rng(0)
    base = rng.integers(0, 2**64, 50, dtype=np.uint64)
    assert search(np.concatenate([base, flipped(base, rng, 13)])) == compare_all(base, neighbours.RADIUS) == set()


def test_the_bits_that_differ_are_told() -> None:
    found = neighbours.within(np.array([0, 0b1011, 2**63], np.uint64), np.zeros(3, np.int64))
    pairs = zip(found.first.tolist(), found.second.tolist(), found.bits.tolist(), strict=True)
    assert list(pairs) == [(0, 1, 3), (0, 2, 1), (1, 2, 4)]


def test_in_a_cluster_each_keeps_its_nearest_of_both_sides() -> None:
    rng = np.random.default_rng(0)
    cluster = flipped(np.full(60, 0xF0F0_1234_5678_9ABC, np.uint64), rng, 2)
    sides = np.arange(60) % 2
    found = neighbours.within(cluster, sides, keep=3)
    apart = sides[found.first] != sides[found.second]
    for kind in (apart, ~apart):
        met = set(found.first[kind].tolist()) | set(found.second[kind].tolist())
        assert met == set(range(60))
    assert len(found.first) < 60 * 6
    assert not found.sampled


def test_a_crowd_of_equals_is_sampled_and_still_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "_CROWD", 8)
    found = neighbours.within(np.full(300, 99, np.uint64), np.zeros(300, np.int64), keep=4)
    assert found.sampled
    assert set(found.first.tolist()) | set(found.second.tolist()) == set(range(300))


def test_beside_a_crowd_every_other_pair_is_still_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A camera that stands still for hours must not hide a leak elsewhere, nor one copy of its own frames."""
    monkeypatch.setattr(neighbours, "_SERVED", 20)
    rng = np.random.default_rng(0)
    camera = flipped(np.full(300, 0xF0F0_1234_5678_9ABC, np.uint64), rng, 2)
    base = rng.integers(0, 2**64, 60, dtype=np.uint64)
    edge = flipped(camera[:1], rng, 8)
    hashes = rng.permutation(np.concatenate([camera, base, flipped(base, rng, 9), edge]))
    crowd = np.bitwise_count(hashes ^ np.uint64(0xF0F0_1234_5678_9ABC)) <= 4
    found = neighbours.within(hashes, np.zeros(len(hashes), np.int64), keep=8)
    pairs = set(zip(found.first.tolist(), found.second.tolist(), strict=True))
    assert found.sampled
    alone = {(a, b) for a, b in compare_all(hashes, neighbours.RADIUS) if not (crowd[a] or crowd[b])}
    assert len(alone) >= 60
    assert alone <= pairs
    assert {index for pair in pairs for index in pair} == set(range(len(hashes)))


def test_comparing_in_small_parts_finds_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    hashes = flipped(np.repeat(rng.integers(0, 2**64, 20, dtype=np.uint64), 5), rng, 3)
    whole = search(hashes)
    monkeypatch.setattr(neighbours, "_CHUNK", 7)
    monkeypatch.setattr(neighbours, "_POOL", 20)
    assert search(hashes) == whole == compare_all(hashes, neighbours.RADIUS)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_to_compare_are_no_pairs(count: int) -> None:
    assert search(np.zeros(count, np.uint64)) == set()
