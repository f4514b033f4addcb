"""How a recorded run is started, asked about and stopped.

What lives here: the Protocol, and the way a launcher is found. What does not: any scheduler (``pipelines`` has it).
"""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path
from typing import Literal, Protocol, cast

from workbench.errors import EngineError
from workbench.settings import Settings

LaunchState = Literal["waiting", "active", "ended", "unknown"]


class Launcher(Protocol):
    """Starts runs that are already in the ledger. The ledger, not the launcher, says what became of them."""

    def start(self, workspace: Path, run_id: str) -> str:
        """Start ``run_id`` of ``workspace`` in a process of its own and return the launch id."""
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
