"""What the installed ultralytics makes of the datasets below a folder: ``python -m tests.contract.datasets.scanned``.

A process of its own: it changes files, and what it imports stays out of the tests. It prints a JSON object of
``{family: {"seen": [...], "kept": {image: {"rewritten", "size", "rows"}}, "error"}}``.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def ask(module: str, root: Path, home: Path) -> dict[str, Any]:
    """Run this module, or one like it, on the datasets below ``root`` and return what it prints."""
    command = [sys.executable, "-m", f"tests.contract.datasets.{module}", str(root), str(home)]
    top = Path(__file__).parents[3]
    done = subprocess.run(command, cwd=top, capture_output=True, text=True, timeout=280, check=False, env=os.environ)
    if done.returncode:
        raise RuntimeError(done.stderr[-4000:])
    return dict(json.loads(done.stdout))


def main(root: str, home: str) -> None:
    """Scan the training split of every dataset below ``root``."""
    from workbench.runs.training import offline

    offline.prepare(Path(home))
    out = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        found = {path.parent.name: look(path.parent) for path in sorted(Path(root).glob("*/family.json"))}
    json.dump(found, out)


def look(folder: Path) -> dict[str, Any]:
    """Scan one dataset as a training on it begins."""
    task = json.loads((folder / "family.json").read_text("utf-8"))["task"]
    before = {path: _digest(path) for path in folder.rglob("*") if path.is_file()}
    try:
        kept = _classify(folder) if task == "classify" else _read(folder, task)
        error = None
    except Exception as problem:  # noqa: BLE001 - whatever it raises is the answer
        kept, error = {}, f"{type(problem).__name__}: {problem}"
    return {
        "error": error,
        "kept": {_short(path, folder): {**of, **_change(path, before)} for path, of in kept.items()},
    }


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _short(path: str, folder: Path) -> str:
    return ascii(Path(path).relative_to(folder).as_posix())  # JSON has no bytes that are not UTF-8


def _change(path: str, before: dict[Path, str]) -> dict[str, bool]:
    known = before.get(Path(path))
    return {"rewritten": known is not None and known != _digest(Path(path))}


def _classify(folder: Path) -> dict[str, dict[str, Any]]:
    from ultralytics.cfg import get_cfg
    from ultralytics.data.dataset import ClassificationDataset

    dataset = ClassificationDataset(folder / "train", get_cfg(overrides={"imgsz": 32}), augment=True)
    return {file: {"rows": [[label]], "size": None} for file, label, *_ in dataset.samples}


def _read(folder: Path, task: str) -> dict[str, dict[str, Any]]:
    from ultralytics.cfg import get_cfg
    from ultralytics.data import dataset as readers
    from ultralytics.data.utils import add_polygon_background, check_det_dataset

    data = check_det_dataset(folder / "data.yaml", autodownload=False)
    kind = {"semantic": readers.SemanticDataset, "depth": readers.DepthDataset}.get(task, readers.YOLODataset)
    if task == "semantic" and not data.get("masks_dir"):
        kind, data = readers.PolygonSemanticDataset, add_polygon_background(data)
    dataset = kind(img_path=data["train"], imgsz=32, augment=True, hyp=get_cfg(), data=data, task=task)
    return {str(label["im_file"]): _fate(label) for label in dataset.labels}


def _fate(label: dict[str, Any]) -> dict[str, Any]:
    rows = [[float(label["cls"].reshape(-1)[at]), *map(float, box)] for at, box in enumerate(label["bboxes"])]
    return {"rows": rows, "size": [int(side) for side in label["shape"]]}


if __name__ == "__main__":
    main(*sys.argv[1:])
