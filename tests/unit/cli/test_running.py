"""``workbench runs``: starting, showing, cancelling and resuming, over the memory launcher."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from workbench import storage
from workbench.config.schema import TrainingConfig
from workbench.processes import identify
from workbench.runs.heartbeat import Beat
from workbench.runs.lease import Lease
from workbench.runs.model import Policy, RunResult, RunState
from workbench.runs.supervision.memory import MemoryLauncher
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow

Record = Callable[..., str]
CPU = TrainingConfig(data="digits", device="cpu").parameters()


@pytest.fixture
def queued(workspace: Workspace, record: Record) -> Record:
    """Return a maker of a run that was recorded and handed to the dispatcher."""

    def make(**fields: Any) -> str:
        run_id = record(**{"parameters": CPU, **fields})
        workspace.dispatcher.submit(workspace.ledger, run_id)
        return run_id

    return make


@pytest.fixture
def failed(workspace: Workspace, queued: Record) -> str:
    run_id = queued(policy=Policy(attempts=2))
    workspace.ledger.move(run_id, RunState.RUNNING, "attempt-1", attempt=1)
    workspace.ledger.move(run_id, RunState.FAILED, "attempt-1", reason="RuntimeError: odd")
    return run_id


def study(path: Path) -> Path:
    cell = {"cell_type": "code", "source": "depth: int = 1\nword: str = 'a'", "metadata": {"tags": ["parameters"]}}
    book = {"cells": [{**cell, "outputs": [], "execution_count": None}], "metadata": {}, "nbformat": 4}
    storage.put_json(path, {**book, "nbformat_minor": 5})
    return path


def test_a_run_that_waits_is_listed_and_shown_with_its_place(say: Any, queued: Record) -> None:
    queued()
    waits = queued()
    row, _ = say("runs", "list", "--json").json["runs"]
    assert (row["id"], row["place"], row["slot"]) == (waits, 1, "cpu")
    assert "queued (1. for cpu)" in say("runs", "list").out
    found = say("runs", "show", waits, "--json").json
    assert (found["state"], found["place"], found["slot"], found["attempt"]) == ("queued", 1, "cpu", 0)
    assert "queued (1. for cpu)" in say("runs", "show", waits).out


def test_a_run_that_goes_is_shown_with_its_last_sign_of_life(say: Any, workspace: Workspace, queued: Record) -> None:
    run_id = queued()
    run = workspace.paths.run(run_id)
    workspace.ledger.move(run_id, RunState.RUNNING, "attempt-1", attempt=1)
    process = asdict(identify(1))
    beat = Beat("train", 2, 7, time.time(), time.monotonic() - 65, 0.1, polls=True, host="here", **process)
    storage.put_json(run.attempt(1).heartbeat, asdict(beat))
    with Lease(run.lease):
        shown = say("runs", "show", run_id).out
        found = say("runs", "show", run_id, "--json").json
    assert re.search(r"1 min (0[5-9]|1\d) s ago \(epoch 2, batch 7\)", shown)
    assert "attempt       1 of 3" in shown
    assert (found["heartbeat"]["epoch"], found["heartbeat"]["pid"]) == (2, 1)
    assert 64 <= found["heartbeat"]["age_s"] <= 80


def test_the_first_who_looks_is_told_that_a_run_is_dead(say: Any, workspace: Workspace, queued: Record) -> None:
    run_id = queued(policy=Policy(attempts=1))
    workspace.ledger.move(run_id, RunState.RUNNING, "attempt-1", attempt=1)
    found = say("runs", "show", run_id, "--json").json
    assert (found["state"], found["reason"]) == ("crashed", "Its process ended without a word.")
    assert [row["state"] for row in say("runs", "list", "--json").json["runs"]] == ["crashed"]


def test_a_notebook_of_ones_own_is_started_with_its_parameters(
    say: Any, workspace: Workspace, tmp_path: Path, launcher: MemoryLauncher
) -> None:
    path = study(tmp_path / "Study.ipynb")
    words = ("-p", "depth=3", "-p", "word=1=2", "--name", "mine", "--detach", "--json")
    found = say("runs", "start", str(path), *words).json
    assert (found["state"], found["place"]) == ("queued", None)
    assert workspace.ledger.spec(found["run"]).parameters == {"depth": 3, "word": "1=2"}
    assert [launch.run_id for launch in launcher.launches.values()] == [found["run"]]


@pytest.mark.parametrize("words", [("-p", "breadth=3"), ("-p", "depth=three"), ("-p", "depth"), ("-p", "run_dir=/x")])
def test_a_notebook_that_does_not_take_its_parameters_is_not_started(
    say: Any, tmp_path: Path, launcher: MemoryLauncher, words: tuple[str, ...]
) -> None:
    assert say("runs", "start", str(study(tmp_path / "study.ipynb")), *words).status == 2
    assert say("runs", "start", str(tmp_path / "missing.ipynb"), "--json").json["error"] == "ParameterError"
    assert launcher.launches == {}


def test_cancelling_says_whether_the_run_has_ended(say: Any, workspace: Workspace, queued: Record) -> None:
    goes, waits = queued(), queued()
    with Lease(workspace.paths.run(goes).lease):
        workspace.ledger.move(goes, RunState.RUNNING, "attempt-1", attempt=1)
        assert say("runs", "cancel", waits).out == f"Run '{waits}' is cancelled.\n"
        answer = say("runs", "cancel", goes)
        assert say("runs", "cancel", goes, "--json").json == {"run": goes, "state": "cancelling"}
    assert answer.out.startswith(f"Run '{goes}' is cancelling. It saves and ends; see it end: workbench runs watch")
    assert say("runs", "cancel", waits).status == 2
    assert say("runs", "cancel", "train-nope").status == 2


def test_a_failed_run_is_resumed_with_other_settings(
    say: Any, workspace: Workspace, failed: str, launcher: MemoryLauncher
) -> None:
    found = say("runs", "resume", failed, "epochs=50", "--detach", "--json").json
    assert found == {"run": failed, "state": "queued", "place": None}
    assert say("runs", "show", failed, "--json").json["changes"] == {"epochs": 50}
    assert "epochs=50" in say("runs", "show", failed).out
    workspace.ledger.move(failed, RunState.FAILED, "ledger")
    answer = say("runs", "resume", failed, "--detach")
    assert answer.out == f"Run '{failed}' is queued. Watch it: workbench runs watch {failed}\n"
    assert [launch.number for launch in launcher.launches.values()] == [1, 2, 3]


@pytest.mark.parametrize("words", [("lr0=0.5",), ("epoch=50",), ("epochs=many",), ("epochs",)])
def test_settings_that_cannot_be_changed_on_the_way_resume_nothing(
    say: Any, workspace: Workspace, failed: str, words: tuple[str, ...]
) -> None:
    answer = say("runs", "resume", failed, *words, "--json")
    assert (answer.status, answer.json["error"]) == (2, "ConfigError")
    assert workspace.ledger.state(failed) is RunState.FAILED


def test_a_run_that_goes_or_is_complete_is_not_resumed(
    say: Any, workspace: Workspace, queued: Record, record: Record
) -> None:
    done = record()
    workspace.ledger.complete(done, RunResult(run=done, attempt=1), "attempt-1")
    for run_id, says in ((queued(), "it goes on already"), (done, "there is nothing to resume")):
        answer = say("runs", "resume", run_id, "--json")
        assert (answer.status, answer.json["error"]) == (2, "ConflictError")
        assert says in answer.err
    assert say("runs", "resume", "train-nope", "--json").json["error"] == "UnknownNameError"


def test_a_run_is_resumed_and_watched_to_its_end(
    say: Any, workspace: Workspace, failed: str, launcher: MemoryLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = launcher.start

    def executed(folder: Path, run_id: str, number: int, environment: Any) -> str:
        launch = real(folder, run_id, number, environment)
        workspace.ledger.move(run_id, RunState.RUNNING, "attempt-2", attempt=2)
        workspace.ledger.complete(run_id, RunResult(run=run_id, attempt=2, seconds=3.0), "attempt-2")
        return launch

    monkeypatch.setattr(launcher, "start", executed)
    answer = say("runs", "resume", failed)
    assert answer.status == 0
    assert "failed: RuntimeError: odd" in answer.err
    assert "  completed" in answer.err
