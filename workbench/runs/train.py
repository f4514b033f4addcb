"""Training with ultralytics, in the kernel of the job.

What lives here: the call, and the callbacks that write the run's events. What does not: what to train (``config``),
checkpoint files (``checkpoints``).
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from workbench.config.catalogue import headline_metric
from workbench.config.schema import TrainingConfig
from workbench.errors import ConfigError
from workbench.runs import offline
from workbench.runs.checkpoints import AtomicPath, build, publish
from workbench.runs.job import Job
from workbench.runs.model import Headline, ModelLock, RunSpec

_FLUSH_S = 1.0  # losses are read from the device this often: reading each batch would stall a GPU


@dataclass(frozen=True)
class Trained:
    """What a training left.

    Attributes:
        best: the checkpoint with the best fitness, stripped of its optimizer.
        last: the checkpoint of the last epoch.
        headline: the task's one number, measured on the val split with ``best``.
        metrics: ultralytics' own keys and values for ``best``.
        epochs: epochs that ran.
        images: training images.
    """

    best: Path
    last: Path
    headline: Headline
    metrics: dict[str, float]
    epochs: int
    images: int

    def finish(self, job: Job) -> None:
        """Write the draft of the run's result."""
        job.finish(
            headline=self.headline,
            metrics=self.metrics,
            images=self.images,
            files=(self.best, self.last),
            details={"epochs": self.epochs},
        )


def train(job: Job, config: TrainingConfig) -> Trained:
    """Train ``config`` on the dataset that the run's lock names, and publish its checkpoints.

    Args:
        job: the open run; its events get a line per batch and per epoch.
        config: what to train. ``model`` and ``data`` are read from the run's lock, which resolved them.

    Raises:
        ConfigError: when the run has no dataset or model, or the config is not the recorded one.
    """
    model_lock, data_yaml = _locked(job.spec, config)
    offline.quieten()
    model = build(model_lock.path, model_lock.task)
    recorder = _Recorder(job)
    for event, callback in recorder.callbacks().items():
        model.add_callback(event, callback)
    overrides = {**config.overrides(), **_precision(job, config)}
    model.train(data=data_yaml, project=str(job.scratch), name="train", exist_ok=True, **overrides)
    trainer: Any = model.trainer
    metrics = {name: float(value) for name, value in trainer.metrics.items()}
    name = headline_metric(model_lock.task)
    return Trained(
        best=job.paths.checkpoints / "best.pt",
        last=job.paths.checkpoints / "last.pt",
        headline=Headline(name=name, value=_headline(metrics, name)),
        metrics=metrics,
        epochs=recorder.epochs_done,
        images=len(trainer.train_loader.dataset),
    )


def _locked(spec: RunSpec, config: TrainingConfig) -> tuple[ModelLock, str]:
    if spec.model is None or spec.dataset is None or spec.config is None:
        raise ConfigError(
            f"Run '{spec.id}' records no model or no dataset.",
            "A run of kind train, recorded by the workbench.",
            "Start it with `workbench train` or `ws.train(config)`.",
        )
    changed = config.diff(TrainingConfig.model_validate(spec.config))
    if changed:
        raise ConfigError(
            f"The notebook's parameters differ from the recorded config in {', '.join(changed)}.",
            "The config that the run was recorded with.",
            "Start a new run with the changed config: a record is not edited.",
            changed={name: [str(before), str(after)] for name, (before, after) in changed.items()},
        )
    return spec.model, spec.dataset.data_yaml


def _headline(metrics: dict[str, float], name: str) -> float:
    # ultralytics names the semantic task's metric without its prefix in some tables.
    for key in (name, f"metrics/{name}"):
        if key in metrics:
            return metrics[key]
    return metrics.get("fitness", float("nan"))


def _precision(job: Job, config: TrainingConfig) -> dict[str, Any]:
    """Choose bf16 where fp16 would make ultralytics download a model to test the GPU with."""
    if config.amp is not True or not torch.cuda.is_available() or config.device == "cpu":
        return {}
    chosen: str | bool = "bf16" if torch.cuda.is_bf16_supported() else False
    job.log("log", level="info", message=f"amp=True is run as {chosen}: the fp16 check would need a download.")
    return {"amp": chosen}


@dataclass
class _Recorder:
    """The callbacks: they turn what the trainer does into the run's events."""

    job: Job
    batch: int = 0
    step: int = 0
    epochs_done: int = 0
    started: float = 0.0
    flushed: float = 0.0
    pending: list[tuple[int, int, float, torch.Tensor, float]] = field(default_factory=list)

    def callbacks(self) -> dict[str, Any]:
        return {
            "on_pretrain_routine_start": self.on_setup,
            "on_train_start": self.on_start,
            "on_train_epoch_start": self.on_epoch_start,
            "on_train_batch_end": self.on_batch,
            "on_model_save": self.on_save,
            "on_fit_epoch_end": self.on_epoch_end,
        }

    def on_setup(self, trainer: Any) -> None:
        """Make checkpoint writes atomic, and leave the final strip a copy of its own."""
        trainer.last, trainer.best = AtomicPath(trainer.last), AtomicPath(trainer.best)
        strip_and_validate = trainer.final_eval

        def final_eval() -> None:
            for path in (trainer.last, trainer.best):
                if path.exists():
                    path.write_bytes(path.read_bytes())  # the published file is a link to the old bytes
            strip_and_validate()
            publish(self.job.paths, trainer.last, trainer.best, epoch=self.epochs_done, final=True)

        trainer.final_eval = final_eval

    def on_start(self, trainer: Any) -> None:
        self.started = self.flushed = time.monotonic()
        self.job.log(
            "log",
            level="info",
            message=f"Training on {len(trainer.train_loader.dataset)} images, {trainer.device}, "
            f"{torch.get_num_threads()} threads.",
        )

    def on_epoch_start(self, _trainer: Any) -> None:
        self.batch = 0

    def on_batch(self, trainer: Any) -> None:
        self.batch += 1
        self.step += 1
        losses = torch.stack([value.detach().float().reshape(()) for value in trainer.loss_items.values()])
        learning_rate = float(trainer.optimizer.param_groups[0]["lr"])
        self.pending.append((self.step, trainer.epoch + 1, time.time(), losses, learning_rate))
        if time.monotonic() - self.flushed >= _FLUSH_S:
            self.flush(trainer)

    def flush(self, trainer: Any) -> None:
        self.flushed = time.monotonic()
        if not self.pending:
            return
        names = [f"train/{name}" for name in trainer.loss_items]
        memory_gb = float(trainer._get_memory())  # noqa: SLF001  the trainer offers no public reading
        rows = torch.stack([row[3] for row in self.pending]).tolist()  # one transfer for all pending batches
        for (step, epoch, measured_at, _, learning_rate), losses in zip(self.pending, rows, strict=True):
            values = {**dict(zip(names, losses, strict=True)), "lr": learning_rate, "memory_gb": memory_gb}
            self.job.metrics(step, values, scope="batch", epoch=epoch, measured_at=round(measured_at, 3))
        self.pending.clear()
        self.job.log("progress", **self.progress(trainer))

    def progress(self, trainer: Any) -> dict[str, Any]:
        batches = len(trainer.train_loader)
        total = trainer.epochs * batches
        elapsed_s = time.monotonic() - self.started
        return {
            "epoch": trainer.epoch + 1,
            "epochs": trainer.epochs,
            "batch": self.batch,
            "batches": batches,
            "elapsed_s": round(elapsed_s, 1),
            "eta_s": round(elapsed_s / max(self.step, 1) * (total - self.step), 1),
        }

    def on_save(self, trainer: Any) -> None:
        publish(self.job.paths, trainer.last, trainer.best, epoch=trainer.epoch + 1, final=False)

    def on_epoch_end(self, trainer: Any) -> None:
        self.flush(trainer)
        measured = {name: float(value) for name, value in trainer.metrics.items()}
        if trainer.epoch + 1 <= self.epochs_done or trainer.epoch >= trainer.epochs:
            # ultralytics fires once more after the last epoch, with the metrics of best.pt.
            self.job.metrics(self.epochs_done, measured, scope="final", epoch=self.epochs_done)
            return
        self.epochs_done = trainer.epoch + 1
        losses = {name: float(value) for name, value in trainer.label_loss_items(trainer.tloss, prefix="train").items()}
        rates = {name: float(value) for name, value in trainer.lr.items()}
        values = {**losses, **measured, **rates, "fitness": float(trainer.fitness or 0.0)}
        cpu_s = round(time.process_time(), 3)
        self.job.metrics(self.epochs_done, values, scope="epoch", epoch=self.epochs_done, cpu_s=cpu_s)
        progress = self.progress(trainer)
        self.job.log("progress", **progress)
        shown = "  ".join(f"{name} {value:.4g}" for name, value in {**losses, **measured}.items() if "val/" not in name)
        sys.stdout.write(f"epoch {self.epochs_done}/{trainer.epochs}  {shown}  eta {progress['eta_s']:.0f} s\n")
