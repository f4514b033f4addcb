"""Ctrl-C in the middle of the demo: nothing half-written, nothing left running, exit status 130."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.trained import members
from workbench.metrics.tail import read_events
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow


def _await_second_epoch(workspace: Path, limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        for run in (workspace / "runs").glob("train-*"):
            if any(event.get("epoch") == 2 for event in read_events(run / "events")):
                return
        time.sleep(0.2)
    pytest.fail(f"no second epoch within {limit_s} s")


def test_ctrl_c_in_the_middle_of_the_demo(tmp_path: Path, korean_digits: Path) -> None:
    engine = str(tmp_path / "engine")
    variables = {**os.environ, "WORKBENCH_ENGINE_HOME": engine, "WORKBENCH_HOME": str(tmp_path / "workspace")}
    # A shell that runs this in the background has its children ignore Ctrl-C
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code += "from workbench.cli import main; main()"
    demo = subprocess.Popen(
        [sys.executable, "-c", code, "demo", "--data", str(korean_digits), "epochs=50", "imgsz=96", "fraction=0.2"],
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        _await_second_epoch(tmp_path / "workspace", 120)
        os.killpg(demo.pid, signal.SIGINT)
        _, errors = demo.communicate(timeout=60)
    finally:
        demo.kill()
    assert demo.returncode == 130, errors
    assert "Interrupted" in errors
    assert members(engine) == []
    run = Workspace(tmp_path / "workspace").runs(kind="train")[0]
    assert run.state == "cancelled"
    assert not run.paths.result.exists()
    assert run.checkpoint.is_file(), "what was saved stays"
    assert not run.paths.attempt(1).scratch.exists()
