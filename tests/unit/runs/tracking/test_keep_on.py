"""A process that feeds trackers, and is gone before its time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from workbench.paths import RunPaths
from workbench.runs.tracking import forward
from workbench.tracking.delivery import state
from workbench.workspace import Workspace


@pytest.fixture
def run(workspace: Workspace, record: Callable[..., str]) -> RunPaths:
    found = workspace.paths.run(record())
    found.trackers.mkdir()
    return found


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    found: list[Any] = []

    def start(*arguments: Any) -> bool:
        found.append(arguments)
        return True

    monkeypatch.setattr(forward, "start", start)
    return found


def keep_on(workspace: Workspace, run: RunPaths, *backends: str) -> bool:
    return forward.keep_on(workspace.paths.root, run.root.name, backends)


def test_it_is_started_again(workspace: Workspace, run: RunPaths, started: list[Any]) -> None:
    assert keep_on(workspace, run, "mlflow", "database")
    assert started == [(workspace.paths.root, run.root.name, ("mlflow", "database"))]


def test_one_that_lives_is_left_alone(workspace: Workspace, run: RunPaths, started: list[Any]) -> None:
    with forward.feeding(run):
        assert not keep_on(workspace, run, "mlflow")
    assert started == []


def test_trackers_that_wait_for_somebody_to_ask_need_none(
    workspace: Workspace, run: RunPaths, started: list[Any]
) -> None:
    state.save(run.trackers, "mlflow", state.Delivery(stopped=True))
    assert not keep_on(workspace, run, "mlflow")
    assert keep_on(workspace, run, "mlflow", "database")


def test_without_trackers_there_is_none(workspace: Workspace, run: RunPaths, started: list[Any]) -> None:
    assert not keep_on(workspace, run)
    assert started == []
