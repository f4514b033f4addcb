"""The certificate compares what each task answers, wherever the export can run."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import cv2
import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tests.contract.exports.conftest import SIDE
from workbench.exports.certificate import Certificate, certify
from workbench.exports.checks_answers import BOXED, Terms
from workbench.exports.exporter import export_model
from workbench.exports.request import ExportRequest
from workbench.serving.spec import file_sha256, read_spec, write_spec

P = ParamSpec("P")
T = TypeVar("T")
Make = Callable[[str], Path]
TASKS = {"segment": "-seg", "classify": "-cls", "pose": "-pose", "obb": "-obb"}
BESIDE = {"segment": "masks", "pose": "keypoints", "obb": "angles", "classify": "class scores"}
OF_THE_SAMPLE = {"whole boxes"}  # an untrained model's boxes fill its images


def pixels(images: list[Path]) -> Any:
    """Return images as a batch: float32, shape (N, 3, SIDE, SIDE)."""
    import torch

    read = [cv2.imdecode(np.fromfile(image, np.uint8), cv2.IMREAD_COLOR) for image in images]
    batch = np.stack([cv2.resize(image, (SIDE, SIDE))[..., ::-1] for image in read if image is not None])
    return torch.from_numpy(batch.transpose(0, 3, 1, 2).astype(np.float32) / 255)


def tell_apart(module: Any, norms: list[Any], batch: Any) -> None:
    """Let the likeliest class of a classifier depend on the image."""
    import torch

    for norm in norms:
        norm.momentum = None  # the mean over what it meets
    met: list[Any] = []
    linear = module.model[-1].linear
    with torch.no_grad():
        module.train()(batch)
        hook = linear.register_forward_pre_hook(lambda _, given: met.append(given[0].clone()))
        module.eval()(batch)
        hook.remove()
        torch.nn.init.normal_(linear.weight, std=4 / float(met[0].std(dim=0).norm()))
        linear.bias.copy_(-(linear.weight @ met[0].mean(dim=0)))


def shake(head: Any, norms: list[Any]) -> None:
    """Let scores tell classes and places apart, so that NMS has something to do."""
    import torch

    for norm in norms:
        torch.nn.init.uniform_(norm.weight, 0.8, 1.6)
        torch.nn.init.uniform_(norm.bias, -0.4, 0.4)
    for branch in (*head.cv3, *head.cv2, *head.cv4):
        torch.nn.init.normal_(branch[-1].weight, std=0.6)
    for branch in head.cv3:
        torch.nn.init.constant_(branch[-1].bias, -1.0)


def untrained(task: str, images: list[Path]) -> Any:
    """Return a model whose answers depend on the image: as it is made, all of them are nearly the same."""
    import torch
    from ultralytics.models.yolo.model import YOLO

    torch.manual_seed(0)
    model: Any = YOLO(f"yolo11n{TASKS[task]}.yaml", verbose=False)
    norms = [module for module in model.model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    if task == "classify":
        tell_apart(model.model, norms, pixels(images))
    else:
        shake(model.model.model[-1], norms)
    model.model.args = {"data": "data.yaml", "imgsz": SIDE, "task": task}
    return model


def with_other_head(source: Path, folder: Path, factor: float) -> None:
    """Copy an ONNX export, with other weights where it answers what its task has beside boxes."""
    folder.mkdir(exist_ok=True)
    weights = folder / "model.onnx"
    model = onnx.load(source / "model.onnx")
    for tensor in model.graph.initializer:
        if ".cv4." in tensor.name or ".linear." in tensor.name:
            values = numpy_helper.to_array(tensor) * np.float32(factor)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    onnx.save(model, weights)
    write_spec(replace(read_spec(source), sha256=file_sha256(weights)), folder)


class Elsewhere:
    """A place that is handed what a process of its own would be."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        self.asked.append(function.__name__)
        function, args, kwargs = pickle.loads(pickle.dumps((function, args, kwargs)))
        answer: T = pickle.loads(pickle.dumps(function(*args, **kwargs)))
        return answer


@pytest.fixture(scope="module")
def make(images: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Return an untrained checkpoint of a task whose answers depend on the image."""

    @cache
    def made(task: str) -> Path:
        path = tmp_path_factory.mktemp(task) / "best.pt"
        untrained(task, images).save(path)
        return path

    return made


@pytest.fixture(scope="module")
def export(make: Make, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    @cache
    def exported(task: str, format: str) -> Path:  # noqa: A002
        folder = tmp_path_factory.mktemp(f"{task}-{format}") / "export"
        return export_model(make(task), folder, ExportRequest(format=format, imgsz=SIDE)).folder

    return exported


def verdicts(certificate: Certificate) -> dict[str, str]:
    return {row.name: row.verdict for row in certificate.checks}


def failing(certificate: Certificate) -> set[str]:
    return {name for name, verdict in verdicts(certificate).items() if verdict == "fail"} - OF_THE_SAMPLE


@pytest.mark.parametrize("format", ["onnx", "torchscript"])
@pytest.mark.parametrize("task", TASKS)
def test_what_a_task_answers_is_compared_where_the_export_runs(
    make: Make,
    export: Callable[[str, str], Path],
    images: list[Path],
    task: str,
    format: str,  # noqa: A002
) -> None:
    place = Elsewhere()
    certificate = certify(make(task), export(task, format), images, imgsz=SIDE, terms=Terms(format=format), place=place)
    assert failing(certificate) == set(), certificate.failures
    found = verdicts(certificate)
    assert found[BESIDE[task]] == found["raw output"] == "pass"
    assert found["endpoint"] == found["accuracy"] == "unverified"
    assert ("detections" in found) == (task in BOXED)
    assert not certificate.differs
    assert certificate.task == task
    assert certificate.serving is None
    assert place.asked == ["raw", "predict", "spend"]
    assert certificate.export is not None
    assert certificate.export.iou_min > 0.999
    assert certificate.latency is not None
    assert certificate.latency.provider.split()[0] == {"onnx": "CPUExecutionProvider", "torchscript": "torch"}[format]


@pytest.mark.parametrize("task", TASKS)
def test_a_head_that_is_wrong_fails_the_row_of_its_task(
    make: Make, export: Callable[[str, str], Path], images: list[Path], tmp_path: Path, task: str
) -> None:
    with_other_head(export(task, "onnx"), tmp_path, 1.5)
    certificate = certify(make(task), tmp_path, images, imgsz=SIDE)
    # Boxes are turned with their angles, and those with an empty mask are left out
    moved = {"detections"} if task in {"obb", "segment"} else set()
    assert failing(certificate) == {"raw output", BESIDE[task]} | moved
    assert certificate.differs
