"""The board as a widget: what Python sees of it, and when it looks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.boards import Yard
from workbench.errors import ParameterError, StorageError
from workbench.widgets.board import Board, board
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow  # goes through much of the house


@pytest.fixture
def yard(tmp_path: Path, workspace: Workspace) -> Yard:
    return Yard(tmp_path, workspace)


@pytest.fixture
def shown(yard: Yard) -> Iterator[Board]:
    made = board(yard.workspace)
    yield made
    made.close()


def looking() -> int:
    return sum(thread.name == "board" for thread in threading.enumerate())


def test_what_is_chosen_on_the_board_is_had_as_runs(yard: Yard, shown: Board) -> None:
    first, second = yard.record("first"), yard.record("second")
    assert (shown.runs, shown.run) == ([], None)
    shown.selected, shown.opened = [first, second], second
    assert [run.id for run in shown.runs] == [first, second]
    assert shown.run is not None
    assert shown.run.spec.name == "second"
    assert repr(shown) == "<Board of runs>"


@pytest.mark.parametrize("wrong", [{"filter": {"states": ["failed"]}}, {"colums": []}])
def test_a_misspelt_filter_or_trait_is_refused(yard: Yard, wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=r"no filter 'states'|no 'colums'"):
        board(yard.workspace, **wrong)


def test_somebody_looks_only_while_a_view_is_there(shown: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shown.model, "pause_s", lambda _took: 0.01)
    before = looking()
    shown.watched(1)
    shown.watched(2)
    assert looking() == before + 1
    thread = next(thread for thread in threading.enumerate() if thread.name == "board")
    shown.watched(0)
    thread.join(5)
    assert not thread.is_alive()


def test_a_database_that_is_away_is_said_once_and_its_return_too(shown: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    pushed: list[str] = []
    back = threading.Event()
    looks = 0

    def tick() -> Iterator[tuple[str, Any]]:
        nonlocal looks
        looks += 1
        if looks < 3:
            raise StorageError("The database did not answer.")
        yield from ()
        if looks > 4:
            back.set()

    monkeypatch.setattr(shown.model, "tick", tick)
    monkeypatch.setattr(shown.model, "pause_s", lambda _took: 0.0)
    monkeypatch.setattr(shown, "send", lambda content, buffers: pushed.append(content["topic"]))
    shown.watched(1)
    assert back.wait(5)
    shown.watched(0)
    assert pushed == ["ill", "well"]
