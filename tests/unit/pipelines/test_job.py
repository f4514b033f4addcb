"""What a job is given: the launcher's variables, the engine's settings, and a worker that wakes up for it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines import handover, variables
from pipelines.launcher import PrefectLauncher
from pipelines.work import Alarm
from workbench.paths import EnginePaths
from workbench.runs.supervision.launcher import load_launcher
from workbench.settings import Settings

pytestmark = pytest.mark.slow


def test_what_is_handed_over_is_private_and_taken_once(tmp_path: Path) -> None:
    path = handover.put(tmp_path, "train-1-1", {"KEY": "secret"})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert handover.take(path) == {"KEY": "secret"}
    assert handover.take(path) is None
    assert not path.exists()


def test_a_second_launch_of_the_same_key_replaces_what_was_left(tmp_path: Path) -> None:
    handover.put(tmp_path, "k", {"A": "1"})
    assert handover.take(handover.put(tmp_path, "k", {"A": "2"})) == {"A": "2"}


def test_only_what_nobody_took_for_a_week_is_swept(tmp_path: Path) -> None:
    old, new = handover.put(tmp_path, "old", {}), handover.put(tmp_path, "new", {})
    os.utime(old, (0, 0))
    handover.sweep(tmp_path)
    assert not old.exists()
    assert new.exists()


def test_a_job_sees_the_launchers_variables_and_the_engines_prefect_settings() -> None:
    own = {"PREFECT_API_URL": "http://engine", "PREFECT__FLOW_RUN_ID": "r", "WANDB_API_KEY": "old", "DO_NOT_TRACK": "1"}
    handed = {"WANDB_API_KEY": "new", "PREFECT_API_URL": "http://the users own", "PREFECT_PROFILE": "cloud"}
    job = variables.job_environment(handed, own)
    assert job["WANDB_API_KEY"] == "new"
    assert job["PREFECT_API_URL"] == "http://engine"
    assert job["PREFECT__FLOW_RUN_ID"] == "r"
    assert job["DO_NOT_TRACK"] == "1"
    assert "PREFECT_PROFILE" not in job


def test_the_engine_sees_no_prefect_setting_of_the_users_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_KEY", "secret")
    monkeypatch.setenv("PREFECT_API_URL", "https://api.prefect.cloud/api")
    monkeypatch.setenv("NO_PROXY", "example.org")
    found = variables.engine_environment(EnginePaths(tmp_path), "http://127.0.0.1:1/api")
    assert "PREFECT_API_KEY" not in found
    assert found["PREFECT_API_URL"] == "http://127.0.0.1:1/api"
    assert found["PREFECT_HOME"] == str(tmp_path / "prefect")
    assert found["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert found["DO_NOT_TRACK"] == "1"
    assert found["NO_PROXY"] == "example.org,127.0.0.1,localhost"


def test_the_alarm_rings_at_once_when_it_is_touched_and_else_only_now_and_then(tmp_path: Path) -> None:
    now = [100.0]
    alarm = Alarm(tmp_path / "wake", period_s=20, clock=lambda: now[0])
    assert alarm.rings()
    assert not alarm.rings()
    (tmp_path / "wake").touch()
    assert alarm.rings()
    assert not alarm.rings()
    now[0] += 20
    assert alarm.rings()


def test_a_touch_of_long_ago_does_not_ring(tmp_path: Path) -> None:
    (tmp_path / "wake").touch()
    alarm = Alarm(tmp_path / "wake", period_s=20, clock=lambda: 0.0)
    assert alarm.rings()
    assert not alarm.rings()


def test_the_launcher_is_found_by_its_entry_point(tmp_path: Path) -> None:
    found = load_launcher(Settings(workbench_engine_home=tmp_path / "e", prefect_api_url=None))
    assert isinstance(found, PrefectLauncher)
    assert not found.alive()
    assert not (tmp_path / "e").exists()


def test_importing_the_launcher_imports_neither_prefect_nor_papermill() -> None:
    code = "import sys, pipelines.launcher; print({'prefect', 'papermill', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "set()"
