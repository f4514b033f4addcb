"""ultralytics' trainer, with checkpoints from which a training goes on as if nothing had happened.

What lives here: what such a checkpoint holds, and a trainer that starts from one. What does not: when one is saved
(``recorder``), where it is put and which one is chosen (``checkpoint_files``).

ultralytics' own checkpoints hold the averaged weights, rounded to half precision, in place of those in training, an
optimizer rounded as well, and no random state; a training that goes on from one draws the first epoch's images and
augmentations again. Ours hold all of it, under keys that ultralytics reads too. With one optimizer step a batch, no
mosaic and the data loaded in the process itself (always so on a CPU) a resumed training ends with the very same
numbers.
"""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import RandomSampler, Sampler

from workbench import storage
from workbench.runs.training import checkpoints
from workbench.runs.training.checkpoint_files import Entry

_SEEDS_APART = 1_000_003  # more than epochs: two seeds never share an order


@dataclass(frozen=True)
class Place:
    """Where a training stood when a checkpoint was saved.

    Attributes:
        epoch: finished epochs.
        batch: batches of the following epoch that are in it as well.
        step: batches since the start of the run, at the end of the last finished epoch.
        goal: the settings that decide when it stops: epochs, patience, time.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    goal: tuple[int, int, float | None] = (0, 0, None)


@dataclass(frozen=True)
class Saved:
    """A checkpoint that a training goes on from.

    Attributes:
        place: where the training stood.
        path: its file.
        stopping: whether the training was about to end: the last epoch was finished, or patience.
        state: what is in the file; emptied when the trainer has taken it over.
    """

    place: Place
    path: Path
    stopping: bool
    state: dict[str, Any]

    def is_over(self, goal: tuple[int, int, float | None]) -> bool:
        """Return whether nothing is left to train, only to measure."""
        return self.place.epoch >= goal[0] or (self.stopping and self.place.goal == goal)

    def optimizer(self) -> dict[str, Any]:
        """Return what ultralytics chose for ``optimizer=auto``: more epochs could make it choose otherwise."""
        arguments = self.state["train_args"]
        return {name: arguments[name] for name in ("optimizer", "lr0", "warmup_bias_lr")}


def read(folder: Path, entry: Entry) -> Saved:
    """Return a checkpoint of ``folder``.

    Raises:
        ModelError: when it cannot be read.
    """
    state = checkpoints.read(folder / entry.path)
    own = state[checkpoints.STATE]
    epochs, patience, hours = own["goal"]
    place = Place(entry.epoch, entry.batch, own["step"], (epochs, patience, hours))
    return Saved(place, folder / entry.path, own["stopping"], state)


def save(trainer: Any, path: Path, place: Place) -> None:
    """Write all that ``trainer`` needs to go on, at any batch.

    Raises:
        StorageError: when the disk is full.
    """
    from ultralytics.utils.torch_utils import qat_state, strip_qat, unwrap_model

    average = deepcopy(trainer.ema.ema)
    quantization = qat_state(average)
    strip_qat(average)
    average = average.to(memory_format=torch.contiguous_format)
    average.criterion = None  # the loss refers to the data
    average.args = dict(vars(trainer.args))
    stopper = trainer.stopper
    content = {
        "epoch": place.epoch - 1,
        "best_fitness": trainer.best_fitness,
        "stopper": {"best_fitness": stopper.best_fitness, "best_epoch": stopper.best_epoch},
        "model": None,
        "ema": average,
        "updates": trainer.ema.updates,
        "modelopt": quantization,
        "optimizer": trainer.optimizer.state_dict(),
        "scaler": trainer.scaler.state_dict(),
        "train_args": dict(vars(trainer.args)),
        checkpoints.STATE: {
            "weights": unwrap_model(trainer.model).state_dict(),
            "random": _random_state(),
            "step": place.step,
            "goal": list(place.goal),
            "stopping": bool(trainer.stop),
        },
    }
    buffer = io.BytesIO()  # torch reports a full disk as a RuntimeError when it writes the file itself
    torch.save(content, buffer)
    storage.put(path, buffer.getvalue())


def trainer_class(base: Any, saved: Saved | None, *, over: bool) -> Any:
    """Return a trainer for any task.

    Args:
        base: the task's trainer.
        saved: where it starts; None for the start.
        over: whether nothing is left to train, only to measure.
    """
    from ultralytics.utils.torch_utils import unwrap_model

    begin = saved.place.epoch if saved is not None else 0

    class Trainer(base):  # type: ignore[misc]
        def get_dataloader(self, *arguments: Any, **options: Any) -> Any:
            loader = super().get_dataloader(*arguments, **options)
            if options.get("mode") == "train" and isinstance(loader.sampler, RandomSampler):
                seed = self.args.seed * _SEEDS_APART
                loader.batch_sampler.sampler.sampler = _EpochOrder(len(loader.dataset), seed, begin)
                loader.generator.manual_seed(loader.generator.initial_seed() + begin)  # what its workers draw from
            return loader

        def resume_training(self, ckpt: Any) -> None:
            if saved is None:
                super().resume_training(ckpt)
                return
            own = saved.state[checkpoints.STATE]
            unwrap_model(self.model).load_state_dict(own["weights"])
            if 0 < begin < self.epochs:
                self.resume = True
                super().resume_training(saved.state)
            else:  # ultralytics takes neither a first epoch's middle nor a last epoch's end for something to resume
                self._load_checkpoint_state(saved.state)
                self.start_epoch = begin
            _restore_random(own["random"])
            saved.state.clear()

        def _do_train(self) -> None:
            if not over:
                super()._do_train()
                return
            self._setup_train()
            self.epoch = begin - 1
            self.run_callbacks("on_train_start")
            self.final_eval()
            self.run_callbacks("on_train_end")
            for loader in (self.train_loader, self.test_loader):
                loader.close()

    return Trainer


class _EpochOrder(Sampler[int]):
    """The order of the images: another one each epoch, which follows from the seed and the epoch alone."""

    def __init__(self, size: int, seed: int, epoch: int) -> None:
        self._size, self._seed, self._epoch = size, seed, epoch

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator()
        generator.manual_seed(self._seed + self._epoch)
        self._epoch += 1
        return iter(torch.randperm(self._size, generator=generator).tolist())

    def __len__(self) -> int:
        return self._size


def _random_state() -> dict[str, Any]:
    name, keys, *rest = np.random.get_state()
    return {
        "python": random.getstate(),
        "numpy": [name, np.asarray(keys).tolist(), *rest],  # a safe reader takes lists, not arrays
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def _restore_random(state: dict[str, Any]) -> None:
    random.setstate(state["python"])
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))
    torch.set_rng_state(state["torch"])
    if torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
