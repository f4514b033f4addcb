"""The foreground process that keeps the engine running, over an engine that only notes what is asked of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import pytest

from pipelines import keep
from workbench.errors import RequestError
from workbench.settings import Settings


class Engine:
    """Notes what was asked; ``looks`` says, look by look, what is alive then."""

    def __init__(self, ended: Event, looks: list[str]) -> None:
        self.said: list[str] = []
        self._ended, self._looks = ended, looks

    def ensure(self, _settings: Settings) -> None:
        self.said.append("ensure")

    def watch(self, _settings: Settings) -> None:
        self.said.append("watch")

    def stop(self, _settings: Settings) -> list[str]:
        self.said.append("stop")
        return []

    def status(self, _settings: Settings) -> SimpleNamespace:
        look = self._looks.pop(0)
        if not self._looks:
            self._ended.set()
        alive = {name: name not in look for name in ("server", "worker", "watcher")}
        return SimpleNamespace(state=None if look == "stopped" else "there", **alive)


Kept = Callable[..., list[str]]


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kept:
    """Return a caller of ``keep`` that returns what the engine was asked."""

    def call(*looks: str) -> list[str]:
        ended = Event()
        engine = Engine(ended, list(looks))
        monkeypatch.setattr(keep, "engine", engine)
        monkeypatch.setattr(keep, "LOOK_S", 0.0)
        keep.keep(Settings(workbench_engine_home=tmp_path, prefect_api_url=None), ended)
        return engine.said

    return call


def test_the_engine_is_started_and_stopped_with_the_service(kept: Kept) -> None:
    assert kept("well") == ["ensure", "watch", "stop"]


@pytest.mark.parametrize("dead", ["server", "worker", "watcher"])
def test_what_has_died_is_started_again(kept: Kept, dead: str) -> None:
    assert kept("well", dead, "well") == ["ensure", "watch", "ensure", "watch", "stop"]


def test_an_engine_that_somebody_stopped_on_purpose_stays_stopped(kept: Kept) -> None:
    assert kept("well", "stopped", "well") == ["ensure", "watch"]


def test_with_a_shared_server_there_is_nothing_to_keep(tmp_path: Path) -> None:
    shared = Settings(workbench_engine_home=tmp_path, prefect_api_url="http://127.0.0.1:1/api")
    with pytest.raises(RequestError, match="shared Prefect server"):
        keep.keep(shared, Event())
