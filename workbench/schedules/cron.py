"""Cron expressions and the times they mean.

What lives here: five fields and a time zone, checked, and the times they fire. What does not: firing (``collection``
decides, a ``scheduler`` wakes it).

Prefect fires, so the times are Prefect's. One that the clocks repeat in autumn fires the first time; one that they skip
in spring fires as much earlier as they skip, and on Python 3.13 as much later. Prefect gets the expression in numbers
only (``rules``): its own reading of ranges, steps and the 31st has faults.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from workbench.errors import RequestError, did_you_mean
from workbench.settings import environment

FIELDS = ("minute", "hour", "day", "month", "weekday")
ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_EXPECTED = "Five fields: minute hour day month weekday, e.g. '0 2 * * *' for 02:00 every day, '*/15 9-17 * * mon-fri'."
_DAYS = frozenset(range(1, 32))
_WEEK = frozenset(range(7))
_LENGTHS = {29: (2,), 30: (4, 6, 9, 11), 31: (1, 3, 5, 7, 8, 10, 12)}
_SLACK = timedelta(hours=3)  # daylight saving moves no clock further
_ANY_DAY = datetime(2024, 1, 1)
_SKIPPED = int(sys.version_info < (3, 13))  # 1 reads a skipped time by the new offset: earlier
_ZONES = "zoneinfo/"


@dataclass(frozen=True)
class Rule:
    """One expression that every reader of cron understands alike: numbers, commas and stars.

    Attributes:
        cron: the five fields.
        day_or: whether a day fires when day or weekday fits; else both must.
    """

    cron: str
    day_or: bool


class Cron:
    """When something fires.

    Args:
        text: five fields, or an alias such as ``@daily``.
        timezone: an IANA name, e.g. ``Asia/Seoul``.

    Raises:
        RequestError: when the text is no expression, it never fires, or the time zone is not known.
    """

    def __init__(self, text: str, timezone: str) -> None:
        self.text, self.timezone = text.strip(), timezone
        self._fields = ALIASES.get(self.text.lower(), self.text)
        self._zone = _read_zone(timezone)
        self._parsed = self._parse()
        if next(self._times(datetime.now(UTC)), None) is None:
            raise self._never()

    def after(self, when: datetime, count: int = 5) -> list[datetime]:
        """Return the next ``count`` times after ``when``, in the time zone; fewer when there are no more."""
        found: list[datetime] = []
        for time in self._times(when):
            if time > when and time not in found:
                found.append(time)
            if len(found) >= count:
                break
        return [time.astimezone(self._zone) for time in sorted(found)]

    def before(self, when: datetime) -> datetime | None:
        """Return the last time at or before ``when``, in the time zone; None when there was none for 50 years."""
        times = (time for time in self._times(when, reverse=True) if time <= when)
        found = next(times, None)
        return found.astimezone(self._zone) if found else None

    def rules(self) -> list[Rule]:
        """Return what a scheduler is to be given; together they fire at the times of this expression, each once."""
        parsed = self._parsed
        days, week = frozenset(parsed.days), frozenset(int(day) % 7 for day in parsed.weekdays)  # type: ignore[arg-type]
        if not parsed.day_and and (days == _DAYS or week == _WEEK):
            days, week = _DAYS, _WEEK
        if days == _DAYS or max(days) < min(_LENGTHS):
            return [self._rule(days, parsed.months, week)]
        # Looking for the 31st from the end of February, Prefect steps over the first days of March.
        found = []
        for length, months in _LENGTHS.items():
            there = frozenset(day for day in days if day <= length)
            named = frozenset(months) & parsed.months
            if named and (there or not parsed.day_and):
                found.append(self._rule(there, named, week))
        return found

    def _rule(self, days: frozenset[int], months: Iterable[int], week: frozenset[int]) -> Rule:
        lists = (
            _list(self._parsed.minutes, range(60)),
            _list(self._parsed.hours, range(24)),
            _list(days or _DAYS, _DAYS),
            _list(months, range(1, 13)),
            _list(week, _WEEK),
        )
        return Rule(" ".join(lists), bool(days) and not self._parsed.day_and)

    def _times(self, when: datetime, reverse: bool = False) -> Iterator[datetime]:
        """Return the times from a little before ``when`` on, in UTC; reversed, from a little after it back."""
        wall = when.astimezone(self._zone).replace(tzinfo=None)
        start = wall + _SLACK if reverse else wall - _SLACK
        for time in CronSim(self._fields, start, reverse):
            yield self._resolve(time)

    def _resolve(self, wall: datetime) -> datetime:
        """Return a wall-clock time in UTC."""
        first = wall.replace(tzinfo=self._zone)
        skipped = first.astimezone(UTC).astimezone(self._zone).replace(tzinfo=None) != wall
        return first.replace(fold=_SKIPPED if skipped else 0).astimezone(UTC)

    def _parse(self) -> CronSim:
        count = len(self._fields.split())
        if count != len(FIELDS):
            extra = " Seconds cannot be chosen." if count > len(FIELDS) else ""
            raise self._refused(f"has {count} field{'' if count == 1 else 's'}", extra)
        try:
            parsed = CronSim(self._fields, _ANY_DAY)
        except CronSimError as error:
            raise self._explain(str(error)) from error
        if any(not isinstance(day, int) or day < 0 for day in (*parsed.days, *parsed.weekdays)):
            raise self._refused("uses L or #, which not every scheduler reads", "")
        return parsed

    def _explain(self, problem: str) -> RequestError:
        fields = self._fields.split()
        try:
            CronSim(" ".join((*fields[:3], "*", fields[4])), _ANY_DAY)
        except CronSimError:
            name = problem.removeprefix("Bad ").replace("day-of-month", "day").replace("day-of-week", "weekday")
            place = FIELDS.index(name) if name in FIELDS else 0
            return self._refused(f"has '{fields[place]}' for its {name}", "")
        return self._never() if problem == "Bad day-of-month" else self._refused(f"has '{fields[3]}' for its month", "")

    def _refused(self, problem: str, extra: str) -> RequestError:
        return RequestError(
            f"'{self.text}' is no cron expression: it {problem}.",
            _EXPECTED + extra,
            "Correct --cron; put it in quotes.",
            cron=self.text,
        )

    def _never(self) -> RequestError:
        return RequestError(
            f"'{self.text}' never fires: no such date exists.",
            "A day that at least one of the months has.",
            "Correct the day or the month of --cron.",
            cron=self.text,
        )


def local_timezone() -> str:
    """Return the IANA name of this machine's time zone; ``UTC`` when it does not say."""
    named = environment().get("TZ", "").removeprefix(":")
    link = str(Path("/etc/localtime").resolve())
    for name in (named, link.partition(_ZONES)[2]):
        if name in available_timezones():
            return name
    return "UTC"


def _read_zone(name: str) -> ZoneInfo:
    known = available_timezones()
    if name in known:
        return ZoneInfo(name)
    by_city = {zone.rpartition("/")[2]: zone for zone in known}
    folded = {zone.lower(): zone for zone in (*by_city, *known)}
    close = folded.get(name.lower().replace(" ", "_"))
    close = by_city.get(close, close) if close else None
    raise RequestError(
        f"'{name}' is no time zone.",
        "An IANA name, e.g. Europe/Berlin, Asia/Seoul or UTC.",
        f"Did you mean '{close}'?" if close else did_you_mean(name, known) or "Correct --timezone.",
        timezone=name,
    )


def _list(values: Iterable[int], every: Iterable[int]) -> str:
    chosen = sorted(set(values))
    return "*" if chosen == sorted(every) else ",".join(str(value) for value in chosen)
