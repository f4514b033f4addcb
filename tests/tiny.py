"""A real training of a few seconds: a very narrow detector on a dozen drawn images, in a run's folder.

As a program it executes one attempt at a run, as the job notebook does: ``python -m tests.tiny RUN_FOLDER``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from workbench import storage
from workbench.config import source
from workbench.config.schema import DOZEN, TrainingConfig
from workbench.metrics.log import EventLog
from workbench.paths import RunPaths
from workbench.runs.job import open_job
from workbench.runs.model import DatasetLock, ModelLock, RunSpec

# A step a batch, nothing drawn at random that a checkpoint would not hold, and few pixels
RECIPE: dict[str, Any] = {
    "data": "shapes",
    "epochs": 4,
    "imgsz": 64,
    "batch": 4,
    "nbs": 4,
    "optimizer": "AdamW",
    "lr0": 0.002,
    "warmup_epochs": 1.0,
    "mosaic": 0.0,
    "close_mosaic": 0,
    "device": "cpu",
    "plots": False,
}


def data_yaml(folder: Path, images: int = 12, side: int = 64) -> Path:
    """Draw ``images`` images to train on, half as many to measure on, a bright square in each; return the yaml."""
    random = np.random.default_rng(0)
    for split, count in (("train", images), ("val", images // 2)):
        for kind in ("images", "labels"):
            (folder / kind / split).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            pixels = random.integers(0, 90, (side, side, 3), dtype=np.uint8)
            size = int(random.integers(side // 4, side // 2))
            left, top = (int(edge) for edge in random.integers(0, side - size, 2))
            label = number % 2
            pixels[top : top + size, left : left + size, label] = 255
            Image.fromarray(pixels).save(folder / "images" / split / f"{number:03}.png")
            row = f"{label} {(left + size / 2) / side} {(top + size / 2) / side} {size / side} {size / side}\n"
            (folder / "labels" / split / f"{number:03}.txt").write_text(row, encoding="utf-8")
    path = folder / "data.yaml"
    content = {"path": str(folder), "train": "images/train", "val": "images/val", "names": {0: "red", 1: "green"}}
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def class_folders(folder: Path, images: int = 8, side: int = 32) -> Path:
    """Draw bright and dark images, a folder each as classify wants it, and return the folder."""
    random = np.random.default_rng(0)
    for split, label in ((split, label) for split in ("train", "val") for label in ("bright", "dark")):
        (folder / split / label).mkdir(parents=True)
        low = 128 * (label == "bright")
        for number in range(images // 2):
            pixels = random.integers(low, low + 128, (side, side, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / split / label / f"{number:03}.png")
    return folder


def model_yaml(folder: Path, task: str = "") -> Path:
    """Write yolo26n, or e.g. its ``-cls``, an eighth as wide and return its file."""
    content = yaml.safe_load((source.root() / f"cfg/models/26/yolo26{task}.yaml").read_text(encoding="utf-8"))
    content["scales"] = {"n": [0.5, 0.125, 1024]}
    path = folder / f"yolo26n{task}.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def record(folder: Path, data: Path, model: Path, **settings: Any) -> RunPaths:
    """Record a run in ``folder``, without a workspace around it."""
    config = TrainingConfig(**{**RECIPE, "model": model.name, **settings})
    run = RunPaths(folder)
    spec = RunSpec(
        id=folder.name,
        kind="train",
        notebook="train",
        project="default",
        session="s",
        parameters=config.parameters(),
        config=config.model_dump(mode="json"),
        seed=config.seed,
        dataset=DatasetLock(name="shapes", uri="", digest="", images={}, data_yaml=str(data)),
        model=ModelLock(ref=model.name, kind="scratch", task=config.task, path=str(model)),
    )
    storage.put(run.spec, spec.model_dump_json().encode())
    with EventLog(run.events, "ledger") as log:
        log.append("state", state="queued")
    return run


def begin(run: RunPaths, **changes: Any) -> int:
    """Begin another attempt, with settings that somebody changed, and return its number."""
    attempt = max(run.attempts(), default=0) + 1
    run.attempt(attempt).root.mkdir(parents=True)
    with EventLog(run.events, "ledger") as log:
        if attempt > 1:
            log.append("state", state="failed")
            log.append("state", state="queued", changes=_parameters(run, changes))
        log.append("state", state="running", attempt=attempt)
    return attempt


def _parameters(run: RunPaths, changes: dict[str, Any]) -> dict[str, Any]:
    recorded = TrainingConfig.model_validate(storage.get_json(run.spec)["config"])
    after = recorded.replace(**changes).parameters() if changes else {}
    return {name: value for name, value in after.items() if value != recorded.parameters()[name]}


def start(run: RunPaths, **changes: Any) -> subprocess.Popen[str]:
    """Start another attempt in a process of its own."""
    begin(run, **changes)
    command = [sys.executable, "-m", "tests.tiny", str(run.root)]
    root = Path(__file__).parents[1]
    return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def execute(run: RunPaths, **changes: Any) -> str:
    """Execute another attempt to its end and return what it printed."""
    process = start(run, **changes)
    output, _ = process.communicate(timeout=240)
    if process.returncode:
        raise RuntimeError(output[-4000:])
    return output


def main(folder: str) -> None:
    """Do what the job notebook does."""
    job = open_job(folder)
    parameters = job.parameters
    dozen = {name: parameters[name] for name in DOZEN}
    config = TrainingConfig.from_parameters(settings=parameters.get("settings"), **dozen)
    from workbench.runs.training.train import train

    train(job, config).finish(job)
    print(json.dumps({"pid": os.getpid()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
