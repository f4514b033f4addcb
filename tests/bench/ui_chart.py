"""How live the chart is, in real JupyterLab and Chromium: ``make bench-ui``.

Live: another process appends points to a run that has a million, and each batch is timed from the ``time.time()`` with
which it was logged to the end of the frame that shows it. The writer is the one that trainings use, which puts what it
has on disk every 50 ms. First paint: from the start of the cell to the end of the frame in which every line of every
panel has been drawn; the window is tall enough for all panels, and the libraries were imported by the cell before.

A contestant is a notebook that shows the same run in its own way and dispatches ``wb-drawn`` when it has drawn.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from tests.bench.charts import Folders, log
from tests.browser.pages import browser, open_lab, run_all
from tests.browser.runs import recorded, workspace
from tests.browser.servers import Lab
from workbench.metrics.store.compact import compact
from workbench.metrics.writer import Writer
from workbench.runs.model import RunState
from workbench.workspace import Workspace

METRIC, SCOPE = "train/m0", "batch"
HERTZ = 30.0
TALL = {"width": 1400, "height": 2600}
GOALS = {"latency p95": 100.0, "FPS": 50.0, "first paint": 2000.0}
# Notes when each frame ended that showed something new, and how many frames there were.
_WATCH = """() => {
  window.frames_at = []; window.drawn = [];
  const now = () => performance.timeOrigin + performance.now();
  const frame = () => { frames_at.push(now()); requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
  document.addEventListener("wb-drawn", (event) => {
    const channel = new MessageChannel();  // it is told within the frame: its task comes after that was painted
    channel.port1.onmessage = () => drawn.push({...event.detail, drawn_ms: now()});
    channel.port2.postMessage(0);
  });
  return null;
}"""


@dataclass(frozen=True)
class Contestant:
    """Something that shows runs in a notebook.

    Attributes:
        name: for the table.
        imports: the first cell.
        shows: returns the cell that shows some metrics of some runs.
    """

    name: str
    imports: str
    shows: Callable[[Sequence[str], Sequence[str]], str]


def _ours(runs: Sequence[str], metrics: Sequence[str]) -> str:
    return (
        f"runs = [Run(ws.ledger, ws.dispatcher, run) for run in {list(runs)!r}]\n"
        f"watch(runs, {list(metrics)!r}, scope={SCOPE!r})"
    )


OURS = Contestant(
    "workbench",
    "import workbench as wb\nfrom workbench.runs.run import Run\nfrom workbench.widgets.chart import watch\n"
    "import workbench.runs.history, workbench.config.catalogue\nws = wb.open()",
    _ours,
)
CONTESTANTS = {OURS.name: OURS}


@dataclass(frozen=True)
class Scene:
    """A Lab, a browser, and the workspace that the kernels see."""

    lab: Lab
    context: BrowserContext
    workspace: Workspace

    def run(self, points: int, metrics: int = 1, *, ended: bool = False) -> str:
        """Record a run with points, compacted when it has ended."""
        run = recorded(self.workspace, RunState.COMPLETED if ended else RunState.RUNNING)
        folders = Folders.__new__(Folders)
        folders.events, folders.metrics = self.workspace.paths.run(run).events, self.workspace.paths.run(run).metrics
        log(folders, range(points), metrics, SCOPE)
        if ended:
            compact(folders.events, folders.metrics)
        return run

    @contextmanager
    def shown(self, contestant: Contestant, runs: Sequence[str], metrics: Sequence[str]) -> Iterator[Page]:
        """Open a notebook that shows runs, and run it."""
        code = "import time\nprint('began', time.time(), flush=True)\n" + contestant.shows(runs, metrics)
        self.lab.put("bench.ipynb", [contestant.imports, code])
        page = self.context.new_page()
        page.set_viewport_size(TALL)
        try:
            open_lab(page, self.lab, "bench.ipynb")
            page.evaluate(_WATCH)
            run_all(page)
            lines = len(runs) * len(metrics)
            failed = page.locator(".jp-RenderedText[data-mime-type$=stderr], .jp-RenderedText[data-mime-type$=error]")
            seen = f"() => drawn.some((each) => each.lines === {lines})"
            try:
                page.wait_for_function(seen, timeout=120_000)
            except PlaywrightTimeoutError:
                if failed.count():  # it has not hung, it never was there
                    raise RuntimeError(failed.first.inner_text()[-2000:]) from None
                raise
            yield page
        finally:
            page.close()


@contextmanager
def scene() -> Iterator[Scene]:
    """Start everything in a temporary folder."""
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        home = {"WORKBENCH_HOME": str(folder / "workspace"), "WORKBENCH_ENGINE_HOME": str(folder / "engine")}
        with Lab(folder, home) as lab, browser(playwright, folder / "profile") as context:
            yield Scene(lab, context, workspace(folder))


def append(folder: str, start: int, rows: int, hertz: float, seconds: float) -> None:
    """Log ``rows`` points ``hertz`` times a second; print when each batch was logged."""
    batches = []
    with Writer(Path(folder), "train-1") as writer:
        begin = time.monotonic()
        for number in range(int(seconds * hertz)):
            time.sleep(max(begin + number / hertz - time.monotonic(), 0))
            at = time.time()
            for row in range(rows):
                step = start + number * rows + row
                writer.log(step, {METRIC: (step % 997) / 997}, scope=SCOPE, epoch=1 + step // 1000, at=at)
            batches.append(at)
    sys.stdout.write(json.dumps(batches))


class NothingShownError(Exception):
    """Nothing of what was appended was ever drawn."""


def live(
    at: Scene, contestant: Contestant, points: int, seconds: float, rows: int = 100, hertz: float = HERTZ
) -> dict[str, float]:
    """Measure a run that grows: latency in milliseconds, frames a second.

    Raises:
        NothingShownError: when nothing that was appended showed.
    """
    run = at.run(points)
    folder = at.workspace.paths.run(run).events
    with at.shown(contestant, [run], [METRIC]) as page:
        page.wait_for_timeout(1500)
        page.evaluate("() => { drawn.length = 0; frames_at.length = 0; return null; }")
        what = (folder, points, rows, hertz, seconds)
        command = [sys.executable, "-m", "tests.bench.ui_chart", "--append", *map(str, what)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        page.wait_for_timeout(1000)
        told = page.evaluate("() => ({drawn, frames_at, heap: performance.memory.usedJSHeapSize})")
    batches = json.loads(done.stdout)
    latencies = list(_latencies(batches, told["drawn"]))
    if len(latencies) < 2:
        raise NothingShownError
    frames = [each for each in told["frames_at"] if batches[0] * 1e3 <= each <= batches[-1] * 1e3]
    gaps = [after - before for before, after in pairwise(frames)]
    return {
        "latency p50": statistics.median(latencies),
        "latency p95": statistics.quantiles(latencies, n=20)[-1],
        "latency max": max(latencies),
        "FPS": 1e3 * len(gaps) / sum(gaps),
        "longest frame": max(gaps),
        "heap MB": told["heap"] / 1e6,
        "not shown": float(len(batches) - len(latencies)),
    }


def _latencies(batches: Sequence[float], drawn: Sequence[dict[str, Any]]) -> Iterator[float]:
    """Yield, for each batch, how long it took until a frame had shown it, in milliseconds."""
    place = 0
    for at in batches:
        while place < len(drawn) and drawn[place]["at"] < at - 1e-6:
            place += 1
        if place < len(drawn):
            yield drawn[place]["drawn_ms"] - at * 1e3


def first_paint(at: Scene, contestant: Contestant, runs: int, metrics: int, points: int) -> dict[str, float]:
    """Measure how long many lines of runs that have ended take until all are drawn, in milliseconds."""
    ids = [at.run(points, metrics, ended=True) for _ in range(runs)]
    names = [f"train/m{number}" for number in range(metrics)]
    with at.shown(contestant, ids, names) as page:
        text = page.locator(".jp-OutputArea-output", has_text="began").first.inner_text()
        drawn = page.evaluate(f"() => drawn.find((each) => each.lines === {runs * metrics}).drawn_ms")
        panels = page.locator(".wbc-panel canvas").count()
    return {"first paint": drawn - float(text.split()[1]) * 1e3, "panels": float(panels)}


def main() -> None:
    """Print a line per measurement, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=1_000_000, help="of the live run")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--repeats", type=int, default=3, help="of the first paint")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--append", nargs=5, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.append:
        folder, start, rows, hertz, seconds = asked.append
        append(folder, int(start), int(rows), float(hertz), float(seconds))
        return
    found: dict[str, dict[str, float]] = {}
    with scene() as at:
        for contestant in CONTESTANTS.values():
            found[f"{contestant.name}: {asked.points:,} points, 100 more at 30 Hz"] = live(
                at, contestant, asked.points, asked.seconds
            )
            paints = [first_paint(at, contestant, 10, 10, 10_000) for _ in range(asked.repeats)]
            worst = max(paints, key=lambda each: each["first paint"])
            found[f"{contestant.name}: 10 runs x 10 panels x 10,000 points, worst of {asked.repeats}"] = worst
    sys.stdout.write(json.dumps(found, indent=1) + "\n" if asked.json else _table(found))


def _table(found: dict[str, dict[str, float]]) -> str:
    lines = []
    for what, figures in found.items():
        lines.append(what)
        for name, value in figures.items():
            goal = f"   goal {GOALS[name]:>6.0f}" if name in GOALS else ""
            lines.append(f"  {name:<16}{value:10.1f}{goal}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
