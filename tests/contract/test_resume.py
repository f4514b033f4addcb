"""A training that is cut, wherever, goes on from its newest good checkpoint: real ultralytics, very small."""

from __future__ import annotations

import errno
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import tiny
from workbench import storage
from workbench.config.schema import DOZEN, TrainingConfig
from workbench.errors import ConfigError, StorageError
from workbench.metrics.rows import current
from workbench.metrics.tail import Event, read_events, values
from workbench.paths import RunPaths
from workbench.runs.job import Job
from workbench.runs.stop import Stop, StoppedError, ask, take_back
from workbench.runs.training import offline
from workbench.runs.training.checkpoint_files import finished_epochs, has_ended, newest_good

EPOCHS, BATCHES = 3, 2
Moment = tuple[str, int, int]  # phase, epoch and batch of a sign of life


class Killed(BaseException):
    """Nobody catches it: the attempt ends where it is."""


class WatchedJob(Job):
    """A job that does something at one moment of its training."""

    def __init__(self, run: RunPaths, at: Moment | None = None, do: Callable[[], object] = lambda: None) -> None:
        self.at, self.do = at, do
        super().__init__(run.root)
        offline.prepare(self.scratch / "ultralytics")

    def beat(self, phase: str, epoch: int = 0, batch: int = 0) -> None:
        super().beat(phase, epoch, batch)
        if (phase, epoch, batch) == self.at:
            self.at = None
            self.do()


@dataclass
class Stage:
    """Where runs are recorded and executed in this process."""

    folder: Path
    data: Path
    model: Path

    def record(self, **settings: Any) -> RunPaths:
        name = f"run-{len(list(self.folder.glob('run-*')))}"
        return tiny.record(self.folder / name, self.data, self.model, **{"epochs": EPOCHS, **settings})

    def attempt(
        self, run: RunPaths, at: Moment | None = None, do: Callable[[], object] = lambda: None, **changes: Any
    ) -> Any:
        """Execute one attempt up to the end of its training, doing something at one moment of it."""
        from workbench.runs.training.train import train

        take_back(run)
        tiny.begin(run, **changes)
        job = WatchedJob(run, at, do)
        parameters = job.parameters
        dozen = {name: parameters[name] for name in DOZEN}
        return train(job, TrainingConfig.from_parameters(settings=parameters["settings"], **dozen))

    def cut(self, run: RunPaths, at: Moment, **changes: Any) -> None:
        """Execute one attempt that is cut at one moment."""

        def die() -> None:
            raise Killed

        with pytest.raises(Killed):
            self.attempt(run, at, die, **changes)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    folder = tmp_path_factory.mktemp("resume")
    return Stage(folder, tiny.data_yaml(folder / "data", images=8), tiny.model_yaml(folder))


@pytest.fixture(scope="module")
def whole(stage: Stage) -> RunPaths:
    """Return a run that nothing interrupted."""
    run = stage.record()
    stage.attempt(run)
    return run


def rows(run: RunPaths, scope: str) -> list[tuple[int, int, dict[str, float]]]:
    events = current(read_events(run.events, ("train-*",)))
    found = [event for event in events if event["kind"] == "metrics" and event["scope"] == scope]
    return [(event["step"], event["epoch"], values(event)) for event in found]


def same_rows(run: RunPaths, other: RunPaths) -> bool:
    return all(rows(run, scope) == rows(other, scope) for scope in ("batch", "epoch", "final"))


def of(run: RunPaths, attempt: int, kind: str) -> list[Event]:
    return [event for event in read_events(run.events, (f"train-{attempt}",)) if event["kind"] == kind]


def newest(run: RunPaths) -> tuple[int, int]:
    from workbench.runs.training.checkpoints import inspect

    found = newest_good(run, lambda path: inspect(path).resumable)
    assert found is not None
    return found.epoch, found.batch


def weights(path: Path) -> list[Any]:
    from workbench.runs.training.checkpoints import read

    return [tensor.float().sum().item() for tensor in read(path)["model"].state_dict().values()]


def test_the_rows_of_an_uninterrupted_training_are_whole(whole: RunPaths) -> None:
    assert [step for step, _, _ in rows(whole, "epoch")] == [1, 2, 3]
    assert [(step, epoch) for step, epoch, _ in rows(whole, "batch")] == [
        (1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (6, 3),
    ]  # fmt: skip
    assert [step for step, _, _ in rows(whole, "final")] == [3]
    assert sorted(path.name for path in whole.checkpoints.iterdir()) == ["best.pt", "checkpoints.json", "last.pt"]


@pytest.mark.parametrize(
    ("at", "resumed"),
    [
        (("train", 1, 2), 0),
        (("saved", 1, 0), 1),
        (("val", 2, 1), 1),
        (("save", 3, 0), 2),
        (("saved", 3, 0), 3),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_a_training_that_was_cut_ends_with_the_very_same_numbers(
    stage: Stage, whole: RunPaths, at: Moment, resumed: int
) -> None:
    """Weights, optimizer, average, random state and the order of the images are all taken up again."""
    run = stage.record()
    stage.cut(run, at)
    trained = stage.attempt(run)
    assert [event["epoch"] for event in of(run, 2, "resumed")] == [resumed]
    assert same_rows(run, whole)
    assert trained.epochs == EPOCHS
    assert weights(trained.best) == weights(whole.checkpoints / "best.pt")
    assert weights(trained.last) == weights(whole.checkpoints / "last.pt")


@pytest.mark.parametrize(
    ("at", "saved"),
    [(("train", 1, 1), (0, 1)), (("train", 2, 1), (1, 1)), (("val", 2, 1), (1, BATCHES))],
    ids=["first epoch", "second epoch", "validation"],
)
def test_a_training_that_is_to_stop_saves_within_the_batch_and_goes_on_later(
    stage: Stage, at: Moment, saved: tuple[int, int]
) -> None:
    run = stage.record()
    with pytest.raises(StoppedError, match="enough for today"):
        stage.attempt(run, at, lambda: ask(run, Stop("cancel", "enough for today", time.time())))
    assert newest(run) == saved
    done = (at[1] - 1) * BATCHES + (at[2] if at[0] == "train" else BATCHES)
    assert len(rows(run, "batch")) == done, "no batch follows, and none is lost"
    assert stage.attempt(run).epochs == EPOCHS
    assert [event["epoch"] for event in of(run, 2, "resumed")] == [saved[0]], "the epoch in hand is trained anew"
    assert [step for step, _, _ in rows(run, "epoch")] == [1, 2, 3]
    assert [step for step, _, _ in rows(run, "batch")] == [1, 2, 3, 4, 5, 6]


def test_what_was_learned_in_an_unfinished_epoch_is_kept(stage: Stage, whole: RunPaths) -> None:
    run = stage.record()
    with pytest.raises(StoppedError):
        stage.attempt(run, ("train", 2, 1), lambda: ask(run, Stop("cancel", "", time.time())))
    stage.attempt(run)
    assert rows(run, "epoch")[0] == rows(whole, "epoch")[0]
    assert rows(run, "epoch")[1] != rows(whole, "epoch")[1]


def test_a_stop_during_the_last_measurement_keeps_the_trained_epochs(stage: Stage, whole: RunPaths) -> None:
    run = stage.record()
    with pytest.raises(StoppedError):
        stage.attempt(run, ("saved", 3, 0), lambda: ask(run, Stop("cancel", "", time.time())))
    assert newest(run) == (3, 0)
    stage.attempt(run)
    assert [event for event in of(run, 2, "metrics") if event["scope"] != "final"] == [], "nothing is trained again"
    assert same_rows(run, whole)


def _torn(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _stripped(path: Path) -> None:
    import torch

    from workbench.runs.training.checkpoints import read

    torch.save({**read(path), "optimizer": None, "epoch": -1}, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)
    _named_anew(path)


def _named_anew(path: Path) -> None:
    """Make the index name the bytes that are there."""
    index = storage.get_json(path.with_name("checkpoints.json"))
    for entry in index["epochs"]:
        if entry["path"] == path.name:
            entry.update(bytes=path.stat().st_size, sha256=storage.sha256(path))
    storage.put_json(path.with_name("checkpoints.json"), index)


def _code(path: Path) -> None:
    import pickle

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(path.with_name("executed")),)

    path.unlink()
    path.write_bytes(pickle.dumps(Trap()))
    _named_anew(path)


@pytest.mark.parametrize(
    ("harm", "reason"), [(_torn, "is torn"), (_stripped, "no training state"), (_code, "could not be read")]
)
def test_a_bad_checkpoint_is_refused_by_name_and_the_one_before_is_taken(
    stage: Stage, whole: RunPaths, harm: Callable[[Path], None], reason: str
) -> None:
    run = stage.record()
    stage.cut(run, ("train", 3, 1))
    harm(run.checkpoints / "epoch-00002.pt")
    stage.attempt(run)
    warnings = " ".join(event["message"] for event in of(run, 2, "log") if event["level"] == "warning")
    assert "'epoch-00002.pt'" in warnings
    assert reason in warnings
    assert [event["epoch"] for event in of(run, 2, "resumed")] == [1]
    assert same_rows(run, whole)
    assert not (run.checkpoints / "executed").exists()


def test_without_a_good_checkpoint_the_training_begins_anew_on_its_own_data(stage: Stage, whole: RunPaths) -> None:
    run = stage.record()
    stage.cut(run, ("train", 3, 1))
    for epoch in (1, 2):
        _stripped(run.checkpoints / f"epoch-0000{epoch}.pt")
    stage.attempt(run)
    assert "starts from the beginning" in of(run, 2, "log")[-2]["message"]
    assert same_rows(run, whole)


def test_more_epochs_than_planned_are_trained_with_the_same_optimizer(stage: Stage) -> None:
    from workbench.runs.training.checkpoints import read

    run = stage.record(optimizer="auto", epochs=2)
    stage.cut(run, ("saved", 2, 0))
    chosen = read(run.checkpoints / "last.pt")["train_args"]
    assert stage.attempt(run, epochs=4).epochs == 4
    assert [event["epoch"] for event in of(run, 2, "resumed")] == [2]
    assert [step for step, _, _ in rows(run, "epoch")] == [1, 2, 3, 4]
    after = read(run.checkpoints / "last.pt")["train_args"]
    assert (after["epochs"], after["optimizer"], after["lr0"]) == (4, chosen["optimizer"], chosen["lr0"])


def test_another_batch_size_goes_on_counting_where_the_first_stopped(stage: Stage) -> None:
    run = stage.record()
    stage.cut(run, ("train", 3, 1))
    stage.attempt(run, batch=2, cache="ram", patience=50)
    assert [(step, epoch) for step, epoch, _ in rows(run, "batch")] == [
        (1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (6, 3), (7, 3), (8, 3),
    ]  # fmt: skip


def test_fewer_epochs_than_are_finished_are_refused(stage: Stage) -> None:
    run = stage.record()
    stage.cut(run, ("train", 3, 1))
    with pytest.raises(ConfigError, match="2 epochs are finished"):
        stage.attempt(run, epochs=1)


def test_a_setting_that_makes_it_another_training_is_refused(stage: Stage) -> None:
    run = stage.record()
    stage.cut(run, ("train", 2, 1))
    with pytest.raises(ConfigError, match=r"lr0=0\.5 cannot be changed"):
        stage.attempt(run, lr0=0.5)
    assert newest(run) == (1, 0)


def test_a_notebook_with_other_parameters_than_the_record_is_refused(stage: Stage) -> None:
    from workbench.runs.training.train import train

    run = stage.record()
    tiny.begin(run)
    job = WatchedJob(run)
    config = TrainingConfig.model_validate(job.spec.config).replace(epochs=9)
    with pytest.raises(ConfigError, match="differ from the recorded config in epochs"):
        train(job, config)


def test_a_training_that_had_stopped_early_does_not_go_on_beyond(tmp_path: Path) -> None:
    """A classifier, whose measure is above zero from the start; without progress it stops before its 9 epochs."""
    stage = Stage(tmp_path, tiny.class_folders(tmp_path / "data"), tiny.model_yaml(tmp_path, "-cls"))
    settings = {"patience": 2, "epochs": 9, "lr0": 1e-8}
    alone, run = stage.record(**settings), stage.record(**settings)
    epochs = stage.attempt(alone).epochs
    assert epochs < 9
    assert [step for step, _, _ in rows(alone, "epoch")] == list(range(1, epochs + 1))
    stage.cut(run, ("saved", epochs, 0))
    assert stage.attempt(run).epochs == epochs
    assert same_rows(run, alone)


def test_an_attempt_killed_after_its_training_is_reported_without_training(stage: Stage, whole: RunPaths) -> None:
    run = stage.record()
    first = stage.attempt(run)
    assert has_ended(run)
    again = stage.attempt(run)
    assert again == first
    assert of(run, 2, "metrics") == []
    assert same_rows(run, whole)
    with pytest.raises(ConfigError, match="had ended after 3 epochs"):
        stage.attempt(run, epochs=5)


@pytest.mark.parametrize("edge", ["write_bytes", "write"])
def test_a_full_disk_ends_the_training_and_leaves_the_last_checkpoint(
    stage: Stage, whole: RunPaths, monkeypatch: pytest.MonkeyPatch, edge: str
) -> None:
    def full(*_arguments: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    run = stage.record()
    with monkeypatch.context() as patch:
        place = Path if edge == "write_bytes" else os  # a checkpoint's bytes, or a line of events
        with pytest.raises(StorageError, match="No space left"):
            stage.attempt(run, ("train", 2, 1), lambda: patch.setattr(place, edge, full))
    assert newest(run) == (1, 0)
    stage.attempt(run)
    assert same_rows(run, whole)


def test_the_remaining_time_is_told_from_the_pace_of_this_attempt(stage: Stage) -> None:
    run = stage.record()
    stage.cut(run, ("train", 3, 1))
    stage.attempt(run)
    first, *_, last = of(run, 2, "progress")
    assert first["eta_s"] == pytest.approx(first["elapsed_s"] / first["batch"] * (BATCHES - first["batch"]), abs=0.2)
    assert (last["epoch"], last["eta_s"]) == (3, 0.0)


def test_the_trainer_gives_signs_of_life_and_looks_for_the_wish_to_stop(stage: Stage) -> None:
    from workbench.runs.heartbeat import read_beat

    run = stage.record(epochs=1)
    seen: list[Any] = []
    stage.attempt(run, ("train", 1, 2), lambda: seen.append(read_beat(run.attempt(1).heartbeat)))
    assert seen[0].polls
    assert (seen[0].phase, seen[0].epoch, seen[0].pid) == ("train", 1, os.getpid())


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_training_killed_again_and_again_loses_and_doubles_no_row(stage: Stage) -> None:
    """kill -9 at random moments, three times; the attempts after it end with an uninterrupted training's numbers."""
    chance = random.Random(0)
    alone, run = stage.record(epochs=12), stage.record(epochs=12)
    tiny.execute(alone)
    for _ in range(3):
        process, finished = tiny.start(run), finished_epochs(run)
        while finished_epochs(run) == finished and process.poll() is None:
            time.sleep(0.02)
        time.sleep(chance.uniform(0.0, 0.8))
        process.kill()
        process.communicate()
    tiny.execute(run)
    assert same_rows(run, alone)
    assert [step for step, _, _ in rows(run, "epoch")] == list(range(1, 13))
    starts = [of(run, attempt, "resumed")[0]["epoch"] for attempt in range(2, 5)]
    assert starts == sorted(starts)
    assert starts[0] > 0
