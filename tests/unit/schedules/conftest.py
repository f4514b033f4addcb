"""Schedules over a front that starts nothing, a scheduler in memory and a clock that is set by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest

from workbench.errors import WorkbenchError
from workbench.paths import WorkspacePaths
from workbench.schedules.collection import Schedules
from workbench.schedules.memory import MemoryScheduler
from workbench.schedules.model import Schedule
from workbench.settings import Settings

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


class Front:
    """Notes what it was asked to start."""

    def __init__(self, root: Path) -> None:
        root.mkdir()
        self.paths = WorkspacePaths(root)
        self.settings = Settings(workbench_engine_home=root.parent / "engine", prefect_api_url=None)
        self.started: list[tuple[Any, dict[str, Any]]] = []
        self.refuses: BaseException | None = None

    def train(self, config: Any, **filing: Any) -> Any:
        return self._start(config, filing)

    def notebook(self, path: Path, parameters: Any, **filing: Any) -> Any:
        return self._start((path, parameters), filing)

    def _start(self, what: Any, filing: dict[str, Any]) -> Any:
        if self.refuses is not None:
            raise self.refuses
        self.started.append((what, filing))
        return SimpleNamespace(id=f"run-{len(self.started)}")


class Desk:
    """Everything that a test of schedules moves."""

    def __init__(self, root: Path) -> None:
        self.front, self.scheduler = Front(root), MemoryScheduler()
        self.now = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
        self.schedules = Schedules(self.front, self.scheduler, lambda: self.now)

    def add(self, name: str = "nightly", cron: str = "0 2 * * *", **fields: Any) -> Schedule:
        record = {"notebook": "/n.ipynb", "created_at": self.now.isoformat(), "timezone": "UTC", **fields}
        return self.schedules.add(Schedule(name=name, cron=cron, **record))

    def fire(self, due: str, name: str = "nightly") -> Any:
        """Wake a schedule at the time that it is due."""
        self.now = max(self.now, datetime.fromisoformat(due))
        return self.schedules.fire(name, datetime.fromisoformat(due))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "ws")


@pytest.fixture
def refusal() -> WorkbenchError:
    return WorkbenchError("The dataset is gone.", "A dataset.", "Add it again.")


@pytest.fixture
def notebook(tmp_path: Path) -> Callable[..., Path]:
    """Return a maker of a notebook with a ``parameters`` cell."""

    def make(source: str = 'epochs: int = 10  # how long\nname: str = ""  # whose', name: str = "my report") -> Path:
        cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]})
        path = tmp_path / f"{name}.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": KERNEL}), path)
        return path

    return make
