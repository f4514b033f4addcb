"""The run board in a real JupyterLab: what a person sees, presses and is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.boards import Yard
from tests.browser.pages import NARROW, WIDE, check_access, open_lab, run_all
from tests.browser.servers import Lab
from workbench.runs.model import RunState

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
NAMES = tuple(f"고양이과의 아주 긴 이름을 가진 동물 {number:03}" for number in range(500))
TABS = ("overview", "curves", "log", "config", "matrix", "lines", "pictures", "system")


@pytest.fixture
def yard(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Yard]:
    made = Yard(lab.notebooks / request.node.name[:40])
    yield made
    made.close()


@pytest.fixture
def opened(lab: Lab, page: Page, yard: Yard) -> Iterator[dict[str, str]]:
    """Five runs on a board in an open notebook."""
    ids = yard.five()
    show(lab, page, yard)
    yield ids
    lab.set_theme(dark=False)


def show(lab: Lab, page: Page, yard: Yard, more: str = "") -> None:
    lab.put("board.ipynb", [yard.cell(more)])
    open_lab(page, lab, "board.ipynb")
    run_all(page)
    page.wait_for_selector(".bd-row[data-run]")


def row(page: Page, name: str) -> Locator:
    return page.locator(".bd-row", has=page.get_by_text(name, exact=True))


def act(page: Page, name: str) -> Locator:
    return page.locator(f".bd-actions [data-act={name}]")


def shoot(page: Page, shots: Path, name: str) -> None:
    page.locator(".wb-board").scroll_into_view_if_needed()
    page.mouse.move(2, 2)
    page.wait_for_timeout(300)
    page.screenshot(path=shots / f"board-{name}.png")


def test_runs_of_every_state_show_and_are_filtered_sorted_and_grouped(
    lab: Lab, page: Page, yard: Yard, opened: dict[str, str], shots: Path
) -> None:
    expect(page.locator(".bd-row")).to_have_count(5)
    expect(row(page, "<b>bold</b>")).to_contain_text("NaN only")
    expect(row(page, "first try")).to_contain_text("epoch 20 of 20")
    check_access(page, ".wb-board")
    shoot(page, shots, "light")

    page.get_by_placeholder("Search runs").fill("학습")
    expect(page.locator(".bd-row")).to_have_count(1)
    expect(page.locator(".wb-python code")).to_have_text('board.filter = {"text": "학습"}')
    page.get_by_placeholder("Search runs").fill("")
    page.locator('[data-state="failed"]').click()
    expect(page.locator(".bd-counted")).to_have_text("1 of 5 runs")
    page.locator('[data-state="failed"]').click()
    expect(page.locator(".bd-row")).to_have_count(5)

    page.locator('[data-column="headline"]').click()
    expect(page.locator(".bd-row").first).to_contain_text("first try")
    page.get_by_label("Group by").select_option("config.imgsz")
    expect(page.locator(".bd-group")).to_contain_text("640")
    page.locator(".bd-group").click()
    expect(page.locator(".bd-row[data-run]")).to_have_count(0)
    check_access(page, ".wb-board")


@pytest.mark.heavy
def test_a_run_is_cancelled_and_another_is_deleted_after_a_question(
    lab: Lab, page: Page, yard: Yard, opened: dict[str, str]
) -> None:
    row(page, "first try").click()
    act(page, "cancel").press("Enter")
    expect(page.locator(".bd-why")).to_have_text("Cancel is not possible: it has ended.")

    row(page, "waiting").click()
    act(page, "cancel").click()
    expect(row(page, "waiting")).to_contain_text("cancelled")
    assert yard.workspace.ledger.state(opened["waiting"]) is RunState.CANCELLED
    expect(page.locator(".wb-python code")).to_have_text(f'ws.run("{opened["waiting"]}").cancel()')

    act(page, "delete").click()
    expect(page.get_by_role("alertdialog")).to_contain_text("waiting")
    expect(page.get_by_text("Keep it")).to_be_focused()
    check_access(page, ".wb-board")
    page.get_by_text("Delete it").click()
    expect(page.locator(".bd-row")).to_have_count(4)
    expect(page.locator(".bd-detail")).to_be_hidden()
    assert opened["waiting"] not in yard.workspace.ledger.ids_on_disk()

    row(page, "stopped").click()
    expect(page.locator(".bd-facts")).to_contain_text("digits")
    yard.workspace.ledger.delete(opened["stopped"])
    expect(page.locator(".bd-panel")).to_contain_text("This run was deleted.")
    expect(page.locator(".bd-row")).to_have_count(3)


@pytest.mark.heavy
def test_a_run_that_another_process_starts_appears_and_moves_by_itself(
    lab: Lab, page: Page, yard: Yard, opened: dict[str, str]
) -> None:
    run = yard.record("from elsewhere")
    expect(row(page, "from elsewhere")).to_contain_text("queued")
    yard.begin(run, alive=True)
    yard.measure(run, range(1, 5))
    expect(row(page, "from elsewhere")).to_contain_text("epoch 5 of 20")
    row(page, "from elsewhere").click()
    page.locator("[data-tab=log]").click()
    expect(page.locator(".bd-log")).to_contain_text("epoch 4 loss 0.500")
    yard.measure(run, range(5, 8))
    expect(page.locator(".bd-log")).to_contain_text("epoch 7 loss")
    expect(row(page, "from elsewhere")).to_contain_text("epoch 8 of 20")
    yard.kill(run)
    expect(row(page, "from elsewhere")).to_contain_text("queued", timeout=15_000)  # its policy tries it again
    expect(page.locator(".bd-detail-head")).to_contain_text("queued")


@pytest.mark.heavy
def test_everything_is_reached_by_keys_alone(lab: Lab, page: Page, yard: Yard, opened: dict[str, str]) -> None:
    page.locator(".bd-grid").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    page.keyboard.press("End")
    page.keyboard.press("Space")
    expect(page.locator(".bd-row[aria-selected=true]")).to_have_count(2)
    page.keyboard.press("Enter")
    expect(page.locator("[data-tab=overview]")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-tab=curves]")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".bd-detail")).to_be_hidden()
    expect(page.locator(".bd-grid")).to_be_focused()
    act(page, "compare").press("Enter")
    expect(page.locator(".bd-compare")).to_contain_text("waiting")


@pytest.mark.heavy
def test_the_details_show_all_parts_in_both_themes_and_in_korean(lab: Lab, page: Page, yard: Yard, shots: Path) -> None:
    ids = yard.five()
    yard.evidence(ids["first try"], NAMES)
    yard.machine(ids["first try"])
    yard.notebook(ids["first try"])
    lab.set_theme(dark=True)
    show(lab, page, yard, f'lang="ko", readonly=True, opened="{ids["first try"]}"')
    expect(page.locator(".bd-actions button")).to_have_text(["상세"])  # who only looks has no acts
    for tab in TABS:
        page.locator(f"[data-tab={tab}]").click()
        expect(page.locator(".bd-panel")).not_to_contain_text("불러오는 중")
        page.wait_for_timeout(300)
        check_access(page, ".wb-board")
        shoot(page, shots, f"dark-ko-{tab}")
    page.evaluate("() => { jupyterapp.commands.execute('application:toggle-left-area'); return null; }")
    page.set_viewport_size({**NARROW, "width": 520})  # of which Lab leaves the board about 400
    for tab in ("overview", "matrix"):
        page.locator(f"[data-tab={tab}]").click()
        shoot(page, shots, f"narrow-{tab}")
    check_access(page, ".wb-board")
    page.set_viewport_size(dict(WIDE))
    page.locator("[data-tab=overview]").click()
    with page.expect_response(lambda answer: "output.ipynb" in answer.url):
        page.locator(".bd-link").click()
    page.wait_for_selector(".jp-NotebookPanel:not(.lm-mod-hidden) >> nth=0")
    lab.set_theme(dark=False)
