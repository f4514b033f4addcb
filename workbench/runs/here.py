"""The run that this process is part of, for code that was not handed its job.

What lives here: ``log``, for a notebook of one's own and for every process that it starts. What does not: the handle
that a job notebook opens (``job``).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import SupportsIndex

from workbench import settings
from workbench.errors import ParameterError
from workbench.metrics.writer import Writer
from workbench.paths import attempt_of


def log(
    step: SupportsIndex,
    metrics: Mapping[str, float],
    *,
    scope: str = "batch",
    epoch: int | None = None,
    at: float | None = None,
) -> None:
    """Note metrics of the run that this process is part of; returns within microseconds.

    Works in the run's notebook and in every process that the notebook started, from any thread.

    Args:
        step: what the metrics belong to.
        metrics: by name.
        scope: what ``step`` counts: ``batch``, ``epoch``, or a word of your own.
        epoch: the epoch it belongs to, from 1.
        at: when it was measured, in unix seconds; left out, now.

    Raises:
        ParameterError: when this process is part of no run, or a name or a value is none.
        StorageError: when the disk is full.
    """
    _writer().log(step, metrics, scope=scope, epoch=epoch, at=at)


@cache
def _writer() -> Writer:
    folder = settings.attempt_folder()
    if folder is None:
        raise ParameterError(
            "This process is part of no run.",
            "A notebook that was started as a run, or a process that it started.",
            "Start the notebook with `ws.notebook(path)`; in a notebook that is opened by hand, leave the call out.",
        )
    run, attempt = attempt_of(folder)
    return Writer(run.events, f"log-{attempt}.{os.getpid()}")
