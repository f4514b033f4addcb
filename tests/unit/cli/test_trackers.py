"""``workbench trackers`` on the command line."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workbench.metrics.log import EventLog
from workbench.tracking.delivery import state
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow  # goes through much of the house

Say = Callable[..., Any]


@pytest.fixture
def run_id(workspace: Workspace, record: Callable[..., str]) -> str:
    found = record()
    with EventLog(workspace.paths.run(found).events, "train-1") as log:
        log.append("metrics", step=1, scope="batch", values={"a": 1.0, "b": 2.0})
    return found


def behind(workspace: Workspace, run_id: str) -> Path:
    """Note that MLflow was told nothing since its server went away."""
    folder = workspace.paths.run(run_id).trackers
    folder.mkdir()
    error = {"at": time.time(), "happened": "It hung up.", "expected": "A server.", "todo": "Start it."}
    state.save(folder, "mlflow", state.Delivery(remote="r1", url="http://mlflow/r1", error=error))
    return folder


def test_without_trackers_status_says_how_to_configure_one(say: Say) -> None:
    answer = say("trackers", "status")
    assert answer.status == 0
    assert answer.out.startswith("No tracker is configured. OBSERVABILITY_BACKENDS names")


def test_before_the_first_run_status_says_that_there_is_none(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBSERVABILITY_BACKENDS", "mlflow")
    assert say("trackers", "status").out == "No run was told to a tracker yet: those that start from now on are.\n"
    assert say("trackers", "sync").out == "Nothing was left to tell.\n"


def test_status_shows_what_is_behind_and_why_in_three_beats(say: Say, workspace: Workspace, run_id: str) -> None:
    behind(workspace, run_id)
    answer = say("trackers", "status")
    assert f"{run_id}, mlflow: It hung up. A server. Start it." in answer.out
    assert "failing" in answer.out
    assert "http://mlflow/r1" in answer.out
    found = say("trackers", "status", run_id, "--json").json["trackers"]
    assert [(one["run"], one["state"], one["behind"]) for one in found] == [(run_id, "failing", 2)]
    assert found[0]["error"]["todo"] == "Start it."


def test_status_of_a_run_that_was_told_to_nobody_is_empty(say: Say, run_id: str) -> None:
    assert say("trackers", "status", run_id, "--json").json == {"backends": [], "trackers": []}


def test_sync_without_trackers_is_a_wrong_request(say: Say) -> None:
    answer = say("trackers", "sync")
    assert answer.status == 2
    assert "No tracker is configured." in answer.err


def test_an_unknown_tracker_is_refused_with_the_closest_one(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBSERVABILITY_BACKENDS", "mlfow")
    answer = say("trackers", "status")
    assert answer.status == 2
    assert "Did you mean 'mlflow'?" in answer.err


def test_what_could_not_be_told_is_one_json_object_and_exit_status_1(
    say: Say, workspace: Workspace, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = behind(workspace, run_id)
    monkeypatch.setenv("OBSERVABILITY_BACKENDS", "mlflow")
    monkeypatch.setattr("workbench.tracking.delivery.forwarder.Feed.catch_up", lambda *_args: False)
    answer = say("trackers", "sync", "--json")
    assert answer.status == 1
    assert answer.json["error"] == "TrackerError"
    assert answer.json["trackers"][0]["behind"] == 2
    assert "mlflow: It hung up." in say("trackers", "sync").err
    assert (folder / "mlflow.json").is_file()
