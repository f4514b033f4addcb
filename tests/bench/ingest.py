"""How fast metrics are kept, beside trackers on the same machine, and what ``log()`` costs: ``make bench-metrics``.

Rounds are interleaved, since this machine's speed drifts; each tracker runs in a process of its own. A point of ours
counts once another process has read it. trackio and tensorboardX come with the extra ``bench``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.feeds import FEEDS, NAMES

# Slow ones get less, so that a round takes seconds; the two that are compared get the same.
CALLS = {"workbench": 50_000, "trackio": 50_000, "wandb offline": 5_000, "tensorboardX": 3_000, "mlflow batch": 1_000}
TIMES_TRACKIO, P99_S, P999_S, ABOVE_EMPTY_S, GROWTH_BYTES = 5.0, 100e-6, 1e-3, 5e-3, 64 << 20
_ROOT = Path(__file__).parents[2]


def start(module: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a module of this folder in a process of its own."""
    command = [sys.executable, "-m", f"tests.bench.{module}", *arguments]
    return subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def answer(process: subprocess.Popen[str]) -> Any:
    """Return what the process printed last, as JSON.

    Raises:
        RuntimeError: when it failed.
    """
    output, errors = process.communicate(timeout=300)
    if process.returncode:
        raise RuntimeError(errors[-2000:])
    return json.loads(output.splitlines()[-1])


def rate(name: str, folder: Path, template: Path) -> float:
    """Feed one tracker and return its points per second."""
    calls = str(CALLS[name])
    if name == "mlflow batch":
        shutil.copy(template, folder / "mlflow.db")  # making its tables takes seconds
    reader = start("feeds", "read", str(folder), calls) if name == "workbench" else None
    if reader is not None:
        time.sleep(1.0)  # it is ready before the first point
    fed = answer(start("feeds", name, str(folder), calls))
    ended = answer(reader)["at"] if reader is not None else fed["ended"]
    return CALLS[name] * len(NAMES) / float(ended - fed["at"])


def rates(rounds: int, root: Path) -> dict[str, list[float]]:
    """Return the points per second of every tracker, round by round."""
    template = root / "mlflow.db"
    (root / "first").mkdir()
    answer(start("feeds", "mlflow batch", str(root / "first"), "1"))
    shutil.copy(root / "first" / "mlflow.db", template)
    found: dict[str, list[float]] = {name: [] for name in FEEDS}
    for number in range(1, rounds + 1):
        for name, done in found.items():
            folder = Path(tempfile.mkdtemp(dir=root))
            done.append(rate(name, folder, template))
            shutil.rmtree(folder)
        print(f"round {number}: " + ", ".join(f"{name} {done[-1] / 1e3:,.0f}k" for name, done in found.items()))
        sys.stdout.flush()
    return found


def failures(found: dict[str, Any]) -> list[str]:
    """Return which bounds are missed."""
    missed = []
    if found["times_trackio"] < TIMES_TRACKIO:
        missed.append(f"ours is {found['times_trackio']:.1f} times trackio, not {TIMES_TRACKIO:g}")
    for loop, took in found["caller"].items():
        log, empty = took["log"], took["empty"]
        bounds = {"p99": P99_S, "p99.9": P999_S, "worst": empty["worst"] + ABOVE_EMPTY_S}
        missed += [
            f"{loop}: {name} {log[name] * 1e6:.0f} us > {bound * 1e6:.0f} us"
            for name, bound in bounds.items()
            if log[name] > bound
        ]
    missed += [
        f"{name}: grew by {grown / 1e6:.0f} MB" for name, grown in found["memory"].items() if grown > GROWTH_BYTES
    ]
    return missed


def show(found: dict[str, Any]) -> None:
    """Print the tables."""
    print(f"\n{'points per second':24}{'median':>12}{'min':>12}{'max':>12}{'calls':>9}")
    for name, done in found["rates"].items():
        figures = (statistics.median(done), min(done), max(done))
        print(f"{name:24}" + "".join(f"{figure:12,.0f}" for figure in figures) + f"{CALLS[name]:9,}")
    print(f"ours / trackio: {found['times_trackio']:.1f} (bound {TIMES_TRACKIO:g})")
    print(f"\n{'one call, us':24}{'p50':>12}{'p99':>12}{'p99.9':>12}{'worst':>12}")
    for loop, took in found["caller"].items():
        for what, summary in took.items():
            print(f"{f'{loop}, {what}':24}" + "".join(f"{value * 1e6:12,.1f}" for value in summary.values()))
    print(f"bounds: p99 {P99_S * 1e6:g}, p99.9 {P999_S * 1e6:g}, worst {ABOVE_EMPTY_S * 1e6:g} above the empty loop's")
    print("\nmemory grows by " + ", ".join(f"{grown / 1e6:.1f} MB ({name})" for name, grown in found["memory"].items()))


def main() -> None:
    """Measure, print, and fail when a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        measured = rates(asked.rounds, root)
        caller = answer(start("caller", "time", str(root / "time")))
        (root / "memory").mkdir()
        memory = answer(start("caller", "memory", str(root / "memory")))
    times = statistics.median(measured["workbench"]) / statistics.median(measured["trackio"])
    found = {"rates": measured, "calls": CALLS, "times_trackio": times, "caller": caller, "memory": memory}
    show(found)
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=2), encoding="utf-8")
    if missed := failures(found):
        sys.exit("missed: " + "; ".join(missed))


if __name__ == "__main__":
    main()
