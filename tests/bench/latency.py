"""How long a row takes from ``log()`` to another process's eyes: three writers, three readers, all at once.

Every writer logs 500 times a second, and every reader subscribes to all three. The row holds the time of the call, on
the machine's monotonic clock.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tests.bench.feeds import NAMES
from tests.bench.ingest import answer, start
from workbench.metrics.subscribe import subscribe
from workbench.metrics.tail import values
from workbench.metrics.writer import Writer

WRITERS, READERS, PER_SECOND, P99_S = 3, 3, 500, 0.150
_LIMIT_S = 60.0


def write(folder: Path, number: int, calls: int) -> dict[str, float]:
    """Log at a steady pace and return how long the slowest call took."""
    metrics, worst = dict.fromkeys(NAMES[1:], 0.371), 0.0
    with Writer(folder, f"train-{number}") as writer:
        due = time.monotonic()
        for step in range(calls):
            due += 1 / PER_SECOND
            time.sleep(max(0.0, due - time.monotonic()))
            began = time.monotonic()
            writer.log(step, {"called": began, **metrics})
            worst = max(worst, time.monotonic() - began)
    return {"worst call": worst}


async def read(folder: Path, calls: int) -> dict[str, list[float]]:
    """Subscribe to all writers and return how old each row was when it came."""
    ages: list[float] = []
    deadline = time.monotonic() + _LIMIT_S
    whole = calls * WRITERS

    def over() -> bool:
        return len(ages) >= whole or time.monotonic() > deadline

    async for received in subscribe(folder, kinds=("metrics",), until=over):
        ages.append(time.monotonic() - values(received.event)["called"])  # noqa: PERF401  `over` looks at it
    return {"ages": ages}


def measure(calls: int) -> dict[str, float]:
    """Run writers and readers at once and return p50, p99 and the worst, in seconds.

    Raises:
        RuntimeError: when a reader did not see every row once.
    """
    with tempfile.TemporaryDirectory() as folder:
        readers = [start("latency", "--reader", folder, "--calls", str(calls)) for _ in range(READERS)]
        time.sleep(2.0)  # the imports are over before the first row
        writers = [
            start("latency", "--writer", folder, "--number", str(number), "--calls", str(calls))
            for number in range(1, WRITERS + 1)
        ]
        worst_call = max(answer(writer)["worst call"] for writer in writers)
        ages = [answer(reader)["ages"] for reader in readers]
    if any(len(seen) != calls * WRITERS for seen in ages):
        raise RuntimeError(f"Of {calls * WRITERS} rows the readers saw {[len(seen) for seen in ages]}.")
    p50, p99 = np.percentile(np.concatenate(ages), (50, 99))
    worst = max(max(seen) for seen in ages)
    return {"p50": float(p50), "p99": float(p99), "worst": worst, "worst call": worst_call}


def main() -> None:
    """Measure, print, and fail when the bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=5000, help="of each writer")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--writer", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--reader", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--number", type=int, default=1, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.writer:
        print(json.dumps(write(asked.writer, asked.number, asked.calls)), flush=True)
    elif asked.reader:
        print(json.dumps(asyncio.run(read(asked.reader, asked.calls))), flush=True)
    else:
        found = measure(asked.calls)
        print(f"{WRITERS} writers x {PER_SECOND} calls/s, {READERS} readers, ms from log() to a reader:")
        print("  ".join(f"{name} {seconds * 1e3:.1f}" for name, seconds in found.items()))
        if asked.json:
            asked.json.write_text(json.dumps(found, indent=2), encoding="utf-8")
        if found["p99"] > P99_S:
            sys.exit(f"missed: p99 {found['p99'] * 1e3:.0f} ms > {P99_S * 1e3:.0f} ms")


if __name__ == "__main__":
    main()
