"""kill -9 of whoever writes a run's metrics: ``python -m tests.faults.logs --count 50``.

A case starts a process that logs from two threads, as fast as some training would, and kills it at a random moment;
half of the writers come back as a second attempt and are killed again. In every second case another process compacts
the run all the while, and is killed too, again and again. Somebody reads the whole time.

A step is acknowledged 200 ms after ``log`` has returned: the writer notes it in a file of its own. What must hold: no
acknowledged step is lost, every line that ends is one of JSON, and the reader's answers are those of the logs.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import orjson

from tests.logged import shown, truth
from workbench.metrics.store.compact import compact
from workbench.metrics.store.points import Key
from workbench.metrics.store.reader import RunMetrics
from workbench.metrics.writer import Writer

ACKNOWLEDGED_S = 0.2
THREADS = 2
BATCHES = 50  # an epoch
_WAIT_S = 30.0


class FailedError(Exception):
    """Something that must hold did not."""


def write(folder: Path, attempt: int, pause_s: float) -> None:
    """Log until killed; note in ``acknowledged-<attempt>-<thread>`` the steps that must not be lost."""
    writer = Writer(folder / "events", f"train-{attempt}")
    first = 1
    if attempt > 1:
        first = max(_acknowledged(folder, attempt - 1), default=0) // BATCHES * BATCHES + 1
        writer.append("resumed", epoch=first // BATCHES)
    (folder / f"first-{attempt}").write_text(str(first))

    def work(thread: int) -> None:
        noted = os.open(folder / f"acknowledged-{attempt}-{thread}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        returned: deque[tuple[float, int]] = deque()
        step = first
        while True:
            values = {f"loss/{thread}": value_of(step), f"rate/{thread}": float("inf")}
            writer.log(step, values, epoch=1 + (step - 1) // BATCHES)
            returned.append((time.monotonic() + ACKNOWLEDGED_S, step))
            latest = 0
            while returned and returned[0][0] <= time.monotonic():
                latest = returned.popleft()[1]
            if latest:
                os.write(noted, b"%d\n" % latest)
            step += 1
            time.sleep(pause_s)

    for thread in range(1, THREADS):
        threading.Thread(target=work, args=(thread,), daemon=True).start()
    work(0)


def value_of(step: int) -> float:
    """Return the value that is logged at a step."""
    return step / 7


def play(folder: Path, number: int) -> dict[str, int]:
    """Play a case and return what was counted.

    Raises:
        FailedError: when something that must hold did not.
    """
    chance = random.Random(number)
    compacting, attempts = number % 2 == 1, chance.choice((1, 2))
    (folder / "events").mkdir(parents=True)
    reader = _Reader(folder)
    compactors = _Compactors(folder, chance) if compacting else None
    try:
        for attempt in range(1, attempts + 1):
            writer = _start("--write", folder, "--attempt", attempt, "--pause", chance.choice((0.0002, 0.001, 0.005)))
            try:
                _wait_for(folder / f"acknowledged-{attempt}-0")
                time.sleep(chance.uniform(0.0, 2.5))
            finally:
                _kill(writer)
            if compactors is not None and chance.random() < 0.5:
                compactors.strike()
    finally:
        killed, midway = compactors.close() if compactors is not None else (0, 0)
        reader.close()
    return {**check(folder, attempts), "compactors_killed": killed, "midway": midway, "looks": reader.looks}


def check(folder: Path, attempts: int) -> dict[str, int]:
    """Compare what was acknowledged, what the logs hold and what the reader says; return counts."""
    lines = [line for path in (folder / "events").glob("*.jsonl") for line in path.read_bytes().split(b"\n")[:-1]]
    unreadable = sum(not _is_json(line) for line in lines)
    if unreadable:
        raise FailedError(f"{unreadable} of {len(lines)} lines cannot be read")
    lost, acknowledged = 0, 0
    for attempt in range(1, attempts + 1):
        for thread in range(THREADS):
            logged = _logged(folder, attempt, f"loss/{thread}")
            last = _last(folder / f"acknowledged-{attempt}-{thread}")
            first = int((folder / f"first-{attempt}").read_text())  # not the first that is there
            acknowledged += max(last - first + 1, 0)
            lost += len(set(range(first, last + 1)) - logged)
    if lost or not acknowledged:
        raise FailedError(f"{lost} of {acknowledged} acknowledged steps are lost")
    _compare(folder)
    if compact(folder / "events", folder / "metrics") is None:
        raise FailedError("somebody still compacts")
    _compare(folder)
    return {"acknowledged": acknowledged, "lines": len(lines)}


def _compare(folder: Path) -> None:
    run, expected = RunMetrics(folder / "events", folder / "metrics"), truth(folder / "events")
    if run.keys() != sorted(expected):
        raise FailedError(f"the reader knows {run.keys()}, the logs {sorted(expected)}")
    for key, points in expected.items():
        found = run.series(key.name, key.scope, points=None)
        if shown(zip(found.steps, found.values, found.at, strict=True)) != shown(points):
            raise FailedError(f"the reader's {key.name} is not that of the logs")


class _Reader:
    """Reads a run over and over, in a thread, and remembers what was wrong."""

    def __init__(self, folder: Path) -> None:
        self.looks, self._problems = 0, list[str]()
        self._run = RunMetrics(folder / "events", folder / "metrics")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def _look(self) -> None:
        while not self._stop.wait(0.02):
            try:
                known = self._run.keys()
                if Key("batch", "loss/0") in known:
                    found = self._run.series("loss/0", "batch", points=200)
                    if [value_of(step) for step in found.steps.tolist()] != found.values.tolist():
                        self._problems.append("a wrong value was shown")
            except Exception as error:  # noqa: BLE001  the suite tells of whatever a reader may meet
                self._problems.append(repr(error))
            self.looks += 1

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        if self._problems:
            raise FailedError(f"the reader met {len(self._problems)} problems, first: {self._problems[0]}")


class _Compactors:
    """Compacts a run again and again in another process, which is killed at random and started anew."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self._folder, self._chance = folder, random.Random(chance.random())
        self._killed, self._midway = 0, 0
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._process = self._begin()
        self._thread = threading.Thread(target=self._trouble)
        self._thread.start()

    def strike(self) -> None:
        """Kill the process that compacts, and start another."""
        with self._lock:
            self._end()
            self._process = self._begin()

    def close(self) -> tuple[int, int]:
        """End it; return how often it was killed, and how often with half a generation on the disk."""
        self._stop.set()
        self._thread.join()
        self._end()
        return self._killed, self._midway

    def _end(self) -> None:
        _kill(self._process)
        self._killed += 1
        self._midway += len(list((self._folder / "metrics").glob("0*-*"))) > 1

    def _begin(self) -> subprocess.Popen[bytes]:
        return _start("--compact", self._folder)

    def _trouble(self) -> None:
        while not self._stop.wait(self._chance.uniform(0.6, 1.8)):
            self.strike()


def _start(*arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "tests.faults.logs", *map(str, arguments)])


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        raise FailedError(f"a process ended by itself with {process.returncode}")
    process.send_signal(signal.SIGKILL)
    process.wait()


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + _WAIT_S
    while _last(path) == 0:
        if time.monotonic() > deadline:
            raise FailedError(f"nothing was acknowledged in {path.name}")
        time.sleep(0.005)


def _acknowledged(folder: Path, attempt: int) -> list[int]:
    return [_last(path) for path in folder.glob(f"acknowledged-{attempt}-*")]


def _last(path: Path) -> int:
    lines = path.read_bytes().split(b"\n")[:-1] if path.is_file() else []
    return int(lines[-1]) if lines else 0


def _logged(folder: Path, attempt: int, name: str) -> set[int]:
    events = map(orjson.loads, (folder / "events" / f"train-{attempt}.jsonl").read_bytes().split(b"\n")[:-1])
    return {event["step"] for event in events if event["kind"] == "metrics" and name in event["values"]}


def _is_json(line: bytes) -> bool:
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the cases and say how they went."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--only", type=int, default=None, help="play this one case")
    parser.add_argument("--folder", type=Path, default=None, help="keep what the cases leave here")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--attempt", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--pause", type=float, default=0.001, help=argparse.SUPPRESS)
    parser.add_argument("--compact", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.write is not None:
        write(asked.write, asked.attempt, asked.pause)
    if asked.compact is not None:
        while True:
            compact(asked.compact / "events", asked.compact / "metrics")
    root = asked.folder or Path(tempfile.mkdtemp())
    problems, totals = [], dict[str, int]()
    for number in [asked.only] if asked.only is not None else range(asked.count):
        folder = root / f"case-{number:03d}"
        try:
            counted = play(folder, number)
        except FailedError as error:
            problems.append(f"case {number}: {error}")
            continue
        totals = {name: totals.get(name, 0) + counted.get(name, 0) for name in counted}
        shutil.rmtree(folder)
    sys.stdout.write(f"{len(problems)} cases failed. In the others: {totals}\n")
    sys.stdout.writelines(f"  FAILED {problem}\n" for problem in problems)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
