"""The wish that an attempt saves and ends."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from workbench.errors import StorageError
from workbench.paths import RunPaths
from workbench.runs.stop import Stop, StoppedError, ask, read_stop, take_back

WISH = Stop("cancel", "Somebody asked for it.", 5.0)


@pytest.fixture
def run(tmp_path: Path) -> RunPaths:
    return RunPaths(tmp_path)


def test_nobody_wishes_anything_at_first(run: RunPaths) -> None:
    assert read_stop(run.stop) is None
    take_back(run)


def test_a_wish_is_found_as_it_was_left(run: RunPaths) -> None:
    ask(run, WISH)
    assert read_stop(run.stop) == WISH


def test_the_first_wish_stands(run: RunPaths) -> None:
    ask(run, WISH)
    ask(run, Stop("timeout", "Too long.", 9.0))
    assert read_stop(run.stop) == WISH


def test_a_wish_that_was_taken_back_makes_room_for_another(run: RunPaths) -> None:
    ask(run, WISH)
    take_back(run)
    assert read_stop(run.stop) is None
    later = Stop("silence", "No sign of life.", 9.0)
    ask(run, later)
    assert read_stop(run.stop) == later


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"why": "cancel"}', '{"who": "me"}'])
def test_a_damaged_wish_is_none_and_can_be_left_again(run: RunPaths, text: str) -> None:
    run.stop.write_text(text)
    assert read_stop(run.stop) is None
    ask(run, WISH)
    assert read_stop(run.stop) == WISH


def test_a_wish_in_a_run_that_is_gone_is_a_storage_error() -> None:
    with pytest.raises(StorageError):
        ask(RunPaths(Path("/dev/null/x")), WISH)


def test_whoever_heeds_a_wish_ends_cancelled_and_says_why() -> None:
    stopped = StoppedError("Somebody asked for it.")
    assert str(stopped) == "The run was asked to stop: Somebody asked for it. What it had saved is kept."
    assert stopped.fields == {"state": "cancelled"}
    crossed = pickle.loads(pickle.dumps(stopped))
    assert (str(crossed), crossed.fields) == (str(stopped), stopped.fields)
