"""How quick the run board is with ten thousand runs: in the kernel, and in a real browser.

``python -m tests.bench.ui_board [--runs 10000] [--no-browser]``: the workspace is made in a temporary folder.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from tests.boards import Yard
from workbench.widgets.state.board_detail import BoardDetail

REPEATS = 7
JUMPS = 40
_PAINT = """() => new Promise((resolve) => {
  const grid = document.querySelector('.bd-grid');
  const begin = performance.now();
  grid.scrollTop = Math.random() * (grid.scrollHeight - grid.clientHeight);
  const look = () => {
    const rows = [...grid.querySelectorAll('.bd-row')];
    const box = grid.getBoundingClientRect();
    const inside = (at) => at.bottom > box.top && at.top < box.bottom;
    const seen = rows.filter((row) => inside(row.getBoundingClientRect()));
    if (seen.length > 5 && seen.every((row) => row.dataset.empty === undefined)) resolve(performance.now() - begin);
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})"""
_SCROLL = """() => new Promise((resolve) => {
  const grid = document.querySelector('.bd-grid');
  grid.scrollTop = 0;
  const frames = [];
  let last = performance.now();
  const step = (now) => {
    frames.push(now - last);
    last = now;
    grid.scrollTop += 30;
    if (frames.length < 240) requestAnimationFrame(step);
    else resolve(frames.slice(1));
  };
  requestAnimationFrame(step);
})"""


def timed(question: Callable[[], object], repeats: int = REPEATS) -> list[float]:
    """Return how long the answers took, in milliseconds, ascending."""
    found = []
    for _ in range(repeats):
        begin = time.perf_counter()
        question()
        found.append((time.perf_counter() - begin) * 1e3)
    return sorted(found)


def say(what: str, values: list[float], unit: str = "ms") -> None:
    """Print a line of figures."""
    p95 = values[min(len(values) - 1, int(len(values) * 0.95))]
    print(f"{what:<48} p50 {statistics.median(values):8.1f}  p95 {p95:8.1f}  max {values[-1]:8.1f} {unit}", flush=True)


def kernel(yard: Yard) -> None:
    """Time what the kernel answers."""
    resident = psutil.Process().memory_info().rss
    state = BoardDetail(yard.workspace)

    def ask(kind: str, **body: Any) -> Any:
        return state.answer({"v": 1, "id": "1", "kind": kind, **body}).content["data"]

    say("first answer, all rows read (once)", timed(lambda: ask("hello"), 1))
    say("rows in view, folders cold (once)", timed(lambda: ask("rows", count=40), 1))
    say("rows in view, again", timed(lambda: ask("rows", count=40)))
    places = iter(range(400, 10**6, 200))
    say("rows in view, elsewhere", timed(lambda: ask("rows", start=next(places), count=40), 20))
    words = iter(f"sweep {number}" for number in range(10**6))
    say("search", timed(lambda: ask("rows", filter={"text": next(words)}, count=40)))
    say("sort by headline", timed(lambda: (setattr(state, "_arranged", (None, [])), ask("rows", sort="-headline"))))
    say("group by config.imgsz (once)", timed(lambda: ask("rows", group="config.imgsz", count=40), 1))
    say("sort by progress (once)", timed(lambda: ask("rows", sort="progress", count=40), 1))
    say("sort by when they started (once)", timed(lambda: ask("rows", sort="-started", count=40), 1))
    say("a look without a change", timed(lambda: list(state.tick()), 20))
    run = yard.record("new")
    say("a look after a run came (once)", timed(lambda: list(state.tick()), 1))
    yard.begin(run, alive=True)
    yard.measure(run, range(1, 20))
    list(state.tick())
    say("a look while a run goes on", timed(lambda: list(state.tick()), 20))
    more = (psutil.Process().memory_info().rss - resident) / 1e6
    print(f"{'memory of the kernel, more than before':<48} {more:8.1f} MB", flush=True)


def browser(yard: Yard, folder: Path) -> None:
    """Time what a person sees."""
    from playwright.sync_api import sync_playwright

    from tests.browser.pages import browser as start
    from tests.browser.pages import open_lab
    from tests.browser.servers import Lab

    with sync_playwright() as playwright, start(playwright, folder / "profile") as context, Lab(folder / "lab") as lab:
        page = context.new_page()
        lab.put("board.ipynb", [yard.cell().rsplit("\n", 1)[0], "board"])
        open_lab(page, lab, "board.ipynb")
        page.evaluate("() => { jupyterapp.commands.execute('notebook:run-cell-and-select-next'); return null; }")
        page.wait_for_function("() => jupyterapp.shell.currentWidget.content.activeCellIndex === 1")
        page.wait_for_timeout(8000)  # the imports of the first cell
        before = float(page.evaluate("() => performance.memory.usedJSHeapSize"))
        begin = time.perf_counter()
        page.evaluate("() => { jupyterapp.commands.execute('notebook:run-cell'); return null; }")
        page.wait_for_selector(".bd-row[data-run]")
        say("first paint in the browser (once)", [(time.perf_counter() - begin) * 1e3])
        say("jump to anywhere, until painted", sorted(page.evaluate(_PAINT) for _ in range(JUMPS)))
        frames = sorted(page.evaluate(_SCROLL))
        say("scroll at 30 px a frame, between frames", frames)
        print(f"{'frames a second while scrolling':<48} {1000 / statistics.mean(frames):8.1f}")
        heap = float(page.evaluate("() => performance.memory.usedJSHeapSize")) - before
        print(f"{'heap of the page, more than before':<48} {heap / 1e6:8.1f} MB")
        print(f"{'rows in the document':<48} {page.locator('.bd-row').count():8}")


def main() -> int:
    """Make the runs, and time everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--no-browser", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        yard = Yard(Path(folder))
        begin = time.perf_counter()
        yard.many(options.runs)
        print(f"{options.runs} runs made in {time.perf_counter() - begin:.0f} s; load {os.getloadavg()[0]:.1f}")
        try:
            kernel(yard)
            if not options.no_browser:
                browser(yard, Path(folder))
        finally:
            yard.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
