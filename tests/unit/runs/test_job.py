"""A run as its kernel sees it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench import storage
from workbench.errors import ParameterError
from workbench.runs.job import Job, open_job
from workbench.runs.model import Headline, RunResult
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
