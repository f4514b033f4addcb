"""One Lab and one browser for a whole run of the tests: starting them is what takes the time."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, sync_playwright

from tests.browser.pages import Watched, browser
from tests.browser.servers import Lab


@pytest.fixture(scope="session", autouse=True)
def _orderly_end() -> Iterator[None]:
    """Let a SIGTERM, e.g. of a time limit, end this as Ctrl-C does: else servers and kernels would stay."""

    def end(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def shots() -> Path:
    """The folder for screenshots, to be looked at."""
    folder = Path(os.environ.get("BROWSER_SHOTS", ".shots")).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    with sync_playwright() as playwright, browser(playwright, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    home = tmp_path_factory.mktemp("lab")
    variables = {"WORKBENCH_HOME": str(home / "workspace"), "WORKBENCH_ENGINE_HOME": str(home / "engine")}
    with Lab(home, variables) as server:
        yield server


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def page(context: BrowserContext, watched: Watched) -> Iterator[Page]:
    """A page; errors in its console, and requests that leave this machine, fail the test."""
    page = context.new_page()
    watched.watch(page)
    yield page
    page.close()
    watched.check()
