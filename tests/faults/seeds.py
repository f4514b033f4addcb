"""Whether a training that was killed and resumed ends where an uninterrupted one does, seed by seed.

``python -m tests.faults.seeds --folder DIR [--epochs 6] [--seeds 3] [KEY=VALUE …]`` trains the sample recipe on the
digit scenes, each seed twice: once undisturbed, once killed (-9) in the middle of a random middle epoch and resumed.
Results are kept in ``DIR/seeds.jsonl``: what is there is not trained again.

The verdict holds when the means of the two arms differ by no more than the standard deviation over the seeds of the
uninterrupted ones.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from tests import tiny
from workbench import storage
from workbench.config.schema import TrainingConfig
from workbench.datasets.samples import build_digit_scenes
from workbench.demo import RECIPE
from workbench.metrics.rows import current
from workbench.metrics.tail import read_events
from workbench.paths import RunPaths
from workbench.runs.heartbeat import read_beat
from workbench.runs.model import RunResult
from workbench.runs.training.checkpoint_files import finished_epochs

ARMS = ("uninterrupted", "resumed")
_POLL_S = 0.02


def measure(folder: Path, data: Path, arm: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Train once in processes of their own and return what came out.

    Args:
        folder: where the run is recorded; made anew.
        data: the data.yaml.
        arm: one of ``ARMS``.
        settings: the training config, with ``seed`` and ``epochs``.
    """
    shutil.rmtree(folder, ignore_errors=True)
    started, rest = time.monotonic(), {key: value for key, value in settings.items() if key != "model"}
    run = tiny.record(folder, data, Path(settings["model"]), **rest)
    killed = _train_and_kill(run, settings) if arm == "resumed" else None
    tiny.execute(run)
    result = RunResult.model_validate(storage.get_json(run.attempt(run.attempts()[-1]).result))
    events = [event for event in current(read_events(run.events)) if event.get("scope", "system") != "system"]
    epochs = [event["step"] for event in events if event["scope"] == "epoch"]
    if epochs != list(range(1, settings["epochs"] + 1)) or result.headline is None:
        raise RuntimeError(f"rows of {folder}: {epochs}")
    return {
        "seed": settings["seed"],
        "arm": arm,
        "metric": result.headline.name,
        "value": result.headline.value,
        "killed_in_epoch": killed,
        "seconds": round(time.monotonic() - started, 1),
    }


def _train_and_kill(run: RunPaths, settings: dict[str, Any]) -> int:
    """Begin the training, kill it within a random middle epoch, and return that epoch."""
    chance = random.Random(settings["seed"])
    epoch = chance.randint(2, max(settings["epochs"] - 1, 2))
    process, share = tiny.start(run), chance.uniform(0.1, 0.8)
    while not _has_come(run, epoch, share):
        if process.poll() is not None:
            raise RuntimeError(process.communicate()[0][-4000:])
        time.sleep(_POLL_S)
    process.kill()
    process.communicate()
    epoch = finished_epochs(run) + 1
    if not 2 <= epoch <= settings["epochs"]:
        raise RuntimeError(f"{run.root} was killed in epoch {epoch}, which is no middle one: train it anew")
    return epoch


def _has_come(run: RunPaths, epoch: int, share: float) -> bool:
    """Return whether the training is in ``epoch``, with that share of its batches done."""
    beat = read_beat(run.attempt(1).heartbeat)
    progress = [event for event in read_events(run.events) if event["kind"] == "progress"]
    if beat is None or not progress:
        return False
    return (beat.epoch, beat.batch) >= (epoch, share * progress[-1]["batches"])


def report(rows: Sequence[dict[str, Any]]) -> bool:
    """Show the seeds side by side and return whether the arms agree within the seed noise."""
    values = {(row["seed"], row["arm"]): row for row in rows}
    seeds = sorted({seed for seed, _ in values})
    print(f"seed  {ARMS[0]:>14}  {ARMS[1]:>14}  difference  killed in epoch")
    for seed in seeds:
        alone, resumed = (values[seed, arm]["value"] for arm in ARMS)
        epoch = values[seed, "resumed"]["killed_in_epoch"]
        print(f"{seed:>4}  {alone:>14.5f}  {resumed:>14.5f}  {resumed - alone:>+10.5f}  {epoch}")
    alone, resumed = ([values[seed, arm]["value"] for seed in seeds] for arm in ARMS)
    noise = stdev(alone) if len(alone) > 1 else 0.0
    difference = abs(mean(resumed) - mean(alone))
    learned = min(alone) > 0.0  # two zeros agree, and say nothing
    agree = learned and difference <= noise
    print(f"mean  {mean(alone):>14.5f}  {mean(resumed):>14.5f}  {mean(resumed) - mean(alone):>+10.5f}")
    print(f"{rows[0]['metric']}: the means differ by {difference:.5f}, the seeds by {noise:.5f} (standard deviation).")
    failed = "FAILED: resumed trainings end elsewhere." if learned else "FAILED: a seed learned nothing in its epochs."
    print("A resumed training ends within the seed noise." if agree else failed)
    return agree


def main(arguments: Sequence[str] | None = None) -> int:
    """Train what has not been trained, and report."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.seeds", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("settings", nargs="*", metavar="KEY=VALUE")
    options = parser.parse_args(arguments)
    text = dict(pair.split("=", 1) for pair in options.settings)
    changed = {name: getattr(TrainingConfig.from_text(text), name) for name in text}
    results = options.folder / "seeds.jsonl"
    data = options.folder / "digits" / "data.yaml"
    if not data.is_file():
        data = build_digit_scenes(options.folder / "digits")
    rows = [json.loads(line) for line in results.read_text().splitlines()] if results.is_file() else []
    for seed in range(options.seeds):
        for arm in ARMS:
            if (seed, arm) in {(row["seed"], row["arm"]) for row in rows}:
                continue
            settings = {**RECIPE, **changed, "epochs": options.epochs, "seed": seed}
            rows.append(measure(options.folder / f"{arm}-{seed}", data, arm, settings))
            with results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(rows[-1]) + "\n")
            print(json.dumps(rows[-1]), flush=True)
    return 0 if report(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
