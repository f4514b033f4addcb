"""Which images a training of one epoch goes through: ``python -m tests.contract.datasets.trained_on``.

A process of its own, as ``scanned``. It prints ``{family: {"trained": [...], "error"}}`` of datasets below a folder.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from tests import tiny

_SUFFIX = {"segment": "-seg", "pose": "-pose", "obb": "-obb", "classify": "-cls"}


def main(root: str, home: str) -> None:
    """Train on every dataset below ``root``."""
    from workbench.runs.training import offline

    offline.prepare(Path(home))
    out = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        offline.quieten()  # its trackers would leave their records where the tests are started
        found = {path.parent.name: train(path.parent, Path(home)) for path in sorted(Path(root).glob("*/family.json"))}
    json.dump(found, out)


def train(folder: Path, home: Path) -> dict[str, Any]:
    """Train one epoch and return the images that its batches were made of."""
    from ultralytics.models import yolo

    task = json.loads((folder / "family.json").read_text("utf-8"))["task"]
    trainers = {
        "detect": yolo.detect.DetectionTrainer,
        "segment": yolo.segment.SegmentationTrainer,
        "classify": yolo.classify.ClassificationTrainer,
    }
    data = folder if task == "classify" else folder / "data.yaml"
    settings = {"data": str(data), "model": str(tiny.model_yaml(home, _SUFFIX.get(task, ""))), "epochs": 1, "imgsz": 64}
    settings |= {"batch": 8, "workers": 0, "device": "cpu", "plots": False, "val": False, "amp": False}
    trainer = trainers[task](overrides={**settings, "project": str(home / "runs"), "name": folder.name})
    seen: set[str] = set()
    try:
        _watch(trainer, seen)
        trainer.train()
    except Exception as problem:  # noqa: BLE001 - whatever it raises is the answer
        return {"trained": [], "error": f"{type(problem).__name__}: {problem}"}
    return {"trained": sorted(ascii(Path(path).relative_to(folder).as_posix()) for path in seen), "error": None}


def _watch(trainer: Any, seen: set[str]) -> None:
    """Write down the files of each batch; for classify, whose batches do not name them, those of the dataset."""
    prepare = trainer.preprocess_batch

    def watched(batch: dict[str, Any]) -> dict[str, Any]:
        dataset = trainer.train_loader.dataset
        seen.update(batch.get("im_file") or [sample[0] for sample in dataset.samples])
        return dict(prepare(batch))

    trainer.preprocess_batch = watched


if __name__ == "__main__":
    main(*sys.argv[1:])
