"""What every tracker keeps, whatever it talks to.

A backend joins with a fixture ``backend`` that gives a ``Backend``, and a class of its own::

    class TestMlflow(TrackerContract):
        pass

What a backend cannot keep it says in its ``Backend``; everything else is the same for all.
"""

from __future__ import annotations

import hashlib
import math
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from workbench.settings import environment
from workbench.tracking.base import Ended, EndState, File, Item, Measured, Model, Started, Text, Tracker

AT = 1_790_000_000.25
MODEL = "digits-detect"
ODD_NAMES = (
    "metrics/mAP50(B)",
    "metrics/precision@0.5[all]",
    "perte/précision é",
    "손실/학습 값",
    "a" * 250,
    "한" * 250,
    "lr/pg0: mean, 50 % & more?",
    "a.b/c-d_e f",
)
# Starts a run in a process of its own, sends what it was given, and is killed before it could close anything.
_KILLED = """
import importlib, os, pickle, signal, sys
target, folder, sent = pickle.load(open(sys.argv[1], "rb"))
module, _, name = target.partition(":")
tracker = getattr(importlib.import_module(module), name)(folder)
remote = tracker.open(sent[0], None)
tracker.send(sent[1])
open(sys.argv[1] + ".remote", "w").write(remote)
os.kill(os.getpid(), signal.SIGKILL)
"""


@dataclass(frozen=True)
class RemoteModel:
    """A version in a model registry.

    Attributes:
        name: of the registered model, as the workbench names it.
        alias: empty when it has none (any more).
        sha256: of the checkpoint that lies in the registry.
    """

    name: str
    alias: str
    sha256: str


@dataclass(frozen=True)
class Remote:
    """One run as the backend gives it back, through its own API or from its files.

    Attributes:
        state: ``running``, or how it ended.
        config: what the run is, as words: settings by name, and ``dataset.<field>``, ``code.<field>``.
        series: the points by scope and true name, each ``(step, value, at)``, in any order.
        files: sha256 of the bytes by kind and name.
        models: what was registered by this run.
        texts: by name, each ``(step, text)``; None when the backend keeps none that can be read back.
    """

    state: str
    config: Mapping[str, str]
    series: Mapping[tuple[str, str], Sequence[tuple[int, float, float]]]
    files: Mapping[tuple[str, str], str]
    models: Sequence[RemoteModel]
    texts: Mapping[str, Sequence[tuple[int, str]]] | None = None


@dataclass(frozen=True)
class Backend:
    """One backend under test.

    Attributes:
        factory: makes the tracker for a private folder.
        readback: gives the run back, from what ``open`` returned and that folder; asked after ``close``.
        folder: the private folder of the run.
        target: ``module:Class``, made again in a process that is killed; empty for what lives in this process only.
        variables: the environment of that process.
        states: what a terminal state reads back as, where the backend knows fewer.
        non_finite: what NaN and the infinities read back as; None when the backend keeps no such point.
        time_s: how exact times are.
        registry: whether it has a model registry that can be read back.
        reopens: whether a run that has ended can go on.
    """

    factory: Callable[[Path], Tracker]
    readback: Callable[[str, Path], Remote]
    folder: Path
    target: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    states: Mapping[str, str] = field(default_factory=dict)
    non_finite: Callable[[float], float | None] = lambda value: value
    time_s: float = 0.0011
    registry: bool = True
    reopens: bool = True

    def run(self, *items: Item, started: Started | None = None, state: EndState = "completed") -> Remote:
        """Send ``items`` as one run from its start to its end, and give back what the backend holds."""
        tracker = self.factory(self.folder)
        remote = tracker.open(started or STARTED, None)
        tracker.send(items)
        tracker.close(Ended(state, AT + 100.0))
        return self.readback(remote, self.folder)


STARTED = Started(
    run="train-20261122-205300-9f3a1c",
    name="first try",
    kind="train",
    project="digits",
    session="monday",
    at=AT,
    tags=("small", "cpu"),
    note="A note, with a comma.",
    config={"epochs": 3, "lr0": 0.01, "optimizer": "auto", "cos_lr": False, "freeze": None, "classes": [0, 2]},
    dataset={"name": "digits", "uri": "file:digits", "digest": "d" * 64, "images": {"train": 80, "val": 20}},
    model={"ref": "yolo26n.yaml", "kind": "scratch", "task": "detect", "sha256": None},
    code={"version": "0.1.0", "commit": "c" * 40, "changed": True},
    environment={"python": "3.11.2", "torch": "2.9.0"},
)


def rows(scope: str, first: int, count: int, name: str = "train/box_loss", serial: int = 1) -> list[Measured]:
    """Return ``count`` measurements at the steps from ``first``, a second apart."""
    return [
        Measured(scope, step, {name: step / 8}, AT + step, epoch=1 + step // 10, serial=serial + step - first)
        for step in range(first, first + count)
    ]


def steps(remote: Remote, scope: str = "batch", name: str = "train/box_loss") -> list[int]:
    """Return the steps that the backend holds of a series, sorted."""
    return sorted(step for step, _, _ in remote.series[scope, name])


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class TrackerContract:
    """The behaviours; a subclass is collected with the fixture ``backend`` of its module."""

    def test_a_run_arrives_with_its_settings_its_dataset_and_the_version_of_the_code(self, backend: Backend) -> None:
        remote = backend.run()
        assert remote.state == backend.states.get("completed", "completed")
        expected = {"epochs": "3", "lr0": "0.01", "optimizer": "auto", "cos_lr": "False"}
        assert {name: remote.config[name] for name in expected} == expected
        assert (remote.config["dataset.name"], remote.config["dataset.digest"]) == ("digits", "d" * 64)
        assert (remote.config["code.version"], remote.config["code.commit"]) == ("0.1.0", "c" * 40)

    def test_metrics_keep_their_values_steps_and_times(self, backend: Backend) -> None:
        epoch = Measured("epoch", 1, {"metrics/mAP50(B)": 0.125, "val/box_loss": 1.5}, AT + 30, epoch=1, serial=21)
        remote = backend.run(*rows("batch", 1, 20), epoch)
        points = sorted(remote.series["batch", "train/box_loss"])
        assert [(step, value) for step, value, _ in points] == [(step, step / 8) for step in range(1, 21)]
        assert [at for _, _, at in points] == pytest.approx([AT + step for step in range(1, 21)], abs=backend.time_s)
        assert [point[:2] for point in remote.series["epoch", "metrics/mAP50(B)"]] == [(1, 0.125)]
        assert [point[:2] for point in remote.series["epoch", "val/box_loss"]] == [(1, 1.5)]

    def test_a_name_means_another_series_in_each_scope(self, backend: Backend) -> None:
        remote = backend.run(
            *rows("batch", 1, 3, "loss"), *rows("epoch", 1, 2, "loss", 4), *rows("mine", 5, 2, "loss", 6)
        )
        assert steps(remote, "batch", "loss") == [1, 2, 3]
        assert steps(remote, "epoch", "loss") == [1, 2]
        assert steps(remote, "mine", "loss") == [5, 6]

    def test_numbers_that_are_not_finite_arrive_as_far_as_the_backend_can(self, backend: Backend) -> None:
        values = (math.nan, math.inf, -math.inf, 1.0)
        items = [
            Measured("batch", step, {"loss": value}, AT + step, serial=step) for step, value in enumerate(values, 1)
        ]
        remote = backend.run(*items)
        kept = {step: backend.non_finite(value) for step, value in enumerate(values, 1) if not math.isfinite(value)}
        expected = {step: value for step, value in {**kept, 4: 1.0}.items() if value is not None}
        found = {step: value for step, value, _ in remote.series["batch", "loss"]}
        assert found == pytest.approx(expected, nan_ok=True)

    def test_any_name_is_kept_as_the_run_wrote_it(self, backend: Backend) -> None:
        values = {name: float(place) for place, name in enumerate(ODD_NAMES)}
        remote = backend.run(Measured("epoch", 1, values, AT + 1, epoch=1, serial=1))
        found = {unicodedata.normalize("NFC", name): points[0][1] for (_, name), points in remote.series.items()}
        assert found == values

    def test_names_that_become_the_same_to_a_backend_stay_apart(self, backend: Backend) -> None:
        values = {
            "loss(a)": 1.0,
            "loss[a]": 2.0,
            "loss@a": 3.0,
            "loss_a_": 4.0,
            "a" * 249 + "b": 5.0,
            "a" * 249 + "c": 6.0,
        }
        remote = backend.run(Measured("epoch", 1, values, AT + 1, epoch=1, serial=1))
        assert {name: points[0][1] for (_, name), points in remote.series.items()} == values

    def test_what_is_sent_twice_counts_once(self, backend: Backend, checkpoint: Path) -> None:
        items: list[Item] = [*rows("batch", 1, 30), File("checkpoint", "best.pt", checkpoint, AT + 31)]
        items.append(Measured("epoch", 1, {"fitness": 0.5}, AT + 31, epoch=1, serial=31))
        tracker = backend.factory(backend.folder)
        remote = tracker.open(STARTED, None)
        tracker.send(items)
        tracker.send(items[10:])
        tracker.close(Ended("completed", AT + 100))
        found = backend.readback(remote, backend.folder)
        assert steps(found) == list(range(1, 31))
        assert steps(found, "epoch", "fitness") == [1]
        assert list(found.files) == [("checkpoint", "best.pt")]

    def test_a_new_object_goes_on_in_the_same_run_and_is_told_what_was_told_before(self, backend: Backend) -> None:
        first = backend.factory(backend.folder)
        remote = first.open(STARTED, None)
        first.send(rows("batch", 1, 10))
        first.close(None)
        second = backend.factory(backend.folder)
        assert second.open(replace(STARTED, attempt=2), remote) == remote
        second.send(rows("batch", 6, 15, serial=6))
        second.close(Ended("completed", AT + 100))
        found = backend.readback(remote, backend.folder)
        assert steps(found) == list(range(1, 21))
        assert found.state == backend.states.get("completed", "completed")

    def test_a_killed_process_is_followed_by_one_in_the_same_run(self, backend: Backend) -> None:
        remote = _killed(backend, STARTED, rows("batch", 1, 40))
        tracker = backend.factory(backend.folder)
        assert tracker.open(STARTED, remote) == remote
        tracker.send(rows("batch", 21, 40, serial=21))
        tracker.close(Ended("completed", AT + 100))
        assert steps(backend.readback(remote, backend.folder)) == list(range(1, 61))

    def test_a_lost_name_of_the_remote_run_is_found_again(self, backend: Backend) -> None:
        """The process was killed after the backend had begun the run and before anybody could note its name."""
        remote = _killed(backend, STARTED, rows("batch", 1, 10))
        tracker = backend.factory(backend.folder)
        assert tracker.open(STARTED, None) == remote
        tracker.send(rows("batch", 1, 12))
        tracker.close(Ended("completed", AT + 100))
        assert steps(backend.readback(remote, backend.folder)) == list(range(1, 13))

    def test_steps_may_go_backwards(self, backend: Backend) -> None:
        late, early = rows("batch", 50, 5), rows("batch", 1, 5, serial=6)
        remote = backend.run(*late, *early)
        assert steps(remote) == [1, 2, 3, 4, 5, 50, 51, 52, 53, 54]

    def test_nothing_to_send_is_no_error(self, backend: Backend) -> None:
        assert dict(backend.run().series) == {}

    def test_files_arrive_with_their_bytes(self, backend: Backend, checkpoint: Path, tmp_path: Path) -> None:
        notebook, plot = tmp_path / "output.ipynb", tmp_path / "PR curve é.png"
        notebook.write_bytes(b'{"cells": []}')
        plot.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
        remote = backend.run(
            File("checkpoint", "best.pt", checkpoint, AT + 1, sha256=sha256(checkpoint.read_bytes())),
            File("notebook", "output.ipynb", notebook, AT + 2),
            File("plot", "PR curve é.png", plot, AT + 3, step=3),
        )
        assert dict(remote.files) == {
            ("checkpoint", "best.pt"): sha256(checkpoint.read_bytes()),
            ("notebook", "output.ipynb"): sha256(notebook.read_bytes()),
            ("plot", "PR curve é.png"): sha256(plot.read_bytes()),
        }

    def test_a_file_that_is_gone_holds_nothing_up(self, backend: Backend, tmp_path: Path) -> None:
        remote = backend.run(File("image", "gone.png", tmp_path / "gone.png", AT + 1), *rows("batch", 1, 2))
        assert steps(remote) == [1, 2]
        assert dict(remote.files) == {}

    def test_a_text_arrives(self, backend: Backend) -> None:
        remote = backend.run(Text("remark", "Learning rate halved: é, 한국어.\nSecond line.", 3, AT + 3))
        if remote.texts is not None:
            assert list(remote.texts["remark"]) == [(3, "Learning rate halved: é, 한국어.\nSecond line.")]

    def test_a_model_is_registered_once_under_its_alias(self, backend: Backend, checkpoint: Path) -> None:
        if not backend.registry:
            return
        digest = sha256(checkpoint.read_bytes())
        model = Model(MODEL, checkpoint, digest, "detect", AT + 90, metrics={"metrics/mAP50(B)": 0.5})
        tracker = backend.factory(backend.folder)
        remote = tracker.open(STARTED, None)
        tracker.send([model])
        tracker.send([model])
        tracker.close(Ended("completed", AT + 100))
        assert list(backend.readback(remote, backend.folder).models) == [RemoteModel(MODEL, "latest", digest)]

    @pytest.mark.parametrize("state", ["completed", "failed", "crashed", "cancelled"])
    def test_a_run_ends_in_its_own_state(self, backend: Backend, state: EndState) -> None:
        assert backend.run(*rows("batch", 1, 2), state=state).state == backend.states.get(state, state)

    def test_a_run_that_ended_goes_on_when_somebody_resumes_it(self, backend: Backend) -> None:
        if not backend.reopens:
            return
        first = backend.factory(backend.folder)
        remote = first.open(STARTED, None)
        first.send(rows("batch", 1, 10))
        first.close(Ended("crashed", AT + 20, "The machine went off."))
        second = backend.factory(backend.folder)
        assert second.open(replace(STARTED, attempt=2), remote) == remote
        second.send(rows("batch", 11, 10, serial=11))
        second.close(Ended("completed", AT + 100))
        found = backend.readback(remote, backend.folder)
        assert steps(found) == list(range(1, 21))
        assert found.state == backend.states.get("completed", "completed")

    def test_an_end_may_be_told_twice(self, backend: Backend) -> None:
        remote = _open_and_end(backend, None)
        assert _open_and_end(backend, remote) == remote
        found = backend.readback(remote, backend.folder)
        assert (found.state, steps(found)) == (backend.states.get("completed", "completed"), [1, 2, 3])


def _open_and_end(backend: Backend, remote: str | None) -> str:
    tracker = backend.factory(backend.folder)
    found = tracker.open(STARTED, remote)
    tracker.send(rows("batch", 1, 3))
    tracker.close(Ended("completed", AT + 100))
    return found


def _killed(backend: Backend, started: Started, items: Sequence[Item]) -> str:
    """Open and send in a process that is killed at once, and return what ``open`` gave it."""
    if not backend.target:
        tracker = backend.factory(backend.folder)
        remote = tracker.open(started, None)
        tracker.send(items)
        return remote
    import pickle

    given = backend.folder.parent / "killed.pickle"
    sent: Any = (backend.target, backend.folder, (started, list(items)))
    given.write_bytes(pickle.dumps(sent))
    command = [sys.executable, "-c", _KILLED, str(given)]
    with suppress(subprocess.CalledProcessError):
        subprocess.run(command, env=environment(**backend.variables), check=True, timeout=180)
    return given.with_name(given.name + ".remote").read_text(encoding="utf-8")
