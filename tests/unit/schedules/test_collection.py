"""What becomes of a schedule: kept, woken, fired once, removed."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from workbench.errors import ConflictError, EngineError, RequestError, StorageError, UnknownNameError
from workbench.schedules import files
from workbench.schedules.collection import missed


def test_a_schedule_is_kept_as_it_was_added_and_woken_at_its_times(desk: Any) -> None:
    made = desk.add(cron="0 2 * * mon-fri", timezone="Asia/Seoul", parameters={"epochs": 5}, tags=("a",))
    assert desk.schedules.all() == [made] == [desk.schedules.get("nightly")]
    entry = desk.scheduler.entries[desk.front.paths.root, "nightly"]
    assert (entry.timezone, [rule.cron for rule in entry.rules]) == ("Asia/Seoul", ["0 2 * * 1,2,3,4,5"])
    assert [f"{time:%a %H:%M %z}" for time in desk.schedules.next_times(made, 2)] == [
        "Tue 02:00 +0900",
        "Wed 02:00 +0900",
    ]


def test_a_taken_name_is_refused_and_the_first_schedule_stays(desk: Any) -> None:
    first = desk.add()
    with pytest.raises(ConflictError, match="'nightly' is there already"):
        desk.add(cron="0 3 * * *")
    assert desk.schedules.get("nightly") == first


@pytest.mark.parametrize("name", ["", "../x", "A", "a b", ".hidden", "ü"])
def test_a_name_that_is_no_file_name_is_refused_and_nothing_is_stored(desk: Any, name: str) -> None:
    with pytest.raises(RequestError, match="no name for a schedule"):
        desk.add(name)
    assert not desk.front.paths.schedules.exists()
    assert desk.scheduler.entries == {}


@pytest.mark.parametrize("fields", [{"cron": "0 0 30 2 *"}, {"cron": "x"}, {"timezone": "Mars"}])
def test_a_bad_time_is_refused_and_nothing_is_stored(desk: Any, fields: dict[str, str]) -> None:
    with pytest.raises(RequestError):
        desk.add(**fields)
    assert not desk.front.paths.schedules.exists()


@pytest.mark.parametrize("error", [EngineError("It does not start."), KeyboardInterrupt()])
def test_nothing_is_stored_when_nobody_can_be_found_to_wake_it(
    desk: Any, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_entry: object) -> None:
        raise error

    monkeypatch.setattr(desk.scheduler, "put", refuse)
    with pytest.raises(type(error)):
        desk.add()
    assert desk.schedules.all() == []


def test_removing_a_schedule_leaves_nothing_of_it(desk: Any) -> None:
    desk.add()
    desk.schedules.remove("nightly")
    assert desk.schedules.all() == []
    assert desk.scheduler.entries == {}
    assert list(desk.front.paths.schedules.iterdir()) == []
    with pytest.raises(UnknownNameError):
        desk.schedules.remove("nightly")


def test_an_unknown_schedule_is_refused_with_the_one_that_was_meant(desk: Any) -> None:
    desk.add()
    with pytest.raises(UnknownNameError, match="Did you mean 'nightly'"):
        desk.schedules.get("nigthly")
    with pytest.raises(UnknownNameError):
        desk.schedules.run("../../etc")


def test_a_due_schedule_starts_its_notebook_and_notes_the_run(desk: Any) -> None:
    desk.add(parameters={"epochs": 5}, project="p", tags=("t",), policy={"priority": 3})
    assert desk.fire("2026-11-24T02:00:00+00:00").id == "run-1"
    ((path, parameters), filing) = desk.front.started[0]
    assert (str(path), parameters) == ("/n.ipynb", {"epochs": 5})
    assert (filing["project"], filing["name"], filing["tags"]) == ("p", "nightly", ("t",))
    assert (filing["policy"].priority, filing["policy"].attempts) == (3, 1)
    last = desk.schedules.get("nightly").last
    assert (last.due, last.run, last.error) == ("2026-11-24T02:00:00.000Z", "run-1", None)


def test_a_due_schedule_trains_its_config_with_its_policy(desk: Any) -> None:
    desk.add(config={"data": "digits", "epochs": 5, "attempts": 2})
    desk.fire("2026-11-24T02:00:00+00:00")
    config, filing = desk.front.started[0]
    assert (config.data, config.epochs, config.attempts) == ("digits", 5, 2)
    assert "policy" not in filing


def test_the_same_time_fires_once_however_often_it_is_reported(desk: Any) -> None:
    desk.add()
    assert desk.fire("2026-11-24T02:00:00+00:00") is not None
    assert desk.fire("2026-11-24T02:00:00+00:00") is None
    assert desk.fire("2026-11-25T02:00:00+00:00") is not None
    assert len(desk.front.started) == 2


def test_of_times_that_were_missed_one_fires_in_whatever_order_they_are_reported(desk: Any) -> None:
    desk.add()
    desk.now = datetime(2026, 12, 3, 9, 30, tzinfo=UTC)
    for day in ("25", "24", "30", "26"):
        desk.fire(f"2026-11-{day}T02:00:00+00:00")
    assert len(desk.front.started) == 1
    assert desk.schedules.get("nightly").last.due == "2026-12-03T02:00:00.000Z"
    assert desk.fire("2026-12-04T02:00:00+00:00") is not None


def test_two_processes_that_are_woken_for_one_time_start_one_run(desk: Any) -> None:
    desk.add()
    desk.now = due = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
    threads = [threading.Thread(target=desk.schedules.fire, args=("nightly", due)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(desk.front.started) == 1


def test_a_time_before_the_schedule_was_added_does_not_fire(desk: Any) -> None:
    desk.add()
    assert desk.fire("2026-11-23T02:00:00+00:00") is None


def test_a_schedule_that_was_removed_meanwhile_does_not_fire(desk: Any) -> None:
    assert desk.fire("2026-11-24T02:00:00+00:00") is None
    assert desk.front.started == []


def test_why_a_run_was_not_started_is_told_and_the_next_time_is_tried_again(desk: Any, refusal: Exception) -> None:
    desk.add()
    desk.front.refuses = refusal
    with pytest.raises(type(refusal)):
        desk.fire("2026-11-24T02:00:00+00:00")
    last = desk.schedules.get("nightly").last
    assert (last.run, last.error) == (None, "The dataset is gone. A dataset. Add it again.")
    desk.front.refuses = None
    assert desk.fire("2026-11-25T02:00:00+00:00") is not None


def test_a_process_that_is_killed_while_it_fires_has_not_fired_twice(desk: Any) -> None:
    desk.add()
    desk.front.refuses = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        desk.fire("2026-11-24T02:00:00+00:00")
    desk.front.refuses = None
    assert desk.fire("2026-11-24T02:00:00+00:00") is None
    assert desk.schedules.get("nightly").last.run is None


def test_a_clock_that_is_set_back_does_not_silence_a_schedule(desk: Any) -> None:
    desk.add()
    assert desk.fire("2030-01-01T02:00:00+00:00") is not None
    desk.now = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    assert desk.fire("2026-11-24T02:00:00+00:00") is not None
    assert desk.fire("2026-11-24T02:00:00+00:00") is None


def test_what_was_missed_is_the_newest_time_that_passed_since_the_last(desk: Any) -> None:
    made = desk.add()
    assert missed(made, datetime(2026, 11, 24, 1, 59, tzinfo=UTC)) is None
    assert missed(made, datetime(2026, 11, 26, 1, 59, tzinfo=UTC)) == datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
    desk.fire("2026-11-25T02:00:00+00:00")
    assert missed(desk.schedules.get("nightly"), datetime(2026, 11, 26, 1, 59, tzinfo=UTC)) is None


def test_a_run_by_hand_starts_at_once_and_leaves_the_times_as_they_are(desk: Any) -> None:
    desk.add()
    assert desk.schedules.run("nightly").id == "run-1"
    assert desk.schedules.get("nightly").last is None
    assert desk.fire("2026-11-24T02:00:00+00:00") is not None


def test_starting_wakes_also_schedules_that_were_copied_here_and_leaves_the_others_as_they_are(desk: Any) -> None:
    desk.add("known"), desk.add("copied")
    desk.scheduler.remove(desk.front.paths.root, "copied")
    kept, desk.scheduler.alive = desk.scheduler.entries[desk.front.paths.root, "known"], False
    watch = desk.schedules.start()
    assert (watch.alive, watch.names) == (True, {"known", "copied"})
    assert desk.scheduler.entries[desk.front.paths.root, "known"] is kept


def test_a_damaged_record_is_told_with_its_file(desk: Any) -> None:
    desk.add()
    files.file_of(desk.front.paths, "nightly").write_text(json.dumps({"name": "nightly"}))
    with pytest.raises(StorageError, match=r"nightly\.json"):
        desk.schedules.get("nightly")
