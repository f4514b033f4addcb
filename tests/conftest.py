"""What every test may ask for: a workspace in a folder of its own, with a launcher that starts nothing by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from workbench.runs.model import RunSpec, new_run_id
from workbench.runs.supervision.memory import MemoryLauncher
from workbench.settings import ENGINE_MEMBER, RUN_MARK, Settings
from workbench.workspace import Workspace

pytest_plugins = ("tests.trained",)
Record = Callable[..., str]


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Keep the tests of the one trained model in one process: with two, it would be trained twice.

    A wrapper, since xdist reads the groups in this same hook, before any other that is not.
    """
    for item in items:
        if "trained" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("trained"))
    yield


@pytest.fixture(scope="session", autouse=True)
def engine_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep every test away from the engine, and from the queue, of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_ENGINE_HOME", str(tmp_path_factory.mktemp("nobodys") / "engine"))
        yield


@pytest.fixture
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away every variable that the workbench reads."""
    for name in (*Settings.model_fields, ENGINE_MEMBER, RUN_MARK):
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def launcher() -> MemoryLauncher:
    return MemoryLauncher()


@pytest.fixture
def workspace(tmp_path: Path, launcher: MemoryLauncher, plain_environment: None) -> Workspace:
    settings = Settings(workbench_engine_home=tmp_path / "engine")
    return Workspace(tmp_path / "ws", settings=settings, launcher=launcher)


@pytest.fixture
def record(workspace: Workspace) -> Record:
    """Return a maker of a recorded, queued run: ``record(kind="train", **fields)`` gives its id."""

    def make(kind: Any = "train", **fields: Any) -> str:
        workspace.projects.ensure("default")
        filed = {"project": "default", "session": "default-day", "notebook": kind, **fields}
        spec = RunSpec(**{"id": new_run_id(kind), "kind": kind, **filed})
        workspace.ledger.record(spec)
        return spec.id

    return make
