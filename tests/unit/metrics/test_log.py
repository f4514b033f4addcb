"""The event log of one writer."""

from __future__ import annotations

import errno
import math
import os
from pathlib import Path

import orjson
import pytest

from workbench.errors import StorageError
from workbench.metrics.encode import number, numbers
from workbench.metrics.log import EventLog
from workbench.metrics.tail import read_events, values


def lines(log: EventLog) -> list[bytes]:
    return log.path.read_bytes().splitlines()


def test_an_event_is_one_line_of_json_with_time_and_kind(tmp_path: Path) -> None:
    with EventLog(tmp_path / "events", "ledger", clock=lambda: 12.5) as log:
        log.append("state", state="queued")
    assert lines(log) == [b'{"at":12.5,"kind":"state","state":"queued"}']


def test_an_event_is_there_for_readers_before_the_log_is_closed(tmp_path: Path) -> None:
    log = EventLog(tmp_path, "a")
    log.append("log", message="x")
    assert len(lines(log)) == 1
    log.close()


def test_a_second_writer_of_the_same_name_appends(tmp_path: Path) -> None:
    for name in ("one", "two"):
        with EventLog(tmp_path, "a") as log:
            log.append("log", message=name)
    assert [event["message"] for event in read_events(tmp_path)] == ["one", "two"]


def test_a_torn_line_is_closed_so_that_only_it_is_lost(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"at":1,"kind":"log","message":"whole"}\n{"at":2,"kin')
    with EventLog(tmp_path, "a", clock=lambda: 3.0) as log:
        log.append("log", message="after")
    assert [event["message"] for event in read_events(tmp_path)] == ["whole", "after"]


def test_a_whole_log_gets_no_extra_line(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"at":1,"kind":"log"}\n')
    EventLog(tmp_path, "a").close()
    assert (tmp_path / "a.jsonl").read_bytes() == b'{"at":1,"kind":"log"}\n'


def test_numbers_that_json_has_not_travel_as_words(tmp_path: Path) -> None:
    with EventLog(tmp_path, "a") as log:
        log.append("metrics", step=1, values=numbers({"nan": math.nan, "up": math.inf, "down": -math.inf, "one": 1}))
    assert orjson.loads(lines(log)[0])["values"] == {"nan": "NaN", "up": "Infinity", "down": "-Infinity", "one": 1.0}
    back = values(read_events(tmp_path)[0])
    assert math.isnan(back["nan"])
    assert (back["up"], back["down"], back["one"]) == (math.inf, -math.inf, 1.0)


def test_a_finite_number_stays_itself() -> None:
    assert number(0.1) == 0.1


def test_a_disk_that_takes_half_a_line_loses_only_that_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk fills up in the middle of a line, somebody frees space, and the same writer goes on."""
    real, full = os.write, [False]

    def write(file: int, data: bytes) -> int:
        if not full[0]:
            return real(file, data)
        if len(data) > 10:
            return real(file, data[:10])
        raise OSError(errno.ENOSPC, "full")

    log = EventLog(tmp_path, "a")
    monkeypatch.setattr(os, "write", write)
    log.append("log", message="before")
    full[0] = True
    with pytest.raises(StorageError, match="No space left"):
        log.append("log", message="cut")
    full[0] = False
    log.append("log", message="after")
    assert [event["message"] for event in read_events(tmp_path)] == ["before", "after"]


def test_a_write_in_pieces_gives_a_whole_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda file, data: real(file, data[:7]))
    with EventLog(tmp_path, "a") as log:
        log.append("log", message="a message of several pieces")
    assert read_events(tmp_path)[0]["message"] == "a message of several pieces"


def test_a_folder_that_cannot_be_made_is_a_storage_error() -> None:
    with pytest.raises(StorageError, match="/dev/null/x"):
        EventLog(Path("/dev/null/x"), "a")


def test_a_closed_log_takes_no_more_events(tmp_path: Path) -> None:
    log = EventLog(tmp_path, "a")
    log.close()
    log.close()
    with pytest.raises(StorageError):
        log.append("log", message="late")
