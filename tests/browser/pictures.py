"""The pictures of the README, taken in a real browser of real runs: ``make pictures`` (6 min).

Four short trainings on the sample data that differ in one setting, then the studio, the dataset browser, the board and
the chart as they stand in JupyterLab, at twice the pixels.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from playwright.sync_api import Locator, Page, expect, sync_playwright

from tests.browser.pages import browser, open_lab, run_all
from tests.browser.servers import Lab
from tests.trained import workbench
from workbench.config.schema import TrainingConfig
from workbench.settings import Settings
from workbench.workspace import Workspace

DOCS = Path(__file__).parents[2] / "docs"
RATES = (0.0005, 0.002, 0.003, 0.006)
RECIPE = {
    "epochs": 12,
    "imgsz": 160,
    "nbs": 16,
    "optimizer": "AdamW",
    "warmup_epochs": 1.0,
    "mosaic": 0.0,
    "fliplr": 0.0,
}
SIZE = {"width": 1180, "height": 780}
_BARE = """async () => {
  for (const side of ["left", "right"]) {
    if (!jupyterapp.shell[`${side}Collapsed`]) await jupyterapp.commands.execute(`application:toggle-${side}-area`);
  }
}"""


def train(folder: Path) -> None:
    """Train what the pictures show."""
    settings = Settings(workbench_engine_home=folder / "engine")
    ws = Workspace(folder / "workspace", settings=settings)
    ws.datasets.add_sample()
    runs = [
        ws.train(TrainingConfig(data="digits", model="yolo26n.yaml", lr0=rate, **RECIPE), name=f"learning rate {rate}")
        for rate in RATES
    ]
    for run in runs:
        run.wait()


def shown(page: Page, lab: Lab, code: str) -> Locator:
    """Show a widget in a notebook, and return the notebook."""
    lab.put("studio.ipynb", [f"import workbench as wb\nws = wb.open()\n{code}"])
    open_lab(page, lab, "studio.ipynb")
    page.evaluate(_BARE)
    run_all(page)
    return page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")


def take(page: Page, lab: Lab, folder: Path) -> None:
    """Take all four."""
    at = shown(page, lab, 'wb.studio(ws, step="config", lang="en")')
    for text in (
        "yolo26n from scratch on digits, 160 px, 12 epochs",
        "배치는 두 배로, 모자이크는 꺼줘",
        "start training",
    ):
        page.locator(".wb-chat textarea").fill(text)
        page.keyboard.press("Enter")
        expect(page.locator(".wb-turn").filter(has_text=text).last.locator(".wb-answer")).to_be_visible()
    at.screenshot(path=folder / "studio.png")
    at = shown(page, lab, 'wb.browse(ws.datasets.show("digits"), lang="en")')
    page.wait_for_selector(".wb-cells[data-state=painted]")
    page.locator(".wb-facet-classes .wb-facet").first.click()
    page.wait_for_timeout(2000)
    at.screenshot(path=folder / "browser.png")
    at = shown(page, lab, 'wb.board(ws, height=200, lang="en")')
    page.locator(".bd-row[data-run]").first.click()
    page.locator("[data-tab=matrix]").click()
    page.wait_for_timeout(1500)
    at.screenshot(path=folder / "board.png")
    at = shown(page, lab, 'wb.watch(ws.runs(kind="train"), lang="en")')
    page.wait_for_selector(".wbc-panel canvas")
    page.wait_for_timeout(1500)
    at.screenshot(path=folder / "chart.png")


def main() -> None:
    """Train, and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=DOCS, help="the folder of the pictures")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        home = {"WORKBENCH_HOME": str(folder / "workspace"), "WORKBENCH_ENGINE_HOME": str(folder / "engine")}
        try:
            train(folder)
            with Lab(folder, home) as lab, browser(playwright, folder / "profile") as context:
                page = context.new_page()
                page.set_viewport_size(SIZE)
                take(page, lab, asked.to)
        finally:
            workbench("doctor", "--stop", "--json", variables={**os.environ, **home})


if __name__ == "__main__":
    main()
