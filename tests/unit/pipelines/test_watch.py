"""The watcher: one loop over the runs of a user."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import pytest

from pipelines import engine, watch
from pipelines.watch import Seldom, Watcher
from workbench.errors import EngineError
from workbench.runs import lease
from workbench.runs.lease import Lease
from workbench.runs.model import Policy, RunSpec, RunState
from workbench.runs.supervision.dispatcher import Dispatcher
from workbench.runs.supervision.launcher import Launchers
from workbench.runs.supervision.memory import MemoryLauncher
from workbench.settings import Settings
from workbench.workspace import Workspace

pytestmark = pytest.mark.usefixtures("plain_environment")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(watch, "TICK_S", 0.005)
    monkeypatch.setattr(watch, "_ENGINE_S", 0.0)
    return Settings(workbench_engine_home=tmp_path / "engine", prefect_api_url=None)


@pytest.fixture
def ensured(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The engines that were looked after; none is started."""
    found: list[Settings] = []
    monkeypatch.setattr(engine, "ensure", found.append)
    return found


def watcher_of(settings: Settings, launcher: MemoryLauncher) -> Watcher:
    return Watcher(settings, Dispatcher(settings, Launchers(settings, launcher)))


def run_until(watcher: Watcher, condition: Any) -> None:
    """Let the watcher tick until ``condition`` holds, or for 10 s."""
    ended = threading.Event()

    def wait() -> None:
        for _ in range(1000):
            if condition() or ended.wait(0.01):
                break
        watcher.end()

    thread = threading.Thread(target=wait)
    thread.start()
    watcher.run()
    ended.set()
    thread.join()
    assert condition()


def test_a_run_that_crashed_is_tried_again_without_anybody_looking(
    tmp_path: Path, settings: Settings, ensured: list[Settings]
) -> None:
    launcher = MemoryLauncher()
    front = Workspace(tmp_path / "ws", settings=settings, launcher=launcher)
    policy = Policy(first_delay_s=0.0)
    front.ledger.record(RunSpec(id="t-1", kind="train", notebook="n", project="p", session="s", policy=policy))
    front.dispatcher.submit(front.ledger, "t-1")
    front.ledger.move("t-1", RunState.RUNNING, "attempt-1", attempt=1)
    run_until(watcher_of(settings, launcher), lambda: len(launcher.launches) == 2)
    assert [launch.number for launch in launcher.launches.values()] == [1, 2]
    assert ensured != []


def test_without_runs_no_engine_is_looked_after(settings: Settings, ensured: list[Settings]) -> None:
    ticks: list[int] = []
    watcher = watcher_of(settings, MemoryLauncher())
    real = watcher._dispatcher.tick
    watcher._dispatcher.tick = lambda: ticks.append(1) or real()  # type: ignore[method-assign,func-returns-value]
    run_until(watcher, lambda: len(ticks) > 3)
    assert ensured == []


@pytest.mark.parametrize("error", [EngineError("The server does not start."), OSError(28, "No space left on device")])
def test_a_tick_that_fails_does_not_end_the_watcher(settings: Settings, error: Exception) -> None:
    ticks: list[int] = []
    watcher = watcher_of(settings, MemoryLauncher())

    def fail() -> int:
        ticks.append(1)
        raise error

    watcher._dispatcher.tick = fail  # type: ignore[method-assign]
    run_until(watcher, lambda: len(ticks) > 3)


def test_a_second_watcher_ends_at_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Watcher, "run", lambda _self: pytest.fail("two watchers"))
    monkeypatch.setattr(lease, "_PROBE_S", 0.0)
    monkeypatch.setattr(watch.settings, "load", lambda: settings)
    settings.engine.root.mkdir()
    with Lease(settings.engine.watcher):
        watch.main()


def test_the_same_words_are_logged_only_now_and_then() -> None:
    seldom = Seldom()

    def passes(words: str, at: float, error: Exception | None = None) -> bool:
        info = (type(error), error, None) if error else None
        record = logging.LogRecord("watcher", logging.WARNING, __file__, 1, "%s", (words,), info)
        record.created = at
        return seldom.filter(record)

    assert [passes("Run a", at) for at in (0.0, 1.0, 599.0, 601.0, 602.0)] == [True, False, False, True, False]
    assert passes("Run b", 602.0)
    assert passes("This tick failed.", 602.0, OSError(28, "full"))
    assert passes("This tick failed.", 603.0, OSError(30, "read-only"))
    assert not passes("This tick failed.", 604.0, OSError(28, "full"))
