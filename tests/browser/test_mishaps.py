"""What goes wrong around an open widget, and what a person is told: nothing is lost, and nothing hangs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.boards import Yard
from tests.browser.pages import Watched, in_python, open_lab, run_all
from tests.browser.runs import measure, recorded, workspace
from tests.browser.servers import Lab, free_port
from workbench.runs.model import RunState

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.heavy]

BOTH = """import workbench as wb
from IPython.display import display
ws = wb.open()
display(wb.board(ws, lang="en"), wb.watch(ws.run("{run}"), lang="en"))"""
SLOW = """import threading
import workbench as wb
from workbench.datasets.pictures.thumbs import Thumbs
quick, awake = Thumbs.get, threading.Event()
Thumbs.get = lambda *given: awake.wait(120) and quick(*given)
ws = wb.open()
browser = wb.browse(ws.datasets.add_sample(), lang="en")
browser"""

DOWN = """import os
os.environ["PREFECT_API_URL"] = "{address}"
import workbench as wb
wb.board(wb.open("{home}"), lang="en")"""


@pytest.fixture
def yard(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Yard]:
    made = Yard(lab.notebooks / request.node.name[:40])
    yield made
    made.close()


def problem(widget: Locator) -> Locator:
    return widget.locator(".wb-problem")


def test_a_kernel_that_is_restarted_under_open_widgets_is_told_and_the_cells_bring_them_back(
    lab: Lab, page: Page, shots: Path
) -> None:
    ws = workspace(lab.folder)
    run = recorded(ws, config={"task": "detect"})
    measure(ws, run, epochs=5)
    lab.put("restarted.ipynb", [BOTH.format(run=run)])
    open_lab(page, lab, "restarted.ipynb")
    run_all(page)
    board, chart = (page.locator(f".jp-OutputArea-output .wb-{name}") for name in ("board", "chart"))
    expect(board.locator(".bd-row[data-run]").first).to_be_visible()
    expect(chart.locator("canvas").first).to_be_visible()
    page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    for widget in (board, chart):
        expect(problem(widget)).to_contain_text("was restarted. Run the cell again")
    page.screenshot(path=shots / "mishap-restarted.png")
    run_all(page)
    for widget in (board, chart):
        expect(problem(widget)).to_have_count(0)
    expect(board.locator(".bd-row[data-run]").first).to_be_visible()
    expect(chart.locator("canvas").first).to_be_visible()


def test_two_browsers_on_one_run_see_the_same_and_what_one_does_the_other_sees(
    lab: Lab, page: Page, watched: Watched, yard: Yard
) -> None:
    run = yard.record("two watch")
    yard.begin(run, alive=True)
    yard.measure(run, range(1, 4))
    other = page.context.new_page()
    watched.watch(other)
    try:
        for number, each in enumerate((page, other)):
            lab.put(
                f"both-{number}.ipynb", [yard.cell(), f"import workbench as wb\nwb.watch(ws.run('{run}'), lang='en')"]
            )
            open_lab(each, lab, f"both-{number}.ipynb")
            run_all(each)
        rows = [each.locator(f'.bd-row[data-run="{run}"]') for each in (page, other)]
        for row in rows:
            expect(row).to_contain_text("running")
        notes = [each.locator(".wbc-note").first for each in (page, other)]
        for note in notes:
            expect(note).to_have_text("highest 0.3148 · epoch 3")
        page.bring_to_front()  # a page behind another one draws nothing
        rows[0].click()
        page.locator(".bd-actions [data-act=cancel]").click()
        for row in rows:
            expect(row).to_contain_text("cancelling")
        yard.end(run, RunState.CANCELLED)
        for row, each in zip(rows, (page, other), strict=True):
            expect(row).to_contain_text("cancelled")
            expect(each.locator(".wbc-state").first).to_have_text("cancelled")
    finally:
        other.close()


def test_an_engine_that_is_down_is_told_and_the_run_stays_as_it_was(
    lab: Lab, page: Page, yard: Yard, shots: Path
) -> None:
    run = yard.record("before the fault")
    yard.begin(run)
    yard.end(run, RunState.CANCELLED)
    address = f"http://127.0.0.1:{free_port()}/api"
    home = str(yard.workspace.paths.root)
    lab.put("down.ipynb", [DOWN.format(address=address, home=home)])
    open_lab(page, lab, "down.ipynb")
    run_all(page)
    row = page.locator(".bd-row[data-run]")
    row.click()
    page.locator(".bd-actions [data-act=restart]").press("Enter")
    told = problem(page.locator(".wb-board"))
    expect(told).to_contain_text(address)
    page.screenshot(path=shots / "mishap-engine.png")
    expect(row.filter(has_text="cancelled")).to_have_count(1)


def test_a_click_that_takes_longer_than_the_next_look_is_not_lost(lab: Lab, page: Page, yard: Yard) -> None:
    run = yard.record("pressed")
    yard.begin(run, alive=True)
    lab.put("pressed.ipynb", [yard.cell()])
    open_lab(page, lab, "pressed.ipynb")
    run_all(page)
    row = page.locator(f'.bd-row[data-run="{run}"]')
    expect(row).to_contain_text("running")
    row.locator("[role=gridcell]", has_text="pressed").last.hover()
    page.mouse.down()
    yard.measure(run, range(1, 4))
    page.wait_for_timeout(2500)
    page.mouse.up()
    expect(page.locator(".bd-detail-head")).to_contain_text("pressed")
    expect(row).to_contain_text("epoch 4 of 20")
    for event in ("pointerdown", "contextmenu"):  # of the browser's menu, which keeps the `pointerup` to itself
        row.dispatch_event(event)
    yard.measure(run, range(4, 6))
    expect(row).to_contain_text("epoch 6 of 20")


def test_a_slow_disk_delays_pictures_and_nothing_else(lab: Lab, page: Page) -> None:
    lab.put("slow.ipynb", [SLOW])
    open_lab(page, lab, "slow.ipynb")
    run_all(page)
    expect(page.locator(".wb-amount")).to_have_text("496 images")
    assert page.locator(".wb-cells").get_attribute("data-state") == "loading"
    page.locator(".wb-facet-splits .wb-facet", has_text="val").click()
    expect(page.locator(".wb-amount")).to_have_text("64 of 496 images", timeout=1500)
    assert page.locator(".wb-cells").get_attribute("data-state") == "loading"
    in_python(page, "awake.set()")
    page.wait_for_selector(".wb-cells[data-state=painted]")
    assert in_python(page, "browser.view") == "'split:val'"
