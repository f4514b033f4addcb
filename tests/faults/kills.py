"""kill -9, anywhere, at any moment: ``python -m tests.faults.kills --count 100 --folder FOLDER``.

Each case starts a run, waits a random while, kills something, lets somebody look 15 s later, and follows the run to
its end. Cases are numbered and drawn by their number, so a suite that was stopped goes on, and a case can be repeated
alone (``--only 17``).
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.faults import light, real
from tests.faults.stage import TARGETS, Failed, Light, Stage, check_gone, check_rows, check_truth, kill, until
from tests.faults.suite import note, read
from workbench.runs.model import RunState
from workbench.runs.run import Run

LOOK_S = 15.0
REAL_EVERY = 9  # every ninth case trains with ultralytics
LIMIT_S = 240.0


@dataclass(frozen=True)
class Case:
    """One fault.

    Attributes:
        number: names it.
        trainer: ``light`` or ``ultralytics``.
        target: what is killed; ``write`` is the kernel, in the middle of a checkpoint write.
        delay_s: how long after the start.
    """

    number: int
    trainer: str
    target: str
    delay_s: float


def draw(number: int) -> Case:
    """Return the case of that number: every target in turn, at a random moment."""
    chance = random.Random(number)
    targets = (*TARGETS, "write")
    trainer = "ultralytics" if number % REAL_EVERY == REAL_EVERY - 1 else "light"
    target = targets[(number // REAL_EVERY if trainer == "ultralytics" else number) % len(targets)]
    return Case(number, trainer, target, round(chance.uniform(0.0, 25.0 if trainer == "ultralytics" else 7.0), 2))


def play(stage: Stage, case: Case) -> dict[str, object]:
    """Play a case and return what was seen.

    Raises:
        Failed: when something that must hold did not.
    """
    run = real.train(stage) if case.trainer == "ultralytics" else stage.light(Light())
    started = time.monotonic()
    killed = _strike(stage, run, case)
    struck = time.monotonic()
    at_epoch = _epochs(run)
    time.sleep(max(LOOK_S - (time.monotonic() - struck), 0.0))
    shown = stage.command("runs", "show", run.id)
    check_truth(run, shown)
    until(lambda: run.state.ended, LIMIT_S, f"the end of {run.id}, which is {run.standing}")
    if run.state is not RunState.COMPLETED:
        raise Failed(f"it ended {run.standing}")
    size = Light()
    if case.trainer == "light":
        check_rows(run, size.epochs, size.batches, light.value)
    else:
        check_rows(run, real.EPOCHS, real.BATCHES)
    check_gone(run)
    return {
        "run": run.id,
        "killed": killed,
        "at_epoch": at_epoch,
        "shown": shown["state"],
        "attempts": run.standing.attempt,
        "seconds": round(time.monotonic() - started, 1),
    }


def _strike(stage: Stage, run: Run, case: Case) -> int:
    """Kill what the case names, and return how many processes that were; 0 when the run was over before."""
    time.sleep(case.delay_s)
    deadline = time.monotonic() + 60.0
    target = "kernel" if case.target == "write" else case.target
    while not run.state.ended and time.monotonic() < deadline:
        if case.target == "write" and not list(run.paths.checkpoints.glob(".*.tmp")):
            time.sleep(0.001)
            continue
        found = stage.processes(target, run)
        if found:
            return kill(found)
        time.sleep(0.01)
    return 0


def _epochs(run: Run) -> int:
    return len([event for event in run.events() if event["kind"] == "metrics" and event.get("scope") == "epoch"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the cases that have not been played, and say how all of them went."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--only", type=int, default=None, help="play this one case")
    parser.add_argument("--lane", type=int, default=0, help="which of several suites side by side this one is")
    parser.add_argument("--lanes", type=int, default=1)
    parser.add_argument("--folder", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    results = chosen.folder / f"kills-{chosen.lane}.jsonl"
    stage = Stage(chosen.folder / f"stage-{chosen.lane}")
    numbers = [chosen.only] if chosen.only is not None else range(chosen.lane, chosen.count, chosen.lanes)
    done = {row["number"] for row in read(results)} if chosen.only is None else set()
    try:
        for number in numbers:
            if number not in done:
                _play(stage, draw(number), results)
    finally:
        stage.close()
    return report([row for path in sorted(chosen.folder.glob("kills-*.jsonl")) for row in read(path)], chosen.count)


def _play(stage: Stage, case: Case, results: Path) -> None:
    note(results, asdict(case), lambda: play(stage, case))


def report(rows: list[dict[str, object]], count: int) -> int:
    """Say how the cases went; return an exit status."""
    passed = [row for row in rows if row["passed"]]
    struck = [row for row in passed if row.get("killed")]
    by_target = Counter(f"{row['trainer']} {row['target']}" for row in struck)
    sys.stdout.write(f"{len(passed)} of {len(rows)} cases passed; something was alive to be killed in {len(struck)}.\n")
    for name, number in sorted(by_target.items()):
        sys.stdout.write(f"  {name:<24} {number}\n")
    for row in rows:
        if not row["passed"]:
            sys.stdout.write(f"  FAILED case {row['number']} ({row['target']}): {row['problem']}\n")
    return 0 if len(passed) == len(rows) >= count else 1


if __name__ == "__main__":
    sys.exit(main())
