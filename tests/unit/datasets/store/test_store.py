"""Objects get into the store whole or not at all."""

from __future__ import annotations

import hashlib
import resource
import sqlite3
import stat
import threading

import psutil
import pytest

from workbench.datasets.store import Store
from workbench.errors import StorageError

pytestmark = pytest.mark.slow


def test_an_object_lies_under_its_sha256_and_nobody_may_write_it(store, put):
    digest = put(b"a photograph")
    file = store.root / "objects" / digest[:2] / digest
    assert digest == hashlib.sha256(b"a photograph").hexdigest()
    assert file.read_bytes() == b"a photograph"
    assert stat.S_IMODE(file.stat().st_mode) & 0o222 == 0


def test_the_same_bytes_from_two_sources_are_one_object_that_both_sources_know(store, put):
    first, second = put(b"same", key=b"1" * 32), put(b"same", key=b"2" * 32)
    assert first == second
    assert store.usage().objects == 1
    assert store.find([b"1" * 32, b"2" * 32, b"3" * 32]) == {b"1" * 32: first, b"2" * 32: first}


def test_what_is_staged_is_not_there_before_it_is_published(store):
    with store.lease() as lease:
        staged = store.stage(lease, b"half way")
        assert not store.has(staged.sha256)
        store.publish(lease, [staged])
        assert store.has(staged.sha256)


def test_staging_from_many_threads_keeps_every_file(store):
    with store.lease() as lease:
        staged = []
        threads = [threading.Thread(target=lambda n=n: staged.append(store.stage(lease, b"%d" % n))) for n in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        store.publish(lease, staged)
    assert store.usage().objects == 20
    assert list(store.verify()) == []


def test_a_disk_that_refuses_a_write_midway_leaves_nothing_and_says_so(store):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with store.lease() as lease:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # the kernel takes 1000 bytes, then refuses
        try:
            with pytest.raises(
                StorageError, match=r"(?s)Could not write to the store.*free space.*what was fetched stays"
            ):
                store.stage(lease, bytes(5000))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert list(lease.scratch.iterdir()) == []


def test_a_store_where_a_file_is_in_the_way_says_so(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="Not a directory"):
        Store(tmp_path / "file" / "store")


def test_when_the_index_is_deleted_the_objects_are_found_again(store, put):
    digest = put(b"still here")
    for file in store.root.glob("index.db*"):
        file.unlink()
    again = Store(store.root)
    assert again.usage().objects == 1
    assert again.usage().bytes == len(b"still here")
    assert again.has(digest)


def test_a_damaged_index_is_named_and_said_to_be_disposable(store, put):
    put(b"x")
    for file in store.root.glob("index.db*"):
        file.unlink()
    (store.root / "index.db").write_bytes(b"no database at all, but long enough to have a header" * 100)
    with pytest.raises(StorageError, match=r"index of the store.*delete it: objects stay"):
        Store(store.root)


def test_an_index_whose_making_was_killed_is_made_again(store, put):
    put(b"an object")
    with sqlite3.connect(store.root / "index.db") as database:
        database.execute("PRAGMA user_version=0")
        database.execute("DELETE FROM objects")
    assert Store(store.root).usage().objects == 1


def test_verify_finds_the_object_whose_bytes_were_changed(store, put):
    put(b"right")
    digest = put(b"wrong soon")
    store.path(digest).chmod(0o644)
    store.path(digest).write_bytes(b"changed")
    assert list(store.verify()) == [digest]


def test_a_link_tells_its_object_even_after_eviction_and_other_files_tell_none(store, put, tmp_path):
    digest = put(b"x")
    (tmp_path / "link").symlink_to(store.path(digest))
    (tmp_path / "other").symlink_to(tmp_path / digest)
    (tmp_path / "plain").write_text("x")
    store.path(digest).unlink()
    assert store.digest_of(tmp_path / "link") == digest
    assert store.digest_of(tmp_path / "other") is None
    assert store.digest_of(tmp_path / "plain") is None


def test_an_object_without_a_file_counts_as_missing(store, put):
    digest = put(b"gone", key=b"k" * 32)
    store.path(digest).unlink()
    with store.lease() as lease:
        assert store.find([b"k" * 32]) == {b"k" * 32: digest}
        assert lease.hold([digest]) == set()


def test_many_thousand_keys_are_found_in_one_question(store):
    keys = [hashlib.sha256(b"%d" % n).digest() for n in range(2500)]
    digest = hashlib.sha256(b"x").hexdigest()
    store.catalogue.add([], [(key, digest) for key in keys])
    assert len(store.find(keys)) == 2500


def test_files_are_left_open_by_nobody(store, put):
    before = psutil.Process().num_fds()
    for number in range(5):
        put(b"%d" % number)
    store.sweep()
    store.evict(0)
    assert psutil.Process().num_fds() == before
