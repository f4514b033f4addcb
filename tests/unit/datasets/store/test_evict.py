"""Making room: what nobody has needed for longest goes first."""

from __future__ import annotations

import os
import time

import pytest

from workbench.datasets.store import Store

pytestmark = pytest.mark.slow


def _age(store: Store, digest: str, seconds: float) -> None:
    with store.catalogue._open() as database:
        database.execute(
            "UPDATE objects SET used_at = ? WHERE sha256 = ?", (time.time() - seconds, bytes.fromhex(digest))
        )


def test_what_nobody_has_needed_for_longest_goes_first(store, put):
    old, newer, newest = (put(letter * 100) for letter in (b"a", b"b", b"c"))
    for digest, age in ((old, 300), (newer, 200), (newest, 100)):
        _age(store, digest, age)
    evicted = store.evict(250)
    assert (evicted.objects, evicted.bytes_left) == (1, 200)
    assert [store.has(one) for one in (old, newer, newest)] == [False, True, True]


def test_what_was_held_again_counts_as_new(store, put):
    old, newer = put(b"a" * 100), put(b"b" * 100)
    _age(store, old, 300)
    _age(store, newer, 200)
    with store.lease() as lease:
        lease.hold([old])
    store.evict(150)
    assert store.has(old)
    assert not store.has(newer)


def test_below_its_bound_a_store_keeps_everything(store, put):
    put(b"a" * 100)
    assert store.evict(100).objects == 0
    assert store.usage().objects == 1


def test_room_is_made_for_more_than_the_next_object(store, put):
    for number in range(20):
        put(b"%03d" % number)
    assert store.evict(59).bytes_left == 51  # 90% of the bound is 53


def test_a_store_without_a_bound_evicts_nothing_by_itself(store, put):
    put(b"a" * 100)
    assert store.evict() is None


def test_a_store_evicts_to_its_own_bound(tmp_path, put, store):
    put(b"a" * 100)
    assert Store(store.root, bytes_max=50).evict().objects == 1


def test_an_object_whose_file_is_gone_already_does_not_disturb_eviction(store, put):
    digest = put(b"a" * 100)
    store.path(digest).unlink()
    assert store.evict(10).objects == 1
    assert store.usage().bytes == 0


def test_a_partial_object_is_swept_after_a_week_and_not_before(store):
    fresh, stale = store.folder("partial") / "fresh", store.folder("partial") / "stale"
    for file in (fresh, stale):
        file.write_bytes(bytes(8192))
    week_ago = time.time() - 8 * 86400
    os.utime(stale, (week_ago, week_ago))
    assert store.sweep() > 0
    assert fresh.exists()
    assert not stale.exists()


def test_a_living_jobs_scratch_is_not_swept(store):
    with store.lease() as lease:
        staged = store.stage(lease, b"half way")
        assert store.sweep() == 0
        store.publish(lease, [staged])
    assert store.has(staged.sha256)
