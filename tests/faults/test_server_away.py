"""Prefect's server is killed and stays away for half a minute, in the middle of a run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import filelock
import pytest

from pipelines import engine
from tests.faults import light
from tests.faults.stage import Light, Stage, check_gone, check_rows, kill, until
from workbench.runs.model import RunState
from workbench.runs.supervision.remains import holder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

AWAY_S = 30.0
TOLD_S = 60.0  # Prefect's client tries again after 2, 4, 8, 16 and 32 s
SIZE = Light(epochs=8, batches=10, batch_s=0.3)  # 24 s of batches: it ends while the server is away, or just after


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    stage = Stage(tmp_path, monkeypatch.setenv)
    yield stage
    stage.close()


def test_a_run_completes_while_the_server_is_away_and_the_server_comes_back(stage: Stage) -> None:
    run = stage.light(SIZE)
    until(lambda: (beat := run.heartbeat) and beat.epoch >= 2, 90, "its second epoch")
    lock = filelock.FileLock(stage.settings.engine.lock)  # whoever starts an engine holds it: nobody can, meanwhile
    with lock:
        assert kill(stage.processes("server", run)) == 1
        time.sleep(AWAY_S)
        assert not engine.status(stage.settings).server
    until(lambda: run.state.ended, 90, "its end")
    assert run.state is RunState.COMPLETED
    assert run.standing.attempt == 1
    check_rows(run, SIZE.epochs, SIZE.batches, light.value)
    # The run is over, but Prefect has yet to hear of it: the process that supervised it waits for the server to be
    # back, which takes as long as the machine takes to start one, and its client's pauses between two tries double.
    until(lambda: engine.status(stage.settings).answers, 90, "the server to answer again")
    until(lambda: holder(run.paths.lease) is None, TOLD_S, "its supervising process to tell the server and end")
    check_gone(run)
    after = stage.light(Light(epochs=1, batches=2))
    until(lambda: after.state.ended, 90, "the end of a run that was started after the outage")
    assert after.state is RunState.COMPLETED
    assert engine.status(stage.settings).answers
