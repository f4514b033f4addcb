"""How fast the dataset browser goes through a million images: ``python -m tests.bench.ui_grid``.

A dataset of made-up tables and some hundred drawn pictures is browsed in a real JupyterLab in a real Chromium. A jump
is a random place of the scroll bar, and lasts until every cell in view shows its picture and the frame after that has
been drawn. Scrolling is the wheel, 30 pixels a frame. Thumbnails were made beforehand; before each ``cold`` jump they
are removed. Exit status 1 when a bound is exceeded.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.bench.datasets_browse import CLASSES, batches
from tests.browser.pages import Watched, browser, open_lab, run_all
from tests.browser.servers import Lab

NAME = "million"
SIDES = (640, 480)
BOUNDS = {"jump_p95_ms": 400.0, "fps": 45.0, "heap_mb": 150.0}
CELL = """import workbench as wb
from workbench.widgets.grid import browse
browse(wb.open(r"{workspace}").datasets.show("million"), lang="en")"""
_PAINTED = ".wb-cells[data-state=painted]"
# Resolves with the milliseconds until the cells at a place of the scroll bar (0..1) are all drawn
_JUMP = """async (place) => {
  const scroll = document.querySelector(".wb-scroll"), grid = document.querySelector(".wb-cells");
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const before = grid.dataset.first, begun = performance.now();
  scroll.scrollTop = place * (scroll.scrollHeight - scroll.clientHeight);
  do await frame(); while (grid.dataset.first === before || grid.dataset.state !== "painted");
  await frame();
  return performance.now() - begun;
}"""
_SCROLL = """async (seconds) => {
  const scroll = document.querySelector(".wb-scroll"), grid = document.querySelector(".wb-cells");
  const frames = [];
  let blank = 0, heap = 0, last = await new Promise((done) => requestAnimationFrame(done));
  const begun = last;
  while (last - begun < seconds * 1000) {
    scroll.dispatchEvent(new WheelEvent("wheel", {deltaY: 30, bubbles: true, cancelable: true}));
    const now = await new Promise((done) => requestAnimationFrame(done));
    frames.push(now - last);
    blank += grid.dataset.state !== "painted";
    if (frames.length % 30 === 0) heap = Math.max(heap, performance.memory.usedJSHeapSize); // it takes 1 ms
    last = now;
  }
  return {frames, blank, heap};
}"""
_IDLE = """async (seconds) => {
  const begun = performance.now();
  let frames = 0;
  while (performance.now() - begun < seconds * 1000) {
    await new Promise((done) => requestAnimationFrame(done));
    frames += 1;
  }
  return frames / seconds;
}"""
_HEAP = "() => performance.memory.usedJSHeapSize / 1e6"


@dataclass(frozen=True)
class Drawn:
    """Pictures on disk, of which a million rows speak."""

    files: list[str]
    hashes: list[bytes]
    bytes: list[int]


def draw(folder: Path, count: int) -> Drawn:
    """Draw ``count`` different JPEGs of SIDES pixels."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng(7)
    files = []
    for number in range(count):
        small = chance.integers(0, 255, (12, 16, 3), dtype=np.uint8)
        path = folder / f"{number:05d}.jpg"
        Image.fromarray(small).resize(SIDES, Image.Resampling.BICUBIC).save(path, quality=85)
        files.append(str(path))
    content = [Path(file).read_bytes() for file in files]
    return Drawn(files, [hashlib.sha256(each).digest() for each in content], [len(each) for each in content])


def build(workspace: Path, images: int, boxes: float, pictures: int) -> None:
    """Register a dataset of ``images`` images with ``boxes`` boxes each on average, and make its thumbnails."""
    from workbench.datasets import registry
    from workbench.datasets.content import CLASSES as CLASS_SCHEMA
    from workbench.datasets.content import IMAGES, ISSUES, OBJECTS, table
    from workbench.datasets.index import writing
    from workbench.datasets.index.generation import About
    from workbench.datasets.pictures.thumbs import Picture, Thumbs
    from workbench.paths import WorkspacePaths

    paths = WorkspacePaths(workspace)
    drawn = draw(workspace / "pictures", pictures)
    folder = paths.dataset(NAME)
    names = {number: f"class {number}" for number in range(CLASSES)}
    stored = tuple(
        pa.schema([field for field in schema if field.name in columns])
        for schema, columns in zip((IMAGES, OBJECTS), next(batches(1, boxes)), strict=True)
    )
    with writing(folder.index, About("yolo", "detect", str(workspace)), stored) as writer:
        for image_columns, object_columns in batches(images, boxes):
            which = np.asarray(image_columns["image_id"]) % pictures
            image_columns["file"] = [drawn.files[at] for at in which]
            image_columns["sha256"] = pa.array([drawn.hashes[at] for at in which], pa.binary(32))
            writer.add(table(IMAGES, image_columns), table(OBJECTS, object_columns))
        writer.finish(table(CLASS_SCHEMA, {"cls": list(names), "name": list(names.values())}), ISSUES.empty_table())
    record = {"name": NAME, "uri": str(workspace), "task": "detect", "names": names, "images": {"train": images}}
    told = {"digest": "0" * 64, "bytes_total": 0, "created_at": "2026-01-01T00:00:00Z", "folder": folder.root}
    registry.save(registry.Dataset.model_validate({**record, **told}))
    wanted = [Picture(*row) for row in zip(drawn.files, drawn.hashes, drawn.bytes, strict=False)]
    Thumbs(paths.thumbnails).prepare(wanted, 128)


def measure(page: Page, thumbnails: Path, jumps: int, seconds: float) -> dict[str, Any]:
    """Jump and scroll in a page that shows the browser."""
    page.wait_for_selector(_PAINTED)
    chance = np.random.default_rng(11)
    page.evaluate(_JUMP, 0.5)
    times = []
    for place in chance.random(jumps):
        times.append(float(page.evaluate(_JUMP, float(place))))
        time.sleep(0.05)
    scrolled = page.evaluate(_SCROLL, seconds)
    cold = []
    for place in chance.random(max(jumps // 4, 1)):
        shutil.rmtree(thumbnails, ignore_errors=True)
        cold.append(float(page.evaluate(_JUMP, float(place))))
    frames = sorted(scrolled["frames"])
    return {
        "cells": page.locator(".wb-cell:visible").count(),
        **_spread("jump", times),
        **_spread("cold", cold),
        "idle_fps": float(page.evaluate(_IDLE, 3)),  # what this machine gives to a page that does nothing
        "fps": 1000 * len(frames) / sum(frames),
        "worst_frame_ms": frames[-1],
        "frames_with_blank_cells": scrolled["blank"] / len(frames),
        "heap_mb": max(scrolled["heap"] / 1e6, float(page.evaluate(_HEAP))),
    }


def _spread(name: str, times: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {
        f"{name}_p50_ms": statistics.median(ordered),
        f"{name}_p95_ms": ordered[min(round(0.95 * (len(ordered) - 1)), len(ordered) - 1)],
        f"{name}_max_ms": ordered[-1],
    }


def run(workspace: Path, scratch: Path, jumps: int, seconds: float) -> dict[str, Any]:
    """Start Lab and Chromium, and measure in them."""
    variables = {"WORKBENCH_HOME": str(workspace), "WORKBENCH_ENGINE_HOME": str(scratch / "engine")}
    with sync_playwright() as playwright, Lab(scratch / "lab", variables) as lab:
        lab.put("grid.ipynb", [CELL.format(workspace=workspace)])
        with browser(playwright, scratch / "profile") as context:
            page, watched = context.new_page(), Watched()
            watched.watch(page)
            open_lab(page, lab, "grid.ipynb")
            before = float(page.evaluate(_HEAP))
            run_all(page)
            found = measure(page, workspace / "thumbnails", jumps, seconds)
            watched.check()
            return {"heap_before_mb": before, **found}


def missed(found: dict[str, Any]) -> list[str]:
    """Return the bounds that were exceeded."""
    low = [f"fps {found['fps']:.0f} < {BOUNDS['fps']:.0f}"] if found["fps"] < BOUNDS["fps"] else []
    high = [name for name in ("jump_p95_ms", "heap_mb") if found[name] > BOUNDS[name]]
    return low + [f"{name} {found[name]:.0f} > {BOUNDS[name]:.0f}" for name in high]


def main() -> int:
    """Build, measure, print; return an exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--boxes", type=float, default=5.0, help="in an image, on average")
    parser.add_argument("--pictures", type=int, default=500, help="different ones")
    parser.add_argument("--jumps", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=8.0, help="of scrolling")
    parser.add_argument("--folder", type=Path, help="where the workspace is made, and found again the next time")
    parser.add_argument("--json", type=Path, help="write what was measured to this file")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        workspace = asked.folder or Path(scratch) / "workspace"
        if not (workspace / "datasets" / NAME / "dataset.json").exists():
            build(workspace, asked.images, asked.boxes, asked.pictures)
        found = {"images": asked.images, **run(workspace, Path(scratch), asked.jumps, asked.seconds)}
    wrong = missed(found)
    lines = [f"{name:28}{value:14,.1f}" for name, value in found.items()]
    sys.stdout.write("\n".join([*lines, *(f"MISSED {line}" for line in wrong)]) + "\n")
    if asked.json:
        asked.json.write_text(json.dumps({**found, "missed": wrong}, indent=2))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
