"""An export that was tampered with, in whatever way, does not get its certificate, and the row says why."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tests.trained import KOREAN, Trained
from workbench.exports.certificate import certify
from workbench.exports.export import unseen_images
from workbench.exports.exporter import export_model
from workbench.exports.request import ExportRequest
from workbench.runs.training.checkpoints import inspect
from workbench.serving.spec import SPEC_NAME, file_sha256

Sabotage = Callable[[Path], None]


class Made(NamedTuple):
    """The export of the trained model, and what it is held against."""

    checkpoint: Path
    folder: Path
    images: list[Path]
    imgsz: int


@pytest.fixture(scope="module")
def made(trained: Trained) -> Made:
    workspace = trained.open()
    run = workspace.run(trained.report["run"])
    assert run.spec.dataset is not None
    images = unseen_images(Path(run.spec.dataset.data_yaml), 16)
    return Made(run.checkpoint, trained.export().folder, images, inspect(run.checkpoint).imgsz)


def test_the_export_as_it_was_made_passes(made: Made) -> None:
    certificate = certify(made.checkpoint, made.folder, made.images, imgsz=made.imgsz)
    assert certificate.failures == ()
    assert {row.verdict for row in certificate.checks} == {"pass"}


def weights_by_one_percent(folder: Path) -> None:
    model = onnx.load(folder / "model.onnx")
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.ndim > 1:
            tensor.CopyFrom(numpy_helper.from_array(values * np.float32(1.01), tensor.name))
    onnx.save(model, folder / "model.onnx")
    respecified(sha256=file_sha256(folder / "model.onnx"))(folder)  # a careful hand hides its traces


def names_in_the_file(folder: Path) -> None:
    model = onnx.load(folder / "model.onnx")
    for item in model.metadata_props:
        if item.key == "names":
            item.value = item.value.replace(KOREAN[3], KOREAN[4])
    onnx.save(model, folder / "model.onnx")


def truncated(folder: Path) -> None:
    path = folder / "model.onnx"
    path.write_bytes(path.read_bytes()[:50_000])


def another_size(folder: Path) -> None:
    shutil.rmtree(folder)
    export_model(folder.parent / "best.pt", folder, ExportRequest(imgsz=160))


def respecified(**fields: Any) -> Sabotage:
    def change(folder: Path) -> None:
        spec = json.loads((folder / SPEC_NAME).read_text())
        for name, value in fields.items():
            spec[name] = {**spec[name], **value} if isinstance(value, dict) else value
        (folder / SPEC_NAME).write_text(json.dumps(spec))

    return change


@pytest.mark.parametrize(
    ("sabotage", "rows"),
    [
        (weights_by_one_percent, {"raw output", "detections"}),
        (respecified(names=[*reversed(KOREAN)]), {"class names"}),
        (names_in_the_file, {"file", "class names", "endpoint"}),
        (another_size, {"image size", "raw output", "detections"}),
        (respecified(channels="BGR"), {"preprocessing", "endpoint"}),
        (respecified(divisor=256.0), {"preprocessing", "endpoint"}),
        (respecified(letterbox={"center": False}), {"preprocessing"}),  # square images have no border that could tell
        (respecified(letterbox={"pad_value": 0}), {"preprocessing"}),
        (truncated, {"file", "metadata", "raw output", "detections", "endpoint"}),
        (respecified(iou=0.3), {"postprocessing"}),
        (respecified(agnostic=True), {"postprocessing", "endpoint"}),
        (respecified(max_det=2), {"postprocessing", "endpoint"}),
        (respecified(task="segment"), {"task", "endpoint"}),
        (respecified(licence="MIT"), {"licence"}),
    ],
    ids=lambda value: "" if isinstance(value, set) else None,
)
def test_a_sabotaged_export_fails_and_the_row_is_named(
    made: Made, tmp_path: Path, sabotage: Sabotage, rows: set[str]
) -> None:
    shutil.copyfile(made.checkpoint, tmp_path / "best.pt")
    folder = tmp_path / "export"
    shutil.copytree(made.folder, folder)
    sabotage(folder)
    certificate = certify(made.checkpoint, folder, made.images, imgsz=made.imgsz)
    # A model that was tampered with may be as right about few images as before, or not
    assert {row.name for row in certificate.checks if row.verdict == "fail"} - {"accuracy"} == rows
    assert certificate.differs
    assert not certificate.passed


def test_the_rows_are_shown_in_a_terminal_and_given_as_json(trained: Trained) -> None:
    shown = trained.command("exports", "show", trained.export().id)
    assert shown.returncode == 0, shown.stderr
    for row in ("class names", "preprocessing", "raw output", "endpoint"):
        assert row in shown.stdout
    told = json.loads(trained.command("exports", "show", trained.export().id, "--json").stdout)
    assert {row["verdict"] for row in told["certificate"]["checks"]} == {"pass"}
