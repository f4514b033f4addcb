"""What the launcher contract needs to know of each launcher: runs that end, runs that go on, and how to wait."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.runs.supervision.memory import MemoryLauncher


class MemoryStage:
    """The memory launcher, moved on by hand where a real one moves by itself."""

    def __init__(self, workspace: Path) -> None:
        self.launcher, self.workspace = MemoryLauncher(), workspace

    def short_run(self) -> str:
        """Return a run that ends by itself."""
        return "short-1"

    def long_run(self) -> str:
        """Return a run that goes on until it is cancelled."""
        return "long-1"

    def until_active(self, launch: str) -> None:
        self.launcher.begin(launch)

    def until_ended(self, launch: str) -> None:
        self.launcher.end(launch)


@pytest.fixture
def memory_stage(tmp_path: Path) -> MemoryStage:
    return MemoryStage(tmp_path)
