"""Reading logs while they are written."""

from __future__ import annotations

from pathlib import Path

from workbench.metrics.log import EventLog
from workbench.metrics.tail import parse, read_events


def test_a_half_written_line_waits_until_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"at":1,"kind":"log","message":"one"}\n{"at":2,"kind":"log","mess')
    assert [event["message"] for event in read_events(tmp_path)] == ["one"]
    with path.open("ab") as file:
        file.write(b'age":"two"}\n')
    assert [event["message"] for event in read_events(tmp_path)] == ["one", "two"]


def test_events_of_several_writers_come_in_the_order_of_their_time(tmp_path: Path) -> None:
    for writer, times in (("b", (1.0, 4.0)), ("a", (2.0, 3.0))):
        for at in times:
            with EventLog(tmp_path, writer, clock=lambda at=at: at) as log:
                log.append("log")
    assert [(event["at"], event["writer"]) for event in read_events(tmp_path)] == [
        (1.0, "b"),
        (2.0, "a"),
        (3.0, "a"),
        (4.0, "b"),
    ]


def test_the_events_of_one_writer_keep_their_order_when_its_clock_was_set_back(tmp_path: Path) -> None:
    for writer, times in (("a", (5.0, 1.0, 2.0)), ("b", (3.0,))):
        for at in times:
            with EventLog(tmp_path, writer, clock=lambda at=at: at) as log:
                log.append("log")
    found = [(event["at"], event["writer"]) for event in read_events(tmp_path)]
    assert [at for at, writer in found if writer == "a"] == [5.0, 1.0, 2.0]
    assert len(found) == 4


def test_only_the_writers_that_were_asked_for_are_read(tmp_path: Path) -> None:
    for writer in ("ledger", "attempt-1", "train-1"):
        with EventLog(tmp_path, writer) as log:
            log.append("log")
    assert {event["writer"] for event in read_events(tmp_path, ("ledger", "attempt-*"))} == {"ledger", "attempt-1"}


def test_a_folder_that_is_not_there_yet_has_no_events(tmp_path: Path) -> None:
    assert read_events(tmp_path / "events") == []


def test_a_damaged_line_is_passed_over() -> None:
    data = b'{"at":1,"kind":"a"}\nnot json\n[1]\n{"kind":"no time"}\n\n\xff\xfe\n{"at":2,"kind":"b"}\n'
    assert [event["kind"] for event in parse(data)] == ["a", "b"]
