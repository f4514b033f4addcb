"""From a name to a checkpoint and a dataset; what stands on a run is tested with the workspace."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.errors import ModelError
from workbench.sources import as_run, checkpoint_of, weights_of
from workbench.workspace import Workspace


@pytest.mark.parametrize("name", ["nope", "nope.pt", "nope.onnx", "train-nope.pt"])
def test_a_name_that_stands_for_nothing_is_no_model(workspace: Workspace, name: str) -> None:
    for ask in (lambda: weights_of(workspace, name), lambda: checkpoint_of(workspace, name, "")):
        with pytest.raises(ModelError):
            ask()


def test_a_path_is_never_taken_for_a_run(workspace: Workspace, tmp_path: Path) -> None:
    assert as_run(workspace, str(tmp_path / "train-1.pt")) is None
