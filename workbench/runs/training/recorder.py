"""The callbacks of a training: they turn what the trainer does into events, signs of life and published checkpoints.

What lives here: when something is written. What does not: the call to the trainer (``train``), what is in a checkpoint
(``trainer``), where files are put (``checkpoint_files``).
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from workbench import storage
from workbench.errors import ModelError, StorageError
from workbench.metrics.encode import numbers
from workbench.runs.job import Job
from workbench.runs.stop import StoppedError
from workbench.runs.training.checkpoint_files import AtomicPath, publish
from workbench.runs.training.checkpoints import inspect
from workbench.runs.training.evidence import Evidence, counting, evidence
from workbench.runs.training.trainer import Place, save

_FLUSH_S = 1.0  # losses are read from the device this often: reading each batch would stall a GPU


@dataclass
class Recorder:
    """What is written during one attempt.

    Attributes:
        job: the open run.
        begin: where this attempt starts, with its own goal.
        resumed: the checkpoint that it starts from; None for the start.
    """

    job: Job
    begin: Place
    resumed: Path | None = None
    trainer: Any = None
    batch: int = 0
    step: int = 0
    seen: int = 0
    epochs_done: int = 0
    ending: bool = False
    started: float = 0.0
    flushed: float = 0.0
    pending: list[tuple[int, int, float, torch.Tensor, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.step, self.epochs_done = self.begin.step, self.begin.epoch

    def callbacks(self) -> dict[str, Any]:
        """Return the callbacks by the name of their event."""
        return {
            "on_pretrain_routine_start": self.on_setup,
            "on_train_start": self.on_start,
            "on_train_epoch_start": self.on_epoch_start,
            "on_train_batch_end": self.on_batch,
            "on_val_start": self.on_val_start,
            "on_val_batch_end": self.on_val_batch,
            "on_model_save": self.on_save,
            "on_fit_epoch_end": self.on_epoch_end,
            "on_train_end": self.on_end,
        }

    def on_setup(self, trainer: Any) -> None:
        """Make checkpoint writes atomic, bring the best model so far, and leave the final strip copies of its own."""
        self.trainer = trainer
        trainer.last, trainer.best = AtomicPath(trainer.last), AtomicPath(trainer.best)
        if self.resumed is not None:
            best = self.job.paths.checkpoints / "best.pt"
            storage.link(self.resumed, Path(trainer.last))
            if _is_readable(best):
                storage.link(best, Path(trainer.best))
            elif self.begin.epoch:  # its own average stands in: a later epoch may not be better than the lost one
                storage.link(self.resumed, Path(trainer.best))
        strip_and_validate = trainer.final_eval

        def final_eval() -> None:
            self.ending = True
            for path in (trainer.last, trainer.best):
                if path.exists():
                    path.write_bytes(path.read_bytes())  # the published file is a link to the old bytes
            with counting(trainer.validator):
                strip_and_validate()
            self.end(trainer)

        trainer.final_eval = final_eval

    def on_start(self, trainer: Any) -> None:
        """Promise signs of life at every batch from now on."""
        self.started = self.flushed = time.monotonic()
        self.job.listen()
        self.job.log(
            "log",
            level="info",
            message=f"Training on {len(trainer.train_loader.dataset)} images, {trainer.device}, "
            f"{torch.get_num_threads()} threads.",
        )

    def on_epoch_start(self, trainer: Any) -> None:
        """Count the batches of the epoch anew: ultralytics may repeat one, e.g. with a smaller batch."""
        self.batch = 0
        self.step = self.step_before(trainer)
        self.job.beat("train", trainer.epoch + 1)

    def on_batch(self, trainer: Any) -> None:
        """Note the losses without waiting for the device, give a sign of life, and end when somebody wants it."""
        self.batch += 1
        self.step += 1
        losses = torch.stack([value.detach().float().reshape(()) for value in trainer.loss_items.values()])
        learning_rate = float(trainer.optimizer.param_groups[0]["lr"])
        self.pending.append((self.step, trainer.epoch + 1, time.time(), losses, learning_rate))
        if time.monotonic() - self.flushed >= _FLUSH_S:
            self.flush(trainer)
        self.job.beat("train", trainer.epoch + 1, self.batch)
        self.heed_stop()

    def on_val_start(self, _validator: Any) -> None:
        """Count the batches of the validation anew."""
        self.seen = 0

    def on_val_batch(self, _validator: Any) -> None:
        """Give a sign of life, and end when somebody wants it."""
        self.seen += 1
        self.job.beat("val", self.trainer.epoch + 1, self.seen)
        self.heed_stop()

    def heed_stop(self) -> None:
        """End here when somebody wants it, with a checkpoint that holds the epoch in hand up to this batch.

        Raises:
            StoppedError: then.
        """
        stop = self.job.stop_wanted()
        if stop is None:
            return
        try:
            self.flush(self.trainer)
            if not self.ending:  # otherwise the last epoch's checkpoint holds everything
                self.publish(self.trainer, self.batch)
        except StorageError as error:
            said = f"{stop.reason} It could not save; the checkpoint before stays. {error.happened}"
            raise StoppedError(said) from error
        raise StoppedError(stop.reason)

    def flush(self, trainer: Any) -> None:
        """Write the rows of the batches since the last time."""
        self.flushed = time.monotonic()
        if not self.pending:
            return
        names = [f"train/{name}" for name in trainer.loss_items]
        memory_gb = float(trainer._get_memory())  # noqa: SLF001  the trainer offers no public reading
        rows = torch.stack([row[3] for row in self.pending]).tolist()  # one transfer for all pending batches
        for (step, epoch, measured_at, _, learning_rate), losses in zip(self.pending, rows, strict=True):
            values = {**dict(zip(names, losses, strict=True)), "lr": learning_rate, "memory_gb": memory_gb}
            self.job.metrics(step, values, scope="batch", epoch=epoch, at=measured_at)
        self.pending.clear()
        self.job.log("progress", **self.progress(trainer))

    def progress(self, trainer: Any) -> dict[str, Any]:
        """Return how far the run is, and how long the rest takes at the pace of this attempt."""
        batches = len(trainer.train_loader)
        elapsed_s = time.monotonic() - self.started
        done = self.step - self.begin.step
        left = (trainer.epochs - self.begin.epoch) * batches - done
        return {
            "epoch": trainer.epoch + 1,
            "epochs": trainer.epochs,
            "batch": self.batch,
            "batches": batches,
            "elapsed_s": round(elapsed_s, 1),
            "eta_s": round(elapsed_s / max(done, 1) * max(left, 0), 1),
        }

    def step_before(self, trainer: Any) -> int:
        """Return the number of batches before the epoch in hand, over all attempts."""
        return self.begin.step + (int(trainer.epoch) - self.begin.epoch) * len(trainer.train_loader)

    def on_save(self, trainer: Any) -> None:
        """Publish the epoch's checkpoint; its rows are written before, so that none is lost when this is cut."""
        self.finish_epoch(trainer)
        self.publish(trainer, 0)

    def publish(self, trainer: Any, batch: int) -> None:
        """Save and publish a checkpoint, after ``batch`` batches of the epoch in hand; 0 at its end."""
        self.job.beat("save", trainer.epoch + 1, batch)
        self.job.sync()  # a later attempt measures only what comes after the checkpoint
        epoch = int(trainer.epoch) + (0 if batch else 1)
        step = self.step_before(trainer) + (0 if batch else len(trainer.train_loader))
        newest = self.job.scratch / "newest.pt"
        save(trainer, newest, Place(epoch, batch, step, self.begin.goal))
        publish(self.job.paths, newest, Path(trainer.best), epoch=epoch, batch=batch)
        self.job.beat("saved", trainer.epoch + 1, batch)

    def on_epoch_end(self, trainer: Any) -> None:
        """Write the row of an epoch without a checkpoint, or the final metrics."""
        self.flush(trainer)
        if self.ending:  # ultralytics fires once more after the last epoch, with the metrics of best.pt
            measured = {name: float(value) for name, value in trainer.metrics.items()}
            self.job.metrics(self.epochs_done, measured, scope="final", epoch=self.epochs_done)
        else:
            self.finish_epoch(trainer)

    def finish_epoch(self, trainer: Any) -> None:
        """Write the epoch's row and its line in the notebook, once."""
        if trainer.epoch + 1 <= self.epochs_done:
            return
        self.flush(trainer)
        self.epochs_done = trainer.epoch + 1
        measured = {name: float(value) for name, value in trainer.metrics.items()}
        losses = {name: float(value) for name, value in trainer.label_loss_items(trainer.tloss, prefix="train").items()}
        rates = {name: float(value) for name, value in trainer.lr.items()}
        values = {**losses, **measured, **rates, "fitness": float(trainer.fitness or 0.0)}
        cpu_s = round(time.process_time(), 3)
        self.job.metrics(self.epochs_done, values, scope="epoch", epoch=self.epochs_done, cpu_s=cpu_s)
        progress = self.progress(trainer)
        self.job.log("progress", **progress)
        shown = "  ".join(f"{name} {value:.4g}" for name, value in {**losses, **measured}.items() if "val/" not in name)
        sys.stdout.write(f"epoch {self.epochs_done}/{trainer.epochs}  {shown}  eta {progress['eta_s']:.0f} s\n")

    def end(self, trainer: Any) -> None:
        """Publish the stripped models, after writing down what a later attempt would need to report them."""
        self.job.log(
            "trained",
            epochs=self.epochs_done,
            goal=list(self.begin.goal),
            images=len(trainer.train_loader.dataset),
            values=numbers({name: float(value) for name, value in trainer.metrics.items()}),
        )
        self.job.sync()
        publish(self.job.paths, Path(trainer.last), Path(trainer.best), epoch=self.epochs_done, final=True)

    def on_end(self, trainer: Any) -> None:
        """Keep what the training shows besides numbers; a full disk costs the pictures, not the training."""
        try:
            self.keep(evidence(trainer.validator, Path(trainer.save_dir)))
        except Exception as error:  # noqa: BLE001  what a newer ultralytics gives in another shape fails no training
            message = f"Not all pictures and curves were kept: {type(error).__name__}: {error}"
            self.job.log("log", level="warning", message=message)

    def keep(self, found: Evidence) -> None:
        """Keep a matrix, curves and plots with the run.

        Raises:
            StorageError: when the disk is full.
        """
        media = self.job.media
        if found.matrix is not None:
            media.confusion_matrix(found.matrix)
        for curve in found.curves:
            media.curve(curve)
        for plot in found.plots:
            media.plot(plot.stem, plot)


def _is_readable(path: Path) -> bool:
    try:
        return path.is_file() and bool(inspect(path).parameters)
    except ModelError:
        return False
