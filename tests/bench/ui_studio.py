"""How soon the studio is usable beside a notebook that only says hello, in one run: ``make bench-ui``.

Both are timed to the studio's first step with its data in view, and to the word of a plain anywidget: from the moment
in which their kernel is idle and all cells are started, and from the opening of the notebook, as a person sees it.
Fresh kernels, alternating, medians.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import BrowserContext, sync_playwright

from tests.bench.ui_chart import workspace
from tests.browser.pages import browser, open_lab, run_all
from tests.browser.servers import Lab

HELLO = """
import anywidget

class Hello(anywidget.AnyWidget):
    _esm = "export default { render({ el }) { el.innerHTML = '<p id=ready>hello</p>'; } }"

Hello()
"""
STUDIO = "import workbench as wb\nwb.studio()"
READY = {"hello": "#ready", "studio": ".wb-cells[data-state=painted]"}
GOAL_S, GOAL_RATIO = 6.0, 1.6
_IS_SEEN = "selector => document.querySelector(selector)?.checkVisibility()"


def usable(lab: Lab, context: BrowserContext, name: str, code: str) -> tuple[float, float]:
    """Return the seconds to what a person can use, from an idle kernel and from the opening of the notebook."""
    lab.put(f"{name}.ipynb", [code])
    page = context.new_page()
    try:
        opened = time.perf_counter()
        open_lab(page, lab, f"{name}.ipynb")
        idle = time.perf_counter()
        run_all(page)
        page.wait_for_function(_IS_SEEN, arg=READY[name], timeout=60_000)  # at each frame
        return time.perf_counter() - idle, time.perf_counter() - opened
    finally:
        page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        page.close()


def main() -> None:
    """Print both, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    times: dict[str, list[tuple[float, float]]] = {"hello": [], "studio": []}
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        workspace(folder).datasets.add_sample()
        home = {"WORKBENCH_HOME": str(folder / "workspace"), "WORKBENCH_ENGINE_HOME": str(folder / "engine")}
        with Lab(folder, home) as lab, browser(playwright, folder / "profile") as context:
            for _ in range(asked.repeats + 1):
                for each, code in (("hello", HELLO), ("studio", STUDIO)):
                    times[each].append(usable(lab, context, each, code))
    rows = {}
    for place, since in enumerate(("idle kernel", "opening")):
        hello, studio = (statistics.median(time[place] for time in times[name][1:]) for name in times)  # first: caches
        rows[since] = {"hello": hello, "studio": studio, "ratio": studio / hello}
    text = f"seconds since   hello  studio  ratio    goals: {GOAL_S:.0f} s, {GOAL_RATIO}\n" + "".join(
        f"{since:14} {row['hello']:6.2f} {row['studio']:7.2f} {row['ratio']:6.2f}\n" for since, row in rows.items()
    )
    sys.stdout.write(json.dumps({**rows, "times": times}, indent=1) + "\n" if asked.json else text)


if __name__ == "__main__":
    main()
