"""Healthy runs, and nobody cries wolf: ``python -m tests.faults.quiet --count 200 --folder FOLDER``.

Short runs go several at a time, some of them slow for their size, while somebody looks at them all the time. No run
may be queued again, stopped, or called anything but what it is.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.faults import light
from tests.faults.stage import Failed, Light, Stage, check_gone, check_rows
from tests.faults.suite import note, read
from workbench.runs.model import Policy, RunState
from workbench.runs.run import Run

AT_ONCE = 4
LIMIT_S = 180.0
_STRICT = Policy(attempts=1, silence_s=5.0)  # a false alarm would be an end, and silence is short


def size(number: int) -> Light:
    """Return the size of a run: every tenth is slow, its batches take longer than most of its limit of silence."""
    chance = random.Random(number)
    if number % 10 == 9:
        return Light(epochs=1, batches=3, batch_s=4.0, checkpoint_bytes=100_000)
    return Light(epochs=chance.randint(1, 3), batches=chance.randint(2, 8), batch_s=0.02, checkpoint_bytes=100_000)


def check(run: Run, number: int) -> None:
    """Raise unless a run that has ended was never taken for anything but healthy."""
    if run.state is not RunState.COMPLETED:
        raise Failed(f"it ended {run.standing}")
    states = [event["state"] for event in run.events() if event["kind"] == "state"]
    if states != ["queued", "running", "completed"]:
        raise Failed(f"it went through {states}")
    check_rows(run, size(number).epochs, size(number).batches, light.value)
    check_gone(run)


def play(stage: Stage, numbers: Sequence[int], results: Path) -> None:
    """Run them, ``AT_ONCE`` at a time, looking at all of them again and again."""
    waiting, going = list(reversed(numbers)), dict[int, tuple[Run, float]]()
    while waiting or going:
        while waiting and len(going) < AT_ONCE:
            number = waiting.pop()
            going[number] = (stage.light(size(number), _STRICT), time.monotonic())
        stage.workspace.look()
        for number, (run, started) in list(going.items()):
            if run.state.ended or time.monotonic() - started > LIMIT_S:
                _note(run, number, results, round(time.monotonic() - started, 1))
                del going[number]
        time.sleep(0.1)


def _note(run: Run, number: int, results: Path, seconds: float) -> None:
    def checked() -> dict[str, object]:
        check(run, number)
        return {}

    note(results, {"number": number, "run": run.id, "seconds": seconds}, checked)


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the runs that have not been played, and say how all of them went."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--folder", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    results = chosen.folder / "quiet.jsonl"
    stage = Stage(chosen.folder / "stage-quiet")
    done = {row["number"] for row in read(results)}
    try:
        play(stage, [number for number in range(chosen.count) if number not in done], results)
    finally:
        stage.close()
    rows = read(results)
    bad = [row for row in rows if not row["passed"]]
    seconds = sorted(float(str(row["seconds"])) for row in rows)
    sys.stdout.write(f"{len(bad)} false alarms in {len(rows)} runs; median {seconds[len(seconds) // 2]} s a run.\n")
    for row in bad:
        sys.stdout.write(f"  FAILED run {row['number']} ({row['run']}): {row['problem']}\n")
    return 0 if not bad and len(rows) >= chosen.count else 1


if __name__ == "__main__":
    sys.exit(main())
