"""Signs of life."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from workbench.errors import StorageError
from workbench.processes import identify
from workbench.runs import heartbeat
from workbench.runs.heartbeat import Beat, Heart, read_beat


class Clock:
    """Stands in for the module ``time``: a machine whose clocks are set by hand."""

    def __init__(self) -> None:
        self.wall, self.steady = 1_000_000.0, 50.0

    def time(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.steady

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.wall += seconds
        self.steady += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(heartbeat, "time", made)
    return made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "attempts" / "1" / "heartbeat.json"


def beat_of(path: Path) -> Beat:
    found = read_beat(path)
    assert found is not None
    return found


def test_the_last_sign_says_what_is_done_where_and_by_whom(path: Path, clock: Clock) -> None:
    with Heart(path, polls=True) as heart:
        heart.beat("train", 2, 7)
    found = beat_of(path)
    assert (found.phase, found.epoch, found.batch, found.polls) == ("train", 2, 7, True)
    assert found.process == identify(os.getpid())
    assert found.here
    assert (found.at, found.host) == (clock.wall, os.uname().nodename)


def test_before_the_first_sign_there_is_none(path: Path, tmp_path: Path) -> None:
    assert read_beat(path) is None
    Heart(path).close()
    assert read_beat(path) is None
    for text in (b"{", b"[]", b'{"phase": "train"}', b'{"unknown": 1}'):
        (tmp_path / "torn").write_bytes(text)
        assert read_beat(tmp_path / "torn") is None


def test_signs_reach_the_disk_five_times_a_second_and_at_each_new_phase(path: Path, clock: Clock) -> None:
    with Heart(path) as heart:
        heart.beat("train", 1, 1)
        for batch in range(2, 6):
            clock.sleep(0.06)
            heart.beat("train", 1, batch)
        assert beat_of(path).batch == 5  # more than 0.2 s after the first
        clock.sleep(0.01)
        heart.beat("train", 1, 6)
        assert beat_of(path).batch == 5
        heart.beat("val", 1)
        assert beat_of(path).phase == "val"


def test_the_longest_gap_so_far_is_known_also_when_not_every_sign_is_written(path: Path, clock: Clock) -> None:
    with Heart(path) as heart:
        for gap_s in (30.0, 0.05, 0.1, 2.0):
            clock.sleep(gap_s)
            heart.beat("train")
    assert beat_of(path).longest_s == 30.0


def test_a_sign_ages_with_the_steady_clock_whatever_somebody_sets_the_other_one_to(path: Path, clock: Clock) -> None:
    with Heart(path) as heart:
        heart.beat("train")
    clock.sleep(3)
    for wall in (0.0, 5e9):
        clock.wall = wall
        assert beat_of(path).age_s() == 3.0


def test_a_night_in_which_the_machine_slept_does_not_count(path: Path, clock: Clock) -> None:
    with Heart(path) as heart:
        heart.beat("train")
    clock.wall += 8 * 3600  # the steady clock stood still
    assert beat_of(path).age_s() == 0.0


def test_a_sign_of_another_machine_or_boot_ages_by_the_time_of_day(path: Path, clock: Clock) -> None:
    with Heart(path) as heart:
        heart.beat("train")
    elsewhere = replace(beat_of(path), boot="another", monotonic=9e9)
    assert not elsewhere.here
    clock.sleep(7)
    assert elsewhere.age_s() == 7.0
    clock.wall = 0.0
    assert elsewhere.age_s() == 0.0


def test_a_new_sign_leaves_nothing_of_a_longer_one(path: Path, clock: Clock) -> None:
    with Heart(path) as heart:
        heart.beat("a long word for what is being done", 100, 100_000)
        size = path.stat().st_size
        heart.beat("val")
    assert (beat_of(path).phase, path.stat().st_size) == ("val", size)


def test_whoever_reads_while_it_is_written_sees_whole_signs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "_EVERY_S", 0.0)
    ended = threading.Event()

    def write() -> None:
        with Heart(path) as heart:
            number = 0
            while not ended.is_set():
                number += 1
                heart.beat("train", number % 2 * 100_000, number % 2 * 100_000)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        deadline = time.monotonic() + 5
        while read_beat(path) is None and time.monotonic() < deadline:
            time.sleep(0.001)
        found = [beat_of(path) for _ in range(300)]
    finally:
        ended.set()
        writer.join()
    assert {(beat.epoch, beat.batch) for beat in found} <= {(0, 0), (100_000, 100_000)}


def test_a_heart_without_a_place_to_write_is_a_storage_error() -> None:
    with pytest.raises(StorageError):
        Heart(Path("/dev/null/x/heartbeat.json"))
