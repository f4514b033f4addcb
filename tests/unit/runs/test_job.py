"""A run as its kernel sees it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench import storage
from workbench.errors import ParameterError
from workbench.runs import stop
from workbench.runs.heartbeat import read_beat
from workbench.runs.job import Job, open_job
from workbench.runs.model import Headline, RunResult, RunState
from workbench.runs.stop import Stop
from workbench.workspace import Workspace

Record = Callable[..., str]


@pytest.fixture
def job(workspace: Workspace, record: Record) -> Job:
    run = workspace.paths.run(record())
    run.attempt(1).root.mkdir(parents=True)
    return Job(run.root)


@pytest.mark.parametrize("run_dir", ["", "/nowhere"])
def test_a_notebook_that_was_not_started_as_a_run_is_told_how(run_dir: str) -> None:
    with pytest.raises(ParameterError, match="workbench train"):
        open_job(run_dir)


def test_metrics_reach_whoever_reads_the_run(job: Job, workspace: Workspace) -> None:
    job.metrics(3, {"loss": math.nan}, scope="epoch")
    job.sync()
    found = workspace.run(job.spec.id).metrics()
    assert found[0]["step"] == 3
    assert math.isnan(found[0]["loss"])


def test_a_draft_is_not_yet_a_result(job: Job, workspace: Workspace) -> None:
    path = job.paths.checkpoints / "best.pt"
    storage.put(path, b"weights")
    job.finish(headline=Headline(name="mAP", value=0.5), metrics={"loss": math.inf}, files=(path,))
    draft = RunResult.model_validate(storage.get_json(job.attempt_paths.result))
    assert draft.metrics == {"loss": "Infinity"}
    assert (draft.artifacts[0].path, draft.artifacts[0].bytes) == ("checkpoints/best.pt", 7)
    assert workspace.ledger.state(job.spec.id) == "queued"


def test_the_last_attempt_is_the_one_that_is_open(job: Job) -> None:
    job.paths.attempt(10).root.mkdir()
    again = Job(job.paths.root)
    assert again.attempt == 10
    again.log("log", message="x")
    assert (job.paths.events / "train-10.jsonl").is_file()
    assert again.scratch == Path(job.paths.attempt(10).scratch)


def test_opening_a_run_is_its_first_sign_of_life(job: Job) -> None:
    beat = read_beat(job.attempt_paths.heartbeat)
    assert beat is not None
    assert (beat.phase, beat.polls, beat.pid) == ("start", False, os.getpid())


def test_a_job_that_listens_promises_signs_from_then_on(job: Job) -> None:
    job.listen()
    job.beat("train", 2, 7)
    beat = read_beat(job.attempt_paths.heartbeat)
    assert beat is not None
    assert (beat.phase, beat.epoch, beat.batch, beat.polls) == ("train", 2, 7, True)


def test_a_job_finds_the_wish_that_it_saves_and_ends(job: Job) -> None:
    assert job.stop_wanted() is None
    wish = Stop("cancel", "Somebody asked for it.", 5.0)
    stop.ask(job.paths, wish)
    assert job.stop_wanted() == wish


def test_the_parameters_of_an_attempt_are_the_recorded_ones_with_what_was_changed(
    workspace: Workspace, record: Record
) -> None:
    run_id = record(parameters={"epochs": 3, "device": "cpu"})
    workspace.ledger.move(run_id, RunState.FAILED, "ledger")
    workspace.ledger.move(run_id, RunState.QUEUED, "resume", changes={"epochs": 5})
    workspace.ledger.move(run_id, RunState.RUNNING, "attempt-1", attempt=1)
    run = workspace.paths.run(run_id)
    run.attempt(1).root.mkdir(parents=True)
    assert Job(run.root).parameters == {"epochs": 5, "device": "cpu"}
    assert Job(run.root).spec.parameters == {"epochs": 3, "device": "cpu"}
