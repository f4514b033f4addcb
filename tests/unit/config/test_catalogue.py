"""The models of the installed ultralytics."""

from __future__ import annotations

import ast
import subprocess
import sys
from typing import Any

import pytest

from workbench.config import catalogue, source
from workbench.config.limits import TASKS
from workbench.errors import ModelError


def test_the_catalogue_covers_the_seven_tasks() -> None:
    assert {entry.task for entry in catalogue.models()} == set(TASKS)


def test_names_are_unique_and_the_newest_family_comes_first() -> None:
    names = [entry.name for entry in catalogue.models()]
    assert len(names) == len(set(names))
    assert names[:5] == ["yolo26n", "yolo26s", "yolo26m", "yolo26l", "yolo26x"]


def test_yolo26n_is_known_with_its_figures_and_its_weights() -> None:
    assert catalogue.find("yolo26n") == catalogue.ModelEntry(
        name="yolo26n",
        family="yolo26",
        scale="n",
        task="detect",
        yaml="yolo26n.yaml",
        weights="yolo26n.pt",
        parameters=2_572_280,
        gflops=6.1,
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("yolo26n.yaml", "yolo26n"),
        ("yolo26n.pt", "yolo26n"),
        ("yolo26n-seg.yaml", "yolo26n-seg"),
        ("yoloe-26s-seg.pt", "yoloe-26s-seg"),
        ("yolov5nu.pt", "yolov5n"),
        ("yolov5n6u", "yolov5n-p6"),
        ("yolov8n-oiv7.pt", "yolov8n-oiv7"),
        ("rtdetr-l", "rtdetr-l"),
        ("yolov9c-seg", "yolov9c-seg"),
        ("yolov10b.pt", "yolov10b"),
    ],
)
def test_a_model_is_found_by_name_by_yaml_and_by_weights(name: str, expected: str) -> None:
    assert catalogue.find(name).name == expected


@pytest.mark.parametrize(
    ("name", "task", "scale", "weights"),
    [
        ("yolo26n-sem", "semantic", "n", "yolo26n-sem.pt"),
        ("yolo26x-depth", "depth", "x", "yolo26x-depth.pt"),
        ("yolo11s-pose", "pose", "s", "yolo11s-pose.pt"),
        ("yolo12n-seg", "segment", "n", None),
        ("yolov8m-obb", "obb", "m", "yolov8m-obb.pt"),
        ("yolov8n-cls-resnet50", "classify", "n", None),
        ("rtdetr-resnet50", "detect", "", None),
        ("yolo26n-objv1-seg", "segment", "n", "yolo26n-objv1-seg.pt"),
        ("yolo26n-sem-ade20k", "semantic", "n", "yolo26n-sem-ade20k.pt"),
    ],
)
def test_task_scale_and_weights_are_read_right(name: str, task: str, scale: str, weights: str | None) -> None:
    entry = catalogue.find(name)
    assert (entry.task, entry.scale, entry.weights) == (task, scale, weights)
    assert catalogue.task_of(name) == task


def test_official_weights_without_a_model_file_of_their_own_share_one_and_have_no_figures() -> None:
    entry = catalogue.find("yolov8n-oiv7")
    assert (entry.yaml, entry.parameters) == ("yolov8n.yaml", None)
    with pytest.raises(ModelError, match=r"No model is called 'yolov8n-oiv7\.yaml'.*Did you mean 'yolov8n\.yaml'"):
        catalogue.find("yolov8n-oiv7.yaml")


def test_figures_copied_from_another_model_are_not_believed() -> None:
    assert catalogue.find("yolo26n-sem").parameters is None
    assert catalogue.find("yoloe-v8n-seg").parameters is None
    assert catalogue.find("yolov8n-world").parameters == 4_204_111


def test_most_models_have_figures_without_being_built() -> None:
    stated = [entry for entry in catalogue.models() if entry.parameters is not None]
    assert len(stated) > 120
    assert all(entry.gflops for entry in stated)
    assert catalogue.find("yolov9t").parameters == 2_128_720


@pytest.mark.parametrize("name", ["yolo26q.yaml", "yolo62n", "", "weights/yolo26n.pt", "yolo26n.onnx", "yolo26.yaml"])
def test_an_unknown_model_is_refused_in_three_beats(name: str) -> None:
    with pytest.raises(ModelError) as caught:
        catalogue.find(name)
    assert f"'{name}'" in caught.value.happened
    assert caught.value.expected
    assert caught.value.todo
    assert caught.value.fields == {"model": name}


def test_a_misspelt_model_gets_a_suggestion() -> None:
    with pytest.raises(ModelError, match="Did you mean 'yolo26n-seg'"):
        catalogue.find("yolo26n-segg.yaml")


def test_every_task_has_a_headline_metric() -> None:
    metrics = {task: catalogue.headline_metric(task) for task in TASKS}
    assert metrics["detect"] == "metrics/mAP50-95(B)"
    assert metrics["classify"] == "metrics/accuracy_top1"
    assert metrics["semantic"] == "metrics/mIoU"
    assert metrics["depth"] == "metrics/delta1"
    assert all(metrics.values())


def test_an_unknown_task_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ModelError, match="Did you mean 'segment'"):
        catalogue.headline_metric("segmentation")


def test_the_catalogue_imports_neither_torch_nor_ultralytics() -> None:
    code = (
        "import sys\n"
        "from workbench.config import catalogue\n"
        "catalogue.models(); catalogue.headline_metric('obb')\n"
        "assert not {'torch', 'ultralytics', 'numpy', 'cv2'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (
            "frozenset([f'a{k}{s}.pt' for k in 'nm' for s in ('', '-x')] + ['b'])",
            {"an.pt", "an-x.pt", "am.pt", "am-x.pt", "b"},
        ),
        ("{'a': 1}", {"a": 1}),
        ("-1", -1),
    ],
)
def test_constants_of_literals_and_comprehensions_are_evaluated(text: str, value: Any) -> None:
    assert source.evaluate(ast.parse(text, mode="eval").body) == value


@pytest.mark.parametrize(
    "text", ["open('x')", "a", "[k for k in 'ab' if k]", "f'{1!r}'", "frozenset(x=1)", "1 - 2 ** 3"]
)
def test_anything_else_is_left_to_an_import(text: str) -> None:
    with pytest.raises(source.NotConstantError):
        source.evaluate(ast.parse(text, mode="eval").body)
