"""A light trainer: no torch, and everything else as the real one has it.

It goes through the same lease, events, heartbeat, checkpoints, notebook and Prefect code, and is deterministic: the
value of each metric is known from its step, so a lost, doubled or invented row shows.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from workbench.runs.job import Job
from workbench.runs.model import Headline
from workbench.runs.stop import StoppedError
from workbench.runs.training.checkpoint_files import newest_good, publish


@dataclass(frozen=True)
class Size:
    """How long a light training is.

    Attributes:
        epochs: number of epochs.
        batches: batches an epoch.
        batch_s: seconds a batch.
        checkpoint_bytes: size of a checkpoint, so that writing it takes a while.
    """

    epochs: int
    batches: int
    batch_s: float
    checkpoint_bytes: int


def value(step: int) -> float:
    """Return the loss of a step: any function that tells one step from another."""
    return 1000.0 / step


def resumable(path: Path) -> bool:
    """Return whether a light checkpoint is whole."""
    return "epoch" in json.loads(path.read_bytes().rstrip(b" "))


def train(job: Job, size: Size) -> None:
    """Train, from the newest good checkpoint where there is one."""
    alone = os.open(job.paths.root / "alone", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    try:
        fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        job.log("twice", pid=os.getpid())  # two processes train one run: what must never happen
        raise
    entry = newest_good(job.paths, resumable, lambda reason: job.log("log", level="warning", message=reason))
    done = entry.epoch if entry else 0
    job.log("resumed", epoch=done)
    job.listen()
    for epoch in range(done + 1, size.epochs + 1):
        _train_epoch(job, size, epoch)
    job.finish(headline=Headline(name="loss", value=value(size.epochs * size.batches)), details={"epochs": size.epochs})


def _train_epoch(job: Job, size: Size, epoch: int) -> None:
    job.log("epoch", epoch=epoch)
    for batch in range(1, size.batches + 1):
        time.sleep(size.batch_s)
        step = (epoch - 1) * size.batches + batch
        job.metrics(step, {"loss": value(step)}, scope="batch", epoch=epoch)
        job.beat("train", epoch, batch)
        wish = job.stop_wanted()
        if wish is not None:
            _save(job, size, epoch - 1, batch)
            raise StoppedError(wish.reason)
    job.metrics(epoch, {"loss": value(epoch * size.batches)}, scope="epoch", epoch=epoch)
    _save(job, size, epoch, 0)


def _save(job: Job, size: Size, epoch: int, batch: int) -> None:
    from workbench.runs.training.checkpoint_files import AtomicPath

    job.sync()
    content = json.dumps({"epoch": epoch, "batch": batch}).encode()
    newest = AtomicPath(job.scratch / "last.pt")
    newest.write_bytes(content.ljust(size.checkpoint_bytes))
    publish(job.paths, newest, newest, epoch=epoch, batch=batch)
