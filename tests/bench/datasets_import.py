"""How fast a YOLO dataset is read, beside ultralytics' own scan: ``python -m tests.bench.datasets_import``.

Images are 160x120 pixels cut from scikit-learn's photographs, with 7.5 boxes each on average and 80 classes. Every
measurement is a process of its own; the kinds alternate, since this machine's speed drifts. Imports are not counted, on
either side. ultralytics scans as a training does (listing, images, labels, its cache written), with as many threads as
the workbench uses, and its caches are deleted before. The workbench lists, reads labels, checks images and writes its
index. Exit status 1 when a bound is missed or the two disagree about what there is.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CLASSES = 80
SPLITS = {"train": 0.9, "val": 0.1}
Result = dict[str, Any]


def make(root: Path, count: int, seed: int = 0) -> Path:
    """Write ``count`` images with their labels below ``root``; return the data.yaml."""
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_sample_images

    random = np.random.default_rng(seed)
    photographs = [np.asarray(image) for image in load_sample_images().images]
    for split, share in SPLITS.items():
        images, labels = root / "images" / split, root / "labels" / split
        images.mkdir(parents=True)
        labels.mkdir(parents=True)
        for number in range(round(count * share)):
            photograph = photographs[number % len(photographs)]
            top, left = (
                int(random.integers(0, side - cut)) for side, cut in zip(photograph.shape, (120, 160), strict=False)
            )
            tile = Image.fromarray(photograph[top : top + 120, left : left + 160])
            tile.save(images / f"{number:07d}.jpg", quality=75)
            (labels / f"{number:07d}.txt").write_text(_rows(random))
    names = ", ".join(f"class_{number}" for number in range(CLASSES))
    data = root / "data.yaml"
    data.write_text(f"train: images/train\nval: images/val\nnames: [{names}]\n")
    return data


def _rows(random: Any) -> str:
    count = int(random.integers(0, 16))
    sizes = random.random((count, 2)) * 0.3 + 0.01
    centres = sizes / 2 + random.random((count, 2)) * (1 - sizes)
    classes = random.integers(0, CLASSES, count)
    return "".join(
        f"{cls} {x:.6f} {y:.6f} {w:.6f} {h:.6f}\n" for cls, (x, y), (w, h) in zip(classes, centres, sizes, strict=True)
    )


def theirs(data: Path, _: Path) -> Callable[[], Result]:
    """Return ultralytics' scan of a training and of a validation set."""
    os.environ.update(YOLO_OFFLINE="1", YOLO_AUTOINSTALL="0", YOLO_VERBOSE="0")
    import yaml
    from ultralytics.data import base, dataset

    from workbench.datasets.scan.threads import threads

    for cache in (data.parent / "labels").glob("*.cache"):
        cache.unlink()
    dataset.NUM_THREADS = base.NUM_THREADS = threads()
    sheet = {**yaml.safe_load(data.read_text()), "channels": 3}

    class Scan(dataset.YOLODataset):
        """The scan alone: what a dataset does besides is no import."""

        def __init__(self, images: Path) -> None:
            self.data, self.prefix, self.augment, self.single_cls, self.fraction = sheet, "", False, False, 1.0
            self.use_segments = self.use_keypoints = self.use_obb = False
            self.im_files = self.get_img_files(str(images))
            self.labels = self.get_labels()

    def work() -> Result:
        scans = [Scan(data.parent / "images" / split) for split in SPLITS]
        labels = [label for scan in scans for label in scan.labels]
        return {"images": len(labels), "objects": sum(len(label["cls"]) for label in labels)}

    return work


def ours(data: Path, folder: Path, *, verify: bool = True) -> Callable[[], Result]:
    """Return the workbench's import: read, probe, index."""
    from workbench.datasets import index, scan
    from workbench.datasets.formats import yolo

    def work() -> Result:
        content = scan.probe(yolo.read(data), verify=verify)
        index.write(content, folder)
        return {"images": content.images.num_rows, "objects": content.objects.num_rows}

    return work


def headers(data: Path, folder: Path) -> Callable[[], Result]:
    """Return the import that reads the headers of images only."""
    return ours(data, folder, verify=False)


def again(data: Path, folder: Path) -> Callable[[], Result]:
    """Return the recognition of a dataset that did not change since ``ours``."""
    from workbench.datasets import index
    from workbench.datasets.formats import yolo

    def work() -> Result:
        before = index.read(folder)
        if not yolo.unchanged(before, data):
            raise SystemExit("the unchanged dataset was not recognised")
        return {"images": before.images.num_rows, "objects": before.objects.num_rows}

    return work


def onwards(data: Path, folder: Path) -> Callable[[], Result]:
    """Return the reading of what changed since ``ours``: one label file and one image in a hundred."""
    from workbench.datasets import index, scan
    from workbench.datasets.formats import yolo

    for place, file in enumerate(sorted((data.parent / "images/train").iterdir())):
        if place % 100 == 0:
            os.utime(file)
            os.utime(data.parent / "labels/train" / f"{file.stem}.txt")

    def work() -> Result:
        before = index.read(folder)
        content = scan.probe(yolo.read(data, before=before), before=before)
        return {"images": content.images.num_rows, "objects": content.objects.num_rows}

    return work


KINDS: dict[str, Callable[[Path, Path], Callable[[], Result]]] = {
    "ultralytics": theirs,
    "workbench": ours,
    "index alone": headers,
    "unchanged": again,
    "1 % changed": onwards,
}
COMPARED = ("ultralytics", "workbench", "index alone")


def measure(kind: str, data: Path, folder: Path) -> Result:
    """Measure one kind in a new process: seconds, peak of resident memory in MB, images and objects."""
    command = [sys.executable, "-m", "tests.bench.datasets_import", "--work", kind, str(data), str(folder)]
    environment = {**os.environ, "YOLO_CONFIG_DIR": str(folder.parent)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        sys.exit(f"{kind} failed:\n{done.stderr[-2000:]}")
    result: Result = json.loads(done.stdout.splitlines()[-1])
    return result


def _work(kind: str, data: Path, folder: Path) -> None:
    import pyarrow

    work = KINDS[kind](data, folder)
    pyarrow.array([kind])  # loads pandas, if it is there, at its first array: an import too
    started, used = time.perf_counter(), time.process_time()
    result = work()
    result["seconds"], result["cpu_s"] = time.perf_counter() - started, time.process_time() - used
    result["rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(result))


def compare(count: int, rounds: int, where: Path | None) -> Result:
    """Measure all kinds on a dataset of ``count`` images; return the medians."""
    with tempfile.TemporaryDirectory(dir=where) as folder:
        root = Path(folder)
        data = make(root / "set", count)
        found: dict[str, list[Result]] = {kind: [] for kind in KINDS}
        for number in range(rounds):
            order = COMPARED if number % 2 == 0 else COMPARED[::-1]
            for kind in order:
                shutil.rmtree(root / "index", ignore_errors=True)
                found[kind].append(measure(kind, data, root / "index"))
        shutil.rmtree(root / "index", ignore_errors=True)
        measure("workbench", data, root / "index")
        for kind in ("unchanged", "1 % changed"):
            found[kind] = [measure(kind, data, root / "index") for _ in range(rounds)]
    same = {(each["images"], each["objects"]) for results in found.values() for each in results}
    if len(same) > 1:
        sys.exit(f"they disagree about images and objects: {sorted(same)}")
    kinds = {
        kind: {name: statistics.median(each[name] for each in results) for name in ("seconds", "cpu_s", "rss_mb")}
        for kind, results in found.items()
    }
    return {"images": count, "objects": next(iter(same))[1], "rounds": rounds, "kinds": kinds}


def missed(result: Result) -> list[str]:
    """Print the table of ``result``; return the bounds that it misses."""
    count, kinds = result["images"], result["kinds"]
    base = kinds["ultralytics"]["seconds"]
    print(f"\n{count:,} images, {result['objects']:,} boxes; medians of {result['rounds']}")
    print(f"{'':14}{'seconds':>9}{'CPU s':>8}{'x as fast':>11}{'images/s':>10}{'peak MB':>9}")
    for kind, each in kinds.items():
        seconds = each["seconds"]
        print(
            f"{kind:14}{seconds:>9.2f}{each['cpu_s']:>8.2f}{base / seconds:>11.1f}{count / seconds:>10,.0f}"
            f"{each['rss_mb']:>9.0f}"
        )
    least = 2.5 if count < 50_000 else 2.0
    bounds = {
        f"the same checks at least {least} times as fast": base / kinds["workbench"]["seconds"] >= least,
        "index alone at least 4 times as fast": base / kinds["index alone"]["seconds"] >= 4,
        "at most 500 MB": max(each["rss_mb"] for kind, each in kinds.items() if kind != "ultralytics") <= 500,
        "unchanged recognised within 3 s": kinds["unchanged"]["seconds"] <= 3,
    }
    return [f"{count:,} images: {name}" for name, held in bounds.items() if not held]


def main() -> None:
    """Print a table for each size; exit with 1 when a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[20_000, 100_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the images go for the time being")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    parser.add_argument("--work", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.work:
        _work(asked.work[0], Path(asked.work[1]), Path(asked.work[2]))
        return
    results = [compare(count, asked.rounds, asked.folder) for count in asked.images]
    failures = [each for result in results for each in missed(result)]
    if asked.json:
        asked.json.write_text(json.dumps({"results": results, "missed": failures}, indent=2) + "\n")
    for each in failures:
        print(f"MISSED: {each}")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
