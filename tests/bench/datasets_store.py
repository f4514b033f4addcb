"""Fetching a dataset from S3, 30 ms away: ``python -m tests.bench.datasets_store``.

A real S3 server on loopback, behind a link that delays every piece by half a round trip (``slow_link``). The same small
files are read by a naive loop (``s3fs``' ``open().read()`` and a write), by the workbench, and by the workbench from
packed shards; each gets them into files. Then a second job, four jobs at once, and jobs that are killed at random
moments while a reader looks at every object that appears. Exits with 1 when a bound is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.slow_link import Link, slow_link, throughput
from tests.contract.datasets.seaweed import Server, serve
from workbench.datasets import packing, remote
from workbench.datasets.store import Store

PLAIN, PACKED = "s3://bench/plain", "s3://bench/packed"
BOUNDS = {"concurrent over naive": 5.0, "packed over concurrent": 5.0}


@dataclass
class Stage:
    """What all measurements share: the server, the link before it, and a folder to write to."""

    server: Server
    link: Link
    folder: Path
    files: dict[str, bytes]
    count = 0

    @property
    def options(self) -> dict[str, Any]:
        return self.server.options(self.link.port)

    def fresh(self) -> Path:
        """Return a folder that is not there yet."""
        self.count += 1
        return self.folder / f"at-{self.count}"

    def job(self, uri: str, store: Path, mirror: Path) -> subprocess.Popen[str]:
        """Start a job of its own that mirrors ``uri``; it prints what it moved as JSON."""
        command = [sys.executable, "-m", "tests.bench.datasets_store", "--job", uri, str(store), str(mirror)]
        return subprocess.Popen([*command, json.dumps(self.options)], stdout=subprocess.PIPE, text=True)


def job(uri: str, store: Path, mirror: Path, options: dict[str, Any]) -> None:
    """Be a job: mirror ``uri`` and print how."""
    with Store(store).lease() as lease:
        found = remote.open(uri, lease, options)
        moved = [found.fetch_metadata(mirror), found.fetch(found.listing["path"].to_pylist(), mirror)]
    print(json.dumps({"moved": sum(one.bytes_moved for one in moved), "files": moved[-1].files}))


def fill(server: Server, count: int, size: int, folder: Path) -> dict[str, bytes]:
    """Put the files there twice: one object each, and packed."""
    chance = random.Random(0)
    files = {f"images/train/{index:06d}.jpg": chance.randbytes(size) for index in range(count)}
    direct = server.files()
    direct.mkdir("bench")
    items = [(f"bench/plain/{path}", data) for path, data in files.items()]
    for first in range(0, count, 1000):
        direct.pipe(dict(items[first : first + 1000]))
    local = folder / "local"
    for path, data in files.items():
        (local / path).parent.mkdir(parents=True, exist_ok=True)
        (local / path).write_bytes(data)
    packing.pack(packing.collect(local), PACKED, options=server.options())
    # Not removed before the end: for some minutes after many were removed, ext4 takes 10 times as long for a new file
    return files


def naive(stage: Stage, count: int) -> float:
    """Read ``count`` files one by one and write them; return files a second."""
    files, target = stage.server.files(stage.link.port), stage.fresh()
    target.mkdir()
    names = sorted(stage.files)[:count]
    files.info(f"bench/plain/{names[0]}")  # connected, as the others are by listing
    began = time.monotonic()
    for name in names:
        with files.open(f"bench/plain/{name}") as source:
            (target / Path(name).name).write_bytes(source.read())
    return count / (time.monotonic() - began)


def fetched(stage: Stage, uri: str) -> tuple[float, Path, Path]:
    """Mirror ``uri`` into a fresh store; return files a second without the listing, the store and the mirror."""
    root, mirror = stage.fresh(), stage.fresh()
    with Store(root).lease() as lease:
        found = remote.open(uri, lease, stage.options)
        began = time.monotonic()
        found.fetch_metadata(mirror)
        found.fetch(found.listing["path"].to_pylist(), mirror)
        took = time.monotonic() - began
    check(stage, mirror)
    return len(stage.files) / took, root, mirror


def check(stage: Stage, mirror: Path) -> None:
    """Raise unless a mirror has every file, byte for byte."""
    for path, data in stage.files.items():
        if (mirror / path).read_bytes() != data:
            raise RuntimeError(f"{path} is not what was put there")


def second_job(stage: Stage, store: Path) -> dict[str, Any]:
    """Let another process mirror what the store has; return the bytes of objects that it moved."""
    before = stage.link.counts().down
    mirror = stage.fresh()
    out, _ = stage.job(PLAIN, store, mirror).communicate(timeout=300)
    check(stage, mirror)
    return {"object bytes moved": json.loads(out)["moved"], "bytes of the listing": stage.link.counts().down - before}


def four_jobs(stage: Stage) -> dict[str, Any]:
    """Start four jobs at once on a fresh store; return how often the objects' bytes were moved, and the shares."""
    store, mirrors = stage.fresh(), [stage.fresh() for _ in range(4)]
    began = time.monotonic()
    jobs = [stage.job(PLAIN, store, mirror) for mirror in mirrors]
    moved = [json.loads(one.communicate(timeout=600)[0])["moved"] for one in jobs]
    took = time.monotonic() - began
    for mirror in mirrors:
        check(stage, mirror)
    total = sum(map(len, stage.files.values()))
    shares = [round(one / total, 2) for one in moved]
    return {"times each object was moved": sum(moved) / total, "shares": shares, "seconds": took}


@contextmanager
def watching(store: Path) -> Iterator[list[str]]:
    """Read every object that appears in a store, over and over; give the list of those that are torn."""
    torn, ended, looked = list[str](), threading.Event(), [0]

    def look() -> None:
        whole = set[str]()
        while not ended.is_set():
            for file in list((store / "objects").glob("??/*")):
                if file.name not in whole:
                    looked[0] += 1
                    if hashlib.sha256(file.read_bytes()).hexdigest() == file.name:
                        whole.add(file.name)
                    else:
                        torn.append(file.name)
            ended.wait(0.2)

    reader = threading.Thread(target=look)
    reader.start()
    try:
        yield torn
    finally:
        ended.set()
        reader.join()


def wait_for_objects(store: Store, count: int, jobs: list[subprocess.Popen[str]]) -> None:
    """Wait until the store has so many objects, or the jobs have ended."""
    deadline = time.monotonic() + 300
    while store.usage().objects < count and any(one.poll() is None for one in jobs):
        if time.monotonic() > deadline:
            raise RuntimeError("the jobs do not get on")
        time.sleep(0.01)


def killed(stage: Stage, uri: str, kills: int, seed: int) -> dict[str, Any]:
    """Kill jobs at random moments, two at a time at work, and let a last one finish; return what was torn."""
    chance, store, mirror = random.Random(seed), stage.fresh(), stage.fresh()
    digests = [hashlib.sha256(data).hexdigest() for data in stage.files.values()]
    opened, had = Store(store), []
    with watching(store) as torn:
        for _ in range(kills):
            jobs = [stage.job(uri, store, stage.fresh()) for _ in range(2)]
            more = chance.randrange(1, max(2, len(stage.files) // (kills + 1)))
            wait_for_objects(opened, opened.usage().objects + more, jobs)
            time.sleep(chance.uniform(0.0, 0.1))
            for one in jobs:
                one.send_signal(signal.SIGKILL)
                one.communicate()
            had.append(sum(opened.has(digest) for digest in digests))
        out, _ = stage.job(uri, store, mirror).communicate(timeout=600)
    check(stage, mirror)
    swept, bad = opened.sweep(), list(opened.verify())
    left = len(list((store / "tmp").iterdir()))
    return {
        "torn reads": len(torn) + len(bad),
        "objects after each": had,
        "moved by the last": json.loads(out)["moved"],
        "orphan bytes swept": swept,
        "scratch folders left": left,
    }


def disk_alone(folder: Path, count: int = 1000) -> dict[str, float]:
    """Return how many files a second this disk takes: written and brought to disk by 8 threads, and linked."""
    with Store(folder / "alone").lease() as lease, ThreadPoolExecutor(8) as threads:
        began = time.monotonic()
        list(threads.map(lambda number: lease.store.stage(lease, b"%d" % number * 500), range(count)))
        written = count / (time.monotonic() - began)
        began = time.monotonic()
        for number in range(count):
            (folder / "alone" / f"link-{number}").symlink_to(lease.store.path(f"{number:064x}"))
        return {"written_per_s": written, "linked_per_s": count / (time.monotonic() - began)}


def measure(stage: Stage, asked: argparse.Namespace) -> dict[str, Any]:
    """Measure all of it; the three ways take turns, since the machine's speed drifts."""
    rates: dict[str, list[float]] = {"naive": [], "concurrent": [], "packed": []}
    store = stage.folder
    for _ in range(asked.rounds):
        rates["naive"].append(naive(stage, asked.naive))
        rate, store, _ = fetched(stage, PLAIN)
        rates["concurrent"].append(rate)
        rates["packed"].append(fetched(stage, PACKED)[0])
    medians = {name: statistics.median(found) for name, found in rates.items()}
    return {
        "files a second": medians,
        "all rounds": rates,
        "concurrent over naive": medians["concurrent"] / medians["naive"],
        "packed over concurrent": medians["packed"] / medians["concurrent"],
        "second job": second_job(stage, store),
        "four jobs": four_jobs(stage),
        "kill -9": killed(stage, PLAIN, asked.kills, asked.seed),
    }


def missed(found: dict[str, Any]) -> list[str]:
    """Return the bounds that do not hold, in words."""
    wrong = [f"{name}: {found[name]:.1f} < {bound}" for name, bound in BOUNDS.items() if found[name] < bound]
    if found["second job"]["object bytes moved"]:
        wrong.append("the second job moved bytes")
    if found["four jobs"]["times each object was moved"] != 1.0:
        wrong.append("four jobs did not move each object once")
    if found["kill -9"]["torn reads"] or found["kill -9"]["scratch folders left"]:
        wrong.append("a kill left something torn")
    return wrong


def main() -> None:
    """Print a table, and exit with 1 when a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=4000)
    parser.add_argument("--bytes", type=int, default=3500, help="of each file")
    parser.add_argument("--naive", type=int, default=100, help="files of the naive loop")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--round-trip-ms", type=float, default=30.0)
    parser.add_argument("--folder", type=Path, help="where files are written to; the system's temporary folder if not")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--job", nargs=4, metavar=("URI", "STORE", "MIRROR", "OPTIONS"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.job:
        uri, store, mirror, options = asked.job
        return job(uri, Path(store), Path(mirror), json.loads(options))
    delay = asked.round_trip_ms / 1000
    # The server stands for one far away: its disk is not the one that is measured
    far = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with (
        tempfile.TemporaryDirectory(prefix="bench-store-", dir=asked.folder) as here,
        tempfile.TemporaryDirectory(prefix="bench-weed-", dir=far) as there,
    ):
        folder = Path(here)
        alone = {"the link alone": asyncio.run(throughput(folder, delay)), "this disk alone": disk_alone(folder)}
        with serve(Path(there)) as server, slow_link(server.port, folder, delay) as link:
            files = fill(server, asked.files, asked.bytes, folder)
            found = {**alone, **measure(Stage(server, link, folder, files), asked)}
    for title, value in found.items():
        print(f"{title:>24}  {json.dumps(value, default=str)}")
    wrong = missed(found)
    if asked.json:
        asked.json.write_text(json.dumps({**found, "missed": wrong}, indent=2) + "\n", "utf-8")
    print("all bounds hold" if not wrong else "MISSED: " + "; ".join(wrong))
    return sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
