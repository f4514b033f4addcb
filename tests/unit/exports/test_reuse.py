"""An export of what has not changed is given back; anything that has makes a new one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workbench import storage
from workbench.exports.certificate import CERTIFICATE_NAME, VERSION, versions
from workbench.exports.export import Export
from workbench.runs.model import Artifact, DatasetLock, ModelLock, RunResult
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow  # goes through much of the house

Record = Callable[..., str]
MODEL = ModelLock(ref="yolo26n.yaml", kind="scratch", task="detect", path="yolo26n.yaml")
DATASET = DatasetLock(name="d", uri="/d", digest="x", images={"train": 4, "val": 2, "test": 0}, data_yaml="/d")
WEIGHTS = b"an exported model"


@pytest.fixture
def trained(workspace: Workspace, record: Record) -> str:
    run = record(model=MODEL, dataset=DATASET)
    storage.put(workspace.paths.run(run).checkpoints / "best.pt", b"weights")
    workspace.ledger.complete(run, RunResult(run=run, attempt=1), "attempt-1")
    return run


@pytest.fixture
def made(workspace: Workspace, trained: str) -> Export:
    """A completed export with its certificate."""
    export = workspace.export(trained)
    certify(export, passed=True, versions=versions())
    path = export.run.paths.export / "model.onnx"
    storage.put(path, WEIGHTS)
    kept = Artifact(path="export/model.onnx", bytes=len(WEIGHTS), sha256=hashlib.sha256(WEIGHTS).hexdigest())
    assert export.run.paths.root / kept.path == path
    workspace.ledger.complete(export.id, RunResult(run=export.id, attempt=1, artifacts=(kept,)), "attempt-1")
    return export


def certify(export: Export, **certificate: Any) -> None:
    storage.put_json(export.run.paths.export / CERTIFICATE_NAME, {"version": VERSION, **certificate})


def test_an_unchanged_run_is_not_exported_again(workspace: Workspace, trained: str, made: Export) -> None:
    again = workspace.export(trained, "ONNX")
    assert (again.id, again.reused, made.reused) == (made.id, True, False)
    assert len(workspace.exports()) == 1


def test_an_export_that_is_still_being_made_is_not_given_back(workspace: Workspace, trained: str) -> None:
    first = workspace.export(trained)
    assert workspace.export(trained).id != first.id


@pytest.mark.parametrize("asked", [{"fresh": True}, {"name": "for the kiosk"}, {"note": "again"}, {"tags": ("a",)}])
def test_a_new_one_is_made_when_it_is_asked_for(
    workspace: Workspace, trained: str, made: Export, asked: dict[str, Any]
) -> None:
    assert workspace.export(trained, **asked).id != made.id


def test_another_project_has_exports_of_its_own(workspace: Workspace, trained: str, made: Export) -> None:
    workspace.projects.create("line-3")
    assert workspace.export(trained, project="line-3").id != made.id


def _checkpoint(workspace: Workspace, trained: str, _made: Export) -> None:
    storage.put(workspace.paths.run(trained).checkpoints / "best.pt", b"other weights")


def _file(_workspace: Workspace, _trained: str, made: Export) -> None:
    (made.run.paths.export / "model.onnx").write_bytes(WEIGHTS + b"!")


def _gone(_workspace: Workspace, _trained: str, made: Export) -> None:
    (made.run.paths.export / "model.onnx").unlink()


def _unproven(_workspace: Workspace, _trained: str, made: Export) -> None:
    certify(made, passed=False, versions=versions())


def _updated(_workspace: Workspace, _trained: str, made: Export) -> None:
    certify(made, passed=True, versions={**versions(), "onnx": "0.1"})


def _older(_workspace: Workspace, _trained: str, made: Export) -> None:
    certify(made, version=VERSION - 1, passed=True, versions=versions())


def _torn(_workspace: Workspace, _trained: str, made: Export) -> None:
    Path(made.run.paths.export / CERTIFICATE_NAME).write_text("{")


@pytest.mark.parametrize("change", [_checkpoint, _file, _gone, _unproven, _updated, _older, _torn])
def test_whatever_changed_makes_a_new_one(
    workspace: Workspace, trained: str, made: Export, change: Callable[[Workspace, str, Export], None]
) -> None:
    change(workspace, trained, made)
    again = workspace.export(trained)
    assert again.id != made.id
    assert not again.reused
