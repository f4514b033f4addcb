"""How long it takes to know which bytes a dataset has: ``python -m tests.bench.datasets_snapshots``.

200,000 files (100,000 images and their labels), each measurement in a process of its own: the snapshot of files that
nobody has hashed before, of the same files once more, and of a copy that was written elsewhere in another order. A
snapshot is taken as ``datasets add`` takes it: every file is hashed (or recognised), the root digest is made, and the
manifest is written. Exit status 1 when a bound is missed or a digest differs.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.datasets_import import make

FIRST_S, AGAIN_S = 15.0, 3.0


def measure(data: Path, folder: Path) -> dict[str, Any]:
    """Take a snapshot and return how long it took; what was known of the files is read from ``folder`` first."""
    from workbench.datasets.formats import yolo
    from workbench.datasets.snapshots.manifest import Manifest, take
    from workbench.datasets.tree import plan

    planned = plan(yolo.read(data))
    known = folder / "manifest.parquet"
    began = time.monotonic()
    stamps = Manifest.read(known).stamps if known.exists() else {}
    manifest = take(planned, stamps)
    manifest.write(known)
    return {
        "seconds": time.monotonic() - began,
        "files": len(manifest),
        "digest": manifest.digest,
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    }


def apart(data: Path, folder: Path) -> dict[str, Any]:
    """Measure in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.datasets_snapshots", "--one", str(data), str(folder)]
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def shuffled(source: Path, target: Path) -> Path:
    """Copy a dataset, its files in another order."""
    files = [path.relative_to(source) for path in source.rglob("*") if path.is_file()]
    random.Random(7).shuffle(files)
    for file in files:
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / file, target / file)
    return target / "data.yaml"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        options.one[1].mkdir(exist_ok=True)
        print(json.dumps(measure(*options.one)))
        return
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as scratch:
        folder = Path(scratch)
        data = make(folder / "data", options.images)
        time.sleep(3)  # files that were written just now are not trusted next time
        found = {"first": apart(data, folder / "one"), "again": apart(data, folder / "one")}
        found["elsewhere"] = apart(shuffled(data.parent, folder / "elsewhere"), folder / "two")
    for name, row in found.items():
        print(f"{name:10} {row['seconds']:6.2f} s  {row['files']:,} files  {row['rss_mb']} MB  {row['digest'][:16]}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=2))
    same = len({row["digest"] for row in found.values()}) == 1
    met = found["first"]["seconds"] <= FIRST_S and found["again"]["seconds"] <= AGAIN_S
    print("bounds met" if same and met else "BOUNDS MISSED")
    sys.exit(0 if same and met else 1)


if __name__ == "__main__":
    main()
