"""When a cron expression fires, and which expressions are refused."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import RequestError
from workbench.schedules.cron import Cron, Rule, local_timezone

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def times(text: str, zone: str = "UTC", after: datetime = NOON, count: int = 5) -> list[str]:
    return [f"{time:%Y-%m-%d %H:%M %z}" for time in Cron(text, zone).after(after, count)]


def test_the_next_five_times_are_told_in_the_time_zone_of_the_schedule() -> None:
    assert times("0 2 * * *", "Asia/Seoul") == [f"2026-11-{day} 02:00 +0900" for day in range(24, 29)]


def test_a_time_that_is_now_is_not_a_next_one() -> None:
    assert times("0 12 * * *", count=1) == ["2026-11-24 12:00 +0000"]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("*/15 9-17 * * mon-fri", "2026-11-23 12:15"),
        ("0 0 29 2 *", "2028-02-29 00:00"),
        ("30 6 * dec sun", "2026-12-06 06:30"),
        ("@weekly", "2026-11-29 00:00"),
        ("0 0 13 * fri", "2026-11-27 00:00"),  # day or weekday, as cron has it
        ("0 0 * * 7", "2026-11-29 00:00"),
    ],
)
def test_names_steps_ranges_and_aliases_are_read(text: str, first: str) -> None:
    assert times(text, count=1) == [f"{first} +0000"]


def test_a_time_that_the_clocks_repeat_fires_the_first_time() -> None:
    before = datetime(2026, 10, 24, 12, 0, tzinfo=UTC)
    assert times("30 2 * * *", "Europe/Berlin", before, 2) == ["2026-10-25 02:30 +0200", "2026-10-26 02:30 +0100"]


def test_a_time_that_the_clocks_skip_fires_when_prefect_fires_it() -> None:
    before = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
    first = "2026-03-29 03:30 +0200" if sys.version_info >= (3, 13) else "2026-03-29 01:30 +0100"
    assert times("30 2 * * *", "Europe/Berlin", before, 2) == [first, "2026-03-30 02:30 +0200"]


def test_half_hours_of_the_skipped_hour_do_not_fire_twice() -> None:
    found = Cron("*/30 1-3 * * *", "Europe/Berlin").after(datetime(2026, 3, 28, 12, tzinfo=UTC), 4)
    assert [f"{time:%H:%M}" for time in found] == ["01:00", "01:30", "03:00", "03:30"]


def test_the_last_time_before_is_found_also_in_the_hour_that_comes_twice() -> None:
    cron = Cron("30 2 * * *", "Europe/Berlin")
    second_time = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)  # 02:10 for the second time
    found = cron.before(second_time)
    assert found is not None
    assert found.astimezone(UTC) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert Cron("0 12 * * *", "UTC").before(NOON) == NOON


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has 0 fields"),
        ("* * * *", "has 4 fields"),
        ("0 0 2 * * *", "has 6 fields"),
        ("61 * * * *", "has '61' for its minute"),
        ("* 24 * * *", "has '24' for its hour"),
        ("* * 0 * *", "has '0' for its day"),
        ("* * * 13 *", "has '13' for its month"),
        ("* * * * 8", "has '8' for its weekday"),
        ("* * * * moon", "has 'moon' for its weekday"),
        ("0 2 L * *", "uses L or #"),
        ("0 2 * * 1#2", "uses L or #"),
        ("*/0 * * * *", r"has '\*/0' for its minute"),
        ("every day", "has 2 fields"),
    ],
)
def test_what_is_no_expression_is_refused_with_the_field_that_is_wrong(text: str, says: str) -> None:
    with pytest.raises(RequestError, match=says) as caught:
        Cron(text, "UTC")
    assert "minute hour day month weekday" in caught.value.expected
    assert caught.value.todo


@pytest.mark.parametrize("text", ["0 0 30 2 *", "0 0 31 2,4,6 *", "0 0 31 feb *"])
def test_an_expression_that_never_fires_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="never fires"):
        Cron(text, "UTC")


@pytest.mark.parametrize(
    ("zone", "meant"),
    [
        ("Asia/Soul", "Asia/Seoul"),
        ("seoul", "Asia/Seoul"),
        ("europe/berlin", "Europe/Berlin"),
        ("new york", "America/New_York"),
    ],
)
def test_an_unknown_time_zone_is_refused_with_the_one_that_was_meant(zone: str, meant: str) -> None:
    with pytest.raises(RequestError, match=f"Did you mean '{meant}'"):
        Cron("0 2 * * *", zone)


@pytest.mark.parametrize("zone", ["", "../etc/passwd", "Mars/Olympus"])
def test_what_is_no_time_zone_at_all_is_refused(zone: str) -> None:
    with pytest.raises(RequestError, match="is no time zone"):
        Cron("0 2 * * *", zone)


def test_the_time_zone_of_this_machine_is_one_that_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Seoul")
    assert local_timezone() == "Asia/Seoul"
    monkeypatch.setenv("TZ", "nonsense")
    Cron("0 2 * * *", local_timezone())


def test_rules_hold_numbers_only() -> None:
    assert Cron("*/20 9-11 * jan mon-fri", "UTC").rules() == [Rule("0,20,40 9,10,11 * 1 1,2,3,4,5", day_or=False)]
    assert Cron("0 0 13 * fri", "UTC").rules() == [Rule("0 0 13 * 5", day_or=True)]
    assert Cron("0 0 */2 * mon", "UTC").rules()[0].day_or is False


def test_rules_never_name_a_day_that_their_months_do_not_have() -> None:
    """Prefect steps over the first of March when it looks for the 31st of February."""
    assert Cron("0 0 */10 * *", "UTC").rules() == [
        Rule("0 0 1,11,21 2 *", day_or=False),
        Rule("0 0 1,11,21 4,6,9,11 *", day_or=False),
        Rule("0 0 1,11,21,31 1,3,5,7,8,10,12 *", day_or=False),
    ]
    assert Cron("0 5 31 2 mon", "UTC").rules() == [Rule("0 5 * 2 1", day_or=False)]


FIELDS = [
    st.sampled_from(["*", "0", "*/7", "5-50/5", "59"]),
    st.sampled_from(["*", "2", "1-3", "*/6"]),
    st.sampled_from(["*", "1", "29", "31", "*/10", "30,31"]),
    st.sampled_from(["*", "2", "jan,feb", "*/3"]),
    st.sampled_from(["*", "mon", "1-5", "0,6"]),
]


@settings(max_examples=30, deadline=None)
@given(st.tuples(*FIELDS), st.integers(0, 500 * 86_400), st.sampled_from(["UTC", "Europe/Berlin", "Asia/Seoul"]))
def test_looking_back_from_a_time_finds_that_time(fields: tuple[str, ...], offset: int, zone: str) -> None:
    try:
        cron = Cron(" ".join(fields), zone)
    except RequestError:
        return
    found = [time.astimezone(UTC) for time in cron.after(NOON + timedelta(seconds=offset), 3)]
    for earlier, later in pairwise(found):
        assert earlier < later
        assert (cron.before(later) or NOON).astimezone(UTC) == later
        assert (cron.before(later - timedelta(seconds=1)) or NOON).astimezone(UTC) == earlier
