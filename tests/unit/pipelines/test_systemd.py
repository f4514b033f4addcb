"""The systemd user unit: its text, and whether it is in force."""

from __future__ import annotations

import os
import pwd
import sys
from pathlib import Path

import pytest

from pipelines import systemd
from workbench.paths import EnginePaths


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path / "home")}


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """Return a machine that runs systemd."""
    (tmp_path / "root/run/systemd/system").mkdir(parents=True)
    return tmp_path / "root"


def enable(home: dict[str, str]) -> None:
    wants = systemd.unit_file(home).parent / "default.target.wants"
    wants.mkdir()
    (wants / systemd.UNIT).symlink_to(systemd.unit_file(home))


def test_the_unit_starts_this_python_for_this_engine_and_lets_it_end_its_jobs(tmp_path: Path) -> None:
    text = systemd.text(EnginePaths(tmp_path / 'my "engine" 100%'))
    assert f'ExecStart="{sys.executable}" -P -m pipelines.keep' in text
    assert 'my \\"engine\\" 100%%"' in text
    assert "KillMode=mixed" in text
    assert "Restart=on-failure" in text


def test_the_unit_lies_where_systemd_looks(home: dict[str, str]) -> None:
    assert systemd.unit_file(home) == Path(home["HOME"], ".config/systemd/user/workbench-engine.service")
    assert systemd.unit_file({"XDG_CONFIG_HOME": "/c"}) == Path("/c/systemd/user/workbench-engine.service")


def test_without_systemd_the_process_to_start_is_named(home: dict[str, str], tmp_path: Path) -> None:
    boot = systemd.look(EnginePaths(tmp_path), home, system=tmp_path / "nothing")
    assert not boot.boots
    assert f"{sys.executable} -P -m pipelines.keep" in boot.advice


def test_the_engine_boots_only_when_the_unit_is_installed_enabled_and_lingers(
    home: dict[str, str], system: Path, tmp_path: Path
) -> None:
    paths = EnginePaths(tmp_path / "engine")
    assert systemd.look(paths, home, system).advice == systemd.INSTALL
    systemd.install(paths, home)
    assert systemd.look(paths, home, system).advice == (
        "systemctl --user daemon-reload; systemctl --user enable --now workbench-engine.service; loginctl enable-linger"
    )
    enable(home)
    assert systemd.look(paths, home, system).advice == "loginctl enable-linger"
    linger = system / "var/lib/systemd/linger"
    linger.mkdir(parents=True)
    (linger / pwd.getpwuid(os.getuid()).pw_name).touch()
    assert systemd.look(paths, home, system).boots
    assert systemd.look(paths, home, system).advice == ""


def test_a_unit_for_another_python_or_another_engine_does_not_count(
    home: dict[str, str], system: Path, tmp_path: Path
) -> None:
    systemd.install(EnginePaths(tmp_path / "other"), home)
    enable(home)
    assert not systemd.look(EnginePaths(tmp_path / "engine"), home, system).installed
