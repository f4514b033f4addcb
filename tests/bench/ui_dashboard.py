"""How long a visitor of the dashboards waits, and what the visits leave behind.

``python -m tests.bench.ui_dashboard`` serves 200 runs and opens the overview in Chromium: without a kernel
that waits (cold) and with one (preheated), and counts kernels and memory before and after ten visits.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import psutil
from playwright.sync_api import Page, sync_playwright

from tests.browser.pages import browser
from workbench.runs.model import Headline, ModelLock, RunResult, RunSpec
from workbench.runs.supervision.memory import MemoryLauncher
from workbench.settings import Settings
from workbench.widgets.pages.server import Server
from workbench.workspace import Workspace

RUNS = 200
VISITS = 10
GOAL_S = 2.5
_FILLED_S = 180.0


def fill(root: Path) -> Workspace:
    """Make a workspace with complete runs, one an hour."""
    workspace = Workspace(root, settings=Settings(workbench_engine_home=root / "engine"), launcher=MemoryLauncher())
    workspace.projects.ensure("default")
    for place in range(RUNS):
        at = datetime.now(UTC) - timedelta(hours=RUNS - place)
        spec = RunSpec(
            id=f"train-{at:%Y%m%d-%H%M%S}-{place:06x}",
            kind="train",
            notebook="train",
            project="default",
            session="default-day",
            created_at=at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            model=ModelLock(ref="yolo26n.pt", kind="pretrained", task="detect", path=""),
        )
        workspace.ledger.record(spec)
        value = 0.6 * (1 - math.exp(-place / 60)) + 0.05 * math.sin(place)
        result = RunResult(run=spec.id, attempt=1, headline=Headline(name="mAP50-95", value=value), seconds=600.0)
        workspace.ledger.complete(spec.id, result, "bench")
    return workspace


def kernels(server: Server) -> list[psutil.Process]:
    """Return the kernels of a server."""
    return [child for child in psutil.Process(server.pid).children(recursive=True) if "ipykernel" in _command(child)]


def wait_filled(server: Server, count: int) -> None:
    """Wait until that many kernels wait for a visitor: they are there, and do nothing."""
    deadline = time.monotonic() + _FILLED_S
    while time.monotonic() < deadline:
        found = kernels(server)
        busy = sum(_seconds(kernel) for kernel in found)
        time.sleep(1.5)
        if len(found) >= count and sum(_seconds(kernel) for kernel in kernels(server)) - busy < 0.1:
            return
    raise RuntimeError(f"{len(kernels(server))} of {count} kernels are there after {_FILLED_S:.0f} s.")


def seen(page: Page, address: str) -> float:
    """Return how long it takes until a page is drawn, in seconds."""
    began = time.perf_counter()
    page.goto(address, wait_until="commit")
    page.wait_for_selector(".wb-page footer")
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return time.perf_counter() - began


def main() -> int:
    """Measure, print a table, and return 1 when a goal is missed."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        root = Path(folder)
        fill(root / "workspace")
        began = time.perf_counter()
        with Server(root / "workspace", token="bench") as server:
            up_s = time.perf_counter() - began
            with browser(playwright, root / "profile") as context:
                row = measure(server, context.new_page())
    row = {"server up, s": up_s, **row}
    width = max(map(len, row))
    for name, value in row.items():
        sys.stdout.write(
            f"{name:<{width}}  {value:.2f}\n" if isinstance(value, float) else f"{name:<{width}}  {value}\n"
        )
    sys.stdout.write(json.dumps(row) + "\n")
    return int(float(row["preheated, s, p50"]) > GOAL_S)


def measure(server: Server, page: Page) -> dict[str, float | int]:
    """Return the figures by name."""
    page.goto(server.url)  # the cookie, and Chromium's own first page
    page.wait_for_selector(".wb-page footer")
    overview = f"{server.address}/voila/render/overview.ipynb"
    wait_filled(server, server.waiting)
    before = len(kernels(server))
    cold = [
        seen(page, f"{overview}?theme=dark") for _ in range(3)
    ]  # the kernels that wait have rendered the other look
    preheated = []
    for _ in range(VISITS):
        wait_filled(server, server.waiting)
        preheated.append(seen(page, overview))
    wait_filled(server, server.waiting)
    after = kernels(server)
    memory = [kernel.memory_full_info().uss / 1e6 for kernel in after]
    return {
        "cold, s, p50": median(cold),
        "preheated, s, p50": median(preheated),
        "preheated, s, max": max(preheated),
        "kernels before": before,
        f"kernels after {VISITS + 3} visits": len(after),
        "kernel, MB, own memory, p50": median(memory),
        "server, MB, own memory": psutil.Process(server.pid).memory_full_info().uss / 1e6,
    }


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def _seconds(process: psutil.Process) -> float:
    try:
        return float(process.cpu_times().user)
    except psutil.NoSuchProcess:
        return 0.0


if __name__ == "__main__":
    sys.exit(main())
