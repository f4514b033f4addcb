"""Real training in the fault suites: ultralytics, on few and small images."""

from __future__ import annotations

from pathlib import Path

from tests.faults.stage import POLICY, Stage
from workbench.config.schema import TrainingConfig
from workbench.datasets.samples import build_digit_scenes
from workbench.runs.run import Run
from workbench.workspace import Workspace

EPOCHS = 4
IMAGES = 48
BATCH = 8
BATCHES = IMAGES // BATCH


def dataset(workspace: Workspace) -> str:
    """Return the name of a small dataset, made on first use."""
    if "small" not in [known.name for known in workspace.datasets.list()]:
        data = build_digit_scenes(workspace.paths.samples / "digits")
        workspace.datasets.add(str(_cut(data)), name="small")
    return "small"


def train(stage: Stage, epochs: int = EPOCHS) -> Run:
    """Start a real training."""
    config = TrainingConfig(
        model="yolo26n.yaml",
        data=dataset(stage.workspace),
        epochs=epochs,
        batch=BATCH,
        imgsz=64,
        device="cpu",
        mosaic=0.0,
        plots=False,
        **{
            key: value
            for key, value in POLICY.model_dump().items()
            if key in {"attempts", "first_delay_s", "max_delay_s"}
        },
    )
    return stage.workspace.train(config)


def _cut(data: Path) -> Path:
    """Leave ``IMAGES`` training and 8 validation images."""
    for split, keep in (("train", IMAGES), ("val", 8)):
        for path in sorted((data.parent / "images" / split).iterdir())[keep:]:
            path.unlink()
            (data.parent / "labels" / split / path.with_suffix(".txt").name).unlink(missing_ok=True)
    return data
