"""From a name to a checkpoint and a dataset; what stands on a run is tested with the workspace."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.datasets.registry import Dataset
from workbench.errors import ConfigError, ModelError
from workbench.runs.model import ModelLock
from workbench.sources import as_run, check_task, checkpoint_of, weights_of
from workbench.workspace import Workspace


@pytest.mark.parametrize("name", ["nope", "nope.pt", "nope.onnx", "train-nope.pt"])
def test_a_name_that_stands_for_nothing_is_no_model(workspace: Workspace, name: str) -> None:
    for ask in (lambda: weights_of(workspace, name), lambda: checkpoint_of(workspace, name, "")):
        with pytest.raises(ModelError):
            ask()


def test_a_path_is_never_taken_for_a_run(workspace: Workspace, tmp_path: Path) -> None:
    assert as_run(workspace, str(tmp_path / "train-1.pt")) is None


@pytest.mark.parametrize("task", ["detect", "segment"])
def test_a_checkpoint_is_answered_for_on_a_dataset_of_its_own_task(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    about = {"names": {0: "a"}, "images": {"test": 1}, "digest": "0" * 64, "bytes_total": 1, "created_at": ""}
    shapes = Dataset(name="shapes", uri="/shapes", task=task, folder=tmp_path, **about)
    model = ModelLock(ref="mine.pt", kind="checkpoint", task="detect", path="/mine.pt")
    monkeypatch.setattr(workspace.weights, "resolve", lambda _: model)
    monkeypatch.setattr(workspace.datasets, "resolve", lambda _, task: shapes)
    if task == "detect":
        assert checkpoint_of(workspace, "mine.pt", "shapes")[1].name == "shapes"
        return
    with pytest.raises(ConfigError, match="for detect, dataset 'shapes' for segment"):
        checkpoint_of(workspace, "mine.pt", "shapes")
    with pytest.raises(ConfigError):
        check_task(model, shapes)
