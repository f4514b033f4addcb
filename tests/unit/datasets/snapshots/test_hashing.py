"""A file is hashed once, and again only when it may have changed."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from workbench.datasets.snapshots import hashing
from workbench.datasets.snapshots.hashing import Stamp, stamp_all
from workbench.errors import DatasetError

HOUR_NS = 3_600_000_000_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that was written an hour ago."""
    path = tmp_path / "a.jpg"
    path.write_bytes(b"pixels")
    age(path, HOUR_NS)
    return path


def age(path: Path, by_ns: int) -> None:
    then = time.time_ns() - by_ns
    os.utime(path, ns=(then, then))


def stamp(path: Path, known: Stamp | None = None) -> Stamp:
    (found,) = stamp_all([str(path)], {str(path): known} if known else {})
    return found


def test_a_stamp_says_size_time_and_content(file: Path) -> None:
    found = stamp(file)
    stat = file.stat()
    assert (found.size, found.mtime_ns, found.inode) == (6, stat.st_mtime_ns, stat.st_ino)
    assert found.sha256 == hashlib.sha256(b"pixels").digest()


def test_a_file_that_is_as_it_was_is_not_read(file: Path) -> None:
    trusted = Stamp(6, file.stat().st_mtime_ns, file.stat().st_ino, b"\0" * 32)
    assert stamp(file, trusted) is trusted


@pytest.mark.parametrize("change", ["size", "time", "inode"])
def test_a_file_that_differs_in_anything_is_read_again(file: Path, change: str) -> None:
    before = stamp(file)
    if change == "size":
        then = file.stat().st_mtime_ns
        file.write_bytes(b"more pixels")
        os.utime(file, ns=(then, then))
    elif change == "time":
        file.write_bytes(b"PIXELS")
    else:
        other = file.with_name("b.jpg")
        other.write_bytes(b"PIXELS")
        os.utime(other, ns=(before.mtime_ns, before.mtime_ns))
        other.replace(file)
    assert stamp(file, before).sha256 == hashlib.sha256(file.read_bytes()).digest() != before.sha256


def test_a_file_that_was_just_written_is_not_trusted_next_time(file: Path) -> None:
    """It could be written again within the same tick of the clock."""
    age(file, 0)
    before = stamp(file)
    assert before.inode == 0
    then = file.stat().st_mtime_ns
    file.write_bytes(b"PIXELS")
    os.utime(file, ns=(then, then))
    assert stamp(file, before).sha256 == hashlib.sha256(b"PIXELS").digest()


def test_the_bytes_of_small_files_are_kept_where_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "KEPT_BYTES", 10)
    files = [tmp_path / name for name in ("label.txt", "long.txt", "image.jpg")]
    for path, size in zip(files, (10, 11, 3), strict=True):
        path.write_bytes(b"x" * size)
    found = stamp_all([str(path) for path in files], {}, [True, True, False])
    assert [one.content for one in found] == [b"x" * 10, None, None]
    assert [one.size for one in found] == [10, 11, 3]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"gone\.jpg' cannot be read: No such file"):
        stamp(tmp_path / "gone.jpg")


def test_a_file_that_never_stops_changing_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fstat

    def written_meanwhile(number: int) -> os.stat_result:
        with file.open("ab") as stream:
            stream.write(b".")
        return real(number)

    monkeypatch.setattr(hashing.os, "fstat", written_meanwhile)
    with pytest.raises(DatasetError, match="changes while it is read"):
        stamp(file)


def test_many_files_keep_their_order(tmp_path: Path) -> None:
    files = []
    for index in range(600):
        path = tmp_path / f"{index}.txt"
        path.write_text(str(index))
        files.append(str(path))
    assert [one.sha256 for one in stamp_all(files, {})] == [
        hashlib.sha256(str(index).encode()).digest() for index in range(600)
    ]
