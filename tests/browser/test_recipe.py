"""The recipe itself: a plain anywidget shows in Lab, and what pages do wrong is seen."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.pages import Watched, faults, open_lab, run_all
from tests.browser.servers import Lab

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

HELLO = '''
import anywidget

class Hello(anywidget.AnyWidget):
    _esm = """export default {render({el}) {
        el.innerHTML = '<p id=hello>hello</p><img src=data:image/gif;base64,R0lGODlhAQABAAAAACw=>';
    }}"""

Hello()
'''


def test_a_widget_shows_in_lab_and_what_it_lacks_is_seen(lab: Lab, page: Page) -> None:
    lab.put("hello.ipynb", [HELLO])
    open_lab(page, lab, "hello.ipynb")
    run_all(page)
    page.wait_for_selector("#hello")
    assert [fault["rule"] for fault in faults(page, ".jp-OutputArea")] == ["image-alt"]


def test_errors_and_requests_that_leave_the_machine_are_seen(lab: Lab, page: Page, watched: Watched) -> None:
    lab.put("bad.ipynb", ["from IPython.display import HTML\nHTML('<img alt=x src=http://192.0.2.1/x.png>')"])
    open_lab(page, lab, "bad.ipynb")
    run_all(page)
    with page.expect_request("http://192.0.2.1/x.png"):
        pass
    page.evaluate("() => console.error('wrong')")
    assert watched.outside == ["http://192.0.2.1/x.png"]
    assert any("wrong" in error for error in watched.errors)
    watched.errors.clear()
    watched.outside.clear()
