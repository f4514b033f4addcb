"""What a training writes, and in which order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from workbench.metrics.tail import read_events
from workbench.runs.job import Job
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow


class Loader(list[int]):
    """Stands in for a loader: it has a length, and its dataset one."""

    @property
    def dataset(self) -> list[int]:
        return self


@pytest.fixture
def job(workspace: Workspace, record: Callable[..., str]) -> Job:
    run = workspace.paths.run(record())
    run.attempt(1).root.mkdir(parents=True)
    return Job(run.root)


def test_every_row_is_on_the_disk_before_a_checkpoint_is_published(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """An attempt that goes on from the checkpoint measures only what comes after it."""
    from workbench.runs.training import recorder as module
    from workbench.runs.training.trainer import Place

    rows: list[int] = []

    def publish(*_arguments: Any, **_options: Any) -> None:
        rows.append(sum(event["kind"] == "metrics" for event in read_events(job.paths.events)))

    monkeypatch.setattr(module, "save", lambda *_arguments: None)
    monkeypatch.setattr(module, "publish", publish)
    recorder = module.Recorder(job, Place())
    trainer = SimpleNamespace(epoch=0, epochs=3, best=Path("best.pt"), last=Path("last.pt"), metrics={})
    trainer.train_loader = Loader([1])
    for step in (1, 2):
        job.metrics(step, {"loss": 1.0}, epoch=1)
    recorder.publish(trainer, 1)
    job.metrics(3, {"loss": 1.0}, epoch=1)
    recorder.end(trainer)
    assert rows == [2, 3]


def test_pictures_that_cannot_be_kept_fail_no_training(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """A newer ultralytics may give anything in another shape."""
    from workbench.runs.training import recorder as module
    from workbench.runs.training.trainer import Place

    def other_shape(*_arguments: Any) -> None:
        raise AttributeError("'Metrics' object has no attribute 'curves'")

    monkeypatch.setattr(module, "evidence", other_shape)
    module.Recorder(job, Place()).on_end(SimpleNamespace(validator=None, save_dir="."))
    said = [event["message"] for event in job.events() if event["kind"] == "log"]
    assert any("no attribute 'curves'" in message for message in said)
