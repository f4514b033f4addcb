"""Checkpoint files: whatever happens while they are put, a good one is there, named with its right hash."""

from __future__ import annotations

import errno
import itertools
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from workbench import storage
from workbench.errors import ModelError, StorageError
from workbench.paths import RunPaths
from workbench.runs.training.checkpoint_files import AtomicPath, finished_epochs, has_ended, newest_good, publish

STATE = b"state"


@pytest.fixture
def run(tmp_path: Path) -> RunPaths:
    return RunPaths(tmp_path / "run")


@pytest.fixture
def trainer(tmp_path: Path) -> Path:
    """Return where a trainer writes its files."""
    return tmp_path / "weights"


def resumable(path: Path) -> bool:
    return path.read_bytes().startswith(STATE)


def put(run: RunPaths, trainer: Path, epoch: int, batch: int = 0, *, final: bool = False) -> None:
    kind = b"stripped" if final else STATE
    newest = storage.put(trainer / "newest.pt", b"%s of epoch %d, batch %d" % (kind, epoch, batch))
    best = trainer / "best.pt"
    if not best.exists():
        storage.put(best, b"the best")
    publish(run, newest, best, epoch=epoch, batch=batch, final=final)


def names(run: RunPaths) -> list[str]:
    return sorted(path.name for path in run.checkpoints.iterdir())


def index(run: RunPaths) -> dict[str, Any]:
    return storage.get_json(run.checkpoints / "checkpoints.json")


def test_the_newest_two_epochs_are_kept_beside_best_and_last(run: RunPaths, trainer: Path) -> None:
    for epoch in (1, 2, 3):
        put(run, trainer, epoch)
    assert names(run) == ["best.pt", "checkpoints.json", "epoch-00002.pt", "epoch-00003.pt", "last.pt"]
    assert (run.checkpoints / "last.pt").samefile(run.checkpoints / "epoch-00003.pt")
    assert [entry["path"] for entry in index(run)["epochs"]] == ["epoch-00003.pt", "epoch-00002.pt"]
    assert finished_epochs(run) == 3


def test_what_is_published_is_named_with_its_hash(run: RunPaths, trainer: Path) -> None:
    put(run, trainer, 1)
    (entry,) = index(run)["epochs"]
    assert entry["sha256"] == storage.sha256(run.checkpoints / entry["path"])
    assert index(run)["files"]["best.pt"] == {"bytes": 8, "sha256": storage.sha256(trainer / "best.pt")}


def test_a_better_model_takes_the_place_of_the_best(run: RunPaths, trainer: Path) -> None:
    put(run, trainer, 1)
    storage.put(trainer / "best.pt", b"better")
    put(run, trainer, 2)
    assert (run.checkpoints / "best.pt").read_bytes() == b"better"
    assert index(run)["files"]["best.pt"]["bytes"] == 6


def test_before_there_is_a_best_model_there_is_none(run: RunPaths, trainer: Path) -> None:
    publish(run, storage.put(trainer / "newest.pt", STATE), None, epoch=0, batch=3)
    assert names(run) == ["checkpoints.json", "epoch-00000-batch-00003.pt", "last.pt"]


def test_at_the_end_the_epochs_go_and_nothing_is_left_to_resume(run: RunPaths, trainer: Path) -> None:
    put(run, trainer, 1)
    assert not has_ended(run)
    put(run, trainer, 2)
    put(run, trainer, 2, final=True)
    assert names(run) == ["best.pt", "checkpoints.json", "last.pt"]
    assert newest_good(run, resumable) is None
    assert has_ended(run)
    storage.put(run.checkpoints / "best.pt", b"the bes?")
    assert not has_ended(run)


def test_the_newest_checkpoint_is_chosen(run: RunPaths, trainer: Path) -> None:
    assert newest_good(run, resumable) is None
    for epoch, batch in ((1, 0), (2, 0), (2, 7)):
        put(run, trainer, epoch, batch)
        found = newest_good(run, resumable)
        assert found is not None
        assert (found.epoch, found.batch) == (epoch, batch)


def _truncate(path: Path) -> None:
    os.truncate(path, 5)


def _empty(path: Path) -> None:
    os.truncate(path, 0)


def _flip(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"epoch", b"hcope"))


def _strip(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(STATE, b"strip"))


@pytest.mark.parametrize(
    ("harm", "reason"),
    [(_truncate, "torn, it has 5 of"), (_empty, "torn, it has 0 of"), (_flip, "sha256"), (Path.unlink, "No such file")],
)
def test_a_damaged_checkpoint_is_passed_over_with_its_reason(
    run: RunPaths, trainer: Path, harm: Any, reason: str
) -> None:
    put(run, trainer, 1)
    put(run, trainer, 2)
    harm(run.checkpoints / "epoch-00002.pt")
    refused: list[str] = []
    found = newest_good(run, resumable, refused.append)
    assert found is not None
    assert found.epoch == 1
    assert len(refused) == 1
    assert refused[0].startswith("Not resumed from 'epoch-00002.pt' (epoch 2): ")
    assert reason in refused[0]


def test_a_checkpoint_without_training_state_is_passed_over(run: RunPaths, trainer: Path) -> None:
    put(run, trainer, 1)
    newest = storage.put(trainer / "newest.pt", b"stripped")
    publish(run, newest, None, epoch=2)
    refused: list[str] = []
    found = newest_good(run, resumable, refused.append)
    assert found is not None
    assert found.epoch == 1
    assert "no training state" in refused[0]


def test_a_checkpoint_that_cannot_be_read_is_passed_over_with_what_its_reader_says(
    run: RunPaths, trainer: Path
) -> None:
    put(run, trainer, 1)

    def read(_path: Path) -> bool:
        raise ModelError("It holds code.", "Weights.", "Go away.")

    refused: list[str] = []
    assert newest_good(run, read, refused.append) is None
    assert refused == ["Not resumed from 'epoch-00001.pt' (epoch 1): It holds code."]


def _foreign(path: Path) -> None:
    path.write_text('{"epochs": [{"name": 1}]}')


@pytest.mark.parametrize("harm", [_empty, Path.unlink, _foreign])
def test_without_its_index_the_files_themselves_are_looked_through(run: RunPaths, trainer: Path, harm: Any) -> None:
    """A kill after the first file and before the first index leaves one without the other."""
    for epoch, batch in ((1, 0), (1, 9), (2, 0)):
        put(run, trainer, epoch, batch)
    harm(run.checkpoints / "checkpoints.json")
    refused: list[str] = []
    found = newest_good(run, resumable, refused.append)
    assert found is not None
    assert (found.epoch, found.batch) == (2, 0)
    assert "checkpoints.json" in refused[0]
    put(run, trainer, 3)
    assert [entry["epoch"] for entry in index(run)["epochs"]] == [3]


def test_an_epoch_that_is_trained_again_never_overwrites_a_named_file(run: RunPaths, trainer: Path) -> None:
    put(run, trainer, 1)
    for _ in range(3):
        named = {entry["path"]: entry["sha256"] for entry in index(run)["epochs"]}
        before = {name: (run.checkpoints / name).stat().st_ino for name in named}
        put(run, trainer, 1, batch=4)
        newest = index(run)["epochs"][0]
        assert newest["path"] not in before
        assert [entry["epoch"] for entry in index(run)["epochs"]] == [1, 1]


def test_what_is_newer_than_the_epoch_that_was_resumed_from_goes(run: RunPaths, trainer: Path) -> None:
    for epoch in (4, 5):
        put(run, trainer, epoch)
    put(run, trainer, 1)  # both were damaged, and the training began anew
    assert names(run) == ["best.pt", "checkpoints.json", "epoch-00001.pt", "last.pt"]


def _published_by_a_child_that_is_killed(run: RunPaths, trainer: Path, line: int, **how: Any) -> bool:
    """Publish in a forked process that is killed at the ``line``-th line it executes; return whether it was."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.WIFSIGNALED(status)
    left = itertools.count(line, -1)

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        if "workbench" not in frame.f_code.co_filename:
            return None
        if event == "line" and next(left) <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)
    put(run, trainer, **how)
    os._exit(0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "how"),
    [([1], {}), ([1, 2, 3], {}), ([1, 2], {"batch": 3}), ([1, 2], {"final": True})],
    ids=["second", "fourth", "within an epoch", "final"],
)
def test_a_kill_at_any_line_leaves_a_good_checkpoint_that_the_index_names(
    tmp_path: Path, before: list[int], how: dict[str, Any]
) -> None:
    """The process is killed at its first line, its second, … until it comes to its end."""
    epoch = before[-1] if "batch" in how or "final" in how else before[-1] + 1
    for line in itertools.count():
        run, trainer = RunPaths(tmp_path / f"run-{line}"), tmp_path / f"weights-{line}"
        for earlier in before:
            put(run, trainer, earlier)
        if not _published_by_a_child_that_is_killed(run, trainer, line, epoch=epoch, **how):
            break
        refused: list[str] = []
        found = newest_good(run, resumable, refused.append)
        assert refused == []
        assert (found is not None and found.epoch >= before[-1]) or has_ended(run)
        put(run, trainer, epoch + 1)
        assert not [name for name in names(run) if name.endswith(".tmp")], "drafts of the killed process are cleared"
    assert line > 50


def test_a_full_disk_leaves_what_was_published(run: RunPaths, trainer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(run, trainer, 1)
    before = index(run)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    newest = storage.put(trainer / "newest.pt", STATE)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        publish(run, newest, None, epoch=2)
    assert index(run) == before
    found = newest_good(run, resumable)
    assert found is not None
    assert found.epoch == 1


def test_a_link_to_a_file_is_not_changed_by_what_takes_its_place(tmp_path: Path) -> None:
    path = AtomicPath(storage.put(tmp_path / "last.pt", b"old"))
    os.link(path, tmp_path / "published.pt")
    assert path.write_bytes(b"new") == 3
    assert (path.read_bytes(), (tmp_path / "published.pt").read_bytes()) == (b"new", b"old")
