"""Measuring a checkpoint on a split, in the kernel of the job."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from workbench.config.catalogue import headline_metric
from workbench.runs.job import Job
from workbench.runs.model import Headline
from workbench.runs.stop import StoppedError
from workbench.runs.training import offline
from workbench.runs.training.checkpoints import evaluate, inspect


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
    """Measure ``checkpoint`` on ``split``, at the image size that it was trained with.

    Raises:
        StoppedError: when somebody asked the run to end.
    """
    offline.quieten()
    info = inspect(Path(checkpoint))

    def heed(batch: int) -> None:
        if batch == 1:  # before, images are read for the first time: that may take long
            job.listen()
        job.beat("val", batch=batch)
        wish = job.stop_wanted()
        if wish is not None:
            raise StoppedError(wish.reason)

    metrics, images = evaluate(Path(checkpoint), Path(data_yaml), split, job.scratch, heed, imgsz=info.imgsz)
    name = headline_metric(info.task)
    job.metrics(1, metrics, scope="final", split=split)
    return Measured(split, metrics, images, Headline(name=name, value=metrics.get(name, metrics.get("fitness", 0.0))))
