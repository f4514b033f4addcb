"""Names that a backend refuses become others, and two names never become one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.tracking.naming import mapped, scoped

ALLOWED = re.compile(r"[\w./: -]")


@pytest.mark.parametrize("name", ["train/box_loss", "lr/pg0", "précision", "a b", "speed: ms", "x-y.z"])
def test_a_name_that_the_backend_takes_stays_as_it_is(name: str) -> None:
    """Nobody finds a metric again that was renamed without need."""
    assert mapped(name, ALLOWED, 235) == name


def test_a_mapped_name_is_still_recognised() -> None:
    """The refused characters of ultralytics' own names go, the words stay; the digits are part of the promise."""
    assert mapped("metrics/mAP50(B)", ALLOWED, 235) == "metrics/mAP50_B-5e4b5e03"


@pytest.mark.parametrize(
    "name", ["(", "a(b)", "é(", "x" * 300, "x" * 234 + "((", "a//b", "/a", "a/", "../a", ".", "a/./b"]
)
def test_a_mapped_name_is_one_that_the_backend_takes(name: str) -> None:
    """It has only allowed characters, fits the limit and is a path without empty parts and dots."""
    result = mapped(name, ALLOWED, 235)
    assert result != name
    assert 0 < len(result) <= 235
    assert all(ALLOWED.fullmatch(character) for character in result)
    assert all(part.strip(".") for part in result.split("/"))


@given(st.lists(st.text(alphabet="ab(/)._-@0", max_size=6), unique=True, max_size=40))
def test_two_names_never_become_one(names: list[str]) -> None:
    """However much the refused characters look alike."""
    assert len({mapped(name, ALLOWED, 60) for name in names}) == len(names)


def test_a_name_that_looks_mapped_is_mapped_too() -> None:
    """Otherwise somebody could name a metric just as the mapping of another."""
    taken = mapped("metrics/mAP50(B)", ALLOWED, 235)
    assert mapped(taken, ALLOWED, 235) != taken


def test_long_names_that_begin_alike_stay_apart() -> None:
    """What is cut off counts."""
    assert mapped("x" * 300 + "1", ALLOWED, 235) != mapped("x" * 300 + "2", ALLOWED, 235)


def test_one_name_in_two_scopes_gives_two() -> None:
    """An epoch's loss and a batch's loss are two series."""
    assert scoped("batch", "loss", ALLOWED, 235) == "batch/loss"
    assert scoped("epoch", "loss", ALLOWED, 235) == "epoch/loss"


def test_a_slash_inside_a_scope_is_no_boundary() -> None:
    """Scope ``a/b`` with name ``c`` is not scope ``a`` with name ``b/c``."""
    assert scoped("a/b", "c", ALLOWED, 235) != scoped("a", "b/c", ALLOWED, 235)


def test_scope_and_name_fit_the_limit_together() -> None:
    """However long both are."""
    assert len(scoped("s" * 300, "n" * 300, ALLOWED, 235)) <= 235
