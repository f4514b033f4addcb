"""What ultralytics draws in a real training shows Korean class names, and never goes to the network for a font."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests import tiny
from workbench.metrics.tail import read_events
from workbench.paths import RunPaths
from workbench.settings import environment

_ROOT = Path(__file__).parents[2]
_BARE = """
from matplotlib import font_manager
font_manager.findSystemFonts = lambda *_, **__: []
from workbench import fonts
fonts._PACKAGED.clear()
"""
# Matplotlib warns of each glyph that it draws as a box
_JOB = """
import sys
def heed(event, arguments):
    if event in {"socket.getaddrinfo", "socket.connect"}:
        print("NETWORK", event, arguments)
sys.addaudithook(heed)
from tests import tiny
tiny.main(sys.argv[1])
"""


def trained(folder: Path, before: str = "") -> tuple[RunPaths, str]:
    """Train an epoch on classes with Korean names, with plots, and return the run and what its process said."""
    data = tiny.data_yaml(folder / "data", images=4)
    content = yaml.safe_load(data.read_text("utf-8")) | {"names": {0: "고양이", 1: r"강아지 $\frac$"}}
    data.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    run = tiny.record(folder / "run", data, tiny.model_yaml(folder), epochs=1, plots=True)
    tiny.begin(run)
    done = subprocess.run(
        [sys.executable, "-c", before + _JOB, str(run.root)],
        cwd=_ROOT,
        env=environment(MPLCONFIGDIR=str(folder / "matplotlib")),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return run, done.stdout + done.stderr


def kept(run: RunPaths) -> set[str]:
    return {str(event["name"]) for event in read_events(run.events) if event.get("file_kind") == "plot"}


@pytest.mark.parametrize("bare", [False, True])
def test_plots_of_korean_classes_are_drawn_with_a_font_and_without_one(tmp_path: Path, bare: bool) -> None:
    run, said = trained(tmp_path, _BARE if bare else "")
    assert {"confusion_matrix", "labels", "train_batch0", "val_batch0_labels"} <= kept(run)
    assert "NETWORK" not in said
    assert ("missing from font" in said) is bare
    told = [event["message"] for event in read_events(run.events) if event.get("level") == "warning"]
    assert any("강" in message and "pip install" in message for message in told) is bare
