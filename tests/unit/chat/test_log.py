"""The log of a conversation: appended under a lock, read on from where one was."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

import pytest

from workbench.chat import log as logs
from workbench.chat.log import FileLog, MemoryLog, backwards, delete
from workbench.errors import StorageError, UnknownNameError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "default-day.conversation.jsonl"


def put(log: FileLog | MemoryLog, *numbers: int) -> None:
    for number in numbers:
        with log.alone():
            log.append({"kind": "n", "n": number})


def read(log: FileLog | MemoryLog) -> list[int]:
    return [event["n"] for event in log.unread().events]


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_every_event_is_read_once_and_ones_own_count_as_read(path: Path, kind: str) -> None:
    log = FileLog(path) if kind == "file" else MemoryLog()
    assert read(log) == []
    put(log, 1, 2)
    assert read(log) == []
    if kind == "file":
        other = FileLog(path)
        put(other, 3)
        assert read(log) == [3]
        assert read(FileLog(path)) == [1, 2, 3]


def test_whoever_appends_has_read_what_others_appended(path: Path) -> None:
    first, second = FileLog(path), FileLog(path)
    put(first, 1)
    with second.alone() as news:
        assert [event["n"] for event in news.events] == [1]
        second.append({"kind": "n", "n": 2})
    assert read(first) == [2]


def test_nobody_reads_or_appends_while_somebody_appends(path: Path) -> None:
    put(FileLog(path), 1)
    entered, order = threading.Event(), []

    def other() -> None:
        entered.set()
        order.append(read(FileLog(path)))

    thread = threading.Thread(target=other)
    log = FileLog(path)
    with log.alone():
        thread.start()
        entered.wait()
        thread.join(0.1)
        assert order == []
        log.append({"kind": "n", "n": 2})
    thread.join()
    assert order == [[1, 2]]


def test_a_line_that_was_cut_is_not_read_and_the_next_writer_removes_it(path: Path) -> None:
    log = FileLog(path)
    put(log, 1)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"kind":"n","n":2}')  # also one that only lacks its end was never acknowledged
    assert read(FileLog(path)) == [1]
    put(log, 3)
    assert path.read_bytes() == whole + b'{"kind":"n","n":3}\n'
    assert read(FileLog(path)) == [1, 3]


def test_a_file_that_was_put_back_from_a_backup_is_read_from_its_start(path: Path) -> None:
    log = FileLog(path)
    put(log, 1, 2, 3)
    backup = path.read_bytes().splitlines(keepends=True)[0]
    path.write_bytes(backup)
    assert (news := log.unread()).anew
    assert [event["n"] for event in news.events] == [1]
    path.write_bytes(b'{"kind":"n","n":7}\n' * 20)
    assert (news := log.unread()).anew
    assert len(news.events) == 20
    assert not log.unread().anew


def test_a_log_that_was_deleted_stays_deleted(path: Path) -> None:
    log, late = FileLog(path), FileLog(path)
    put(log, 1)
    late.unread()
    delete(path)
    delete(path)
    for act in (log.unread, late.unread, lambda: put(log, 2), lambda: put(late, 2)):
        with pytest.raises(UnknownNameError, match="no longer there"):
            act()
    assert not path.exists()


def test_whoever_waits_for_a_log_that_is_deleted_meanwhile_does_not_append_to_nothing(path: Path) -> None:
    log, failed = FileLog(path), []
    put(log, 1)

    def wait() -> None:
        try:
            put(log, 2)
        except UnknownNameError as error:
            failed.append(error)

    thread = threading.Thread(target=wait)
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        thread.start()
        thread.join(0.1)
        path.unlink()
    thread.join()
    assert len(failed) == 1


def test_a_session_folder_that_is_gone_is_not_made_again(tmp_path: Path) -> None:
    log = FileLog(tmp_path / "gone" / "x.conversation.jsonl")
    assert read(log) == []
    with pytest.raises(UnknownNameError, match="'x'"):
        put(log, 1)
    assert not (tmp_path / "gone").exists()


def test_a_file_that_cannot_be_opened_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="Is a directory"):
        put(FileLog(tmp_path), 1)


def test_an_event_that_must_outlive_a_loss_of_power_is_synced(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    log = FileLog(path)
    put(log, 1)
    assert synced == []
    with log.alone():
        log.append({"kind": "n", "n": 2}, sync=True)
    assert len(synced) == 1


@pytest.mark.parametrize("block", [1, 7, 50, 1 << 16])
def test_a_log_is_read_backwards_in_blocks_of_any_size(path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(logs, "_BLOCK_BYTES", block)
    put(FileLog(path), *range(9))
    with path.open("ab") as file:
        file.write(b"damaged\n" + b'{"kind":"n","n":' + b"9" * 99)
    assert [event["n"] for event in backwards(path)] == list(range(8, -1, -1))
    path.write_bytes(b"")
    assert list(backwards(path)) == []
    path.unlink()
    assert list(backwards(path)) == []


def test_only_the_end_is_read_when_only_the_end_is_wanted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_BLOCK_BYTES", 100)
    put(FileLog(path), *range(300))
    read_bytes: list[int] = []
    pread = os.pread

    def counted(file: int, size: int, at: int) -> bytes:
        read_bytes.append(size)
        return pread(file, size, at)

    monkeypatch.setattr(os, "pread", counted)
    assert next(backwards(path))["n"] == 299
    assert sum(read_bytes) <= 200


def test_no_log_is_made_for_a_session_that_is_gone(path: Path) -> None:
    owner = path.with_name("default-day.json")
    owner.write_text("{}")
    log = FileLog(path, owner)
    assert read(log) == []
    owner.unlink()
    with pytest.raises(UnknownNameError), log.alone():
        pytest.fail("nothing may be appended")
    assert not path.exists()
    owner.write_text("{}")
    put(log, 1)
    owner.unlink()
    with pytest.raises(UnknownNameError):
        put(log, 2)
    assert read(FileLog(path)) == [1]
