"""The live chart in JupyterLab: what a person sees of runs, does with them, and takes away."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import NARROW, Watched, check_access, open_lab, run_all
from tests.browser.runs import measure, recorded, workspace
from tests.browser.servers import Lab
from workbench.metrics.log import EventLog
from workbench.metrics.writer import Writer
from workbench.runs.model import RunState
from workbench.workspace import Workspace

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
FIRST = """import workbench as wb
from workbench.runs.run import Run
from workbench.widgets.chart import watch

ws = wb.open()"""
# Runs by hand: the desk would settle a run that runs without a process.
CELL = "chart = watch([Run(ws.ledger, ws.dispatcher, run) for run in {runs!r}], {more})"
CHART = ".wb-chart"


@pytest.fixture
def desk(lab: Lab) -> Workspace:
    return workspace(lab.folder)


def show(lab: Lab, page: Page, runs: list[str], more: str = "lang='en'") -> None:
    """Open a notebook with a chart of some runs."""
    lab.put("chart.ipynb", [FIRST, CELL.format(runs=runs, more=more), "chart"])
    open_lab(page, lab, "chart.ipynb")
    run_all(page)
    page.wait_for_selector(".wbc-legend .wbc-chip")


BRIGHTEST_GREY = """(canvas) => {
  const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let found = 0;
  for (let n = 0; n < data.length; n += 4) {
    const [red, green, blue, opaque] = data.subarray(n, n + 4);
    if (opaque > 250 && red === green && green === blue) found = Math.max(found, red);
  }
  return found;
}"""


def drag(page: Page, x: float, y: float) -> None:
    page.mouse.down()
    page.mouse.move(x, y, steps=4)
    page.mouse.up()


def drawn(page: Page) -> None:
    """Wait until the frame that shows what was just done has been painted."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(null))))")


# How many pixels of a canvas are of a colour and not grey: those of lines.
INK = """(canvas) => {
  const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let n = 0; n < data.length; n += 4) {
    const [red, green, blue, opaque] = data.subarray(n, n + 4);
    if (opaque > 128 && Math.max(red, green, blue) - Math.min(red, green, blue) > 60) count += 1;
  }
  return count;
}"""


@pytest.mark.heavy
def test_runs_are_compared_zoomed_smoothed_and_copied(lab: Lab, page: Page, desk: Workspace, shots: Path) -> None:
    runs = []
    for place, state in enumerate([RunState.COMPLETED, RunState.FAILED, RunState.RUNNING]):
        config = {"task": "detect", "lr0": 0.01 * (place + 1), "batch": 16}
        runs.append(recorded(desk, state, name=f"run {place}", config=config))
        measure(desk, runs[-1], epochs=30 - 5 * place, rate=0.7 + 0.4 * place)
    show(lab, page, runs)
    chart = page.locator(CHART)
    expect(chart.locator(".wbc-chip")).to_have_text(["lr0=0.01completed", "lr0=0.02failed", "lr0=0.03running"])
    expect(chart.locator(".wbc-title")).to_have_text(["metrics/mAP50-95(B)", "train/box_loss", "val/box_loss"])
    expect(chart.locator(".wbc-note").nth(1)).to_have_text("lowest 1.082 · epoch 20")
    assert chart.locator("canvas").first.evaluate(INK) > 500
    page.screenshot(path=shots / "chart-light.png")

    chart.get_by_role("button", name="lr0=0.02").click()
    expect(chart.get_by_role("button", name="lr0=0.02")).to_have_attribute("aria-pressed", "false")
    expect(chart.locator(".wb-python code")).to_have_text(f'chart.hidden = ["{runs[1]}"]')

    chart.get_by_label("Measured per").select_option("batch")
    expect(chart.locator(".wbc-title")).to_have_text(["train/box_loss", "train/cls_loss"])
    chart.get_by_label("Smoothing").fill("0.8")
    expect(chart.locator(".wb-python code")).to_have_text("chart.smoothing = 0.8")
    stage = chart.locator(".wbc-stage").first
    box = stage.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 60)
    expect(chart.locator(".wbc-readout").first).to_contain_text("lr0=0.01")
    page.screenshot(path=shots / "chart-smooth.png")
    drag(page, box["x"] + 0.6 * box["width"], box["y"] + 70)
    expect(chart.get_by_role("button", name="Zoom out")).to_be_visible()
    page.screenshot(path=shots / "chart-zoom.png")

    chart.get_by_role("button", name="Copy train/box_loss as CSV").click()
    expect(chart.locator(".wbc-flash")).to_have_text("Copied as CSV.")
    rows = page.evaluate("() => navigator.clipboard.readText()").splitlines()
    steps = [int(row.split(",")[2]) for row in rows[1:] if row.startswith(runs[0])]
    assert rows[0] == "run,metric,batch,unix_s,value"
    assert 300 < steps[0] < steps[-1] < 800
    chart.get_by_role("button", name="Copy train/box_loss as PNG").click()
    expect(chart.locator(".wbc-flash").last).to_have_text("Copied as PNG.")
    chart.get_by_role("button", name="Copy train/box_loss as SVG").click()
    expect(chart.locator(".wbc-flash").last).to_have_text("Copied as SVG.")
    assert page.evaluate("() => navigator.clipboard.readText()").startswith("<svg")

    stage.focus()
    page.keyboard.press("Escape")
    expect(chart.get_by_role("button", name="Zoom out")).to_be_hidden()
    page.keyboard.press("End")
    page.keyboard.press("Shift+ArrowLeft")
    expect(chart.locator("[aria-live]")).to_contain_text("lr0=0.01 ")
    expect(chart.locator("[aria-live]")).not_to_contain_text("lr0=0.03")  # it ended before
    chart.get_by_role("button", name="Table").click()
    expect(chart.locator(".wbc-table table").first).to_contain_text("lowest")
    page.screenshot(path=shots / "chart-table.png")
    check_access(page, CHART)


@pytest.mark.heavy
def test_it_is_legible_in_the_dark_on_a_phone_and_in_korean(lab: Lab, page: Page, desk: Workspace, shots: Path) -> None:
    runs = [recorded(desk, name=f"실험 <b>{place}</b>", config={"task": "detect", "lr0": place}) for place in (1, 2)]
    for place, run in enumerate(runs):
        measure(desk, run, epochs=12, batches=4, rate=1 + place)
    lab.set_theme(dark=True)
    try:
        show(lab, page, runs, "lang='ko', smoothing=0.5, axis='relative'")
        expect(page.locator(".wbc-title")).to_have_count(3)
        drawn(page)
        page.screenshot(path=shots / "chart-dark.png")
        check_access(page, CHART)
        page.evaluate("() => { jupyterapp.commands.execute('application:toggle-left-area'); return null; }")
        page.set_viewport_size(NARROW)
        page.locator(CHART).scroll_into_view_if_needed()
        page.locator(".wbc-stage canvas").first.wait_for()
        drawn(page)
        page.screenshot(path=shots / "chart-dark-400.png")
        width = page.locator(CHART).evaluate("(element) => element.scrollWidth - element.clientWidth")
        assert width <= 0
        light = page.locator("canvas").first.evaluate(BRIGHTEST_GREY)
        assert light < 200  # the grid has a colour of the dark theme, also after Lab took the output off the page
        check_access(page, CHART)
    finally:
        lab.set_theme(dark=False)


def test_a_run_of_another_process_shows_live_and_closing_loses_nothing(
    lab: Lab, page: Page, desk: Workspace, shots: Path
) -> None:
    run = recorded(desk, RunState.RUNNING, config={"task": "detect"})
    show(lab, page, [run], "axis='epoch', lang='en'")
    chart = page.locator(CHART)
    expect(chart.locator(".wb-empty")).to_contain_text("have measured nothing yet")
    page.screenshot(path=shots / "chart-empty.png")
    code = (
        "import sys, time; from pathlib import Path; from workbench.metrics.writer import Writer\n"
        "with Writer(Path(sys.argv[1]), 'train-1') as log:\n"
        "    for step in range(1, 41):\n"
        "        log.log(step, {'loss': 1 / step}, scope='batch', epoch=1 + (step - 1) // 10); time.sleep(0.04)\n"
    )
    done = subprocess.Popen([sys.executable, "-c", code, str(desk.paths.run(run).events)])
    expect(chart.locator(".wbc-note")).to_have_text("lowest 0.025 · epoch 4")
    assert done.wait(timeout=20) == 0

    page.evaluate("() => { jupyterapp.commands.execute('notebook:clear-all-cell-outputs'); return null; }")
    expect(chart).to_have_count(0)
    with Writer(desk.paths.run(run).events, "train-1") as log:
        log.log(41, {"loss": 0.001}, scope="batch", epoch=5)
    page.evaluate("() => { jupyterapp.commands.execute('notebook:run-cell'); return null; }")
    expect(chart.locator(".wbc-note")).to_contain_text("lowest 0.001")

    with Writer(desk.paths.run(run).events, "train-2") as log:
        log.append("resumed", epoch=2)
        log.log(21, {"loss": 0.5}, scope="batch", epoch=3)
    expect(chart.locator(".wbc-note")).to_have_text("lowest 0.05 · epoch 2")  # what the new attempt undid is gone
    desk.ledger.move(run, RunState.FAILED, "attempt-2", reason="test")
    expect(chart.locator(".wbc-state")).to_have_text("failed")
    desk.delete(desk.run(run))
    expect(chart.locator(".wbc-state")).to_have_text("deleted")


@pytest.mark.heavy
def test_what_cannot_be_drawn_is_said(lab: Lab, page: Page, desk: Workspace, shots: Path) -> None:
    nan, same, bare = (recorded(desk, name=name, config={"task": "detect"}) for name in ("nan", "same", "bare"))
    with EventLog(desk.paths.run(nan).events, "train-1") as log:
        for step in range(5):
            log.append("metrics", scope="epoch", step=step, values={"a_loss": "NaN", "own_loss": step - 10})
    with EventLog(desk.paths.run(same).events, "train-1") as log:
        for number in range(10_000):
            log.append("metrics", scope="epoch", step=7, values={"a_loss": "NaN", "one_loss": float(number)})
    show(lab, page, [nan, same, bare], "['a_loss', 'own_loss', 'one_loss'], log_y=True, lang='en'")
    panel = page.locator(".wbc-panel")
    expect(panel.nth(0)).to_contain_text("Only NaN and infinities so far (6 points).")
    expect(panel.nth(1)).to_contain_text("No value above 0: a log scale shows none.")
    expect(panel.nth(2).locator(".wbc-note")).to_have_text("1 of 3 runs · lowest 9999 · epoch 7")
    page.get_by_role("button", name="Log scale").click()
    expect(panel.nth(1).locator(".wbc-message")).to_be_hidden()
    page.get_by_role("button", name="same", exact=False).first.click()
    expect(panel.nth(2)).to_contain_text("All runs with this metric are hidden.")
    drawn(page)
    page.screenshot(path=shots / "chart-states.png")


@pytest.mark.heavy
def test_a_clipboard_that_is_closed_gets_a_file_instead(
    lab: Lab, page: Page, desk: Workspace, watched: Watched
) -> None:
    run = recorded(desk, config={"task": "detect"})
    measure(desk, run, epochs=3, batches=1)
    show(lab, page, [run])
    page.locator(".wbc-stage canvas").first.wait_for()
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); return null; }")
    with page.expect_download() as download:
        page.get_by_role("button", name="Copy train/box_loss as CSV").click()
    assert download.value.suggested_filename == "train-box-loss.csv"
    assert len(Path(download.value.path()).read_text().splitlines()) == 4
    assert watched.errors == []
