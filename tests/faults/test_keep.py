"""The process behind the systemd unit: it keeps the engine running, and leaves nothing when it is told to end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines import engine, variables
from tests.waiting import until
from workbench.processes import members
from workbench.settings import Settings, environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def test_a_killed_engine_is_started_again_and_a_told_one_leaves_nothing(tmp_path: Path) -> None:
    settings = Settings(workbench_engine_home=tmp_path / "engine", prefect_api_url=None)

    def well() -> bool:
        found = engine.status(settings)
        return found.answers and found.worker and found.watcher

    with (tmp_path / "keep.log").open("wb") as log:
        service = subprocess.Popen(
            [sys.executable, "-P", "-m", "pipelines.keep"],
            env=environment(WORKBENCH_ENGINE_HOME=str(settings.engine.root), PREFECT_API_URL=None),
            cwd=tmp_path,
            stderr=log,
        )
    try:
        until(well)
        before = engine.recorded(settings)
        assert before is not None
        os.kill(before.worker_pid or 0, signal.SIGKILL)
        os.kill(before.server_pid or 0, signal.SIGKILL)
        until(lambda: not well())
        until(well)
        service.terminate()
        assert service.wait(60) == 0
        assert members({variables.MEMBER: str(settings.engine.root)}) == []
        assert not settings.engine.state.exists()
    finally:
        service.kill()
        service.wait()
        engine.stop(settings, grace_s=5)
