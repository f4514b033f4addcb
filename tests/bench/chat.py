"""What a turn of the chat takes offline: understood, judged, answered and written to the log on the disk.

Conversations that people wrote, and generated turns among 10, 100 and 1000 datasets with 50 runs. What a new process
waits for, imports and first turn, is measured in processes of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from statistics import median

import numpy as np

from tests.contract.chat import hostile, scoring
from tests.contract.chat.generated import talks
from workbench.chat import evaluation
from workbench.chat.context import Context, DatasetFact, RunFact
from workbench.chat.conversation import Conversation
from workbench.chat.rules import RulesEngine
from workbench.config.schema import DEFAULTS

P95_MS, CROWDED = 20.0, 100
DATASETS, RUNS, TURNS, STARTS = (10, 100, 1000), 50, 1000, 5
SEEN = Path(__file__).parents[1] / "contract" / "chat" / "conversations" / "seen.jsonl"
BASE = {**DEFAULTS, "model": "yolo26n.pt"}
_PLACES = ("dock", "harbour", "aisle", "orchard", "road", "roof", "하역장", "창고", "과수원", "도로")
_THINGS = ("helmets", "cracks", "pallets", "apples", "bees", "vans", "안전모", "균열", "사과", "트럭")
_FIRST = """
import time
began = time.perf_counter()
from workbench.chat.conversation import Conversation
from workbench.chat.rules import RulesEngine
imported = time.perf_counter()
Conversation(None, RulesEngine()).say("50 epochs, batch 16")
print(imported - began, time.perf_counter() - imported)
"""


def crowd(random: Random, datasets: int) -> Context:
    """Return a workspace of many datasets and runs, some of them named like orders."""
    plain = [
        DatasetFact(
            f"{random.choice(_PLACES)}-{random.choice(_THINGS)}-{number}",
            random.choice(hostile.TASKS[:7]),
            random.randint(100, 9999),
            tuple(random.sample(_THINGS, 3)),
            f"{random.choice(_THINGS)} {random.choice(_PLACES)} / {random.choice(_THINGS)}",
        )
        for number in range(datasets - len(hostile.HOSTILE[:5]))
    ]
    rogue = [DatasetFact(name, "detect", 10) for name in hostile.HOSTILE[:5]]
    runs = [RunFact(f"train-20260101-{number}", "completed", name=f"night {number}") for number in range(1, RUNS)]
    running = RunFact("train-20260102-1", "running", epoch=3, epochs=50)
    return Context((*plain, *rogue), (running, *runs), running.id, ("cpu", "0"))


def held(conversation: Conversation, texts: Iterable[str], context: Context) -> list[float]:
    """Return how long each turn of a conversation takes, in milliseconds."""
    took = []
    for text in texts:
        began = time.perf_counter()
        conversation.say(text, context)
        took.append((time.perf_counter() - began) * 1e3)
    return took


def written(folder: Path) -> list[float]:
    """Return what the turns of the conversations that people wrote take."""
    took: list[float] = []
    for given in scoring.read(SEEN):
        conversation = Conversation(folder / f"{given.id}.conversation.jsonl", RulesEngine(), base=BASE)
        if given.context.get("config"):
            conversation.edit(given.context["config"])
        took += held(conversation, given.turns, evaluation._context(given.context))
    return took


def generated(folder: Path, datasets: int, turns: int) -> list[float]:
    """Return what generated turns take in a workspace of ``datasets`` datasets; names in them are of that workspace."""
    context, took = crowd(Random(datasets), datasets), list[float]()
    for number, talk in enumerate(talks(1, turns)):
        conversation = Conversation(folder / f"{datasets}-{number}.conversation.jsonl", RulesEngine(), base=BASE)
        mixed = replace(context, datasets=(*context.datasets, *talk.context.datasets))
        took += held(conversation, (said.text for said in talk.turns), mixed)
    return took


def long(folder: Path, turns: int) -> list[float]:
    """Return what the turns of one long conversation take, whose log grows."""
    conversation = Conversation(folder / "long.conversation.jsonl", RulesEngine(), base=BASE)
    texts = [said.text for talk in talks(2, turns) for said in talk.turns]
    return held(conversation, texts, crowd(Random(0), 10))


def starts() -> tuple[float, float]:
    """Return what a new process waits for the imports and for its first turn, in milliseconds: medians."""
    pairs = []
    for _ in range(STARTS):
        command = [sys.executable, "-c", _FIRST]
        done = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, check=True)
        pairs.append([float(word) * 1e3 for word in done.stdout.split()])
    imports, first = zip(*pairs, strict=True)
    return median(imports), median(first)


def row(took: list[float]) -> dict[str, float]:
    """Return what is told of a series."""
    p50, p95, p99 = np.percentile(took, (50, 95, 99))
    return {"turns": len(took), "p50": float(p50), "p95": float(p95), "p99": float(p99), "max": max(took)}


def measure(turns: int) -> dict[str, Mapping[str, float]]:
    """Return the rows by name, in milliseconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        held(Conversation(None, RulesEngine()), ("50 epochs", "배치 8"), Context())  # what is read once is read by now
        found = {"written": row(written(folder)), "long": row(long(folder, turns))}
        for datasets in DATASETS:
            found[f"{datasets} datasets"] = row(generated(folder, datasets, turns))
    imports, first = starts()
    return {**found, "start": {"import": imports, "first turn": first}}


def main() -> None:
    """Measure, print, and fail when the bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=TURNS, help="generated ones, of each kind")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    asked = parser.parse_args()
    found = measure(asked.turns)
    print("a turn offline, ms:")
    for name, figures in found.items():
        print(
            f"  {name:14s}"
            + "  ".join(f"{key} {value:.{0 if key == 'turns' else 1}f}" for key, value in figures.items())
        )
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=2), encoding="utf-8")
    bounded = ["written", "long", *(f"{datasets} datasets" for datasets in DATASETS if datasets <= CROWDED)]
    missed = [
        f"{name}: p95 {found[name]['p95']:.1f} ms > {P95_MS:.0f} ms" for name in bounded if found[name]["p95"] > P95_MS
    ]
    if missed:
        sys.exit(f"missed: {'; '.join(missed)}")


if __name__ == "__main__":
    main()
