"""Training with ultralytics, in the kernel of the job.

What lives here: the call, and what an attempt goes on from. What does not: what to train (``config``), the callbacks
that write the run's events and checkpoints (``recorder``).
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from workbench.config.catalogue import headline_metric
from workbench.config.schema import DOZEN, TrainingConfig
from workbench.datasets import datayaml
from workbench.errors import ConfigError, storage_error
from workbench.fonts import ADVICE
from workbench.metrics.tail import values
from workbench.runs.job import Job
from workbench.runs.model import Headline, ModelLock
from workbench.runs.training import offline
from workbench.runs.training.checkpoint_files import has_ended, newest_good
from workbench.runs.training.checkpoints import build, inspect
from workbench.runs.training.recorder import Recorder
from workbench.runs.training.resume import check_changes
from workbench.runs.training.trainer import Place, Saved, read, trainer_class

_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


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

    A later attempt goes on from the newest good checkpoint of the run's folder; the log says from which, and why others
    were passed over.

    Args:
        job: the open run; its events get a line per batch and per epoch.
        config: what to train. ``model`` and ``data`` are read from the run's lock, which resolved them.

    Raises:
        ConfigError: when the run has no dataset or model, or the config is not the recorded one with the changes that
            were made when the run was resumed.
        StoppedError: when the run is to stop; a checkpoint of that batch is saved.
        StorageError: when the disk is full; the last published checkpoint is still good.
    """
    model_lock, data_yaml = _locked(job, config)
    goal = (config.epochs, config.patience, config.time)
    if (ended := _ended(job, goal, model_lock.task)) is not None:
        return ended
    offline.quieten()
    _write_names(job, data_yaml)
    saved = _saved(job)
    if saved is not None and saved.place.epoch > config.epochs:
        check_changes({"epochs": config.epochs}, saved.place.epoch)
    recorder = Recorder(job, _begin(saved, goal), saved.path if saved else None)
    model = build(model_lock.path, model_lock.task)
    for event, callback in recorder.callbacks().items():
        model.add_callback(event, callback)
    overrides = {**config.overrides(), **_precision(job, config)}
    if saved is not None and config.optimizer == "auto":
        overrides |= saved.optimizer()
    over = saved is not None and saved.is_over(goal)
    trainer = trainer_class(model.task_map[model.task]["trainer"], saved, over=over)
    with _full_disk(job):
        model.train(trainer, data=data_yaml, project=str(job.scratch), name="train", exist_ok=True, **overrides)
    metrics = {name: float(value) for name, value in model.trainer.metrics.items()}
    return _trained(
        job, metrics, model_lock.task, epochs=recorder.epochs_done, images=len(model.trainer.train_loader.dataset)
    )


def _write_names(job: Job, data_yaml: str) -> None:
    """Have ultralytics' plots show the names of the classes; a missing font fails no training."""
    missing = offline.write_names(job.scratch / "ultralytics", _class_names(Path(data_yaml)))
    if missing:
        said = f"No font of this machine has the letters {missing[:20]} of the class names: plots show boxes instead."
        job.log("log", level="warning", message=f"{said} {ADVICE}")


def _class_names(data: Path) -> list[str]:
    """Return the names that ultralytics will find: in the yaml, or as folders for classify."""
    if data.is_dir():
        return sorted(folder.name for folder in data.glob("train/*"))
    names = datayaml.load(data).get("names") or {}
    return [str(name) for name in (names.values() if isinstance(names, dict) else names)]


def _locked(job: Job, config: TrainingConfig) -> tuple[ModelLock, str]:
    spec = job.spec
    if spec.model is None or spec.dataset is None or spec.config is None:
        raise ConfigError(
            f"Run '{spec.id}' records no model or no dataset.",
            "A run of kind train, recorded by the workbench.",
            "Start it with `workbench train` or `ws.train(config)`.",
        )
    recorded, parameters = TrainingConfig.model_validate(spec.config), job.parameters
    wanted = recorded if parameters == spec.parameters else _from_parameters(parameters)
    changed = config.diff(wanted)
    if changed:
        raise ConfigError(
            f"The notebook's parameters differ from the recorded config in {', '.join(changed)}.",
            "The config that the run was recorded with, and the changes made when it was resumed.",
            "Start a new run with the changed config: a record is not edited.",
            changed={name: [str(before), str(after)] for name, (before, after) in changed.items()},
        )
    check_changes({name: after for name, (_, after) in recorded.diff(wanted).items()})
    return spec.model, spec.dataset.data_yaml


def _from_parameters(parameters: Mapping[str, Any]) -> TrainingConfig:
    dozen = {name: parameters[name] for name in DOZEN if name in parameters}
    return TrainingConfig.from_parameters(settings=parameters.get("settings"), **dozen)


def _saved(job: Job) -> Saved | None:
    """Return the newest good checkpoint, and write down that this attempt goes on from there."""

    def refuse(reason: str) -> None:
        job.log("log", level="warning", message=reason)

    entry = newest_good(job.paths, lambda path: inspect(path).resumable, refuse)
    if job.attempt == 1 and entry is None:
        return None
    saved = read(job.paths.checkpoints, entry) if entry is not None else None
    if saved is None:
        message = "There is no good checkpoint: the training starts from the beginning."
        place = Place()
    else:
        place = saved.place
        within = f", {place.batch} batches into the next" if place.batch else ""
        message = f"The training goes on from '{saved.path.name}': {place.epoch} epochs finished{within}."
    job.log("resumed", epoch=place.epoch, batch=place.batch, step=place.step, checkpoint=entry and entry.path)
    job.log("log", level="info", message=message)
    return saved


def _begin(saved: Saved | None, goal: tuple[int, int, float | None]) -> Place:
    """Return where this attempt starts; the batches of an unfinished epoch count as not done: it is trained anew."""
    return Place(saved.place.epoch, 0, saved.place.step, goal) if saved is not None else Place(goal=goal)


def _ended(job: Job, goal: tuple[int, int, float | None], task: str) -> Trained | None:
    """Return what an attempt left that had ended its training, and was killed before it could report it."""
    events = [event for event in job.events() if event["kind"] == "trained"]
    if not events or not has_ended(job.paths):
        return None
    event = events[-1]
    if list(goal) != event["goal"]:
        raise ConfigError(
            f"The training of run '{job.spec.id}' had ended after {event['epochs']} epochs when the run was cut short.",
            "The settings that it ended with: its last model is stripped of what more epochs would need.",
            "Resume it without changes, or start a new run with --model and its last.pt.",
        )
    job.log(
        "log", level="info", message=f"The training had ended after {event['epochs']} epochs: only the report is new."
    )
    return _trained(job, values(event), task, epochs=event["epochs"], images=event["images"])


def _trained(job: Job, metrics: dict[str, float], task: str, *, epochs: int, images: int) -> Trained:
    name, folder = headline_metric(task), job.paths.checkpoints
    return Trained(
        best=folder / "best.pt",
        last=folder / "last.pt",
        headline=Headline(name=name, value=_headline(metrics, name)),
        metrics=metrics,
        epochs=epochs,
        images=images,
    )


@contextmanager
def _full_disk(job: Job) -> Iterator[None]:
    """Say what a full disk is; ultralytics' own writes raise a bare ``OSError``."""
    try:
        yield
    except OSError as error:
        if error.errno in _DISK:
            raise storage_error(error, job.scratch) from error
        raise


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
