"""Runs at every point of their way, without training: recorded, measured and ended by hand, in this process.

What lives here: making them for tests of what shows runs. What does not: runs that are really executed (``faults``).
"""

from __future__ import annotations

import json
import math
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from workbench import storage
from workbench.config.schema import TrainingConfig
from workbench.database import Base
from workbench.metrics.media.curves import ConfusionMatrix, Curve
from workbench.metrics.media.keep import Media
from workbench.metrics.writer import Writer
from workbench.paths import RunPaths
from workbench.processes import identify
from workbench.runs.heartbeat import Beat
from workbench.runs.ledger import _row
from workbench.runs.model import DatasetLock, Headline, ModelLock, RunResult, RunSpec, RunState, new_run_id
from workbench.runs.supervision.memory import MemoryLauncher
from workbench.settings import Settings
from workbench.workspace import Workspace

MODEL = ModelLock(ref="yolo26n.pt", kind="pretrained", task="detect", path="yolo26n.pt")
DATASET = DatasetLock(name="digits", uri="/d", digest="0" * 64, images={"train": 40, "val": 8}, data_yaml="/d.yaml")
HEADLINE = "metrics/mAP50-95(B)"
_HOLDS = """
import fcntl, sys, time
file = open(sys.argv[1], "a")
fcntl.flock(file, fcntl.LOCK_EX)
print("ready", flush=True)
time.sleep(600)
"""
OPEN = """from workbench.runs.supervision.memory import MemoryLauncher
from workbench.settings import Settings
from workbench.workspace import Workspace
from workbench.widgets.board import board

ws = Workspace({workspace!r}, settings=Settings(workbench_engine_home={engine!r}), launcher=MemoryLauncher())
board = board(ws{more})
board"""


def rising(epoch: int) -> float:
    """Return a headline that grows as a training's does."""
    return 0.8 * (1 - math.exp(-epoch / 6))


class Yard:
    """A workspace and what is done to its runs.

    Args:
        folder: made when missing.
        workspace: when there is one already.
    """

    def __init__(self, folder: Path, workspace: Workspace | None = None) -> None:
        self.folder = folder
        settings = Settings(workbench_engine_home=folder / "engine", prefect_api_url=None, database_url=None)
        self.workspace = workspace or Workspace(folder / "workspace", settings=settings, launcher=MemoryLauncher())
        self.workspace.projects.ensure("default")
        self._holders: dict[str, subprocess.Popen[bytes]] = {}

    def cell(self, more: str = "") -> str:
        """Return the notebook cell that shows the board, in a process of its own."""
        paths = {"workspace": str(self.workspace.paths.root), "engine": str(self.folder / "engine")}
        return OPEN.format(**paths, more=more and f", {more}")

    def record(self, name: str = "", *, epochs: int = 20, kind: Any = "train", **fields: Any) -> str:
        """Record a run and queue it."""
        config = TrainingConfig(data="digits", device="cpu", epochs=epochs, **fields.pop("settings", {}))
        filed = {"model": MODEL, "dataset": DATASET, "config": config.model_dump(mode="json"), "notebook": kind}
        filed |= {"parameters": config.parameters(), "project": "default", "session": "default-day", **fields}
        spec = RunSpec(id=new_run_id(kind), kind=kind, name=name, **filed)
        self.workspace.ledger.record(spec)
        self.workspace.dispatcher.submit(self.workspace.ledger, spec.id)
        return spec.id

    def paths(self, run_id: str) -> RunPaths:
        return self.workspace.paths.run(run_id)

    def begin(self, run_id: str, attempt: int = 1, *, alive: bool = False) -> None:
        """Begin an attempt; when it is to stay ``alive``, a process of its own holds the lease, as a job's does."""
        paths = self.paths(run_id)
        paths.attempt(attempt).root.mkdir(parents=True)
        if alive:
            child = subprocess.Popen([sys.executable, "-S", "-c", _HOLDS, str(paths.lease)], stdout=subprocess.PIPE)
            self._holders[run_id] = child
            assert child.stdout is not None
            child.stdout.readline()
            paths.lease.write_bytes(orjson.dumps({**asdict(identify(child.pid)), "host": "here"}))
        self.workspace.ledger.move(run_id, RunState.RUNNING, f"attempt-{attempt}", attempt=attempt)

    def measure(self, run_id: str, epochs: range, value: Callable[[int], float] = rising, attempt: int = 1) -> None:
        """Measure epochs, give a sign of life, and write to the log."""
        paths = self.paths(run_id)
        with Writer(paths.events, f"train-{attempt}") as writer:
            for epoch in epochs:
                values = {HEADLINE: value(epoch), "train/box_loss": 2 / epoch, "val/box_loss": 2.2 / epoch}
                writer.log(epoch, values, scope="epoch", epoch=epoch)
                with paths.attempt(attempt).log.open("a", encoding="utf-8") as log:
                    log.write(f"epoch {epoch} \x1b[31mloss\x1b[0m {2 / epoch:.3f}\n")
        # Whoever buries the run ends the process that gave the sign: it must not be this one.
        child = self._holders.get(run_id)
        who = asdict(identify(child.pid)) if child else {"pid": 1, "ticks": 0, "boot": "another"}
        beat = Beat("train", epochs.stop, 3, time.time(), time.monotonic(), 0.1, True, host=os.uname().nodename, **who)
        storage.put_json(paths.attempt(attempt).heartbeat, asdict(beat))

    def end(self, run_id: str, state: RunState, reason: str = "", attempt: int = 1) -> None:
        """End an attempt."""
        if state is RunState.COMPLETED:
            result = RunResult(run=run_id, attempt=attempt, headline=Headline(name=HEADLINE, value=0.7715), seconds=312)
            self.workspace.ledger.complete(run_id, result, f"attempt-{attempt}")
        else:
            self.workspace.ledger.move(run_id, state, f"attempt-{attempt}", reason=reason)
        self.kill(run_id)

    def kill(self, run_id: str) -> None:
        """End the process of an attempt without a word."""
        child = self._holders.pop(run_id, None)
        if child is not None:
            child.kill()
            child.wait()
            if child.stdout is not None:
                child.stdout.close()

    def close(self) -> None:
        """End all processes."""
        for run_id in list(self._holders):
            self.kill(run_id)

    def notebook(self, run_id: str, attempt: int = 1) -> Path:
        """Put an executed notebook beside an attempt."""
        path = self.paths(run_id).attempt(attempt).notebook
        storage.put(path, json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}).encode())
        return path

    def evidence(self, run_id: str, names: tuple[str, ...], pictures: int = 3) -> None:
        """Keep a confusion matrix, curves and pictures, as a training does at its end."""
        random = np.random.default_rng(0)
        count = len(names) + 1
        matrix = random.poisson(0.4, (count, count)) + np.diag(random.integers(20, 60, count))
        x = np.linspace(0, 1, 1000)
        with Writer(self.paths(run_id).events, "train-1") as writer:
            media = Media(self.paths(run_id), writer)
            media.confusion_matrix(ConfusionMatrix(names, matrix))
            for name, label in (("Precision-Recall(B)", "Recall"), ("F1-Confidence(B)", "Confidence")):
                ys = np.stack([np.clip(1 - x ** (2 + 3 * random.random()), 0, 1) for _ in names])
                media.curve(Curve(name, label, name.split("-")[0], x, ys, names))
            for number in range(pictures):
                pixels = random.integers(0, 255, (48, 64, 3), dtype=np.uint8)
                media.image(f"val batch {number}", pixels, step=number)

    def machine(self, run_id: str, samples: int = 40) -> None:
        """Note what the machine had to do."""
        with Writer(self.paths(run_id).events, "system-1") as writer:
            for number in range(samples):
                values = {"cpu_percent": 80 + 10 * math.sin(number / 4), "memory_gb": 1.5 + number / 50}
                writer.log(number * 5, values, scope="system")

    def five(self) -> dict[str, str]:
        """Make a run of each of five states, by its name."""
        found = {name: self.record(name) for name in ("waiting", "first try", "야간 학습", "<b>bold</b>", "stopped")}
        for name, last in (("first try", 20), ("야간 학습", 7), ("stopped", 5)):
            self.begin(found[name])
            self.measure(found[name], range(1, last + 1))
        self.begin(found["<b>bold</b>"])
        self.measure(found["<b>bold</b>"], range(1, 4), lambda epoch: math.nan)
        self.end(found["first try"], RunState.COMPLETED)
        self.end(found["야간 학습"], RunState.FAILED, "RuntimeError: CUDA out of memory")
        self.end(found["<b>bold</b>"], RunState.CRASHED, "Its process ended without a word.")
        self.end(found["stopped"], RunState.CANCELLED, "Somebody asked for it.")
        return found

    def many(self, count: int) -> None:
        """Add ended runs by the thousand: rows, and folders with a few epochs each."""
        rows: list[Base] = []
        usual = TrainingConfig(data="digits", device="cpu", epochs=8).model_dump(mode="json")
        for number in range(count):
            day, ref = (
                f"2026-{1 + number % 9:02}-{1 + number % 28:02}",
                ("yolo26n.pt", "yolo26s.pt", "yolo11m.pt")[number % 3],
            )
            spec = RunSpec(
                id=f"train-{day.replace('-', '')}-{number:06}-{secrets.token_hex(3)}",
                kind="train",
                notebook="train",
                project="default",
                session=day,
                name=f"sweep {number}",
                created_at=f"{day}T10:00:00.{number % 1000:03}Z",
                config={**usual, "imgsz": (320, 640, 960, 1280)[number % 4]},
                model=ModelLock(ref=ref, kind="pretrained", task="detect", path=ref),
                dataset=DATASET,
            )
            result = _folder(self.paths(spec.id), spec, number)
            rows.append(_row(spec, RunState.COMPLETED if result else RunState.FAILED, result))
        with self.workspace.database.transaction() as session:
            session.add_all(rows)


def _folder(paths: RunPaths, spec: RunSpec, number: int) -> RunResult | None:
    paths.events.mkdir(parents=True)
    paths.spec.write_text(spec.model_dump_json(), encoding="utf-8")
    began = time.time() - 1e6 + number
    steps: list[dict[str, Any]] = [
        {"at": began, "kind": "state", "state": "queued"},
        {"at": began + 1, "kind": "state", "state": "running", "by": "attempt-1", "attempt": 1},
    ]
    result = None
    if number % 5 == 0:
        steps.append({"at": began + 90, "kind": "state", "state": "failed", "by": "attempt-1", "reason": "It broke."})
    else:
        headline = Headline(name=HEADLINE, value=rising(1 + number % 12))
        result = RunResult(run=spec.id, attempt=1, headline=headline, seconds=60.0 + number % 977)
        paths.result.write_text(result.model_dump_json(), encoding="utf-8")
    (paths.events / "ledger.jsonl").write_text("".join(json.dumps(step) + "\n" for step in steps), encoding="utf-8")
    rows = (
        {"at": began + epoch, "kind": "metrics", "scope": "epoch", "step": epoch, "epoch": epoch}
        | {"values": {HEADLINE: rising(epoch + number % 5), "train/box_loss": 2 / epoch}}
        for epoch in range(1, 9)
    )
    (paths.events / "train-1.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return result
