"""Runs that were measured without any training, for charts and boards to show."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from workbench import storage
from workbench.metrics.writer import Writer
from workbench.runs.model import RunResult, RunSpec, RunState, new_run_id
from workbench.runs.supervision.memory import MemoryLauncher
from workbench.settings import Settings
from workbench.workspace import Workspace


def workspace(folder: Path) -> Workspace:
    """Open the workspace of a server's kernels, with a launcher that starts nothing."""
    return Workspace(
        folder / "workspace", settings=Settings(workbench_engine_home=folder / "engine"), launcher=MemoryLauncher()
    )


def recorded(ws: Workspace, state: RunState = RunState.COMPLETED, **fields: Any) -> str:
    """Record a run that stands somewhere; return its id."""
    ws.projects.ensure("default")
    filed = {"kind": "train", "notebook": "train", "project": "default", "session": "s", **fields}
    spec = RunSpec(id=new_run_id("train"), **filed)
    ws.ledger.record(spec)
    if state is not RunState.QUEUED:
        ws.ledger.paths.run(spec.id).attempt(1).root.mkdir(parents=True)
        ws.ledger.move(spec.id, RunState.RUNNING, "attempt-1", attempt=1)
    if state is RunState.COMPLETED:
        result = RunResult(run=spec.id, attempt=1)
        storage.put(ws.paths.run(spec.id).result, result.model_dump_json().encode())
        ws.ledger.refresh(spec.id)
    elif state not in {RunState.QUEUED, RunState.RUNNING}:
        ws.ledger.move(spec.id, state, "attempt-1")
    return spec.id


def measure(ws: Workspace, run: str, epochs: int = 30, batches: int = 40, rate: float = 1.0) -> None:
    """Write losses that fall and a metric that rises, a row a batch and a row an epoch."""
    with Writer(ws.paths.run(run).events, "train-1") as log:
        for epoch in range(1, epochs + 1):
            for batch in range(batches):
                step = (epoch - 1) * batches + batch + 1
                loss = 2 * math.exp(-rate * step / 400) + 0.3 + 0.12 * math.sin(step * 1.7) * math.cos(step * 0.31)
                values = {"train/box_loss": loss, "train/cls_loss": loss * 1.4, "lr": 0.01 / epoch}
                log.log(step, values, scope="batch", epoch=epoch, at=1.79e9 + step * 0.7)
            kept = 1 - math.exp(-rate * epoch / 12)
            values = {"train/box_loss": 2 - kept, "val/box_loss": 2.1 - kept * 0.9 + 0.02 * math.sin(epoch * 2)}
            values |= {"metrics/mAP50-95(B)": 0.62 * kept + 0.01 * math.sin(epoch), "lr/pg0": 0.01 / epoch}
            log.log(epoch, values, scope="epoch", epoch=epoch, at=1.79e9 + epoch * batches * 0.7)
