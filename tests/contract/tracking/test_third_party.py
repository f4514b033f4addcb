"""Anybody can write a tracker: the one that docs/trackers.md shows is installed, switched on and told a run."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from tests.contract.tracking.stage import Stage, stage
from workbench import settings
from workbench.errors import RequestError

__all__ = ["stage"]
pytestmark = pytest.mark.slow
GUIDE = Path(__file__).parents[3] / "docs" / "trackers.md"
HEADING = "## A tracker of your own"


def block(language: str) -> str:
    """Return the one block of code of a language in the guide's section."""
    section = GUIDE.read_text(encoding="utf-8").partition(f"{HEADING}\n")[2].partition("\n## ")[0]
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    return str(found)


@pytest.fixture
def name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plain_environment: None) -> str:
    """Install the guide's two blocks as a package, and return what the tracker is called."""
    entries = tomllib.loads(block("toml"))["project"]["entry-points"]["workbench.trackers"]
    ((name, target),) = entries.items()
    site = tmp_path / "site"
    packed = site / f"{name}-1.0.dist-info"
    packed.mkdir(parents=True)
    (site / f"{target.partition(':')[0]}.py").write_text(block("python"), encoding="utf-8")
    (packed / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    (packed / "entry_points.txt").write_text(f"[workbench.trackers]\n{name} = {target}\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.syspath_prepend(str(site))
    return str(name)


def test_the_guides_tracker_takes_ten_lines() -> None:
    body = block("python").partition("class ")[2].splitlines()[1:]
    assert len([line for line in body if line.strip()]) <= 10


def test_its_name_may_be_switched_on_once_it_is_installed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBSERVABILITY_BACKENDS", f"{name},database")
    assert settings.load().observability_backends == (name, "database")
    monkeypatch.setenv("OBSERVABILITY_BACKENDS", f"{name}r")
    with pytest.raises(RequestError, match=f"Did you mean '{name}'"):
        settings.load()


def test_it_is_told_a_run_and_a_record_that_is_told_again_counts_once(name: str, stage: Stage) -> None:
    stage.begin()
    stage.log(30)
    stage.end()
    stage.forward(name).join(60)
    folder = stage.paths.trackers / name
    told = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")}
    assert sorted(told.values()) == [[step, {"loss": step / 2}] for step in range(1, 31)]
    delivery = stage.delivery(name)
    assert (delivery.remote, delivery.url, delivery.error) == (stage.run_id, None, None)
    (stage.paths.trackers / f"{name}.json").unlink()  # what was acknowledged is forgotten: all is told again
    stage.forward(name).join(60)
    again = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")}
    assert again == told
    assert stage.delivery(name).points == 30
