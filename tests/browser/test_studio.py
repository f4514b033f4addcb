"""The studio in JupyterLab: a person's whole way, from data to curves, without a line of code."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.pages import check_access, narrow, open_lab, run_all
from tests.browser.servers import Lab
from tests.trained import workbench

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

OPEN = "import workbench as wb\nwb.studio(wb.open({path!r}), lang={lang!r})"


@pytest.mark.parametrize(("theme", "lang"), [("light", "en"), ("dark", "ko")])
def test_every_step_shows_in_an_empty_workspace(
    lab: Lab, page: Page, shots: Path, tmp_path: Path, theme: str, lang: str
) -> None:
    lab.set_theme(theme == "dark")
    lab.put("studio.ipynb", [OPEN.format(path=str(tmp_path / "ws"), lang=lang)])
    open_lab(page, lab, "studio.ipynb")
    run_all(page)
    tabs = page.locator(".jp-OutputArea").get_by_role("tab")
    expect(tabs).to_have_count(6)
    for place in range(6):
        tabs.nth(place).click()
        page.wait_for_timeout(1500)
        page.screenshot(path=shots / f"studio-{theme}-{place + 1}.png")
    check_access(page, ".jp-OutputArea-output")
    narrow(page)
    tabs.nth(1).click()
    page.wait_for_timeout(800)
    page.screenshot(path=shots / f"studio-{theme}-narrow.png")


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A Lab whose kernels have an engine of their own, which is stopped in the end."""
    home = tmp_path_factory.mktemp("own")
    variables = {"WORKBENCH_HOME": str(home / "workspace"), "WORKBENCH_ENGINE_HOME": str(home / "engine")}
    with Lab(home, variables) as server:
        yield server
    workbench("doctor", "--stop", "--json", variables={**os.environ, **variables})


def say(page: Page, text: str) -> Locator:
    """Say something in the chat, and return its turn."""
    field = page.locator(".wb-chat textarea")
    field.fill(text)
    field.press("Enter")
    turn = page.locator(".wb-turn").filter(has=page.locator(".wb-own", has_text=text)).last
    expect(turn.locator(".wb-answer")).to_be_visible()
    return turn


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_a_person_goes_all_the_way_without_a_line_of_code(own: Lab, page: Page, shots: Path) -> None:
    own.put("studio.ipynb", ["import workbench as wb\nwb.studio(lang='en')"])
    open_lab(page, own, "studio.ipynb")
    run_all(page)
    tab = {
        name: page.locator(".jp-OutputArea").get_by_role("tab", name=name) for name in ("Configure", "Runs", "Watch")
    }

    page.get_by_role("button", name="Sample data").click()
    expect(page.locator(".wb-amount")).to_have_text("496 images", timeout=60_000)
    page.locator(".wb-facet-splits .wb-facet", has_text="val").click()
    expect(page.locator(".wb-amount")).to_have_text("64 of 496 images")
    page.screenshot(path=shots / "way-1-data.png")
    page.get_by_role("button", name="Train on it →").click()

    expect(page.locator(".wb-turn .wb-diff").first).to_contain_text("digits")
    expect(say(page, "에폭 200, 96 픽셀로 학습할게").locator(".wb-change")).to_have_count(2)
    expect(say(page, "batch 16 and a tenth of the data").locator(".wb-change")).not_to_have_count(0)
    page.get_by_role("button", name="Start training …").click()
    page.screenshot(path=shots / "way-2-config.png")
    page.locator(".wb-card").get_by_role("button", name="Confirm", exact=True).click()

    tab["Runs"].click()
    row = page.locator(".bd-row[data-run]")
    expect(row).to_contain_text("running", timeout=120_000)
    expect(row).to_contain_text("of 200", timeout=120_000)
    row.click()
    page.screenshot(path=shots / "way-3-runs.png")
    tab["Watch"].click()
    page.wait_for_selector(".wbc-panel canvas", timeout=60_000)
    page.screenshot(path=shots / "way-4-watch.png")
    tab["Runs"].click()
    page.locator(".bd-actions [data-act=cancel]").click()
    expect(row).to_contain_text("cancelled", timeout=120_000)
    page.locator(".bd-actions [data-act=resume]").click()
    expect(row).to_contain_text("running", timeout=120_000)
    page.locator(".bd-actions [data-act=restart]").press("Enter")
    expect(row).to_have_count(2)
    page.locator(".bd-grid").focus()
    for key in ("Home", "Space", "End", "Space"):
        page.keyboard.press(key)
    page.locator(".bd-actions [data-act=compare]").press("Enter")
    expect(page.locator(".bd-compare")).to_contain_text("All settings are the same.")
    page.screenshot(path=shots / "way-5-compare.png")
    check_access(page, ".jp-OutputArea-output")
