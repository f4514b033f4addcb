"""How a recorded run is started, asked about and stopped.

What lives here: the Protocol, and the way a launcher is found. What does not: any scheduler (``pipelines`` has it).
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Literal, Protocol, cast

from workbench.errors import EngineError
from workbench.settings import Settings

LaunchState = Literal["waiting", "active", "ended", "unknown"]


class Launcher(Protocol):
    """Starts runs that are already in the ledger. The ledger, not the launcher, says what became of them."""

    def start(self, workspace: Path, run_id: str, launch: int, environment: Mapping[str, str]) -> str:
        """Start ``run_id`` of ``workspace`` in a process of its own and return the launch id.

        Args:
            workspace: the workspace folder.
            run_id: a queued run.
            launch: 1 for the first launch, 2 after it was queued again, …; the same number starts nothing twice.
            environment: the variables that the run sees.
        """
        ...

    def cancel(self, launch_id: str) -> None:
        """Ask the launch to end; returns at once. A launch that has ended already is no error."""
        ...

    def state(self, launch_id: str) -> LaunchState:
        """Return whether the launch waits, is active, has ended, or is not known."""
        ...

    def alive(self) -> bool:
        """Return whether a launch would be picked up now."""
        ...

    def watch(self) -> None:
        """See to it that somebody settles and starts the runs of the queue from now on; returns at once."""
        ...


class Launchers:
    """The launchers of one process: one per server that executes runs.

    Args:
        settings: of this process.
        only: the one launcher for everything; left out, the one registered under ``prefect``.
    """

    def __init__(self, settings: Settings, only: Launcher | None = None) -> None:
        self._settings, self._only = settings, only
        self._known: dict[str | None, Launcher] = {}

    def __call__(self, server: str | None) -> Launcher:
        """Return what starts runs on ``server``, a Prefect API URL; None is the engine of this machine.

        Raises:
            EngineError: when no launcher is registered.
        """
        if self._only is not None:
            return self._only
        if server not in self._known:
            self._known[server] = load_launcher(self._settings.model_copy(update={"prefect_api_url": server}))
        return self._known[server]


def load_launcher(settings: Settings, name: str = "prefect") -> Launcher:
    """Return the launcher registered under ``name`` in the entry point group ``workbench.launchers``.

    Raises:
        EngineError: when no package registers that name.
    """
    found = entry_points(group="workbench.launchers", name=name)
    for entry in found:
        return cast("Launcher", entry.load()(settings))
    known = ", ".join(sorted(entry.name for entry in entry_points(group="workbench.launchers"))) or "none"
    raise EngineError(
        f"No launcher is registered as '{name}'.",
        f"Registered launchers: {known}.",
        "Install the workbench as a package (`pip install -e .`), so that its entry points are known.",
        name=name,
    )
