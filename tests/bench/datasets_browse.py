"""How fast a large dataset is looked through: ``python -m tests.bench.datasets_browse``.

An index is written from made-up tables, batch by batch, in a process of its own. Then every question is asked in fresh
processes: imports apart, opening apart, the first call, and more calls of the same kind at other places. Imports are
those of pyarrow and of what pyarrow loads by itself for its first array (pandas). Answers are compared with SQL over
the plain tables. Exit status 1 when an answer is wrong or slower than its bound.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

CLASSES = 80
BATCH = 65_536
CALLS = 15
PROCESSES = 3
FILTER = 'class:"class 1" AND small'
RARE = 'class:"class 70" AND small'
_SIZES = ((640, 480), (1280, 720), (500, 375), (1920, 1080), (640, 640))


@dataclass(frozen=True)
class Question:
    """What is asked, and how many milliseconds the first call and later ones may take; 0 for as long as they take."""

    name: str
    ask: Callable[[Any, int], object]
    first_ms: float = 0
    later_ms: float = 0


def _at(index: Any, call: int) -> int:
    return (call * 2_654_435_761 + 12_345) % index.about.images


QUESTIONS = (
    Question("page: first", lambda index, _: index.page(), 50, 50),
    Question("page: last", lambda index, _: index.page(before=index.about.images), 50, 50),
    Question("page: anywhere", lambda index, call: index.page(after=_at(index, call)), 50, 50),
    Question("page: class + size filter", lambda index, call: _filtered(index, FILTER, call), 300, 50),
    Question("page: rare class + size filter", lambda index, call: _filtered(index, RARE, call), 300, 50),
    Question("page: class + size filter, each time anew", lambda index, _: _anew(index, FILTER), 300, 300),
    Question("100 images anywhere", lambda index, call: index.images(_scattered(index, call))),
    Question("class histogram by split", lambda index, _: index.histogram(), 250, 250),
    Question("class histogram of the filter", lambda index, _: index.histogram(FILTER), 0, 250),
    Question("summary by split", lambda index, _: index.summary()),
    Question("sizes of images", lambda index, _: index.sizes()),
    Question("count: width<640", lambda index, _: _count(index, "width<640")),
    Question("count: path:00001*", lambda index, _: _count(index, "path:00001*")),
    Question("count: class + area", lambda index, _: _count(index, 'class:"class 1" AND area>20000')),
    Question(
        "count: (a OR b) AND NOT large AND split", lambda index, _: _count(index, f"({FILTER} OR {RARE}) AND split:val")
    ),
    Question("SQL: objects by class", lambda index, _: index.query("SELECT cls, count(*) FROM objects GROUP BY ALL")),
)


def _filtered(index: Any, view: str, call: int) -> object:
    return index.page(view, after=_at(index, call)) if call else index.page(view)


def _anew(index: Any, view: str) -> object:
    index.forget()
    return index.page(view)


def _count(index: Any, view: str) -> int:
    index.forget()
    return int(index.count(view))


def _scattered(index: Any, call: int) -> list[int]:
    chance = np.random.default_rng(call)
    return list(chance.choice(index.about.images, min(100, index.about.images), replace=False).tolist())


def batches(images: int, boxes: float) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Give columns of images and of their objects, for a dataset of common and rare classes."""
    chance, objects = np.random.default_rng(5), 0
    weights = 1.0 / np.arange(1, CLASSES + 1) ** 1.3
    for begin in range(0, images, BATCH):
        ids = np.arange(begin, min(begin + BATCH, images))
        split = np.where(ids < images * 0.8, "train", "val")
        size = np.array(_SIZES)[chance.integers(0, len(_SIZES), len(ids))]
        counts = chance.poisson(boxes, len(ids))
        total = int(counts.sum())
        sides = np.exp(chance.normal(-2.4, 0.9, (2, total))).clip(0.002, 1).round(6)
        paths = [f"images/{one}/{number:09d}.jpg" for one, number in zip(split, ids, strict=True)]
        yield (
            {
                "image_id": ids,
                "split": split.astype(object),
                "path": paths,
                "file": [f"/data/street/{path}" for path in paths],
                "label": [f"/data/street/labels{path[6:-3]}txt" for path in paths],
                "width": size[:, 0],
                "height": size[:, 1],
                "format": ["jpeg"] * len(ids),
                "mode": ["RGB"] * len(ids),
                "orientation": np.ones(len(ids), np.int8),
                "bytes": chance.integers(3_000, 300_000, len(ids)),
                "mtime_ns": 1_700_000_000_000_000_000 + chance.integers(0, 10**15, len(ids)),
                "label_bytes": chance.integers(10, 1_000, len(ids)),
                "label_mtime_ns": 1_700_000_000_000_000_000 + chance.integers(0, 10**15, len(ids)),
                "sha256": pa.array([chance.bytes(32) for _ in ids], pa.binary(32)),
                "effect": ["keep"] * len(ids),
            },
            {
                "image_id": np.repeat(ids, counts),
                "object_id": np.arange(objects, objects + total),
                "cls": chance.choice(CLASSES, total, p=weights / weights.sum()),
                "kind": ["box"] * total,
                **dict(zip(("cx", "cy"), chance.random((2, total)).round(6), strict=True)),
                **dict(zip(("w", "h"), sides, strict=True)),
                "area": sides[0] * sides[1] * np.repeat(size[:, 0] * size[:, 1], counts),
                "crowd": np.zeros(total, np.bool_),
                "line": np.arange(total) % 100 + 1,
            },
        )
        objects += total


def build(folder: Path, images: int, boxes: float) -> dict[str, float]:
    """Write the index; return seconds, MB of memory and MB on disk."""
    from workbench.datasets.content import CLASSES as CLASS_SCHEMA
    from workbench.datasets.content import IMAGES, ISSUES, OBJECTS, table
    from workbench.datasets.index import writing
    from workbench.datasets.index.generation import About

    classes = table(CLASS_SCHEMA, {"cls": range(CLASSES), "name": [f"class {number}" for number in range(CLASSES)]})
    head = next(batches(1, boxes))
    stored = tuple(
        pa.schema([field for field in schema if field.name in columns])
        for schema, columns in zip((IMAGES, OBJECTS), head, strict=True)
    )
    seconds = 0.0
    started = time.perf_counter()
    with writing(folder, About("yolo", "detect", "/data/street"), stored) as writer:
        for image_columns, object_columns in batches(images, boxes):
            tables = table(IMAGES, image_columns), table(OBJECTS, object_columns)
            begun = time.perf_counter()
            writer.add(*tables)
            seconds += time.perf_counter() - begun
        begun = time.perf_counter()
        writer.finish(classes, ISSUES.empty_table())
        seconds += time.perf_counter() - begun
    size = sum(path.stat().st_size for path in folder.rglob("*.parquet"))
    whole = time.perf_counter() - started
    return {"write_s": seconds, "with_making_s": whole, "peak_mb": _peak_mb(), "disk_mb": size / 1e6}


def ask(folder: Path, name: str) -> dict[str, Any]:
    """Ask one question in this process, which has done nothing else."""
    begun = time.perf_counter()
    from workbench.datasets.index import Index

    pa.array([0]).to_numpy()
    times = [time.perf_counter() - begun]
    question = next(one for one in QUESTIONS if one.name == name)
    begun = time.perf_counter()
    index = Index(folder)
    times.append(time.perf_counter() - begun)
    for call in range(CALLS + 1):
        begun = time.perf_counter()
        question.ask(index, call)
        times.append(time.perf_counter() - begun)
    milliseconds = [1e3 * one for one in times]
    found = dict(zip(("import", "open", "first"), milliseconds, strict=False))
    return {**found, "later": milliseconds[3:], "peak_mb": _peak_mb()}


def wrong_answers(folder: Path) -> list[str]:
    """Compare what the index says with SQL over its plain tables; return what differs."""
    from workbench.datasets.index import Index
    from workbench.sql import Limits

    def one(statement: str) -> object:
        return index.query(statement, Limits(timeout_s=120)).columns[0][0].as_py()

    wrong = []
    with Index(folder) as index:
        for view, cls in ((FILTER, 1), (RARE, 70)):
            where = f"cls = {cls} AND area > 0 AND area < 1024"
            if index.count(view) != one(f"SELECT count(DISTINCT image_id) FROM objects WHERE {where}"):
                wrong.append(f"count of {view}")
            page = index.page(view, after=index.about.images // 2)
            ids = page.images["image_id"].to_pylist()
            inside = f"image_id > {index.about.images // 2} AND {where}"
            listed = index.query(f"SELECT DISTINCT image_id FROM objects WHERE {inside} ORDER BY 1 LIMIT 100")
            if ids != listed["image_id"].to_pylist():
                wrong.append(f"page of {view}")
            if set(page.objects["image_id"].to_pylist()) != set(ids):
                wrong.append(f"objects of the page of {view}")
        if sum(index.histogram()["objects"].to_pylist()) != one("SELECT count(*) FROM objects"):
            wrong.append("histogram")
    return wrong


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _fresh(*arguments: object) -> Any:
    command = [sys.executable, "-m", __spec__.name if __spec__ else __name__, *map(str, arguments)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def _measure(folder: Path, processes: int) -> tuple[list[dict[str, Any]], list[str]]:
    rows: list[dict[str, Any]] = []
    found: dict[str, list[dict[str, Any]]] = {question.name: [] for question in QUESTIONS}
    for _ in range(processes):  # each question once, then all again: noise of a minute hits all of them
        for question in QUESTIONS:
            found[question.name].append(_fresh("--ask", question.name, "--folder", folder))
    missed = []
    for question in QUESTIONS:
        runs = found[question.name]
        row = {name: statistics.median(run[name] for run in runs) for name in ("import", "open", "first", "peak_mb")}
        later = sorted(each for run in runs for each in run["later"])
        row |= {"later": statistics.median(later), "worst": later[-1], "name": question.name}
        bounds = {"first": question.first_ms, "later": question.later_ms}
        missed += [
            f"{question.name}: {name} {row[name]:.0f} ms > {most} ms"
            for name, most in bounds.items()
            if most and row[name] > most
        ]
        rows.append(row | {f"{name}_bound": most for name, most in bounds.items()})
    return rows, missed


def _show(rows: list[dict[str, Any]]) -> None:
    lines = [f"{'':44}{'import':>8}{'open':>7}{'first':>8}{'bound':>7}{'later':>8}{'bound':>7}{'worst':>8}{'MB':>6}"]
    lines += [
        f"{row['name']:44}{row['import']:8.0f}{row['open']:7.1f}{row['first']:8.1f}{row['first_bound'] or '':>7}"
        f"{row['later']:8.1f}{row['later_bound'] or '':>7}{row['worst']:8.1f}{row['peak_mb']:6.0f}"
        for row in rows
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def main() -> int:
    """Build, ask, print; return an exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--boxes", type=float, default=10.0, help="in an image, on average")
    parser.add_argument("--processes", type=int, default=PROCESSES, help="how often each question is asked anew")
    parser.add_argument("--json", type=Path, help="write what was measured to this file")
    parser.add_argument("--folder", type=Path, help="where the index is written, and found again the next time")
    parser.add_argument("--ask", help=argparse.SUPPRESS)
    parser.add_argument("--build", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.ask or asked.build:
        done = ask(asked.folder, asked.ask) if asked.ask else build(asked.folder, asked.images, asked.boxes)
        sys.stdout.write(json.dumps(done))
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.folder or Path(scratch) / "index"
        written = {}
        if not (folder / "index.json").exists():
            written = _fresh("--build", "--folder", folder, "--images", asked.images, "--boxes", asked.boxes)
            sys.stdout.write("written: " + ", ".join(f"{name} {value:.1f}" for name, value in written.items()) + "\n")
        rows, missed = _measure(folder, asked.processes)
        _show(rows)
        missed += [f"wrong: {what}" for what in wrong_answers(folder)]
        for line in missed:
            sys.stdout.write(f"MISSED {line}\n")
        if asked.json:
            asked.json.write_text(json.dumps({"written": written, "questions": rows, "missed": missed}, indent=2))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
