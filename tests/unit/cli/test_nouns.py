"""Projects, sessions, runs, datasets, exports, models and deployments, over the memory launcher."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workbench import storage
from workbench.metrics.log import EventLog
from workbench.runs.model import DatasetLock, Headline, ModelLock, RunResult, RunState
from workbench.runs.supervision.memory import MemoryLauncher
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow

Record = Callable[..., str]
MODEL = ModelLock(ref="yolo26n.yaml", kind="scratch", task="detect", path="yolo26n.yaml")
DATASET = DatasetLock(name="d", uri="/d", digest="x", images={"train": 4, "val": 2}, data_yaml="/d")


@pytest.fixture
def done(workspace: Workspace, record: Record) -> str:
    run = record(model=MODEL, dataset=DATASET, name="first")
    storage.put(workspace.paths.run(run).checkpoints / "best.pt", b"weights")
    result = RunResult(run=run, attempt=1, headline=Headline(name="mAP", value=0.5), seconds=65.0)
    workspace.ledger.complete(run, result, "attempt-1")
    return run


@pytest.mark.parametrize(
    ("noun", "says"),
    [
        ("projects", "No projects yet."),
        ("sessions", "No sessions yet."),
        ("datasets", "No datasets yet."),
        ("runs", "No runs yet."),
        ("exports", "No exports yet."),
        ("deployments", "No deployments yet."),
    ],
)
def test_a_list_without_anything_says_how_to_begin(say: Any, noun: str, says: str) -> None:
    answer = say(noun, "list")
    assert answer.status == 0
    assert answer.out.startswith(says)
    assert answer.out.count("\n") == 1
    assert say(noun, "list", "--json").json == {noun: []}


def test_projects_are_made_shown_and_deleted(say: Any) -> None:
    assert say("projects", "create", "digits", "--note", "why", "--json").json["note"] == "why"
    assert "digits" in say("projects", "list").out
    assert say("projects", "show", "digits", "--json").json["runs"] == []
    assert say("projects", "create", "digits").status == 2
    assert say("projects", "delete", "digits", "--json").json == {"deleted": "digits"}
    assert say("projects", "show", "digits").status == 2


def test_sessions_are_renamed_exported_and_deleted(
    say: Any, workspace: Workspace, record: Record, tmp_path: Path
) -> None:
    workspace.projects.ensure("default")
    made = workspace.projects.open_session("default", "one")
    record(session=made)
    assert say("sessions", "rename", made, "uno", "--json").json["name"] == "uno"
    assert "uno" in say("sessions", "list").out
    assert len(say("sessions", "show", "uno", "--json").json["runs"]) == 1
    assert say("sessions", "delete", "uno").status == 2
    found = say("sessions", "export", "uno", "--to", str(tmp_path / "out.json"), "--json").json
    assert (found["runs"], len(json.loads((tmp_path / "out.json").read_text())["runs"])) == (1, 1)


def test_a_session_that_cannot_be_written_is_told_in_three_beats(say: Any, workspace: Workspace) -> None:
    workspace.projects.ensure("default")
    made = workspace.projects.open_session("default", "one")
    answer = say("sessions", "export", made, "--to", "/dev/null/x/out.json", "--json")
    assert (answer.status, answer.json["error"]) == (1, "StorageError")


def test_runs_are_listed_and_filtered(say: Any, done: str, record: Record) -> None:
    waits = record()
    assert [row["id"] for row in say("runs", "list", "--json").json["runs"]] == [waits, done]
    assert [row["id"] for row in say("runs", "list", "--state", "queued", "--json").json["runs"]] == [waits]
    assert "mAP 0.500" in say("runs", "list").out
    assert "1 min 05 s" in say("runs", "list").out


def test_a_filter_that_nothing_fits_is_not_called_an_empty_workspace(say: Any, done: str) -> None:
    assert say("runs", "list", "--state", "failed").out.startswith("No run fits.")
    answer = say("runs", "list", "--state", "complete")
    assert answer.status == 2
    assert "Did you mean 'completed'?" in answer.err
    assert say("runs", "list", "--kind", "bogus").status == 2


def test_a_run_is_shown_by_its_name(say: Any, done: str) -> None:
    found = say("runs", "show", "first", "--json").json
    assert (found["id"], found["state"], found["result"]["headline"]["value"]) == (done, "completed", 0.5)
    assert "mAP 0.5000" in say("runs", "show", "last").out


def test_numbers_that_are_not_finite_are_words_in_json(say: Any, workspace: Workspace, record: Record) -> None:
    run = record()
    result = RunResult(run=run, attempt=1, headline=Headline(name="mAP", value=float("nan")))
    workspace.ledger.complete(run, result, "attempt-1")
    assert say("runs", "show", run, "--json").json["result"]["headline"]["value"] == "NaN"
    assert say("runs", "list", "--json").json["runs"][0]["headline_value"] is None


def test_a_run_is_restarted_and_cancelled(say: Any, done: str, launcher: MemoryLauncher) -> None:
    fresh = say("runs", "restart", done, "--json").json
    assert fresh["state"] == "queued"
    assert [launch.run_id for launch in launcher.launches.values()] == [fresh["run"]]
    assert say("runs", "cancel", fresh["run"], "--json").json == {"run": fresh["run"], "state": "cancelled"}
    answer = say("runs", "cancel", fresh["run"], "--json")
    assert (answer.status, answer.json["error"]) == (2, "ConflictError")


def test_watching_a_run_that_ended_gives_its_result_or_its_reason(
    say: Any, done: str, workspace: Workspace, record: Record
) -> None:
    assert say("runs", "watch", done, "--json").json["run"] == done
    failed = record()
    with EventLog(workspace.paths.run(failed).events, "train-1") as log:
        log.append("metrics", step=1, scope="epoch", values={"train/box": "NaN"})
        log.append("log", level="info", message="Training on 3 images.")
    workspace.ledger.move(failed, RunState.FAILED, "ledger", reason="ValueError: odd")
    answer = say("runs", "watch", failed)
    assert answer.status == 1
    assert "epoch   1/?  box nan" in answer.err
    assert "Training on 3 images." in answer.err
    assert "ValueError: odd" in answer.err
    assert say("runs", "watch", failed, "--json").json["state"] == "failed"


def test_a_run_is_deleted_only_after_a_yes(
    say: Any, done: str, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.cli.runs.typer.confirm", lambda *_args, **_options: (_ for _ in ()).throw(_abort()))
    assert say("runs", "delete", done).status == 130
    assert workspace.ledger.ids_on_disk() == [done]
    assert say("runs", "delete", done, "--yes").status == 0
    assert workspace.ledger.ids_on_disk() == []


def _abort() -> Exception:
    import typer

    return typer.Abort()


def test_a_run_that_waits_is_not_deleted(say: Any, record: Record) -> None:
    answer = say("runs", "delete", record(), "--json")
    assert (answer.status, answer.json["state" if "state" in answer.json else "error"]) == (2, "ConflictError")


def test_a_notebook_that_is_not_there_yet_is_said(say: Any, done: str) -> None:
    assert "has executed nothing yet" in say("runs", "notebook", done).out
    assert say("runs", "notebook", done, "--json").json == {"run": done, "notebook": None}


def test_an_export_is_started_and_listed(say: Any, done: str, launcher: MemoryLauncher) -> None:
    made = say("export", "first", "--detach", "--json").json
    assert (made["source"], made["format"], made["state"]) == (done, "onnx", "queued")
    assert made["export"] in say("exports", "list").out
    assert say("exports", "show", made["export"]).status == 1
    assert say("export", "nope", "--detach").status == 2
    assert say("export", "first", "--format", "bogus", "--detach").status == 2


def test_a_training_without_data_is_refused(say: Any) -> None:
    answer = say("train", "epochs=1", "--detach", "--json")
    assert (answer.status, answer.json["error"]) == (2, "ConfigError")


def test_a_dataset_that_is_not_there_is_refused(say: Any, tmp_path: Path) -> None:
    assert say("datasets", "show", "nope").status == 2
    assert say("datasets", "add", str(tmp_path / "nope.yaml")).status == 2
    assert say("datasets", "remove", "nope", "--yes").status == 2
    assert say("deployments", "stop", "nope").status == 2
    assert say("models", "add", str(tmp_path / "nope.pt")).status == 2
