"""The dataset browser as an object in Python."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.widgets.test_grid import make
from workbench.errors import ParameterError, RequestError
from workbench.widgets.grid import browse
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow  # goes through much of the house


def test_a_browser_takes_a_view_and_refuses_what_is_none(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    dataset = workspace.datasets.add(make(tmp_path / "pets"), "pets")
    browser = browse(dataset, "split:val", lang="ko")
    assert repr(browser) == "<Browser of dataset 'pets'>"
    with pytest.raises(RequestError, match="vall"):
        browser.view = "split:vall"
    assert browser.view == "split:val"
    browser.model.answer({"v": 1, "id": "1", "kind": "pick", "where": "split:val", "all": True})
    assert browser.selected == 3
    assert browser.keep("mine") == "split:val"
    assert workspace.datasets.show("pets").views == {"mine": "split:val"}
    browser.view = "view:mine"
    browser.close()
    with pytest.raises(ParameterError, match="takes no 'colour'"):
        browse(dataset, colour="red")
