"""Whoever watches a run gets each of its events once, and can go on where it left off."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import RequestError, StorageError
from workbench.metrics.log import EventLog
from workbench.metrics.subscribe import Cursor, Follower, Received, subscribe
from workbench.metrics.tail import Event

pytestmark = pytest.mark.slow


def yes() -> bool:
    return True


def note(folder: Path, writer: str, *messages: object, at: float = 1.0) -> None:
    with EventLog(folder, writer, clock=lambda: at) as log:
        for message in messages:
            log.append("log", message=message)


async def _collect(folder: Path, limit: int | None, **options: Any) -> list[Received]:
    found = []
    async for received in subscribe(folder, **{"poll_s": 0.005, **options}):
        found.append(received)
        if len(found) == limit:
            break
    return found


def collect(folder: Path, limit: int | None = None, **options: Any) -> list[Received]:
    """Return what a subscription yields until ``limit`` events, or until it ends."""
    return asyncio.run(asyncio.wait_for(_collect(folder, limit, **options), timeout=10))


def messages(found: list[Received]) -> list[object]:
    return [received.event["message"] for received in found]


def test_a_subscription_that_is_told_of_the_end_yields_what_is_there_and_ends(tmp_path: Path) -> None:
    note(tmp_path, "ledger", "one", "two")
    assert messages(collect(tmp_path, until=yes)) == ["one", "two"]


def test_what_is_written_just_before_the_end_is_still_yielded(tmp_path: Path) -> None:
    def ends_with_a_last_word() -> bool:
        note(tmp_path, "train-1", "last")
        return True

    assert messages(collect(tmp_path, until=ends_with_a_last_word)) == ["last"]


def test_events_that_come_later_and_writers_that_come_later_are_found(tmp_path: Path) -> None:
    folder = tmp_path / "events"

    async def watch() -> list[object]:
        watching = asyncio.create_task(_collect(folder, 3))
        await asyncio.sleep(0.02)
        note(folder, "ledger", "one")
        await asyncio.sleep(0.02)
        note(folder, "train-1", "two")
        await asyncio.sleep(0.02)
        note(folder, "ledger", "three")
        return messages(await asyncio.wait_for(watching, timeout=5))

    assert asyncio.run(watch()) == ["one", "two", "three"]


def test_a_subscription_goes_on_after_any_event_it_yielded(tmp_path: Path) -> None:
    note(tmp_path, "a", 1, 4, at=1.0)
    note(tmp_path, "b", 2, 5, at=2.0)
    everything = collect(tmp_path, until=yes)
    assert len(everything) == 4
    for place, received in enumerate(everything):
        rest = collect(tmp_path, after=str(received.cursor), until=yes)
        assert messages(rest) == messages(everything[place + 1 :])


def test_events_of_several_writers_come_in_the_order_of_their_time(tmp_path: Path) -> None:
    for at in (1.0, 3.0):
        note(tmp_path, "z", f"z{at}", at=at)
        note(tmp_path, "a", f"a{at}", at=at + 1)
    assert messages(collect(tmp_path, until=yes)) == ["z1.0", "a1.0", "z3.0", "a3.0"]


def test_each_writers_events_keep_their_order_when_its_clock_was_set_back(tmp_path: Path) -> None:
    for at in (5.0, 1.0, 2.0):
        note(tmp_path, "a", at, at=at)
    note(tmp_path, "b", "b", at=3.0)
    found = collect(tmp_path, until=yes)
    assert [message for message in messages(found) if message != "b"] == [5.0, 1.0, 2.0]
    assert len(found) == 4


def test_a_line_still_being_written_waits_until_it_is_whole(tmp_path: Path) -> None:
    path, follower = tmp_path / "a.jsonl", Follower(tmp_path)
    path.write_bytes(b'{"at":1,"kind":"log","message":"one"}\n{"at":2,"kind":"log","mess')
    assert [event["message"] for event in follower.poll()] == ["one"]
    assert list(follower.poll()) == []
    with path.open("ab") as file:
        file.write(b'age":"two"}\n')
    assert [event["message"] for event in follower.poll()] == ["two"]
    assert list(follower.poll()) == []


def test_damaged_lines_are_passed_over_once(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'\0\0\0\n{"at":null,"kind":"log","message":"odd"}\n[1]\n{"at":2}\n{torn\n')
    note(tmp_path, "b", "good")
    follower = Follower(tmp_path)
    assert {event["message"] for event in follower.poll()} == {"odd", "good"}
    assert follower.cursor.offsets["a"] == (tmp_path / "a.jsonl").stat().st_size


def test_a_log_that_was_replaced_by_a_shorter_one_is_read_from_its_start(tmp_path: Path) -> None:
    note(tmp_path, "a", "old", "older")
    follower = Follower(tmp_path)
    assert len(list(follower.poll())) == 2
    (tmp_path / "a.jsonl").unlink()
    note(tmp_path, "a", "new")
    assert [event["message"] for event in follower.poll()] == ["new"]
    assert [event["message"] for event in Follower(tmp_path, "a:99999").poll()] == ["new"]


def test_only_the_kinds_and_scopes_that_were_asked_for_are_yielded(tmp_path: Path) -> None:
    with EventLog(tmp_path, "train-1") as log:
        log.append("metrics", step=1, scope="batch", values={"loss": 1.0})
        log.append("metrics", step=1, scope="epoch", values={"loss": 2.0})
        log.append("state", state="running")
    found = collect(tmp_path, kinds=("metrics",), scopes=("epoch",), until=yes)
    assert [received.event["values"] for received in found] == [{"loss": 2.0}]
    kinds = [received.event["kind"] for received in collect(tmp_path, scopes=("epoch",), until=yes)]
    assert kinds == ["metrics", "state"]


def _peak_bytes(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_long_log_is_read_in_bounded_memory(tmp_path: Path) -> None:
    line = b'{"at":1,"kind":"log","message":"' + b"x" * 1000 + b'"}\n'
    (tmp_path / "a.jsonl").write_bytes(line * 8000)
    count = []
    assert _peak_bytes(lambda: count.append(sum(1 for _ in Follower(tmp_path).poll()))) < 2_000_000  # of 8 MB
    assert count == [8000]


def test_zeros_that_a_power_cut_left_are_passed_over_in_bounded_memory(tmp_path: Path) -> None:
    with (tmp_path / "a.jsonl").open("wb") as file:
        file.truncate(100 << 20)
        file.seek(100 << 20)
        file.write(b"\n")
    note(tmp_path, "a", "after")
    found: list[Event] = []
    assert _peak_bytes(lambda: found.extend(Follower(tmp_path).poll())) < 50_000_000
    assert [event["message"] for event in found] == ["after"]


def test_an_event_longer_than_a_chunk_is_one_event(tmp_path: Path) -> None:
    note(tmp_path, "a", "x" * 1_000_000, "next")
    assert [len(event["message"]) for event in Follower(tmp_path).poll()] == [1_000_000, 4]


def test_others_have_their_turn_while_a_long_log_is_passed_over(tmp_path: Path) -> None:
    note(tmp_path, "a", *range(20_000))
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def watch() -> None:
        turning = asyncio.create_task(other())
        assert [received async for received in subscribe(tmp_path, kinds=("state",), until=yes)] == []
        turning.cancel()

    asyncio.run(watch())
    assert turns >= 19


def test_whoever_says_the_end_is_not_asked_at_every_look(tmp_path: Path) -> None:
    asked: list[float] = []

    def after_a_while() -> bool:
        asked.append(time.monotonic())
        return len(asked) == 2

    assert collect(tmp_path, poll_s=0.002, until=after_a_while) == []
    assert 0.2 < asked[1] - asked[0] < 2


@pytest.mark.parametrize(
    "text", ["train-1", "train-1:", ":5", "train-1:-5", "train-1:x", "a:1,,b:2", "a:1,a:2", "a:1 ", "a:٣", "\n"]
)
def test_a_wrong_cursor_is_refused_with_its_text(tmp_path: Path, text: str) -> None:
    with pytest.raises(RequestError, match="is no cursor") as caught:
        Follower(tmp_path, text)
    assert caught.value.expected
    assert caught.value.todo
    assert caught.value.fields["cursor"] == text


@pytest.mark.parametrize("writer", ["train-2.4711", "훈련-1", "a:b,c", "with space"])
def test_a_cursor_is_printable_ascii_and_reads_back(writer: str) -> None:
    cursor = Cursor({writer: 10, "ledger": 0})
    assert str(cursor).isascii()
    assert str(cursor).isprintable()
    assert " " not in str(cursor)
    assert Cursor.parse(str(cursor)) == cursor
    assert Cursor.parse("") == Cursor()


def test_a_log_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").mkdir()
    with pytest.raises(StorageError, match=r"Could not read .*a\.jsonl"):
        list(Follower(tmp_path).poll())
    (tmp_path / "events").write_bytes(b"")
    with pytest.raises(StorageError, match=r"Could not read .*events"):
        list(Follower(tmp_path / "events").poll())
