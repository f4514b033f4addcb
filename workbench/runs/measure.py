"""Measuring a checkpoint on a split, in the kernel of the job."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from workbench.config.catalogue import headline_metric
from workbench.runs import offline
from workbench.runs.checkpoints import evaluate, inspect
from workbench.runs.job import Job
from workbench.runs.model import Headline


@dataclass(frozen=True)
class Measured:
    """What was measured.

    Attributes:
        split: train, val or test.
        metrics: ultralytics' own keys and values.
        images: images that were measured on.
        headline: the task's one number.
    """

    split: str
    metrics: dict[str, float]
    images: int
    headline: Headline

    def finish(self, job: Job) -> None:
        """Write the draft of the run's result."""
        job.finish(headline=self.headline, metrics=self.metrics, images=self.images, details={"split": self.split})


def measure(job: Job, checkpoint: str, data_yaml: str, split: str) -> Measured:
    """Measure ``checkpoint`` on ``split``, at the image size that it was trained with."""
    offline.quieten()
    info = inspect(Path(checkpoint))
    job.beat("evaluate")
    metrics, images = evaluate(Path(checkpoint), Path(data_yaml), split, job.scratch, imgsz=info.imgsz)
    job.beat("evaluated")
    name = headline_metric(info.task)
    job.metrics(1, metrics, scope="final", split=split)
    return Measured(split, metrics, images, Headline(name=name, value=metrics.get(name, metrics.get("fitness", 0.0))))
