"""How well and how fast duplicates are found: on disjoint parts of real photographs, their copies, and 100k files.

The photographs are scikit-image's, scikit-learn's and ultralytics' own. Disjoint parts are no duplicates: what is found
among them is false, but for parts that are the same to the byte. Recall is of the parts that have something in them;
the share of those that are too flat to be compared is printed beside it.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from workbench.datasets import similar
from workbench.datasets.content import IMAGES, table
from workbench.datasets.similar import hashes

FALSE_PAIRS, RECALL, RECALL_CROP, SECONDS_100K, RSS_MB = 10, 0.99, 0.90, 60.0, 500
PHOTOS = {
    "skimage/data": "astronaut brick camera cell chelsea clock_motion coffee coins grass gravel hubble_deep_field ihc "
    "moon motorcycle_left page retina rocket text",
    "sklearn/datasets/images": "china flower",
    "ultralytics/assets": "bus zidane",
}
Pixels = NDArray[np.uint8]


def photographs() -> dict[str, Pixels]:
    """Return photographs by name: BGR, shape (height, width, 3)."""
    found = {}
    for place, names in PHOTOS.items():
        package, folder = place.split("/", 1)
        spec = importlib.util.find_spec(package)
        for name in names.split():
            (path,) = (Path(str(spec and spec.origin)).parent / folder).glob(f"{name}.[jp]*g")
            found[name] = cv2.imread(str(path), cv2.IMREAD_COLOR)
    return found


def tiles(side: int) -> Iterator[tuple[str, Pixels]]:
    """Cut the photographs into disjoint tiles of ``side`` pixels."""
    for name, photo in photographs().items():
        for top in range(0, photo.shape[0] - side + 1, side):
            for left in range(0, photo.shape[1] - side + 1, side):
                yield f"{name}-{top}-{left}", photo[top : top + side, left : left + side]


def small(pixels: Pixels) -> Pixels:
    """Return the small gray picture that is hashed."""
    return cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), (32, 32), interpolation=cv2.INTER_AREA)


def write(path: Path, pixels: Pixels, quality: int = 90) -> Path:
    """Write ``pixels`` as a PNG, or as a JPEG of ``quality``."""
    cv2.imwrite(str(path), pixels, [cv2.IMWRITE_JPEG_QUALITY, quality] if path.suffix == ".jpg" else [])
    return path


def crop(tile: Pixels) -> Pixels:
    """Take 3 % away from both sides, at a place that the pixels choose."""
    side = tile.shape[0]
    lost = max(1, round(side * 0.03))
    top, left = (int(value) % (lost + 1) for value in tile[side // 2, side // 2, :2])
    return tile[top : top + side - lost, left : left + side - lost]


COPIES: dict[str, Callable[[Pixels], tuple[Pixels, int]]] = {
    "quality 40": lambda tile: (tile, 40),
    "half size": lambda tile: (cv2.resize(tile, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), 90),
    "1.3 x brighter": lambda tile: (cv2.convertScaleAbs(tile, alpha=1.3), 90),
    "30 levels brighter": lambda tile: (cv2.convertScaleAbs(tile, beta=30), 90),
    "3 % cropped": lambda tile: (crop(tile), 90),
}


def listed(files: list[Path], splits: list[str] | None = None, sides: list[int] | None = None) -> pa.Table:
    """Return the images table of ``files``, in their order."""
    columns = {
        "image_id": range(len(files)),
        "split": splits or [""] * len(files),
        "path": [file.name for file in files],
        "file": [str(file) for file in files],
        "width": sides or [0] * len(files),
        "height": sides or [0] * len(files),
    }
    return table(IMAGES, columns, len(files))


def false_pairs(folder: Path, side: int = 64) -> dict[str, float]:
    """Look for near duplicates where there are none; each one found is a false pair."""
    files = []
    for name, tile in tiles(side):
        files.append(write(folder / f"{name}.png", tile))
    found = similar.find(listed(files, sides=[side] * len(files)))
    copies = [row for row in found.table.to_pylist() if row["kind"] == "bytes"]
    wrong = sum(files[row["a"]].read_bytes() != files[row["b"]].read_bytes() for row in copies)
    return {"tiles": len(files), "flat": found.flat, "exact": len(copies), "exact, falsely": wrong,
            "same pixels": found.count("pixels"), "near, falsely": found.count("near")}  # fmt: skip


def recall(folder: Path, side: int) -> dict[str, float]:
    """Return which share of the copies is found, by what was done to them, and which originals are too flat."""
    originals = []
    for name, tile in {tile.tobytes(): (name, tile) for name, tile in tiles(side)}.values():
        originals.append(write(folder / f"{name}.png", tile))
    count = len(originals)
    shares: dict[str, float] = {}
    for made, change in COPIES.items():
        copies, sides = [], []
        for file in originals:
            pixels, quality = change(cv2.imread(str(file)))
            copies.append(write(file.with_suffix(".jpg"), pixels, quality))
            sides.append(len(pixels))
        found = similar.find(listed([*originals, *copies], sides=[side] * count + sides))
        flat = found.images["phash"].to_numpy()[:count] == hashes.FLAT
        hits = found.table.to_pylist()
        seen = np.zeros(count, bool)
        seen[[row["a"] for row in hits if row["b"] == row["a"] + count]] = True
        shares[made], shares["flat"] = float(seen[~flat].mean()), float(flat.mean())
    return shares


def draw(folder: Path, first: int, count: int) -> None:
    """Write images ``first`` .. ``first + count - 1``: 160x120 parts of photographs, every 100th a copy of another.

    Of every 100: one is a black frame, one has the bytes of its neighbour, and one is its neighbour at quality 40.
    """
    cv2.setNumThreads(1)
    photos = list(photographs().values())
    (folder / f"{first}").mkdir()
    pixels = np.zeros((120, 160, 3), np.uint8)
    for number in range(first, first + count):
        rng = np.random.default_rng(number)
        quality, kind = 90, number % 100
        if kind == 99:
            pixels = np.zeros((120, 160, 3), np.uint8)
        elif kind == 1:
            quality = 40
        elif kind != 2:
            photo = photos[rng.integers(len(photos))]
            height = int(rng.integers(120, min(photo.shape[0], photo.shape[1] * 3 // 4) + 1))
            width = height * 4 // 3
            top, left = rng.integers(photo.shape[0] - height + 1), rng.integers(photo.shape[1] - width + 1)
            part = photo[top : top + height, left : left + width]
            turned = part[:: rng.choice((-1, 1)), :: rng.choice((-1, 1))]
            pixels = cv2.resize(turned, (160, 120), interpolation=cv2.INTER_AREA)
        quality = 40 if kind in (1, 2) else quality
        write(folder / f"{first}" / f"{number}.jpg", pixels, quality)


def search(folder: Path) -> dict[str, float]:
    """Find the duplicates among the images of ``folder``, and return what was found, the seconds and the memory."""
    files = sorted(folder.glob("*/*.jpg"), key=lambda file: int(file.stem))
    images = listed(files, sides=[120] * len(files))
    began = time.perf_counter()
    hashed = [0.0]

    def watch(done: int, total: int) -> None:
        if done == total:
            hashed[0] = time.perf_counter() - began

    found = similar.find(images, progress=watch)
    took = time.perf_counter() - began
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    kinds = np.array(found.table["kind"].to_pylist())
    both = np.stack([found.table["a"].to_numpy(), found.table["b"].to_numpy()], axis=1)
    near = set(map(tuple, both[kinds != "bytes"].tolist()))
    copies = [n for n in range(0, len(files) - 2, 100) if found.images["phash"][n].as_py() != hashes.FLAT]
    planted = sum((n, n + 1) in near for n in copies) / len(copies)
    exact = both[kinds == "bytes"].tolist()
    wrong = sum(files[a].read_bytes() != files[b].read_bytes() for a, b in exact)
    again = time.perf_counter()
    similar.find(found.images)
    return {
        "images": len(files), "hashing s": hashed[0], "all s": took, "known hashes s": time.perf_counter() - again,
        "RSS MB": rss, "near": len(near), "exact": len(exact), "exact, falsely": wrong, "copies found": planted,
        "flat": found.flat, "sampled": found.sampled,
    }  # fmt: skip


def build(folder: Path, count: int) -> Path:
    """Draw ``count`` images below ``folder``, in two processes."""
    starts = range(0, count, 1000)
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(draw, [folder] * len(starts), starts, [min(1000, count - start) for start in starts]))
    return folder


def misses(results: dict[str, dict[str, float]]) -> list[str]:
    """Return what is out of bounds, one sentence each."""
    found = []
    for name, row in results.items():
        if row.get("near, falsely", 0) > FALSE_PAIRS or row.get("exact, falsely", 0):
            found.append(f"{name}: false pairs, at most {FALSE_PAIRS} near and none exact were expected")
        for made in COPIES.keys() & row.keys():
            bound = RECALL_CROP if "crop" in made else RECALL
            if row[made] < bound:
                found.append(f"{name}: {row[made]:.3f} of the copies '{made}' were found, expected {bound}")
        if "all s" in row:
            if row["all s"] > SECONDS_100K * row["images"] / 100_000:
                found.append(f"{name}: {row['all s']:.1f} s")
            if row["RSS MB"] > RSS_MB:
                found.append(f"{name}: {row['RSS MB']:.0f} MB resident, expected {RSS_MB}")
            if row["copies found"] < RECALL:
                found.append(f"{name}: {row['copies found']:.3f} of the planted copies were found, expected {RECALL}")
    return found


def main() -> int:
    """Measure, print a table, and return 1 when something is out of bounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000, help="how many are searched for duplicates")
    parser.add_argument("--folder", type=Path, help="where they are drawn, and left for the next time")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    asked = parser.parse_args()
    results: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, measured, side in (
            ("disjoint 64 px", false_pairs, 64),
            ("copies 256 px", recall, 256),
            ("copies 128 px", recall, 128),
        ):
            folder = Path(scratch) / name
            folder.mkdir()
            results[name] = measured(folder, side)
        many = asked.folder or Path(scratch) / "many"
        if not many.exists():
            many.mkdir(parents=True)
            build(many, asked.images)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:  # a process whose memory is its own
            results["many"] = pool.submit(search, many).result()
    for name, row in results.items():
        print(name, *(f"{what} {value:.4g}" for what, value in row.items()), sep="\n  ")
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    found = misses(results)
    print(*(found or ["within all bounds"]), sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
