"""The schedules of a workspace.

What lives here: their files, and what happens when one is woken. What does not: when it is woken (a ``scheduler``
sees to that), and how a run is recorded and started (the workspace does).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Protocol

from workbench.config.policy import Policy
from workbench.config.schema import TrainingConfig
from workbench.errors import ConflictError, UnknownNameError, WorkbenchError, did_you_mean
from workbench.paths import WorkspacePaths
from workbench.runs.run import Run
from workbench.schedules import files
from workbench.schedules.cron import Cron
from workbench.schedules.model import Firing, Schedule
from workbench.schedules.scheduler import Entry, Scheduler, Watch, load_scheduler
from workbench.settings import Settings

_ONCE = {"attempts": 1}  # nobody knows what a notebook's cells do twice
_CLOCK = timedelta(minutes=1)  # what is further in the future was written before somebody set the clock back


class Front(Protocol):
    """What starts the runs: the workspace.

    Attributes:
        paths: where it lies.
        settings: name the engine.
    """

    paths: WorkspacePaths
    settings: Settings

    @property
    def train(self) -> Callable[..., Run]:
        """Records the training run of a config and starts it; takes ``name``, ``project``, … as keywords."""
        ...

    @property
    def notebook(self) -> Callable[..., Run]:
        """Records a run of a notebook with its parameters and starts it; also takes ``policy``."""
        ...


class Schedules:
    """The schedules of one workspace.

    Args:
        front: the workspace.
        scheduler: what wakes the schedules; left out, the one registered under ``prefect``.
        clock: the time now, in UTC.
    """

    def __init__(
        self,
        front: Front,
        scheduler: Scheduler | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._front, self._given, self._clock = front, scheduler, clock
        self._paths = front.paths

    def add(self, schedule: Schedule) -> Schedule:
        """Keep a schedule, and see to it that it is woken from now on.

        Raises:
            RequestError: when its name or its cron is not valid; nothing is stored.
            ConflictError: when the name is taken.
            EngineError: when nothing could be started that wakes it; nothing is stored.
        """
        entry = self._entry(schedule)
        files.check_name(schedule.name)
        path = files.file_of(self._paths, schedule.name)
        with files.locked(self._paths):
            if path.exists():
                raise ConflictError(
                    f"Schedule '{schedule.name}' is there already.",
                    "A free name.",
                    f"Choose another one with --name, or `workbench schedule remove {schedule.name}` first.",
                    name=schedule.name,
                )
            files.write(self._paths, schedule)
        try:
            self._scheduler.put(entry)
        except BaseException:  # also Ctrl-C: half a schedule would look like a whole one
            path.unlink(missing_ok=True)
            raise
        return schedule

    def all(self) -> list[Schedule]:
        """Return the schedules, by name."""
        found = (files.find(self._paths, name) for name in files.names(self._paths))
        return [schedule for schedule in found if schedule is not None]

    def get(self, name: str) -> Schedule:
        """Return a schedule.

        Raises:
            UnknownNameError: when there is none of that name.
        """
        found = files.find(self._paths, name)
        if found is not None:
            return found
        known = files.names(self._paths)
        raise UnknownNameError(
            f"No schedule is called '{name}'.",
            f"Schedules: {', '.join(known) or 'none yet'}.",
            did_you_mean(name, known) or "See `workbench schedule list`.",
            name=name,
        )

    def remove(self, name: str) -> None:
        """Remove a schedule; the runs that it recorded stay.

        Raises:
            UnknownNameError: when there is none of that name.
        """
        self.get(name)
        with files.locked(self._paths):
            files.file_of(self._paths, name).unlink(missing_ok=True)
        self._scheduler.remove(self._paths.root, name)

    def start(self) -> Watch:
        """See to it that every schedule is woken, also one that was copied here, and say how things stand.

        Raises:
            EngineError: when nothing could be started that wakes them.
        """
        self._scheduler.start()
        known = self.watch().names
        for schedule in self.all():
            if schedule.name not in known:  # the others keep the environment of whoever added them
                self._scheduler.put(self._entry(schedule))
        return self.watch()

    def watch(self) -> Watch:
        """Return whether the schedules would be woken; starts nothing."""
        return self._scheduler.watch(self._paths.root)

    def run(self, name: str) -> Run:
        """Record a schedule's run and start it now, once; its times stay as they are.

        Raises:
            UnknownNameError: when there is none of that name.
            WorkbenchError: when the run was not started.
        """
        return self._submit(self.get(name))

    def next_times(self, schedule: Schedule, count: int = 5) -> list[datetime]:
        """Return the next times of a schedule, in its time zone."""
        return Cron(schedule.cron, schedule.timezone).after(self._clock(), count)

    def fire(self, name: str, due: datetime) -> Run | None:
        """Do what a schedule is for, once for all of its times that have passed; called by whoever wakes it.

        Args:
            name: the schedule.
            due: the time that it is woken for.

        Returns:
            The run; None when the schedule is gone, or this time was dealt with before.

        Raises:
            WorkbenchError: when the run was not started; the schedule's record says so.
        """
        with files.locked(self._paths):
            schedule = self._claim(name, due)
        if schedule is None:
            return None
        try:
            run = self._submit(schedule)
        except WorkbenchError as error:
            self._note(schedule, error=str(error))
            raise
        self._note(schedule, run=run.id)
        return run

    def _claim(self, name: str, due: datetime) -> Schedule | None:
        """Note the firing before it happens: a process that is killed then has fired at most once."""
        schedule = files.find(self._paths, name)
        if schedule is None:
            return None
        since = datetime.fromisoformat(schedule.since)
        if due <= since <= self._clock() + _CLOCK:
            return None
        newest = max(due, missed(schedule, self._clock()) or due)
        claimed = schedule.model_copy(update={"last": Firing(due=_text(newest))})
        files.write(self._paths, claimed)
        return claimed

    def _note(self, schedule: Schedule, **outcome: str) -> None:
        """Write what became of a firing, unless the schedule is gone or has fired again since."""
        with files.locked(self._paths):
            now = files.find(self._paths, schedule.name)
            if now is not None and now.last is not None and schedule.last == now.last:
                files.write(self._paths, now.model_copy(update={"last": now.last.model_copy(update=outcome)}))

    @cached_property
    def _scheduler(self) -> Scheduler:
        return self._given or load_scheduler(self._front.settings)

    def _submit(self, schedule: Schedule) -> Run:
        filing = {name: getattr(schedule, name) for name in ("project", "session", "name", "tags", "note")}
        if schedule.config is not None:
            return self._front.train(TrainingConfig.model_validate(schedule.config), **filing)
        if schedule.policy:
            filing["policy"] = Policy(**{**_ONCE, **schedule.policy})
        return self._front.notebook(Path(schedule.notebook or ""), schedule.parameters, **filing)

    def _entry(self, schedule: Schedule) -> Entry:
        cron = Cron(schedule.cron, schedule.timezone)
        return Entry(self._paths.root.absolute(), schedule.name, tuple(cron.rules()), schedule.timezone)


def missed(schedule: Schedule, now: datetime) -> datetime | None:
    """Return the newest due time that has passed without firing; None when there is none."""
    last = Cron(schedule.cron, schedule.timezone).before(now)
    return last if last is not None and last > datetime.fromisoformat(schedule.since) else None


def _text(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
