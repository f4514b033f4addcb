"""What a training as a notebook job costs over the same training in plain Python: ``make bench-overhead``.

Pairs are interleaved, plain then job, since this machine's speed drifts. Wall time is from the start of a new process
to its end (plain) and from ``ws.train`` to ``completed`` (job, with the engine running). CPU time is that of the
training process between the ends of two epochs.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from pipelines import engine
from workbench.config.schema import TrainingConfig
from workbench.demo import RECIPE
from workbench.metrics.tail import read_events
from workbench.runs.training import offline
from workbench.settings import Settings
from workbench.workspace import Workspace

_PLAIN = """
import json, sys, time
from pathlib import Path
from workbench.runs.training import offline
offline.prepare(Path(sys.argv[2]) / "ultralytics")
from ultralytics import YOLO
offline.quieten()
model = YOLO("yolo26n.yaml")
ends = []
model.add_callback("on_fit_epoch_end", lambda trainer: ends.append(time.process_time()))
model.train(data=sys.argv[1], project=sys.argv[2], name="train", exist_ok=True, **json.loads(sys.argv[3]))
print(json.dumps(ends[:-1]))  # it fires once more, after the last epoch
"""


def plain(data_yaml: Path, overrides: dict[str, object]) -> tuple[float, float]:
    """Train in a new Python process; return wall seconds and CPU seconds per epoch."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", _PLAIN, str(data_yaml), folder, json.dumps(overrides)]
        environment = {**os.environ, **offline.switches(Path(folder) / "ultralytics")}
        started = time.monotonic()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return time.monotonic() - started, _per_epoch(json.loads(done.stdout.splitlines()[-1]))


def job(workspace: Workspace, config: TrainingConfig) -> tuple[float, float]:
    """Train as a notebook job; return wall seconds and CPU seconds per epoch."""
    started = time.monotonic()
    run = workspace.train(config)
    run.wait()
    took = time.monotonic() - started
    ends = [event["cpu_s"] for event in read_events(run.paths.events) if event.get("scope") == "epoch"]
    return took, _per_epoch(ends)


def _per_epoch(ends: list[float]) -> float:
    return statistics.median(after - before for before, after in pairwise(ends))


def main() -> None:
    """Print a line per pair, then the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=4)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(workbench_engine_home=Path(folder) / "engine")
        os.environ["WORKBENCH_ENGINE_HOME"] = str(settings.workbench_engine_home)
        workspace = Workspace(Path(folder) / "workspace", settings=settings)
        dataset = workspace.datasets.add_sample()
        config = TrainingConfig(**{**RECIPE, "data": dataset.name, "epochs": asked.epochs, "fraction": 0.5})
        try:
            engine.ensure(settings)
            pairs = []
            for number in range(1, asked.pairs + 1):
                pair = (*plain(dataset.data_yaml, config.overrides()), *job(workspace, config))
                pairs.append(pair)
                print(_line(f"pair {number}", pair), flush=True)
        finally:
            engine.stop(settings)
    extra = [pair[2] - pair[0] for pair in pairs]
    ratio = [pair[3] / pair[1] - 1 for pair in pairs]
    print(
        f"wall: a job takes {statistics.median(extra):+.1f} s (median; {min(extra):+.1f} to {max(extra):+.1f}); <= 10 s"
    )
    print(f"CPU per epoch: {statistics.median(ratio):+.1%} (median; {min(ratio):+.1%} to {max(ratio):+.1%}); <= 2 %")
    if statistics.median(extra) > 10 or statistics.median(ratio) > 0.02:
        sys.exit(1)


def _line(name: str, pair: tuple[float, float, float, float]) -> str:
    return f"{name}: plain {pair[0]:.1f} s, {pair[1]:.2f} CPU s/epoch; job {pair[2]:.1f} s, {pair[3]:.2f} CPU s/epoch"


if __name__ == "__main__":
    main()
