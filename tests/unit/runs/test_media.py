"""What a run shows besides numbers, for whoever looks at it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from workbench.errors import StorageError
from workbench.metrics.media.curves import ConfusionMatrix, Curve
from workbench.metrics.media.keep import Media
from workbench.metrics.writer import Writer
from workbench.runs.run import Run
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow


@pytest.fixture
def run(workspace: Workspace, record: Callable[..., str]) -> Run:
    return workspace.run(record())


def test_a_run_without_media_has_none(run: Run) -> None:
    assert (run.media.texts(), run.media.files(), run.media.curves()) == ([], [], {})
    assert run.media.confusion_matrix() is None


def test_what_was_kept_is_given_back(run: Run) -> None:
    with Writer(run.paths.events, "train-1") as log:
        media = Media(run.paths, log)
        media.text("remark", "이상 없음", step=3)
        media.image("sample", np.zeros((4, 6, 3), np.uint8), step=1)
        for counted in (1, 7):
            media.confusion_matrix(ConfusionMatrix(("a", "b"), np.full((3, 3), counted)))
        media.curve(Curve("PR", "Recall", "Precision", np.array([0.0, 1.0]), np.array([[1.0, 0.5]]), ("a",)))
    assert [(text.name, text.text, text.step) for text in run.media.texts()] == [("remark", "이상 없음", 3)]
    image = run.media.files("image")[0]
    assert run.media.path(image).is_file()
    assert (image.name, image.step) == ("sample", 1)
    matrix = run.media.confusion_matrix()
    assert matrix is not None
    assert matrix.matrix.tolist() == [[7] * 3] * 3
    assert run.media.curves()["PR"].ys.tolist() == [[1.0, 0.5]]


def test_a_file_that_is_gone_is_named(run: Run) -> None:
    with Writer(run.paths.events, "train-1") as log:
        Media(run.paths, log).confusion_matrix(ConfusionMatrix(("a",), np.ones((1, 1))))
    run.media.path(run.media.files("confusion_matrix")[0]).unlink()
    with pytest.raises(StorageError, match="confusion_matrix"):
        run.media.confusion_matrix()
