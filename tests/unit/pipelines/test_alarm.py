"""When the worker asks the server, and which of the waiting flow runs it starts."""

from __future__ import annotations

import math
import os
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pipelines.alarm import LEAD_S, Alarm, choose

NOW = 1_800_000_000.0


class Clocks:
    """Two clocks: one that counts intervals, and the time of day."""

    def __init__(self) -> None:
        self.seconds, self.day = 0.0, NOW

    def move(self, seconds: float) -> None:
        self.seconds += seconds
        self.day += seconds


def make(tmp_path: Path) -> tuple[Alarm, Clocks]:
    clocks = Clocks()
    alarm = Alarm(tmp_path / "wake", 20, lambda: clocks.seconds, lambda: clocks.day)
    assert alarm.rings(), "the first question is asked at once"
    return alarm, clocks


def run(due: float, deployment: str = "d", auto: bool = True) -> Any:
    when = datetime.fromtimestamp(NOW + due, UTC)
    return SimpleNamespace(
        next_scheduled_start_time=when, expected_start_time=when, deployment_id=deployment, auto_scheduled=auto
    )


def test_the_alarm_rings_at_intervals_and_when_somebody_touches_the_file(tmp_path: Path) -> None:
    alarm, clocks = make(tmp_path)
    clocks.move(19)
    assert not alarm.rings()
    clocks.move(1)
    assert alarm.rings()
    (tmp_path / "wake").touch()
    assert alarm.rings()
    assert not alarm.rings()


def test_the_alarm_rings_when_it_was_set_for_and_then_not_again(tmp_path: Path) -> None:
    alarm, clocks = make(tmp_path)
    alarm.set_for(NOW + 5)
    clocks.move(4)
    assert not alarm.rings()
    clocks.move(1)
    assert alarm.rings()
    assert not alarm.rings()


def test_a_laptop_that_slept_through_the_time_hears_the_alarm_when_it_wakes(tmp_path: Path) -> None:
    alarm, clocks = make(tmp_path)
    alarm.set_for(NOW + 15)
    clocks.day += 3600  # the clock of intervals stands still meanwhile
    assert alarm.rings()


def test_an_alarm_that_got_no_answer_rings_again_in_a_moment(tmp_path: Path) -> None:
    alarm, clocks = make(tmp_path)
    alarm.again()
    clocks.move(2)
    assert alarm.rings()


def test_a_run_that_is_due_is_started_and_one_that_is_due_later_is_looked_at_in_time() -> None:
    now, soon, later = run(-1), run(LEAD_S - 1), run(LEAD_S + 7)
    choice = choose([now, soon, later], NOW)
    assert choice.start == [now, soon]
    assert choice.drop == []
    assert math.isclose(choice.look_at, NOW + 7)


def test_of_the_times_that_a_schedule_missed_the_last_is_started() -> None:
    missed = [run(-60.0 * minute) for minute in (3, 1, 2)]
    other, job, next_one = run(-90, "other"), run(-200, "jobs", auto=False), run(5)
    choice = choose([*missed, other, job, next_one], NOW)
    assert choice.start == [missed[1], other, job, next_one]
    assert sorted(map(id, choice.drop)) == sorted(map(id, (missed[0], missed[2])))
    assert choice.look_at == NOW


def test_runs_that_somebody_launched_are_all_started_however_long_they_waited() -> None:
    jobs = [run(-60.0 * minute, auto=False) for minute in (3, 1, 2)]
    assert choose(jobs, NOW).start == jobs


def test_without_runs_nothing_is_to_be_looked_at() -> None:
    assert choose([], NOW).look_at == math.inf


def test_a_wake_file_in_the_past_counts_too(tmp_path: Path) -> None:
    alarm, _ = make(tmp_path)
    (tmp_path / "wake").touch()
    os.utime(tmp_path / "wake", (1, 1))
    assert alarm.rings()
