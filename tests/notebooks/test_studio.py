"""The studio notebook, executed from its first cell to its last in a workspace with a trained model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.trained import Trained
from workbench import paths

pytestmark = pytest.mark.slow


def test_the_studio_shows_runs_and_curves_and_starts_a_run(trained: Trained, tmp_path: Path) -> None:
    source = json.loads(paths.notebook("studio", "workbench").read_text(encoding="utf-8"))
    for cell in source["cells"]:
        if "epochs=5" in "".join(cell["source"]):
            quick = (
                "".join(cell["source"]).replace("epochs=5", "epochs=1").replace("imgsz=192", "imgsz=96, fraction=0.1")
            )
            cell["source"] = [quick]
    notebook = tmp_path / "studio.ipynb"
    notebook.write_text(json.dumps(source), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "jupyter",
        "nbconvert",
        "--to",
        "notebook",
        "--execute",
        "--inplace",
        str(notebook),
    ]
    done = subprocess.run(
        command, env={**os.environ, **trained.variables}, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stderr[-3000:]
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    shown = ["".join(json.dumps(output) for output in cell.get("outputs", ())) for cell in cells]
    assert any(trained.report["run"] in text and "<table>" in text for text in shown), "the runs as a table"
    assert any("image/png" in text for text in shown), "the last run as a picture"
    started = trained.open().runs(kind="train")[0]
    assert started.spec.name == "from the studio"
    assert started.state == "completed"
