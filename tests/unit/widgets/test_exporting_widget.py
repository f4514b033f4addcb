"""The export wizard as a widget: what Python sees of it, and what it takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.boards import Yard
from workbench.errors import ParameterError, RequestError
from workbench.exports.request import ExportRequest
from workbench.widgets.export_wizard import ExportWizard, export_wizard
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow  # goes through much of the house


@pytest.fixture
def yard(tmp_path: Path, workspace: Workspace) -> Yard:
    return Yard(tmp_path, workspace)


@pytest.fixture
def shown(yard: Yard) -> Iterator[ExportWizard]:
    made = export_wizard(yard.workspace)
    yield made
    made.close()


def test_what_is_chosen_in_it_is_had_as_requests(shown: ExportWizard) -> None:
    assert shown.requests == [ExportRequest("onnx", "fp32").checked()]
    shown.chosen = {"onnx": "int8", "torchscript": "fp32"}
    shown.options = {"imgsz": "320", "dynamic": True}
    assert [str(each) for each in shown.requests] == ["ONNX INT8 320×320 dynamic", "TorchScript FP32 320×320 dynamic"]
    assert repr(shown) == "<ExportWizard of exports>"


def test_what_cannot_be_asked_for_says_why(shown: ExportWizard) -> None:
    shown.options = {"imgsz": "large"}
    with pytest.raises(RequestError, match="image size large"):
        _ = shown.requests


def test_the_export_that_is_open_is_had_too(yard: Yard, shown: ExportWizard) -> None:
    assert shown.export is None
    shown.opened = yard.record(kind="export")
    assert shown.export is not None
    assert shown.export.id == shown.opened


def test_it_is_made_for_a_run(yard: Yard) -> None:
    run = yard.workspace.run(yard.record("digits"))
    wizard = export_wizard(run, chosen={"onnx": "fp16"}, readonly=True)
    assert (wizard.run, wizard.readonly) == (run.id, True)
    assert wizard.model.workspace.paths.root == yard.workspace.paths.root
    wizard.close()


@pytest.mark.parametrize(
    ("wrong", "told", "meant"),
    [
        ({"choosen": {}}, "takes no 'choosen'", "chosen"),
        ({"chosen": {"onnx": "fp61"}}, "precision 'fp61'", "fp16"),
        ({"chosen": {"onxx": "fp32"}}, "'onxx' is not known", "onnx"),
        ({"options": {"imgsize": 320}}, "option 'imgsize'", "imgsz"),
        ({"options": {"nms": "within"}}, "option 'nms'", "nms"),
        ({"lang": "de"}, "lang", ""),
    ],
)
def test_a_misspelt_trait_format_or_option_is_refused(yard: Yard, wrong: dict[str, Any], told: str, meant: str) -> None:
    with pytest.raises(Exception, match=told) as caught:
        export_wizard(yard.workspace, **wrong)
    if isinstance(caught.value, ParameterError | RequestError):
        assert meant in f"{caught.value.expected} {caught.value.todo}"
    else:
        assert wrong == {"lang": "de"}


def test_its_views_are_told_what_changed(yard: Yard, shown: ExportWizard, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(shown, "send", lambda content, buffers: sent.append(content))
    monkeypatch.setattr(shown.model, "tick", lambda: iter([("runs", [1]), ("begun", {"made": "x"})]))
    pause_s = shown.begin()()
    assert [(content["topic"], content["data"]) for content in sent] == [("runs", [1]), ("begun", {"made": "x"})]
    assert pause_s > 0
