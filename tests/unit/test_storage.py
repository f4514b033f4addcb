"""Bytes on disk."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from pathlib import Path

import pytest

from workbench import storage
from workbench.errors import StorageError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_put_makes_the_folder_and_replaces_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.json"
    storage.put_json(path, {"x": 1})
    storage.put_json(path, {"x": 2})
    assert storage.get_json(path) == {"x": 2}
    assert names(path.parent) == ["b.json"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_put_that_fails_keeps_the_old_file_and_leaves_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    path = tmp_path / "a.bin"
    storage.put(path, b"old")

    def fail(_file: int) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match=os.strerror(number)) as caught:
        storage.put(path, b"new")
    assert caught.value.fields == {"path": str(path), "errno": number}
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


def test_a_put_under_a_file_is_a_storage_error() -> None:
    with pytest.raises(StorageError, match=r"/dev/null/x/a\.bin"):
        storage.put(Path("/dev/null/x/a.bin"), b"x")


def test_a_read_only_disk_is_a_storage_error_even_while_tidying(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, *_args: object, **_options: object) -> None:
        raise OSError(errno.EROFS, "read-only")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(StorageError, match="Read-only"):
        storage.put(tmp_path / "a.bin", b"x")


def test_an_error_of_the_block_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    storage.put(path, b"old")
    with pytest.raises(KeyboardInterrupt), storage.replacing(path) as temporary:  # noqa: PT012
        temporary.write_bytes(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


def test_two_threads_that_put_the_same_file_leave_one_of_their_files(tmp_path: Path) -> None:
    path, problems = tmp_path / "a.bin", []

    def put(letter: bytes) -> None:
        try:
            for _ in range(30):
                storage.put(path, letter * 10_000)
        except StorageError as error:
            problems.append(error)

    threads = [threading.Thread(target=put, args=(letter,)) for letter in (b"a", b"b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert path.read_bytes() in {b"a" * 10_000, b"b" * 10_000}


def test_a_link_shares_the_bytes_and_replaces_the_old_one(tmp_path: Path) -> None:
    source, target = tmp_path / "last.pt", tmp_path / "run" / "last.pt"
    for content in (b"one", b"two"):
        storage.put(source, content)
        storage.link(source, target)
        assert target.read_bytes() == content
        assert target.stat().st_ino == source.stat().st_ino
    storage.link(source, target)
    assert names(target.parent) == ["last.pt"]


def test_a_file_system_without_links_gets_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_paths: object) -> None:
        raise OSError(errno.EPERM, "no links")

    monkeypatch.setattr(os, "link", refuse)
    storage.put(tmp_path / "a", b"x")
    storage.link(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"x"


@pytest.mark.parametrize("content", [b"", b"{", b"\xff"])
def test_a_damaged_json_file_is_a_storage_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(StorageError, match=r"a\.json"):
        storage.get_json(path)
    with pytest.raises(StorageError):
        storage.get_json(tmp_path / "missing.json")


def test_a_hash_counts_every_byte(tmp_path: Path) -> None:
    data = os.urandom((1 << 20) + 3)
    (tmp_path / "a").write_bytes(data)
    counted: list[int] = []
    assert storage.sha256(tmp_path / "a", counted.append) == hashlib.sha256(data).hexdigest()
    assert sum(counted) == len(data)


def test_sizes_count_files_below_and_links_as_themselves(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    storage.put(folder / "x" / "big", b"0" * 1000)
    storage.put(folder / "small", b"0" * 10)
    other = tmp_path / "elsewhere"
    storage.put(other / "huge", b"0" * 100_000)
    (folder / "link").symlink_to(other)
    length = len(str(other))
    assert storage.bytes_total(folder) == 1010 + length
    assert storage.bytes_total(folder / "small") == 10
    assert storage.bytes_total(tmp_path / "nothing") == 0


def test_a_file_that_goes_while_it_is_counted_counts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage.put(tmp_path / "a" / "x", b"0" * 10)
    real = os.walk
    monkeypatch.setattr(os, "walk", lambda path: [(root, dirs, [*files, "gone"]) for root, dirs, files in real(path)])
    assert storage.bytes_total(tmp_path / "a") == 10


def test_a_removed_folder_is_gone_with_all_in_it(tmp_path: Path) -> None:
    storage.put(tmp_path / "a" / "b" / "c", b"x")
    storage.remove(tmp_path / "a")
    assert names(tmp_path) == []


def test_removing_takes_no_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is when things are removed: nothing may be made for it."""
    storage.put(tmp_path / "a" / "b", b"x")

    def full(*_args: object, **_options: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "mkdir", full)
    storage.remove(tmp_path / "a")
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_removed_is_a_storage_error_and_leaves_no_bin(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        storage.remove(tmp_path / "nothing")
    assert names(tmp_path) == []
