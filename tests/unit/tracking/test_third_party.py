"""A tracker of somebody else's, installed beside the workbench."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from workbench import settings
from workbench.errors import RequestError
from workbench.settings import known_backends

pytestmark = pytest.mark.usefixtures("plain_environment")


@pytest.fixture
def neptune(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "site" / "neptunes-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: neptunes\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[workbench.trackers]\nneptune = neptunes:Tracker\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))


def test_its_name_is_known(neptune: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBSERVABILITY_BACKENDS", "mlflow,neptune,mlflow")
    assert settings.load().observability_backends == ("mlflow", "neptune")
    assert known_backends() == ("clearml", "mlflow", "wandb", "database", "neptune")


def test_a_slip_in_its_name_is_pointed_out(neptune: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBSERVABILITY_BACKENDS", "neptun")
    with pytest.raises(RequestError, match=r"names 'neptun'.*Did you mean 'neptune'"):
        settings.load()


def test_our_own_names_are_known_without_reading_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def never() -> None:
        raise AssertionError

    monkeypatch.setattr(settings, "known_backends", never)
    monkeypatch.setenv("OBSERVABILITY_BACKENDS", "clearml,mlflow,wandb,database")
    assert len(settings.load().observability_backends) == 4


@pytest.mark.slow
def test_whoever_feeds_trackers_imports_none_of_them() -> None:
    """Nor the database, nor what trains: it lives beside every run."""
    heavy = ("mlflow", "wandb", "clearml", "sqlalchemy", "torch", "ultralytics", "pandas", "pyarrow", "duckdb", "numpy")
    code = (
        "import sys, workbench.runs.tracking.forward, workbench.runs.tracking.tracked\n"
        f"print([module for module in {heavy} if module in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
