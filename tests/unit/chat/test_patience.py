"""How long somebody else's service is waited for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from workbench.chat import patience
from workbench.chat.patience import Patience, pulled


def test_pauses_of_our_own_grow_and_end_with_the_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_PAUSE_S", 0.04)
    waits = Patience(10, 3)
    spans = []
    for _ in range(2):
        began = time.monotonic()
        assert waits.again("busy")
        spans.append(time.monotonic() - began)
    assert not waits.again("busy")
    assert 0.03 <= spans[0] < spans[1]
    assert spans[1] >= 0.06


def test_a_delay_that_nobody_waits_for_is_not_waited_for_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Patience, "_pause", lambda *_: pytest.fail("it waited"))
    assert not Patience(60, 3).again("busy", 8.1)
    assert not Patience(0.5, 3).again("busy", 0.6)
    assert not Patience(60, 1).again("busy", 0.0)


def test_whoever_watches_is_told_the_seconds_that_are_left() -> None:
    seen: list[tuple[float, str]] = []
    assert Patience(5, 2, lambda seconds, reason: seen.append((seconds, reason))).again("busy", 0.05)
    assert len(seen) == 1
    assert seen[0][0] == pytest.approx(0.05, abs=0.02)
    assert seen[0][1] == "busy"


def test_what_a_thread_makes_comes_in_order() -> None:
    assert list(pulled(lambda: iter(range(3)), lambda: 5)) == [0, 1, 2]


def test_what_a_thread_raises_is_raised_where_the_work_was_asked_for() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ZeroDivisionError

    numbers = pulled(broken, lambda: 5)
    assert next(numbers) == 1
    with pytest.raises(ZeroDivisionError):
        next(numbers)


def test_a_thread_that_is_late_is_left_alone() -> None:
    released = threading.Event()

    def slow() -> Iterator[int]:
        released.wait(10)
        yield 1

    began = time.monotonic()
    with pytest.raises(TimeoutError):
        next(pulled(slow, lambda: 0.05))
    assert time.monotonic() - began < 1
    released.set()


def test_a_thread_whose_work_nobody_wants_any_more_ends() -> None:
    ended, go = threading.Event(), threading.Event()

    def endless() -> Iterator[int]:
        try:
            yield 1
            go.wait(5)
            while True:
                yield 2
        finally:
            ended.set()

    numbers = pulled(endless, lambda: 5)
    assert next(numbers) == 1
    del numbers
    go.set()
    assert ended.wait(5)
