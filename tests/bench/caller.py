"""What ``log()`` costs its caller, in time and in memory: ``python -m tests.bench.caller time|memory FOLDER``.

Prints one line of JSON. Times are those of single calls, in seconds, beside those of a loop that spins as long as a
call takes and calls nothing: what the machine does to any program, in the same seconds.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil

from tests.bench.feeds import NAMES
from workbench.metrics.writer import Writer

CALLS, BLOCKS, PACE_S = 20_000, 10, 0.0005
FLAT_OUT_S, STALLED_S = 10.0, 5.0
_METRICS = {name: number * 0.371 for number, name in enumerate(NAMES)}


def calls(writer: Writer, count: int, pace_s: float) -> list[float]:
    """Log ``count`` times, ``pace_s`` apart, and return how long each call took."""
    took, clock, due = [], time.perf_counter, time.perf_counter()
    for step in range(count):
        due = _wait(due, pace_s)
        metrics = {**_METRICS, NAMES[0]: step * 0.1}
        began = clock()
        writer.log(step, metrics)
        took.append(clock() - began)
    return took


def nothing(seconds: float, count: int, pace_s: float) -> list[float]:
    """Spin for ``seconds`` ``count`` times, as far apart as the calls, and return how long each took."""
    took, clock, due = [], time.perf_counter, time.perf_counter()
    for step in range(count):
        due = _wait(due, pace_s)
        _ = {**_METRICS, NAMES[0]: step * 0.1}
        began = clock()
        while clock() - began < seconds:
            pass
        took.append(clock() - began)
    return took


def _wait(due: float, pace_s: float) -> float:
    if pace_s:
        time.sleep(max(0.0, due - time.perf_counter()))
    return max(due, time.perf_counter() - pace_s) + pace_s


def measure(folder: Path, pace_s: float) -> dict[str, dict[str, float]]:
    """Call and spin in turn, a tenth at a time, and return what both took."""
    with Writer(folder, f"train-{1 if pace_s else 2}") as writer:
        usual = float(np.median(calls(writer, 1000, pace_s)))
        ours: list[float] = []
        empty: list[float] = []
        for _ in range(BLOCKS):
            ours += calls(writer, CALLS // BLOCKS, pace_s)
            writer.flush()
            empty += nothing(usual, CALLS // BLOCKS, pace_s)
    return {"log": _summary(ours), "empty": _summary(empty)}


def _summary(took: list[float]) -> dict[str, float]:
    p50, p99, p999 = np.percentile(took, (50, 99, 99.9))
    return {"p50": float(p50), "p99": float(p99), "p99.9": float(p999), "worst": max(took)}


def memory(folder: Path) -> dict[str, float]:
    """Return by how many bytes the process grows flat out, and flat out with a disk that takes nothing."""
    return {"flat out": _growth(folder, "train-1", FLAT_OUT_S), "disk stalled": _stalled(folder)}


def _stalled(folder: Path) -> float:
    """Log into a pipe that nobody reads: it takes 64 KB, and then a write waits for ever."""
    os.mkfifo(folder / "train-2.jsonl")
    return _growth(folder, "train-2", STALLED_S)


def _growth(folder: Path, name: str, seconds: float) -> float:
    process, writer, ends = psutil.Process(), Writer(folder, name), time.monotonic() + seconds

    def flat_out() -> None:
        step = 0
        while time.monotonic() < ends:
            writer.log(step, {**_METRICS, NAMES[0]: step * 0.1})
            step += 1

    before = peak = process.memory_info().rss
    threading.Thread(target=flat_out, daemon=True).start()  # it waits for ever where the disk does
    while time.monotonic() < ends:
        peak = max(peak, process.memory_info().rss)
        time.sleep(0.02)
    return float(peak - before)


def main(what: str, folder: str) -> None:
    """Measure and print."""
    if what == "time":
        found: object = {"flat out": measure(Path(folder), 0.0), "2 kHz": measure(Path(folder), PACE_S)}
    else:
        found = memory(Path(folder))
    print(json.dumps(found), flush=True)
    os._exit(0)  # a writer whose disk is stalled would be waited for


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
