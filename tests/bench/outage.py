"""What a run notices of an MLflow server that is away: ``make bench-outage``.

The server is real; it is reached through a door that can be shut: then its address refuses connections, and those that
were open are cut. It is away at the start, for a minute in the middle, and at the end. Each time no epoch may wait for
us longer than 1 % of its time (calls during which another program took the processor are shown apart), and after
`workbench trackers sync` every point is there once. Pairs of runs with and without a tracker, interleaved, show the CPU
time of an epoch. The training is a stand-in: matrix products, and the calls that the real one makes at each batch.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import nbformat
import numpy as np

from tests.bench.door import Door
from tests.contract.tracking.servers import mlflow_server
from tests.faults.gpu import PlainLauncher
from workbench.metrics.rows import current
from workbench.metrics.tail import read_events, values
from workbench.runs.job import Job
from workbench.runs.run import Run
from workbench.settings import Settings
from workbench.workspace import Workspace

BATCHES, SIDE, PRODUCTS = 8, 384, 30  # about 1 s an epoch
WAITING, CPU = 0.01, 0.02
_ROOT = Path(__file__).parents[2]
_SYNC_S = 180.0
_CELLS = (
    "run_dir: str = ''  # the run's folder\nepochs: int = 10  # epochs",
    "from tests.bench.outage import train\nfrom workbench.runs.job import open_job\n\njob = open_job(run_dir)",
    "train(job, epochs)",
)


class Waiting:
    """Adds up the time in calls; that of calls during which another program had the processor also apart."""

    def __init__(self) -> None:
        self.ours_s = self.preempted_s = 0.0

    def __enter__(self) -> None:
        self._switches = resource.getrusage(resource.RUSAGE_THREAD).ru_nivcsw
        self._began = time.perf_counter()

    def __exit__(self, *_exc: object) -> None:
        took = time.perf_counter() - self._began
        if resource.getrusage(resource.RUSAGE_THREAD).ru_nivcsw == self._switches:
            self.ours_s += took
        else:
            self.preempted_s += took


def train(job: Job, epochs: int) -> None:
    """Do the work of an epoch, note metrics as a training does, and note with them what that took."""
    matrix, waiting = np.random.default_rng(0).random((SIDE, SIDE)), Waiting()
    job.listen()
    for epoch in range(1, epochs + 1):
        began = time.perf_counter()
        for batch in range(1, BATCHES + 1):
            for _ in range(PRODUCTS):
                matrix = (matrix @ matrix) % 1.0
            step = (epoch - 1) * BATCHES + batch
            with waiting:
                job.metrics(step, {"train/loss": 1 / step, "lr": 0.01, "memory_gb": 0.0}, scope="batch", epoch=epoch)
                job.beat("train", epoch, batch)
                job.stop_wanted()
        spent = {"ours_s": waiting.ours_s, "preempted_s": waiting.preempted_s}
        spent |= {"epoch_s": time.perf_counter() - began, "cpu_s": time.process_time()}
        waiting = Waiting()
        with waiting:  # it is noted with the next epoch
            job.metrics(epoch, {**spent, "metrics/mAP50(B)": 1 - 1 / epoch}, scope="epoch", epoch=epoch)
    job.finish()


class Stage:
    """A workspace whose runs are plain processes, and a notebook that trains."""

    def __init__(self, folder: Path) -> None:
        os.environ |= {"PYTHONPATH": str(_ROOT), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        os.environ |= {"OBSERVABILITY_FINISH_S": "5"}
        self.folder, self.notebook = folder / "workspace", folder / "train.ipynb"
        cells = [nbformat.v4.new_code_cell(source) for source in _CELLS]
        cells[0].metadata["tags"] = ["parameters"]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), self.notebook)
        home = folder / "engine"
        os.environ["WORKBENCH_ENGINE_HOME"] = str(home)
        settings = Settings(workbench_engine_home=home, prefect_api_url=None, database_url=None)
        self.launcher = PlainLauncher()
        self.workspace = Workspace(self.folder, settings=settings, launcher=self.launcher)

    def start(self, epochs: int, backends: str) -> Run:
        """Start a run that tells ``backends``."""
        os.environ["OBSERVABILITY_BACKENDS"] = backends
        return self.workspace.notebook(self.notebook, {"epochs": epochs})

    def finish(self, run: Run) -> list[dict[str, float]]:
        """Wait for its end, and return what its epochs noted, without the first two."""
        run.wait()
        rows = [event for event in read_events(run.paths.events) if event.get("scope") == "epoch"]
        return [values(row) for row in rows][2:]

    def sync(self, run: Run) -> float:
        """Tell the tracker what is left, as a person does, and return how long that took."""
        began = time.monotonic()
        code = "from workbench.cli import main; main()"
        command = [sys.executable, "-c", code, "trackers", "sync", run.id, "--workspace", str(self.folder), "--json"]
        while True:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            told = json.loads(done.stdout)["trackers"] if done.returncode == 0 else []
            if done.returncode == 0 and all(one["state"] == "complete" for one in told):
                return time.monotonic() - began
            if time.monotonic() - began > _SYNC_S:
                raise RuntimeError(
                    f"{run.id} was not told in {_SYNC_S:.0f} s: {done.stdout[-1000:]}{done.stderr[-1000:]}"
                )
            time.sleep(1.0)


def points_differ(run: Run, address: str) -> Counter[tuple[str, int, str]]:
    """Return the points that the server lacks, with how often, and those that it has too often, negative."""
    from mlflow import MlflowClient

    client = MlflowClient(address)
    [experiment] = client.search_experiments(filter_string=f"name = '{run.spec.project}'")
    [there] = client.search_runs([experiment.experiment_id], f"tags.`workbench.run` = '{run.id}'")
    ours = Counter(
        (f"{event['scope']}/{name}", event["step"], f"{value:.9g}")
        for event in current(read_events(run.paths.events))
        if event["kind"] == "metrics"
        for name, value in values(event).items()
    )
    theirs = Counter(
        (there.data.tags.get(f"workbench.name.{key}", key), point.step, f"{point.value:.9g}")
        for key in there.data.metrics
        for point in client.get_metric_history(there.info.run_id, key)
    )
    ours.subtract(theirs)
    return Counter({point: count for point, count in ours.items() if count})


def away(stage: Stage, door: Door, epochs: int, outage: tuple[float, float]) -> dict[str, Any]:
    """Train while the server is away from one moment to another, and return what the run noticed.

    Args:
        stage: where.
        door: shut for the outage; open afterwards.
        epochs: how long the run is.
        outage: its begin and end, in seconds after the first epoch; endless ones end after the run.
    """
    begin, end = outage
    if begin <= 0:
        door.shut()
    run = stage.start(epochs, "mlflow")
    while not any(event.get("scope") == "epoch" for event in read_events(run.paths.events)):
        time.sleep(0.1)
    if begin > 0:
        time.sleep(begin)
        door.shut()
    time.sleep(min(end, 600) - max(begin, 0) if end < float("inf") else 0)
    if end < float("inf"):
        door.open()
    rows = stage.finish(run)
    if end == float("inf"):
        door.open()
    took = stage.sync(run)
    shares = [row["ours_s"] / row["epoch_s"] for row in rows]
    with_others = [(row["ours_s"] + row["preempted_s"]) / row["epoch_s"] for row in rows]
    differ = points_differ(run, door.address)
    points = sum(len(values(event)) for event in current(read_events(run.paths.events)) if event["kind"] == "metrics")
    return {
        "epoch_s": statistics.median(row["epoch_s"] for row in rows),
        "share": statistics.median(shares),
        "worst_share": max(shares),
        "worst_share_with_others": max(with_others),
        "points": points,
        "missing": sum(count for count in differ.values() if count > 0),
        "double": -sum(count for count in differ.values() if count < 0),
        "sync_s": took,
    }


def cpu_per_epoch(rows: list[dict[str, float]]) -> float:
    """Return the CPU seconds of an epoch: the median."""
    return statistics.median(after["cpu_s"] - before["cpu_s"] for before, after in pairwise(rows))


def pair(stage: Stage, epochs: int) -> float:
    """Return what a tracker that is away adds to an epoch's CPU time, as a share of that without a tracker."""
    without = cpu_per_epoch(stage.finish(stage.start(epochs, "")))
    return cpu_per_epoch(stage.finish(stage.start(epochs, "mlflow"))) / without - 1


def measure(pairs: int, root: Path) -> dict[str, Any]:
    """Run the scenarios and the pairs, and print as they come."""
    stage, found = Stage(root), {}
    outages = {
        "at the start": (60, (0.0, 15.0)),
        "in the middle": (260, (5.0, 65.0)),
        "at the end": (60, (8.0, np.inf)),
    }
    with mlflow_server(root) as address, Door(int(address.rpartition(":")[2])) as door:
        os.environ["MLFLOW_TRACKING_URI"] = door.address
        for name, (epochs, outage) in outages.items():
            seen = found[name] = away(stage, door, epochs, outage)
            print(_line(name, seen), flush=True)
        door.shut()
        ratios = []
        for number in range(1, pairs + 1):
            ratios.append(pair(stage, 14))
            print(f"pair {number}: a tracker that is away adds {ratios[-1]:+.2%} to an epoch's CPU time", flush=True)
    return {"outages": found, "pairs": ratios, "cpu": statistics.median(ratios)}


def _line(name: str, seen: dict[str, Any]) -> str:
    return (
        f"away {name:14} epoch {seen['epoch_s']:.2f} s, of it with us {seen['share']:.2%} (worst "
        f"{seen['worst_share']:.2%}, with other programs {seen['worst_share_with_others']:.2%}); "
        f"{seen['points']} points, missing {seen['missing']}, double {seen['double']}; sync {seen['sync_s']:.0f} s"
    )


def failures(found: dict[str, Any]) -> list[str]:
    """Return which bounds are missed."""
    missed = []
    for name, seen in found["outages"].items():
        if seen["worst_share"] > WAITING:
            missed.append(f"away {name}: an epoch waited {seen['worst_share']:.2%} of its time")
        if seen["missing"] or seen["double"]:
            missed.append(f"away {name}: {seen['missing']} points missing, {seen['double']} double")
    if found["cpu"] > CPU:
        missed.append(f"CPU: {found['cpu']:+.2%}")
    return missed


def main() -> None:
    """Measure, print, and fail when a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        found = measure(asked.pairs, Path(folder))
    print(f"CPU per epoch with a tracker that is away: {found['cpu']:+.2%} (median; bound {CPU:.0%})")
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=2), encoding="utf-8")
    if missed := failures(found):
        sys.exit("missed: " + "; ".join(missed))


if __name__ == "__main__":
    main()
