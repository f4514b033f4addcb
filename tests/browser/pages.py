"""A real browser, and what every page in it is held to.

What lives here: Chromium, opening notebooks and dashboards, and what a page did wrong. What does not: the servers
(``servers``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Playwright, Request

from tests.browser.servers import Lab, Voila

ARGUMENTS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--mute-audio"),
    *(
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--enable-precise-memory-info",
    ),
)
WIDE, NARROW = {"width": 1400, "height": 900}, {"width": 400, "height": 800}
_LOCAL = {"127.0.0.1", "localhost", ""}
_IDLE = """() => {
  const kernel = globalThis.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel;
  return Boolean(kernel) && kernel.status === "idle" && kernel.connectionStatus === "connected";
}"""
# Of the faults that axe finds, those that keep people out; what Lab itself does wrong is not ours.
_AXE = "async (scope) => (await axe.run(scope, {resultTypes: ['violations']})).violations"
_GRAVE = {"serious", "critical"}


@dataclass
class Watched:
    """What a page did that it should not have.

    Attributes:
        errors: of the console, and uncaught ones.
        outside: addresses of requests that left this machine.
    """

    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", self._request)

    def check(self) -> None:
        """Fail when the page did something wrong."""
        assert self.errors == []
        assert self.outside == []

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location.get('url', '')})")

    def _request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in {"http", "https", "ws", "wss"} and address.hostname not in _LOCAL:
            self.outside.append(request.url)


@contextmanager
def browser(playwright: Playwright, folder: Path) -> Iterator[BrowserContext]:
    """Start Debian's Chromium with a profile of its own."""
    context = playwright.chromium.launch_persistent_context(
        str(folder), executable_path="/usr/bin/chromium", headless=False, args=list(ARGUMENTS), viewport=dict(WIDE)
    )
    context.set_default_timeout(30_000)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    try:
        yield context
    finally:
        context.close()


def open_lab(page: Page, lab: Lab, name: str) -> None:
    """Open a notebook and wait until its kernel is idle."""
    page.goto(f"{lab.url}/lab/tree/{name}?token={lab.token}&reset")
    page.wait_for_selector("#jupyterlab-splash", state="detached")
    page.wait_for_function(_IDLE)


def narrow(page: Page) -> None:
    """Make the page as narrow as a phone, without Lab's side bars, which would take all of it."""
    page.evaluate(
        """async () => {
          for (const side of ["left", "right"]) {
            if (jupyterapp.shell[`${side}Collapsed`]) continue;
            await jupyterapp.commands.execute(`application:toggle-${side}-area`);
          }
        }"""
    )
    page.set_viewport_size(dict(NARROW))


def run_all(page: Page) -> None:
    """Start all cells, without waiting for their end."""
    page.evaluate("() => { jupyterapp.commands.execute('notebook:run-all-cells'); return null; }")


def in_python(page: Page, code: str) -> str:
    """Run code in the notebook's kernel, and return what it gives as text."""
    return str(
        page.evaluate(
            """async (code) => {
              const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
              const future = kernel.requestExecute({code, user_expressions: {}, store_history: false});
              let said = "";
              future.onIOPub = (m) => {
                if (m.header.msg_type === "execute_result") said = m.content.data["text/plain"];
                if (m.header.msg_type === "error") said = m.content.evalue;
              };
              await future.done;
              return said;
            }""",
            code,
        )
    )


def open_voila(page: Page, voila: Voila, name: str, theme: str = "light") -> None:
    """Open a dashboard."""
    page.goto(f"{voila.url}/voila/render/{name}?token={voila.token}" + (f"&theme={theme}" if theme != "light" else ""))


@cache
def _axe() -> str:
    import axe_playwright_python

    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


def faults(page: Page, scope: str) -> list[dict[str, Any]]:
    """Return what axe-core finds seriously wrong below a selector: the rule, and the elements."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(_axe() + "\n; null")
    found = page.evaluate(_AXE, scope)
    return [
        {"rule": each["id"], "help": each["help"], "at": [node["html"][:200] for node in each["nodes"]][:5]}
        for each in found
        if each["impact"] in _GRAVE
    ]


def check_access(page: Page, scope: str) -> None:
    """Fail when axe-core finds something seriously wrong below a selector."""
    found = faults(page, scope)
    assert not found, json.dumps(found, indent=1, ensure_ascii=False)
