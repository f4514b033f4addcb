"""What real trainings and evaluations of every task show at their end, taken from the installed ultralytics."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from tests import tiny
from workbench.runs.training.evidence import counting, evidence

ENDINGS = {"detect": "", "segment": "-seg", "pose": "-pose", "obb": "-obb", "classify": "-cls", "semantic": "-sem"}
OF_BOXES = [f"{name}(B)" for name in ("Precision-Recall", "F1-Confidence", "Precision-Confidence", "Recall-Confidence")]

# Evaluates an untrained model of each task, with plots and without, and trains a detector for an epoch.
_PROGRAM = """
import json, sys
from pathlib import Path
from workbench.runs.training import offline
folder, datasets = Path(sys.argv[1]), json.loads(sys.argv[2])
offline.prepare(folder / "ultralytics")
import torch
from ultralytics import YOLO
from workbench.runs.training.evidence import counting, evidence
offline.quieten()

def told(found):
    return {
        "matrix": found.matrix and found.matrix.matrix.tolist(),
        "names": found.matrix and found.matrix.names,
        "curves": [[curve.name, curve.names, curve.x.shape, curve.ys.shape] for curve in found.curves],
        "plots": [path.name for path in found.plots],
    }

def evaluate(task, yaml, data, plots):
    torch.manual_seed(0)
    model = YOLO(yaml, task=task)
    model.model.names = {0: "red", 1: "green"}
    folder_of_plots = folder / f"{task}-{plots}"
    options = {"data": data, "imgsz": 64, "batch": 4, "device": "cpu", "workers": 0, "plots": plots, "model": yaml}
    make = model.task_map[model.task]["validator"]
    validator = make(save_dir=folder_of_plots, args={**options, "task": task, "mode": "val"})
    with counting(validator):
        validator(model=model.model.eval())
    return told(evidence(validator, folder_of_plots))

found = {}
for task, (yaml, data) in datasets.items():
    found[task] = evaluate(task, yaml, data, False)
yaml, data = datasets["detect"]
found["with plots"] = evaluate("detect", yaml, data, True)
model = YOLO(yaml)
def end(trainer):
    found["trained"] = told(evidence(trainer.validator, trainer.save_dir))
model.add_callback("on_train_end", end)
model.train(data=data, epochs=1, imgsz=64, batch=4, device="cpu", workers=0, project=str(folder), name="train")
(folder / "found.json").write_text(json.dumps(found))
"""


def _label(task: str, row: str) -> str:
    label, x, y, width, height = (float(word) for word in row.split())
    left, top, right, bottom = x - width / 2, y - height / 2, x + width / 2, y + height / 2
    corners = [left, top, right, top, right, bottom, left, bottom]
    shapes = {"segment": corners, "obb": corners, "pose": [x, y, width, height, *([x, y, 2] * 17)]}
    return " ".join(map(str, (int(label), *shapes.get(task, (x, y, width, height)))))


def _mask(label: Path) -> None:
    _, x, y, width, height = (float(word) * 64 for word in label.read_text(encoding="utf-8").split())
    mask = np.zeros((64, 64), np.uint8)
    mask[round(y - height / 2) : round(y + height / 2), round(x - width / 2) : round(x + width / 2)] = 1
    path = label.parents[2] / "masks" / label.parent.name / f"{label.stem}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask).save(path)


def _dataset(folder: Path, task: str) -> Path:
    """Draw a dataset of ``task``: four images to train on, two to measure on."""
    if task == "classify":
        return tiny.class_folders(folder)
    data = tiny.data_yaml(folder, images=4)
    for label in folder.glob("labels/*/*.txt"):
        if task == "semantic":
            _mask(label)
        label.write_text(_label(task, label.read_text(encoding="utf-8")), encoding="utf-8")
    extra = {"pose": {"kpt_shape": [17, 3], "flip_idx": list(range(17))}, "semantic": {"masks_dir": "masks"}}
    content = {**yaml.safe_load(data.read_text(encoding="utf-8")), **extra.get(task, {})}
    data.write_text(yaml.safe_dump(content), encoding="utf-8")
    return data


def _model(folder: Path, ending: str) -> Path:
    path = tiny.model_yaml(folder, ending)
    content = {**yaml.safe_load(path.read_text(encoding="utf-8")), "nc": 2}
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("evidence")
    datasets = {
        task: (str(_model(folder, ending)), str(_dataset(folder / task, task))) for task, ending in ENDINGS.items()
    }
    command = [sys.executable, "-c", _PROGRAM, str(folder), json.dumps(datasets)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    answer: dict[str, Any] = json.loads((folder / "found.json").read_text(encoding="utf-8"))
    return answer


@pytest.mark.slow
@pytest.mark.parametrize("task", ["detect", "segment", "pose", "obb"])
def test_tasks_of_boxes_give_a_matrix_with_the_background_also_without_plots(found: dict[str, Any], task: str) -> None:
    matrix = np.array(found[task]["matrix"])
    assert matrix.shape == (3, 3)
    assert found[task]["names"] == ["red", "green"]
    assert matrix[:, :2].sum() == 2  # each object of the split is in one row
    assert found[task]["plots"] == []


@pytest.mark.slow
def test_the_matrix_is_the_same_with_plots_and_without(found: dict[str, Any]) -> None:
    assert found["detect"]["matrix"] == found["with plots"]["matrix"]


@pytest.mark.slow
@pytest.mark.parametrize(("task", "total"), [("classify", 8), ("semantic", 2 * 64 * 64)])
def test_tasks_without_a_background_give_a_matrix_of_images_or_pixels(
    found: dict[str, Any], task: str, total: int
) -> None:
    matrix = np.array(found[task]["matrix"])
    assert matrix.shape == (2, 2)
    assert matrix.sum() == total
    assert found[task]["curves"] == []


@pytest.mark.slow
@pytest.mark.parametrize(("task", "more"), [("detect", ""), ("obb", ""), ("segment", "M"), ("pose", "P")])
def test_curves_have_a_line_for_each_class_that_the_split_has(found: dict[str, Any], task: str, more: str) -> None:
    names = OF_BOXES + [name.replace("(B)", f"({more})") for name in OF_BOXES if more]
    classes = ["red", "green"]
    assert found[task]["curves"] == [[name, classes, [1000], [2, 1000]] for name in names]


@pytest.mark.slow
def test_a_training_shows_its_plots_the_most_telling_first(found: dict[str, Any]) -> None:
    plots = found["trained"]["plots"]
    assert plots[:3] == ["results.png", "confusion_matrix.png", "confusion_matrix_normalized.png"]
    assert {"BoxPR_curve.png", "labels.jpg", "train_batch0.jpg", "val_batch0_pred.jpg"} <= set(plots)
    assert len(plots) == len(set(plots))
    assert np.array(found["trained"]["matrix"])[:, :2].sum() == 2


def _validator(**fields: Any) -> Any:
    metrics = SimpleNamespace(names={0: "a"}, ap_class_index=[0], curves=["PR"], curves_results=[[[], [[]], "r", "p"]])
    args = SimpleNamespace(task="detect", plots=True)
    return SimpleNamespace(**{"args": args, "metrics": metrics, "confusion_matrix": None, **fields})


def test_what_comes_in_another_shape_is_left_out_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    matrix = SimpleNamespace(names={0: "a"}, matrix=np.zeros((5, 5)))
    left = evidence(_validator(confusion_matrix=matrix), tmp_path)
    assert (left.matrix, left.curves, left.plots) == (None, (), ())
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]


def test_a_matrix_that_nobody_counted_is_none(tmp_path: Path) -> None:
    matrix = SimpleNamespace(names={0: "a"}, matrix=np.zeros((2, 2)))
    args = SimpleNamespace(task="detect", plots=False)
    assert evidence(_validator(confusion_matrix=matrix, args=args), tmp_path).matrix is None
    assert evidence(_validator(confusion_matrix=matrix), tmp_path).matrix is not None


def test_a_task_without_matrix_and_curves_gives_none(tmp_path: Path) -> None:
    depth = SimpleNamespace(args=SimpleNamespace(task="depth", plots=True), metrics=SimpleNamespace())
    with counting(depth):
        assert evidence(depth, tmp_path).matrix is None
    assert evidence(depth, tmp_path).curves == ()


def test_a_plot_that_is_still_being_drawn_is_waited_for_and_half_a_plot_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "labels.jpg")
    whole = (tmp_path / "labels.jpg").read_bytes()
    (tmp_path / "results.png").write_bytes(whole[: len(whole) // 2])

    def plot_images() -> None:
        time.sleep(0.1)
        (tmp_path / "val_batch0_pred.jpg").write_bytes(whole)

    threading.Thread(target=plot_images).start()
    found = evidence(_validator(), tmp_path)
    assert [path.name for path in found.plots] == ["labels.jpg", "val_batch0_pred.jpg"]
    assert "'results.png' is left out" in caplog.text
