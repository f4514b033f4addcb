"""Cancel, at any moment: ``python -m tests.faults.cancels --count 50 --folder FOLDER``.

Each case starts a run, waits a random while, cancels it by the command line, by Python or as Prefect's own UI does,
measures how long it takes to end after the batch in hand, proves that nothing is left, and that it can be resumed.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pipelines.api import Api
from tests.faults import light, real
from tests.faults.stage import Failed, Light, Stage, check_gone, check_rows, until
from tests.faults.suite import note, read
from workbench.runs.model import RunState
from workbench.runs.run import Run
from workbench.runs.training.checkpoint_files import newest_good

STOP_S = 10.0
LIMIT_S = 240.0
REAL_EVERY = 8
WAYS = ("command", "python", "prefect")
SIZE = Light(epochs=20, batches=10, batch_s=0.1)


@dataclass(frozen=True)
class Case:
    """One cancellation.

    Attributes:
        number: names it.
        trainer: ``light`` or ``ultralytics``.
        way: ``command``, ``python`` or ``prefect``.
        delay_s: how long after its first batch.
    """

    number: int
    trainer: str
    way: str
    delay_s: float


def draw(number: int) -> Case:
    """Return the case of that number."""
    chance = random.Random(number)
    trainer = "ultralytics" if number % REAL_EVERY == REAL_EVERY - 1 else "light"
    return Case(number, trainer, WAYS[number % len(WAYS)], round(chance.uniform(0.0, 6.0), 2))


def play(stage: Stage, case: Case) -> dict[str, object]:
    """Play a case and return what was measured.

    Raises:
        Failed: when something that must hold did not.
    """
    run = real.train(stage, epochs=30) if case.trainer == "ultralytics" else stage.light(SIZE)
    until(lambda: (beat := run.heartbeat) and beat.batch, LIMIT_S, "its first batch")
    time.sleep(case.delay_s)
    beat = run.heartbeat
    batch_s = beat.longest_s if beat else 0.0
    asked = time.monotonic()
    _cancel(stage, run, case.way)
    until(lambda: run.state.ended, LIMIT_S, f"its end; it is {run.standing}")
    took_s = time.monotonic() - asked
    if run.state is not RunState.CANCELLED:
        raise Failed(f"it ended {run.standing}")
    check_gone(run)
    if took_s - batch_s > STOP_S:
        raise Failed(f"it took {took_s:.1f} s, a batch {batch_s:.1f} s")
    entry = newest_good(run.paths, _resumable(case))
    if entry is None:
        raise Failed("it left no checkpoint to resume from")
    resumed = case.number % 5 == 0 and _resume(run, case)
    return {"run": run.id, "took_s": round(took_s, 2), "batch_s": batch_s, "epoch": entry.epoch, "resumed": resumed}


def _cancel(stage: Stage, run: Run, way: str) -> None:
    if way == "command":
        stage.command("runs", "cancel", run.id)
    elif way == "python":
        run.cancel()
    else:
        from pipelines import engine

        state = engine.recorded(stage.settings)
        if state is None or run.launch_id is None:
            raise Failed("there is no engine, or no launch")
        with Api(state.api_url) as api:
            api.set_flow_run_state(run.launch_id, "CANCELLING")


def _resumable(case: Case) -> Callable[[Path], bool]:
    if case.trainer == "light":
        return light.resumable
    from workbench.runs.training.checkpoints import inspect

    return lambda path: inspect(path).resumable


def _resume(run: Run, case: Case) -> bool:
    """Resume a cancelled run with fewer epochs to go, and check that nothing is lost or doubled."""
    if case.trainer == "ultralytics":
        return False  # its own test does this; thirty epochs would take too long here
    run.resume()
    until(lambda: run.state.ended, LIMIT_S, "the end of the resumed run")
    if run.state is not RunState.COMPLETED:
        raise Failed(f"resumed, it ended {run.standing}")
    check_rows(run, SIZE.epochs, SIZE.batches, light.value)
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the cases that have not been played, and say how all of them went."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--folder", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    results = chosen.folder / "cancels.jsonl"
    stage = Stage(chosen.folder / "stage-cancels")
    done = {row["number"] for row in read(results)}
    try:
        for number in range(chosen.count):
            if number not in done:
                _play(stage, draw(number), results)
    finally:
        stage.close()
    return report(read(results), chosen.count)


def _play(stage: Stage, case: Case, results: Path) -> None:
    note(results, asdict(case), lambda: play(stage, case))


def report(rows: list[dict[str, object]], count: int) -> int:
    """Say how the cases went; return an exit status."""
    passed = [row for row in rows if row["passed"]]
    sys.stdout.write(f"{len(passed)} of {len(rows)} cancellations passed.\n")
    for trainer in ("light", "ultralytics"):
        for way in WAYS:
            took = sorted(float(str(row["took_s"])) for row in passed if (row["trainer"], row["way"]) == (trainer, way))
            if took:
                median = took[len(took) // 2]
                sys.stdout.write(
                    f"  {trainer:<12} {way:<8} {len(took):>3}  median {median:.1f} s, longest {took[-1]:.1f} s\n"
                )
    for row in rows:
        if not row["passed"]:
            sys.stdout.write(f"  FAILED case {row['number']} ({row['trainer']}, {row['way']}): {row['problem']}\n")
    return 0 if len(passed) == len(rows) >= count else 1


if __name__ == "__main__":
    sys.exit(main())
