"""Whether the next time will be met, in one answer."""

from __future__ import annotations

from typing import Any

from workbench.schedules.outlook import outlook


def test_without_schedules_nothing_is_to_be_met(desk: Any) -> None:
    found = outlook(desk.schedules)
    assert (found.schedules, found.met, found.next, found.todo) == (0, True, None, "")


def test_the_earliest_time_of_all_schedules_is_told(desk: Any) -> None:
    desk.add("late", "0 9 * * *")
    desk.add("early", "0 2 * * *", timezone="Asia/Seoul")
    found = outlook(desk.schedules)
    assert (found.name, found.next) == ("early", "2026-11-24T02:00:00+09:00")
    assert "Tue 2026-11-24 02:00 Asia/Seoul ('early'), will be met" in found.says


def test_a_time_is_met_after_a_restart_only_when_something_starts_with_the_machine(desk: Any) -> None:
    desk.add()
    found = outlook(desk.schedules)
    assert (found.met, found.boots) == (True, False)
    assert "unless the machine is restarted" in found.says
    assert found.todo == "Nobody starts it with the machine."
    desk.scheduler.boots = True
    found = outlook(desk.schedules)
    assert (found.met, found.boots, found.todo) == (True, True, "")
    assert "also after the machine was restarted" in found.says


def test_a_time_is_not_met_when_nothing_lives_that_would_wake_it(desk: Any) -> None:
    desk.add()
    desk.scheduler.alive = False
    found = outlook(desk.schedules)
    assert not found.met
    assert "workbench schedule start" in found.todo
    assert "will not be met" in found.says


def test_a_schedule_that_nobody_knows_of_is_told_by_name(desk: Any) -> None:
    desk.add("known", "0 9 * * *")
    desk.add("lost", "0 2 * * *")
    desk.scheduler.remove(desk.front.paths.root, "lost")
    found = outlook(desk.schedules)
    assert (found.met, found.name) == (False, "lost")
    assert found.says.startswith("'lost' will not be woken")
    assert found.payload()["schedules"] == 2
