"""Paths that may come in, what is fetched in one go, what is said of progress and of failures."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from workbench.datasets.remote.entries import Entry, fault, is_hidden, is_metadata
from workbench.datasets.remote.failures import ChangedError, describe, may_pass
from workbench.datasets.remote.moved import Meter, Moved, clock, measure
from workbench.datasets.remote.transport import TRIES, persist
from workbench.datasets.remote.units import BLOCK_BYTES, GAP_BYTES, divide, stretches
from workbench.errors import DatasetError, StorageError

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "path",
    [
        *("../a.jpg", "a/../../b.jpg", "/etc/passwd", "a//b.jpg", "a/./b.jpg", "", "a\0b", "a\\..\\b", "a\nb"),
        *("x" * 256, "é" * 128, "/".join(["x" * 200] * 11), "a/"),
    ],
)
def test_a_path_that_could_do_harm_is_refused(path):
    assert fault(path)


@pytest.mark.parametrize(
    "path", ["a.jpg", "images/고양이 1.jpg", "a/..b/c..d.jpg", "x" * 255, "<b>.jpg", "'; DROP.png"]
)
def test_a_path_that_is_only_unusual_is_taken(path):
    assert fault(path) == ""


def test_readers_get_labels_and_lists_first_and_images_later():
    assert all(map(is_metadata, ("data.yaml", "a/B.TXT", "x.json", "x.ndjson", "x.xml", "x.csv", "x.parquet")))
    assert not any(map(is_metadata, ("a.jpg", "a.PNG", "a.npy", "a.zip", "txt")))
    assert is_hidden("a/.git/x")
    assert not is_hidden("a.b/c")


def _member(number: int, offset: int, size: int = 1000, place: str = "s") -> Entry:
    return Entry(f"{number}", place, size=size, sha256=hashlib.sha256(b"%d" % number).hexdigest(), offset=offset)


def test_members_of_a_shard_with_small_gaps_are_read_as_one_stretch():
    members = [_member(0, 0), _member(1, 1512), _member(2, 2512 + GAP_BYTES), _member(3, 3513 + 2 * GAP_BYTES)]
    found = stretches(members)
    assert [(one.start, one.end, len(one.entries)) for one in found] == [
        (0, 3512 + GAP_BYTES, 3),
        (3513 + 2 * GAP_BYTES, 4513 + 2 * GAP_BYTES, 1),
    ]


def test_members_with_the_same_bytes_are_read_once():
    assert [(one.start, one.end) for one in stretches([_member(0, 0), _member(1, 0), _member(2, 0)])] == [(0, 1000)]


def test_a_shard_is_divided_into_blocks_that_are_the_same_in_every_job():
    members = [_member(number, number * (BLOCK_BYTES // 4)) for number in range(8)]
    units = [unit for some in divide(members).values() for unit in some]
    assert sorted(len(unit.entries) for unit in units) == [4, 4]
    later = [unit for some in divide(members[5:]).values() for unit in some]
    assert {unit.stripe for unit in later} < {unit.stripe for unit in units}


def test_another_version_of_an_object_has_another_key():
    keys = {Entry("a", place, etag, size).key for place in "xy" for etag in ("1", "2") for size in (1, 2)}
    assert len(keys) == 8
    assert Entry("a", "x", "1", 1).key == Entry("elsewhere/b", "x", "1", 1).key


def test_rate_and_time_left_come_from_what_the_network_moved():
    moved = Moved(files=3, files_total=10, bytes=600, bytes_total=1000, bytes_moved=200, seconds=4.0)
    assert moved.rate == 50.0
    assert moved.eta_s == 8.0
    assert Moved(0, 5, 0, 100, 0, 0.0).eta_s is None
    assert Moved(5, 5, 100, 100, 0, 1.0).eta_s == 0.0


def test_the_line_says_files_bytes_rate_and_time_left():
    line = Moved(1200, 4000, 1_200_000_000, 3_900_000_000, 850_000_000, 10.0).line()
    assert line == "[######              ] 1,200 of 4,000 files, 1.2 of 3.9 GB, 85.0 MB/s, 0:32 left"
    assert Moved(0, 4, 0, 4000, 0, 1.0).line().endswith("0 B of 4.0 kB, 0 B/s, time left unknown")
    assert Moved(4, 4, 4000, 4000, 0, 1.0).line().endswith("4.0 of 4.0 kB, 0 B/s, took 0:01")
    assert Moved(1, 2, 0, 0, 0, 1.0).line().startswith("[##########          ]")


def test_sizes_and_spans_are_for_people():
    assert [measure(size) for size in (0, 999, 1000, 10**15)] == ["0 B", "999 B", "1.0 kB", "1000.0 TB"]
    assert [clock(seconds) for seconds in (0, 59.6, 3900)] == ["0:00", "1:00", "1:05:00"]


def test_progress_is_told_ten_times_a_second_at_most():
    seen = []
    meter = Meter(1000, 1000, seen.append, every_s=60)
    for _ in range(1000):
        meter.moved(1)
    assert len(seen) == 1
    meter.tell()
    assert seen[-1].bytes == 1000


class StatusError(Exception):
    """What aiohttp raises: an error with a status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (ConnectionResetError("x"), True),
        (TimeoutError("x"), True),
        (OSError(5, "EIO"), True),
        (FileNotFoundError("x"), False),
        (PermissionError("x"), False),
        (ChangedError("x"), False),
        (StorageError("full"), False),
        (StatusError(404), False),
        (StatusError(429), True),
        (ValueError("a bug"), False),
    ],
)
def test_only_what_may_pass_is_tried_again(error, again):
    assert may_pass(error) is again


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileNotFoundError("x"), "There is nothing at"),
        (StatusError(404), "There is nothing at"),
        (StatusError(403), "may not be read: status 403."),
        (PermissionError("key unknown."), "may not be read: key unknown."),
        (ConnectionRefusedError("refused"), "does not answer: refused."),
        (ChangedError("2 bytes instead of 3"), "changed while it was read (2 bytes instead of 3)."),
        (ValueError("odd"), "could not be read: odd."),
    ],
)
def test_every_failure_is_said_in_three_beats_with_the_address(error, said):
    told = describe(error, "s3://bucket/x")
    assert said in told.happened
    assert "s3://bucket/x" in told.happened
    assert told.expected
    assert told.todo


def test_missing_credentials_are_named_with_the_variables_to_set():
    told = describe(type("NoCredentialsError", (Exception,), {})("Unable to locate"), "s3://bucket")
    assert "No credentials" in told.happened
    assert "AWS_ACCESS_KEY_ID" in told.todo


def test_trying_again_waits_longer_each_time_and_ends():
    waits, tries = [], []

    async def pause(seconds: float) -> None:
        waits.append(seconds)

    async def work() -> None:
        tries.append(1)
        raise TimeoutError("slow")

    with pytest.raises(DatasetError, match="does not answer: slow"):
        asyncio.run(persist(work, "s3://bucket", pause))
    assert len(tries) == TRIES
    assert len(waits) == TRIES - 1
    assert waits[-1] > waits[0]
