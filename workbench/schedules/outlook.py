"""Whether the next time will be met.

What lives here: one answer for ``schedule list`` and ``doctor``. What does not: mending it (``Schedules.start``).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from workbench.schedules.collection import Schedules
from workbench.schedules.model import Schedule
from workbench.schedules.scheduler import Watch

_START = "Start what wakes them: workbench schedule start (what was missed meanwhile fires once)"


@dataclass(frozen=True)
class Outlook:
    """How the schedules of a workspace stand.

    Attributes:
        schedules: how many there are.
        name: the one that is next; None when there is none.
        next: when that is, ISO 8601 in its time zone.
        met: whether it fires then, as long as the machine stays on.
        boots: whether it also does after the machine was restarted.
        says: all that in a sentence.
        todo: what to do about it; empty when nothing.
    """

    schedules: int
    name: str | None = None
    next: str | None = None
    met: bool = True
    boots: bool = True
    says: str = "No schedules."
    todo: str = ""

    def payload(self) -> dict[str, Any]:
        """Return it as JSON-able data."""
        return asdict(self)


def outlook(schedules: Schedules) -> Outlook:
    """Look at the schedules of a workspace, and at whoever wakes them; starts nothing."""
    found = schedules.all()
    times = [(times[0], schedule) for schedule in found if (times := schedules.next_times(schedule, 1))]
    if not times:
        return Outlook(len(found))
    when, first = min(times, key=lambda pair: pair[0])
    return _judge(found, first, when, schedules.watch())


def is_met(schedule: Schedule, watch: Watch) -> bool:
    """Return whether a schedule is woken at its next time, as long as the machine stays on."""
    return watch.alive and schedule.name in watch.names


def _judge(found: list[Schedule], first: Schedule, when: datetime, watch: Watch) -> Outlook:
    time = f"{when:%a %Y-%m-%d %H:%M} {first.timezone} ('{first.name}')"
    lost = [schedule.name for schedule in found if not is_met(schedule, watch)]
    met = first.name not in lost
    if not watch.alive:
        says, todo = f"Nothing wakes the schedules: the next time, {time}, will not be met.", _START
    elif lost:
        who = ", ".join(f"'{name}'" for name in lost)
        says, todo = f"{who} will not be woken: whoever wakes the others does not know of it.", _START
    elif watch.boots:
        says, todo = f"The next time, {time}, will be met, also after the machine was restarted.", ""
    else:
        says = f"The next time, {time}, will be met unless the machine is restarted before."
        todo = watch.advice
    return Outlook(len(found), first.name, when.isoformat(), met, watch.boots, says, todo)
