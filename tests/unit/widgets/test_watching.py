"""Looking again and again: told once what is wrong, and never given up."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from workbench.errors import StorageError
from workbench.widgets.state import watching
from workbench.widgets.state.watching import Watcher


class Looked:
    """Fails in turn with what it is given; None goes well."""

    def __init__(self, *faults: Exception | None) -> None:
        self.faults, self.done = list(faults), threading.Event()
        self.threads: set[str] = set()

    def __call__(self) -> float:
        self.threads.add(threading.current_thread().name)
        fault = self.faults.pop(0) if self.faults else None
        if not self.faults:
            self.done.set()
        if fault is not None:
            raise fault
        return 0.0


@pytest.fixture
def told() -> list[tuple[str, Any]]:
    return []


@pytest.fixture
def watcher(told: list[tuple[str, Any]], monkeypatch: pytest.MonkeyPatch) -> Watcher:
    monkeypatch.setattr(watching, "ILL_S", 0.001)
    return Watcher(lambda topic, data: told.append((topic, data.get("happened"))), "test watcher")


def test_each_trouble_is_told_once_and_its_end_too(watcher: Watcher, told: list[tuple[str, Any]]) -> None:
    away = StorageError("The disk is away.")
    look = Looked(away, away, ValueError("odd"), None, None, away, None, None)
    watcher.start(look)
    assert look.done.wait(5)
    watcher.stop()
    troubles = [("ill", "The disk is away."), ("ill", "ValueError: odd"), ("well", None)]
    assert told == [*troubles, ("ill", "The disk is away."), ("well", None)]


def test_it_looks_once_at_a_time_and_not_after_it_was_stopped(watcher: Watcher) -> None:
    look = Looked(*[None] * 50)
    watcher.start(look)
    watcher.start(look)
    assert watcher.active
    assert look.done.wait(5)
    thread = next(thread for thread in threading.enumerate() if thread.name == "test watcher")
    watcher.stop()
    thread.join(5)
    assert not thread.is_alive()
    assert not watcher.active
    assert look.threads == {"test watcher"}
