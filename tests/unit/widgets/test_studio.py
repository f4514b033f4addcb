"""The studio without a browser: what its steps show, and what its buttons do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.boards import Yard
from tests.tiny import data_yaml
from workbench.errors import ParameterError
from workbench.widgets.studio.page import STEPS, Studio, studio
from workbench.widgets.studio.texts import _TEXTS, Texts

pytestmark = pytest.mark.slow  # goes through much of the house


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


@pytest.fixture
def page(yard: Yard) -> Iterator[Studio]:
    made = studio(yard.workspace, lang="en")
    yield made
    for widget in (made.browser, made.form, made.chat, made.board, made.chart, made.wizard):
        if widget is not None:
            widget.close()


def shown(step: Any) -> str:
    """Return the text of all plain HTML on a step."""
    return " ".join(
        [getattr(step, "value", "") if isinstance(getattr(step, "value", ""), str) else ""]
        + [shown(child) for child in getattr(step, "children", ())]
    )


def press(step: Any, label: str) -> None:
    """Press the button of a label."""
    for child in getattr(step, "children", ()):
        if getattr(child, "description", "") == label:
            child.click()
            return
        press(child, label)


def test_an_empty_workspace_says_what_to_do_on_every_step(page: Studio) -> None:
    said = {}
    for step in STEPS:
        page.step = step
        said[step] = shown(page._steps[step])
    assert "No dataset yet" in said["data"]
    assert "No training yet" in said["watch"]
    assert page.wizard in page._steps["export"].children
    assert "Nothing is deployed" in said["deploy"]
    assert page.browser is None
    assert page.chart is None


def test_a_step_is_made_when_it_is_first_looked_at(page: Studio) -> None:
    assert (page.board, page.chat) == (None, None)
    page.step = "runs"
    assert page.board is not None
    assert page._tabs.selected_index == STEPS.index("runs")
    page._tabs.selected_index = STEPS.index("config")
    assert page.step == "config"
    assert page.chat is not None


def test_a_dataset_is_added_browsed_and_trained_on_by_hand(page: Studio, tmp_path: Path) -> None:
    data: Any = page._steps["data"]
    data._where.value, data._name.value = str(data_yaml(tmp_path / "own")), "own"
    press(data, "Add")
    assert page.browser is not None
    assert data._choice.value == "own"
    assert page.python == 'wb.browse(ws.datasets.show("own"))'
    press(data, "Train on it →")
    assert page.step == "config"
    assert page.chat.config.data == "own"
    assert page.python == 'chat.edit(data="own")'
    press(page._steps["config"], "Start training …")
    assert page.python == 'chat.say("start training")'


def test_what_cannot_be_added_is_told_in_three_beats_and_nothing_is_lost(page: Studio, tmp_path: Path) -> None:
    data: Any = page._steps["data"]
    data._where.value = str(tmp_path / "<b>none</b>")
    press(data, "Add")
    told = data._problem.value
    assert told.count("<div>") == 3
    assert "&lt;b&gt;none" in told
    assert data._where.value == str(tmp_path / "<b>none</b>")
    assert "No dataset yet" in shown(data)
    data._where.value = str(data_yaml(tmp_path / "own"))
    press(data, "Add")
    assert data._problem.layout.display == "none"


def test_a_dataset_that_is_gone_leaves_the_list(page: Studio, yard: Yard, tmp_path: Path) -> None:
    data: Any = page._steps["data"]
    for name in ("one", "two"):
        yard.workspace.datasets.add(data_yaml(tmp_path / name), name)
    data.show()
    data._choice.value = "two"
    yard.workspace.datasets.remove("two")
    data.show()
    assert data._choice.options == ("one",)
    assert page.python == 'wb.browse(ws.datasets.show("one"))'


def test_the_newest_run_is_watched_unless_others_were_chosen_on_the_board(page: Studio, yard: Yard) -> None:
    runs = [yard.record(name) for name in ("first", "second", "third")]
    page.step = "watch"
    assert page.python == f'wb.watch(ws.run("{runs[2]}"))'
    page.step = "runs"
    page.board.selected = runs[:2]
    press(page._steps["runs"], "Watch the chosen runs →")
    assert page.step == "watch"
    assert [run in page.python for run in runs] == [True, True, False]
    assert page.python.startswith("wb.watch([")
    page.step = "data"
    assert page.python == ""


def test_the_run_that_was_chosen_on_the_board_is_the_one_to_export(page: Studio, yard: Yard) -> None:
    first, _ = yard.record("first"), yard.record("second")
    page.step = "runs"
    page.board.selected = [first]
    press(page._steps["runs"], "Export the chosen run →")
    assert (page.step, page.wizard.run) == ("export", first)
    page.step = "data"
    page.board.selected = []
    page.step = "export"
    assert page.wizard.run == first


def test_names_on_it_are_text_and_never_markup(page: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    served = SimpleNamespace(name="<img src=x>", url="<i>here</i>", started_at="")
    monkeypatch.setattr(page.workspace.deployments, "alive", lambda: [served])
    page.step = "deploy"
    said = shown(page._steps["deploy"])
    assert "&lt;img src=x&gt;" in said
    assert "&lt;i&gt;here&lt;/i&gt;" in said
    assert "<i>" not in said


@pytest.mark.parametrize(("given", "meant"), [({"step": "dat"}, "data"), ({"lang": "kor"}, "ko")])
def test_what_there_is_not_is_refused_with_what_there_is(yard: Yard, given: dict[str, str], meant: str) -> None:
    with pytest.raises(ParameterError, match=r"is '(dat|kor)'") as caught:
        studio(yard.workspace, **given)
    assert meant in f"{caught.value.expected} {caught.value.todo}"


def test_it_speaks_both_languages_everywhere() -> None:
    assert Texts("ko")["data"] == "1 · 데이터"
    assert [key for key, (english, korean) in _TEXTS.items() if not english or not korean or english == korean] == []


def test_its_text_is_the_same_in_every_notebook(yard: Yard) -> None:
    assert repr(studio(yard.workspace)) == "<Studio of workspace>"
