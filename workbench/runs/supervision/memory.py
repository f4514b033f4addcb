"""A launcher that starts nothing by itself: runs wait in memory until they are told to go on.

What lives here: the memory twin of the real launcher, for tests and for whoever steps through runs by hand. What does
not: a process of its own for each run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from workbench.errors import UnknownNameError
from workbench.runs.supervision.launcher import LaunchState

Work = Callable[[Path, str], object]


@dataclass(frozen=True)
class Launch:
    """One start of a run.

    Attributes:
        workspace: the workspace folder.
        run_id: the run.
        number: 1 for the run's first launch.
        environment: the variables that the run sees.
        state: where the launch stands.
    """

    workspace: Path
    run_id: str
    number: int
    environment: Mapping[str, str]
    state: LaunchState = "waiting"


class MemoryLauncher:
    """Keeps launches in memory; ``begin``, ``end`` and ``execute`` move them on.

    Args:
        work: what executes a run, given its workspace and its id; it may raise, as a job may.

    Attributes:
        launches: every launch by its id, oldest first.
        cancelled: the ids that somebody asked to end, in that order.
        answers: what ``alive`` says.
        watched: how often somebody asked for a watcher.
    """

    def __init__(self, work: Work | None = None) -> None:
        self._work = work
        self.launches: dict[str, Launch] = {}
        self.cancelled: list[str] = []
        self.answers = True
        self.watched = 0

    def start(self, workspace: Path, run_id: str, launch: int, environment: Mapping[str, str]) -> str:
        """Note the start and return the launch id; the same launch of a run is not started twice."""
        for launch_id, known in self.launches.items():
            if (known.workspace, known.run_id, known.number) == (workspace, run_id, launch):
                return launch_id
        launch_id = f"memory-{len(self.launches) + 1}"
        self.launches[launch_id] = Launch(workspace, run_id, launch, environment)
        return launch_id

    def cancel(self, launch_id: str) -> None:
        """Note the wish; a launch that waits ends on the spot, one that is active when it is told to ``end``."""
        self.cancelled.append(launch_id)
        if self.state(launch_id) == "waiting":
            self.end(launch_id)

    def state(self, launch_id: str) -> LaunchState:
        """Return where the launch stands."""
        launch = self.launches.get(launch_id)
        return launch.state if launch else "unknown"

    def alive(self) -> bool:
        """Return ``answers``."""
        return self.answers

    def watch(self) -> None:
        """Count the wish: whoever holds this launcher watches by himself."""
        self.watched += 1

    def begin(self, launch_id: str) -> None:
        """Take a launch up.

        Raises:
            UnknownNameError: when there is no such launch.
        """
        self._move(launch_id, "active")

    def end(self, launch_id: str) -> None:
        """Let a launch end, as when its process goes.

        Raises:
            UnknownNameError: when there is no such launch.
        """
        self._move(launch_id, "ended")

    def execute(self, launch_id: str) -> None:
        """Do the work of a launch that waits, in this process.

        Raises:
            UnknownNameError: when there is no such launch.
            BaseException: what the work raises.
        """
        if self.state(launch_id) == "ended":
            return
        self.begin(launch_id)
        launch = self.launches[launch_id]
        try:
            if self._work is not None:
                self._work(launch.workspace, launch.run_id)
        finally:
            self.end(launch_id)

    def _move(self, launch_id: str, state: LaunchState) -> None:
        if launch_id not in self.launches:
            raise UnknownNameError(
                f"No launch '{launch_id}'.", f"Launches: {', '.join(self.launches) or 'none yet'}.", "Start one first."
            )
        self.launches[launch_id] = replace(self.launches[launch_id], state=state)
