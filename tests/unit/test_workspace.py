"""The front desk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from workbench import storage
from workbench.config.schema import TrainingConfig
from workbench.errors import (
    ConfigError,
    ConflictError,
    DatasetError,
    EngineError,
    ParameterError,
    RunError,
    StorageError,
    UnknownNameError,
)
from workbench.runs.model import DatasetLock, ModelLock, Policy, RunResult, RunState
from workbench.runs.supervision.memory import MemoryLauncher
from workbench.serving.spec import ModelSpec, write_spec
from workbench.sources import as_run, checkpoint_of, weights_of
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow

Record = Callable[..., str]
MODEL = ModelLock(ref="yolo26n.yaml", kind="scratch", task="detect", path="yolo26n.yaml")
DATASET = DatasetLock(name="d", uri="/d", digest="x", images={"train": 4, "val": 2, "test": 0}, data_yaml="/d")


def with_checkpoint(workspace: Workspace, record: Record, **fields: Any) -> str:
    run = record(model=MODEL, dataset=DATASET, **fields)
    storage.put(workspace.paths.run(run).checkpoints / "best.pt", b"weights")
    workspace.ledger.complete(run, RunResult(run=run, attempt=1), "attempt-1")
    return run


def test_a_workspace_in_no_folder_is_a_storage_error(plain_environment: None) -> None:
    with pytest.raises(StorageError, match="/dev/null/x"):
        Workspace("/dev/null/x")


def test_a_run_is_recorded_before_it_is_started(
    workspace: Workspace, record: Record, launcher: MemoryLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    real = launcher.start

    def start(root: Path, run_id: str, launch: int, environment: Mapping[str, str]) -> str:
        seen.extend(workspace.ledger.ids_on_disk())
        return real(root, run_id, launch, environment)

    old = workspace.run(with_checkpoint(workspace, record))
    monkeypatch.setattr(launcher, "start", start)
    run = workspace.restart(old)
    assert run.id in seen
    assert run.launch_id == "memory-1"
    assert run.spec.model == old.spec.model
    assert run.spec.lock["python"]


@pytest.mark.parametrize(
    ("error", "says"),
    [(EngineError("The server is away."), "The server is away."), (KeyboardInterrupt(), "interrupted")],
)
def test_a_run_that_could_not_be_started_is_failed_and_says_why(
    workspace: Workspace,
    record: Record,
    launcher: MemoryLauncher,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    says: str,
) -> None:
    old = workspace.run(with_checkpoint(workspace, record))

    def fail(*_start: object) -> str:
        raise error

    monkeypatch.setattr(launcher, "start", fail)
    with pytest.raises(type(error)):
        workspace.restart(old)
    run = workspace.run("last")
    assert run.state is RunState.FAILED
    assert run.standing.reason == f"It was not started: {says}"
    assert workspace.dispatcher.queue.tickets() == []


def test_a_run_that_began_before_its_start_was_interrupted_is_left_to_itself(
    workspace: Workspace, record: Record, launcher: MemoryLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = workspace.run(with_checkpoint(workspace, record))

    def begins(_root: Path, run_id: str, *_launch: object) -> str:
        workspace.ledger.move(run_id, RunState.RUNNING, "attempt-1", attempt=1)
        raise KeyboardInterrupt

    monkeypatch.setattr(launcher, "start", begins)
    with pytest.raises(KeyboardInterrupt):
        workspace.restart(old)
    (going,) = workspace.ledger.unended()
    assert workspace.ledger.state(going) is RunState.RUNNING
    assert [ticket.run_id for ticket in workspace.dispatcher.queue.tickets()] == [going]


def test_a_run_that_begins_while_its_start_is_given_up_is_left_to_itself(
    workspace: Workspace, record: Record, launcher: MemoryLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, real = workspace.run(with_checkpoint(workspace, record)), workspace.ledger.move

    def interrupt(*_start: object) -> str:
        raise KeyboardInterrupt

    def late(run_id: str, *step: Any, **fields: Any) -> None:
        monkeypatch.setattr(workspace.ledger, "move", real)
        real(run_id, RunState.RUNNING, "attempt-1", attempt=1)
        real(run_id, *step, **fields)

    monkeypatch.setattr(launcher, "start", interrupt)
    monkeypatch.setattr(workspace.ledger, "move", late)
    with pytest.raises(KeyboardInterrupt):
        workspace.restart(old)
    (going,) = workspace.ledger.unended()
    assert workspace.ledger.state(going) is RunState.RUNNING
    assert workspace.dispatcher.queue.ticket(going) is not None


def test_whoever_looks_settles_a_run_whose_process_is_gone(workspace: Workspace, record: Record) -> None:
    run = record(policy=Policy(attempts=1))
    workspace.ledger.move(run, RunState.RUNNING, "attempt-1", attempt=1)
    assert [found.state for found in workspace.runs()] == [RunState.CRASHED]
    assert workspace.run(run).standing.reason == "Its process ended without a word."


def test_a_notebook_of_ones_own_becomes_a_run_that_is_tried_once(workspace: Workspace, tmp_path: Path) -> None:
    path = own_notebook(tmp_path / "My Study 1.ipynb")
    run = workspace.notebook(path, {"depth": 3}, name="mine")
    assert run.id.startswith("my-study-1-")
    assert (run.spec.kind, run.spec.parameters, run.spec.policy.attempts) == ("notebook", {"depth": 3}, 1)
    path.unlink()
    again = workspace.restart(run)
    assert (again.spec.parameters, again.spec.policy.attempts) == ({"depth": 3}, 1)
    assert again.paths.notebook.read_bytes() == run.paths.notebook.read_bytes()


@pytest.mark.parametrize("parameters", [{"breadth": 3}, {"depth": "three"}])
def test_a_notebook_that_does_not_take_its_parameters_starts_nothing(
    workspace: Workspace, tmp_path: Path, parameters: dict[str, Any]
) -> None:
    with pytest.raises(ParameterError):
        workspace.notebook(own_notebook(tmp_path / "study.ipynb"), parameters)
    assert workspace.runs() == []


def own_notebook(path: Path) -> Path:
    cell = {"cell_type": "code", "source": "depth: int = 1  # how deep", "metadata": {"tags": ["parameters"]}}
    book = {"cells": [{**cell, "outputs": [], "execution_count": None}], "metadata": {}, "nbformat": 4}
    storage.put_json(path, {**book, "nbformat_minor": 5})
    return path


def test_a_config_without_data_starts_nothing(workspace: Workspace) -> None:
    from workbench.config.schema import TrainingConfig

    with pytest.raises(ConfigError, match="data is empty"):
        workspace.train(TrainingConfig())
    assert workspace.runs() == []


def test_an_export_stands_on_the_checkpoint_of_its_run(workspace: Workspace, record: Record) -> None:
    run = with_checkpoint(workspace, record)
    made = workspace.export(run)
    spec = made.run.spec
    assert (spec.kind, spec.source, spec.dataset) == ("export", run, DATASET)
    assert spec.parameters["format"] == "onnx"
    assert workspace.find_export(run).id == made.id
    assert [found.id for found in workspace.exports()] == [made.id]
    with pytest.raises(RunError, match="no result"):
        made.folder  # noqa: B018


def test_a_measurement_on_a_split_without_images_starts_nothing(workspace: Workspace, record: Record) -> None:
    run = with_checkpoint(workspace, record)
    with pytest.raises(DatasetError, match=r"no images in split 'test'.*train \(4\), val \(2\)"):
        workspace.evaluate(run)
    assert workspace.evaluate(run, "val").id.startswith("evaluate-")


def test_a_run_without_exports_says_how_to_make_one(workspace: Workspace, record: Record) -> None:
    run = with_checkpoint(workspace, record)
    with pytest.raises(UnknownNameError, match=f"workbench export {run}"):
        workspace.find_export(run)


def test_a_checkpoint_without_a_dataset_needs_one(workspace: Workspace, tmp_path: Path) -> None:
    storage.put(tmp_path / "mine.pt", b"x")
    workspace.weights.add(tmp_path / "mine.pt", task="detect")
    with pytest.raises(ConfigError, match="--data"):
        checkpoint_of(workspace, "mine", "")


def test_a_run_that_trained_nothing_has_no_checkpoint(workspace: Workspace, record: Record) -> None:
    with pytest.raises(RunError, match="has no checkpoint"):
        checkpoint_of(workspace, record(), "")


def test_a_name_that_reads_like_a_run_is_one_and_a_file_is_not(workspace: Workspace, record: Record) -> None:
    run = with_checkpoint(workspace, record, name="mine")
    for name in (run, run[:20], "mine", "last"):
        found = as_run(workspace, name)
        assert found is not None
        assert found.id == run
    assert as_run(workspace, "yolo26n") is None
    assert as_run(workspace, "train-best.pt") is None
    with pytest.raises(UnknownNameError):
        as_run(workspace, "train-2020")


def test_what_answers_is_a_runs_checkpoint_or_an_exports_model(
    workspace: Workspace, record: Record, tmp_path: Path
) -> None:
    run = with_checkpoint(workspace, record)
    assert weights_of(workspace, run) == (workspace.paths.run(run).checkpoints / "best.pt", None)
    made = record("export", model=MODEL, source=run)
    workspace.ledger.complete(made, RunResult(run=made, attempt=1), "attempt-1")
    folder = workspace.paths.run(made).export
    folder.mkdir()
    write_spec(ModelSpec("detect", ("a",), (64, 64), 32, "raw", "0" * 64, "model.torchscript"), folder)
    assert weights_of(workspace, made) == (folder / "model.torchscript", "detect")
    storage.put(tmp_path / "own.onnx", b"x")
    assert weights_of(workspace, str(tmp_path / "own.onnx")) == (tmp_path / "own.onnx", None)


def test_a_dataset_that_a_run_still_reads_is_named_with_its_run(workspace: Workspace, record: Record) -> None:
    run = record(dataset=DATASET)
    assert workspace._readers("d") == [run]
    workspace.ledger.move(run, RunState.FAILED, "ledger")
    assert workspace._readers("d") == []


def test_a_run_that_a_deployment_serves_is_not_deleted(
    workspace: Workspace, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = workspace.run(with_checkpoint(workspace, record))

    class Served:
        name, model_folder = "front", str(run.paths.export)

    monkeypatch.setattr(workspace.deployments, "alive", lambda: [Served])
    with pytest.raises(ConflictError, match="'front' serves"):
        workspace.delete(run)
    monkeypatch.setattr(workspace.deployments, "alive", list)
    workspace.delete(run)
    assert workspace.runs() == []


@pytest.mark.parametrize("device", [(0, 1), "0,1"])
def test_several_gpus_are_refused_before_anything_is_recorded(workspace: Workspace, device: object) -> None:
    with pytest.raises(ConfigError, match="several GPUs"):
        workspace.train(TrainingConfig(data="digits", device=device))
    assert workspace.runs() == []


def test_the_table_shows_runs_newest_first_and_the_picture_says_when_there_is_none(
    workspace: Workspace, record: Record
) -> None:
    assert repr(workspace.table()) == "No runs yet."
    assert repr(workspace.picture()) == "No training yet: the cells below start one."
    run = record(name="first")
    assert run in repr(workspace.table())
    assert type(workspace.picture()).__name__ == "Picture"
