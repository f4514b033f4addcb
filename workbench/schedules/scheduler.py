"""Who wakes the schedules.

What lives here: the Protocol, and the way a scheduler is found. What does not: any scheduler (``pipelines`` has it).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol, cast

from workbench.errors import EngineError
from workbench.schedules.cron import Rule
from workbench.settings import Settings

GROUP = "workbench.schedulers"


@dataclass(frozen=True)
class Entry:
    """What a scheduler keeps of a schedule.

    Attributes:
        workspace: the workspace folder, absolute.
        name: the schedule's name in that workspace.
        rules: when it fires.
        timezone: the IANA name in which the rules are read.
    """

    workspace: Path
    name: str
    rules: Sequence[Rule]
    timezone: str


@dataclass(frozen=True)
class Watch:
    """Whether somebody is there to wake the schedules.

    Attributes:
        alive: whether something would wake them now.
        names: the schedules of the workspace that it knows.
        boots: whether it is started again with the machine.
        advice: what to do so that it is; empty when it is.
    """

    alive: bool
    names: frozenset[str]
    boots: bool
    advice: str = ""


class Scheduler(Protocol):
    """Wakes schedules at their times; what then happens is the workspace's affair."""

    def start(self) -> None:
        """Be alive, and stay so after this process has ended; what was put before is woken again."""
        ...

    def put(self, entry: Entry) -> None:
        """Wake ``entry`` at its times from now on, in the environment of this process; a former one is replaced."""
        ...

    def remove(self, workspace: Path, name: str) -> None:
        """Never wake it again, and leave nothing of it; one that is not known is no error."""
        ...

    def watch(self, workspace: Path) -> Watch:
        """Return whether the schedules of a workspace would be woken; starts nothing."""
        ...


def load_scheduler(settings: Settings, name: str = "prefect") -> Scheduler:
    """Return the scheduler registered under ``name`` in the entry point group ``workbench.schedulers``.

    Raises:
        EngineError: when no package registers that name.
    """
    for entry in entry_points(group=GROUP, name=name):
        return cast("Scheduler", entry.load()(settings))
    known = ", ".join(sorted(entry.name for entry in entry_points(group=GROUP))) or "none"
    raise EngineError(
        f"No scheduler is registered as '{name}'.",
        f"Registered schedulers: {known}.",
        "Install the workbench as a package (`pip install -e .`), so that its entry points are known.",
        name=name,
    )
