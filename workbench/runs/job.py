"""A run as its own kernel sees it: what a job notebook talks to.

What lives here: the handle that ``open_job`` returns. What does not: the work itself (``train``, ``exports``).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench import storage
from workbench.errors import ParameterError
from workbench.metrics.encode import numbers
from workbench.metrics.media.keep import Media
from workbench.metrics.tail import Event, read_events
from workbench.metrics.writer import Writer
from workbench.paths import AttemptPaths, RunPaths
from workbench.runs.heartbeat import Heart
from workbench.runs.ledger import WRITER
from workbench.runs.model import Artifact, Headline, RunResult, RunSpec
from workbench.runs.reading import hold_data
from workbench.runs.standing import fold
from workbench.runs.stop import Stop, read_stop
from workbench.runs.training import offline

if TYPE_CHECKING:
    from workbench.datasets.store import Lease


class Job:
    """One attempt at a run, open for writing events, files and the draft of the result.

    Attributes:
        spec: what the run is.
        paths: the run's folder.
        attempt: the number of this attempt, from 1.
        scratch: a folder that is gone when the attempt ends.
        lease: keeps what the run reads from being evicted; None when nothing of it came from elsewhere.
    """

    lease: Lease | None = None

    def __init__(self, run_folder: Path) -> None:
        self.paths = RunPaths(run_folder)
        self.spec = RunSpec.model_validate(storage.get_json(self.paths.spec))
        self.attempt = self.paths.attempts()[-1]
        self.scratch = self.attempt_paths.scratch
        self.scratch.mkdir(parents=True, exist_ok=True)
        self._started = time.monotonic()
        self._log = Writer(self.paths.events, f"{self.spec.kind}-{self.attempt}")
        self._heart = Heart(self.attempt_paths.heartbeat)
        self.beat("start")

    @property
    def attempt_paths(self) -> AttemptPaths:
        """The folder of this attempt."""
        return self.paths.attempt(self.attempt)

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of this attempt: the recorded ones, with what was changed when the run was resumed."""
        return {**self.spec.parameters, **fold(read_events(self.paths.events, (WRITER,))).changes}

    def beat(self, phase: str, epoch: int = 0, batch: int = 0) -> None:
        """Give a sign of life: after ``listen``, a run that gives none for its policy's ``silence_s`` is stopped.

        Args:
            phase: what is being done, e.g. ``train``.
            epoch: from 1.
            batch: from 1, within the epoch.
        """
        self._heart.beat(phase, epoch, batch)

    def listen(self) -> None:
        """Promise to call ``beat`` and ``stop_wanted`` often, at every batch.

        From now on silence means that the work hangs, and whoever stops the run waits for it to end by itself before
        interrupting it.
        """
        self._heart.promise()

    def stop_wanted(self) -> Stop | None:
        """Return why this attempt is to save and end, by raising ``StoppedError``; None while it may go on."""
        return read_stop(self.paths.stop)

    def log(self, kind: str, **fields: Any) -> None:
        """Note an event of the run; other processes see it within a tenth of a second."""
        self._log.append(kind, **fields)

    def events(self) -> list[Event]:
        """Return what happened in this run so far."""
        self._log.flush()
        return read_events(self.paths.events)

    def metrics(self, step: int, values: Mapping[str, float], **fields: Any) -> None:
        """Note metrics measured at ``step`` (batches or epochs since the start, from 1); costs a few microseconds.

        Args:
            step: see ``Writer.log``, as for the rest.
            values: by name.
            fields: ``scope``, ``epoch``, ``at``, and more to keep with the row.

        Raises:
            ParameterError: when a name or a value is none.
        """
        self._log.log(step, values, **fields)

    @property
    def media(self) -> Media:
        """Keeps texts, images, plots, confusion matrices and curves with the run."""
        return Media(self.paths, self._log)

    def sync(self) -> None:
        """Wait until the disk has all that was noted: before a checkpoint that a later attempt goes on from.

        Raises:
            StorageError: when the disk is full.
        """
        self._log.sync()

    def artifact(self, path: Path) -> Artifact:
        """Return the record of a file inside the run's folder."""
        return Artifact(
            path=path.relative_to(self.paths.root).as_posix(),
            bytes=path.stat().st_size,
            sha256=storage.sha256(path),
        )

    def finish(
        self,
        *,
        headline: Headline | None = None,
        metrics: dict[str, float] | None = None,
        images: int | None = None,
        files: tuple[Path, ...] = (),
        details: dict[str, Any] | None = None,
    ) -> RunResult:
        """Write the draft of the result; the process that supervises this kernel publishes it.

        Args:
            headline: the one number of the run.
            metrics: the library's own keys and final values.
            images: how many images were trained on or evaluated.
            files: what the run made, inside its folder.
            details: anything else worth keeping, JSON-able.
        """
        result = RunResult(
            run=self.spec.id,
            attempt=self.attempt,
            headline=headline,
            metrics=numbers(metrics or {}),
            images=images,
            artifacts=tuple(self.artifact(path) for path in files),
            details=details or {},
            seconds=round(time.monotonic() - self._started, 3),
        )
        storage.put(self.attempt_paths.result, result.model_dump_json(indent=2).encode())
        self._log.close()
        return result


def open_job(run_dir: str) -> Job:
    """Open the run that this kernel executes.

    Args:
        run_dir: the run's folder, injected by papermill.

    Raises:
        ParameterError: when the notebook was not started as a run.
    """
    folder = Path(run_dir)
    if not run_dir or not RunPaths(folder).spec.is_file():
        raise ParameterError(
            f"run_dir is '{run_dir}', which is no run's folder.",
            "A job notebook is executed as a run, which records it first.",
            "Start it from the studio notebook, with `workbench train`, or in Python with `ws.train(config)`.",
            run_dir=run_dir,
        )
    job = Job(folder)
    job.lease = hold_data(job.paths, job.spec)
    offline.prepare(job.scratch / "ultralytics")
    return job
