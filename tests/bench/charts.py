"""How fast charts and lists of runs are answered: ``make bench-charts``.

Three sets of logs are built once in a temporary folder and compacted. Each question is asked eight times; the first
time, which reads from a cold disk, does not count. A new ``RunMetrics`` has everything to open and parse again; the
same one is what a chart in an open notebook uses.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from workbench.metrics.store.compact import compact
from workbench.metrics.store.reader import RunMetrics, compare, summaries

REPEATS = 7
BATCH = 100_000


class Folders:
    """The two folders of a run."""

    def __init__(self, root: Path) -> None:
        self.events, self.metrics = root / "events", root / "metrics"
        self.events.mkdir(parents=True)

    def open(self) -> RunMetrics:
        return RunMetrics(self.events, self.metrics)


def log(run: Folders, steps: range, metrics: int, scope: str) -> None:
    """Append rows of some metrics, as the writer forms them."""
    chance = np.random.default_rng(len(steps))
    with (run.events / "train-1.jsonl").open("a") as file:
        for begin in range(steps.start, steps.stop, BATCH):
            batch = range(begin, min(begin + BATCH, steps.stop))
            values = chance.normal(size=(len(batch), metrics)).tolist()
            file.writelines(
                f'{{"at":{1.7e9 + step * 0.013:.6f},"kind":"metrics","scope":"{scope}","epoch":{1 + step // 1000},'
                f'"step":{step},"values":{{'
                + ",".join(f'"train/m{number}":{value!r}' for number, value in enumerate(row))
                + "}}\n"
                for step, row in zip(batch, values, strict=True)
            )


def timed(question: Callable[[], object]) -> list[float]:
    """Return how long the answers took, in milliseconds, ascending."""
    question()
    found = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        question()
        found.append(1e3 * (time.perf_counter() - started))
    return sorted(found)


def show(what: str, milliseconds: list[float], goal: float | None = None) -> None:
    """Print a line: median, worst, and the goal where there is one."""
    wanted = f"  goal {goal:>5.0f} ms" if goal is not None else ""
    sys.stdout.write(
        f"{what:<66} {statistics.median(milliseconds):8.1f} ms  worst {milliseconds[-1]:8.1f} ms{wanted}\n"
    )
    sys.stdout.flush()


def compacted(what: str, run: Folders) -> None:
    """Compact a run and print how fast that went."""
    started, cpu = time.perf_counter(), time.process_time()
    done = compact(run.events, run.metrics)
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if done is None:
        raise RuntimeError("another process compacts this folder")
    each = sum(path.stat().st_size for path in run.metrics.rglob("*.parquet")) / max(done.points, 1)
    rate = done.new / max(wall, 1e-9) / 1e6
    sys.stdout.write(
        f"compaction: {what:<54} {wall:8.2f} s   cpu {cpu:8.2f} s   "
        f"{rate:.2f}M new points/s, {each:.1f} B/point, peak {peak:.0f} MB\n"
    )
    sys.stdout.flush()


def one_long_series(root: Path, count: int) -> None:
    """Ask for charts of one series of ``count`` points, also while it grows."""
    run = Folders(root / "long")
    log(run, range(count), 1, "batch")
    compacted(f"{count / 1e6:g}M points of one series", run)
    same = run.open()
    name, whole = "train/m0", f"{count / 1e6:g}M points of one series to 2,000 points"
    show(f"{whole}, new object", timed(lambda: run.open().series(name, "batch")), 50)
    show(f"{whole}, same object", timed(lambda: same.series(name, "batch")), 50)
    for share in (0.5, 0.05, 0.001):
        steps = int(count * 0.3), int(count * (0.3 + share * 0.69))
        show(
            f"  zoomed to {share:.1%}, new object",
            timed(lambda steps=steps: run.open().series(name, "batch", steps=steps)),
        )
    show("  every point, new object", timed(lambda: run.open().series(name, "batch", points=None)))
    grown = [count]

    def grow() -> object:
        log(run, range(grown[0], grown[0] + 1000), 1, "batch")
        grown[0] += 1000
        return same.series(name, "batch")

    log(run, range(grown[0], grown[0] + count // 100), 1, "batch")
    grown[0] += count // 100
    show("  live: 1% beyond the compacted part, 1,000 points more each time", timed(grow))
    compacted("the same again, with 1% more", run)


def many_series(root: Path) -> None:
    """Ask for a comparison of ten runs."""
    runs = {f"run-{number}": Folders(root / f"many-{number}") for number in range(10)}
    for run in runs.values():
        log(run, range(10_000), 10, "batch")
        compact(run.events, run.metrics)
    names = [f"train/m{number}" for number in range(10)]
    same = {name: run.open() for name, run in runs.items()}
    what = "10 runs x 10 metrics x 10k steps to 2,000 points each"
    new = timed(lambda: compare({name: run.open() for name, run in runs.items()}, names, "batch"))
    show(f"{what}, new objects", new, 150)
    show(f"{what}, same objects", timed(lambda: compare(same, names, "batch")), 150)


def many_runs(root: Path, count: int) -> None:
    """Ask for the last values of many runs: finished ones whose ledger goes on after the compaction, and others."""
    runs = {f"run-{number:04d}": Folders(root / f"small-{number:04d}") for number in range(count)}
    state = b'{"at":1.0,"kind":"state","state":"completed"}\n'
    for run in runs.values():
        log(run, range(100), 10, "epoch")
        (run.events / "attempt-1.jsonl").write_bytes(state * 10)
    what = f"{count:,} runs' last values"
    if count <= 1000:
        show(f"  {what}, none compacted", timed(lambda: summaries({name: run.open() for name, run in runs.items()})))
    for run in runs.values():
        compact(run.events, run.metrics)
        (run.events / "ledger.jsonl").write_bytes(state)
    same = {name: run.open() for name, run in runs.items()}
    show(f"{what}, new objects", timed(lambda: summaries({name: run.open() for name, run in runs.items()})), 200)
    show(f"{what}, same objects", timed(lambda: summaries(same)), 200)


def main() -> None:
    """Print a line per question."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=10_000_000, help="of the long series")
    parser.add_argument("--runs", type=int, default=1000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        many_series(root)
        many_runs(root, asked.runs)
        wide = Folders(root / "wide")
        log(wide, range(100_000), 10, "batch")
        compacted("1M points, 10 series, 10 a line", wide)
        one_long_series(root, asked.points)


if __name__ == "__main__":
    main()
