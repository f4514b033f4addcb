"""The same metrics into our store and into others, each in a process of its own: ``python -m tests.bench.feeds``.

Prints one line of JSON: how many points, and seconds on the machine's monotonic clock from the first call until they
are kept. Ours are kept when another process has read them; the others' when their ``finish`` or ``close`` has returned.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from workbench.metrics.subscribe import Follower
from workbench.metrics.tail import parse, values
from workbench.metrics.writer import Writer

NAMES = tuple(f"metrics/name{number}(B)" for number in range(10))
LIMIT_S = 120.0
_LAST_BYTES = 4096
_MLFLOW_BATCH = 1000  # the most that one call takes


def rows(calls: int) -> Iterator[dict[str, float]]:
    """Yield what is logged: ten metrics a call."""
    for step in range(calls):
        yield {name: (step + number) * 0.371 for number, name in enumerate(NAMES)}


def workbench(folder: Path, calls: int) -> float:
    """Log with ours and return when it began; ``read`` says when it was kept."""
    with Writer(folder, "train-1") as writer:
        began = time.monotonic()
        for step, metrics in enumerate(rows(calls)):
            writer.log(step, metrics)
    return began


def read(folder: Path, calls: int) -> float:
    """Look for the last point that ``workbench`` writes in another process, and return when it could be read.

    A log is read in its order: when its last line can be read, all can. That all are there is counted afterwards.

    Raises:
        RuntimeError: when a point is missing, or none comes for long.
    """
    path, at, deadline = folder / "train-1.jsonl", 0.0, time.monotonic() + LIMIT_S
    while not at and time.monotonic() < deadline:
        time.sleep(0.005)
        at = time.monotonic() if _last_step(path) == calls - 1 else 0.0
    points = sum(len(values(event)) for event in Follower(folder).poll())
    if points != calls * len(NAMES):
        raise RuntimeError(f"{points} of {calls * len(NAMES)} points came in {LIMIT_S:.0f} s.")
    return at


def _last_step(path: Path) -> int | None:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _LAST_BYTES))
            data = file.read()
    except FileNotFoundError:
        return None
    steps = [int(event["step"]) for event in parse(data[: data.rfind(b"\n") + 1])]
    return steps[-1] if steps else None


def trackio(folder: Path, calls: int) -> float:
    """Log with trackio's local database."""
    os.environ.update(TRACKIO_DIR=str(folder), HF_HUB_OFFLINE="1", HF_HOME=str(folder / "hf"))
    import trackio as library

    library.init(project="bench", auto_log_gpu=False, auto_log_cpu=False)
    began = time.monotonic()
    for step, metrics in enumerate(rows(calls)):
        library.log(metrics, step=step)
    library.finish()
    return began


def wandb(folder: Path, calls: int) -> float:
    """Log with Weights & Biases' offline files."""
    os.environ.update(WANDB_ERROR_REPORTING="false", WANDB_SILENT="true", WANDB_MODE="offline", WANDB_DIR=str(folder))
    import wandb as library

    run = library.init(project="bench", dir=str(folder))
    began = time.monotonic()
    for step, metrics in enumerate(rows(calls)):
        run.log(metrics, step=step)
    run.finish()
    return began


def tensorboardx(folder: Path, calls: int) -> float:
    """Log with tensorboardX's event files."""
    from tensorboardX import SummaryWriter

    writer = SummaryWriter(str(folder))
    began = time.monotonic()
    for step, metrics in enumerate(rows(calls)):
        for name, value in metrics.items():
            writer.add_scalar(name, value, step)
    writer.close()
    return began


def mlflow(folder: Path, calls: int) -> float:
    """Log with MLflow, a thousand points a request, into a SQLite file; it refuses brackets in names."""
    os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", MLFLOW_ENABLE_ASYNC_LOGGING="false")
    from mlflow import MlflowClient
    from mlflow.entities import Metric

    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    run = client.create_run("0").info.run_id
    names, batch, began = {name: name.strip("()B") for name in NAMES}, [], time.monotonic()
    for step, metrics in enumerate(rows(calls)):
        batch += [Metric(names[name], value, int(time.time() * 1000), step) for name, value in metrics.items()]
        if len(batch) >= _MLFLOW_BATCH or step == calls - 1:
            client.log_batch(run, metrics=batch)
            batch = []
    return began


FEEDS: dict[str, Callable[[Path, int], float]] = {
    "workbench": workbench,
    "trackio": trackio,
    "wandb offline": wandb,
    "tensorboardX": tensorboardx,
    "mlflow batch": mlflow,
}


def main(name: str, folder: str, calls: int) -> None:
    """Feed, or read, and print when it began, or was kept."""
    feed = {**FEEDS, "read": read}[name]
    with contextlib.redirect_stdout(sys.stderr):
        at = feed(Path(folder), calls)
        ended = time.monotonic()
    print(json.dumps({"at": at, "ended": ended}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
