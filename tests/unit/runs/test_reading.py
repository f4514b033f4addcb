"""A run keeps what it reads: nothing of it is evicted while the run goes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from workbench.datasets.registry import Dataset
from workbench.datasets.samples import build_digit_scenes
from workbench.runs.model import RunSpec
from workbench.runs.reading import hold_data
from workbench.settings import Settings
from workbench.sources import lock_dataset
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow


@pytest.fixture
def front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    return Workspace(tmp_path / "workspace", settings=Settings(database_url=None))


@pytest.fixture
def digits(front: Workspace, tmp_path: Path) -> Iterator[Dataset]:
    """Digit scenes that came from elsewhere."""
    data = build_digit_scenes(tmp_path / "digits", scenes=8, size=64)
    memory = fsspec.filesystem("memory")
    for file in data.parent.rglob("*.*"):
        if file.is_file():
            memory.pipe(f"/digits/{file.relative_to(data.parent).as_posix()}", file.read_bytes())
    yield front.datasets.add("memory://digits/data.yaml", "digits")
    memory.rm("/digits", recursive=True)


def spec(dataset: Dataset) -> RunSpec:
    return RunSpec(
        id="train-1", kind="train", notebook="train", project="p", session="s", dataset=lock_dataset(dataset)
    )


def test_what_a_run_reads_is_not_evicted_while_it_goes(front: Workspace, digits: Dataset) -> None:
    lease = hold_data(front.paths.run("train-1"), spec(digits))
    assert lease is not None
    front.datasets.store.evict(0)
    assert list(digits.manifest.verify(digits.data_yaml.parent)) == []
    lease.close()
    front.datasets.store.evict(0)
    assert list(digits.manifest.verify(digits.data_yaml.parent)) != []


def test_what_was_evicted_while_it_waited_is_there_when_it_begins(front: Workspace, digits: Dataset) -> None:
    front.datasets.store.evict(0)
    lease = hold_data(front.paths.run("train-1"), spec(digits))
    assert lease is not None
    assert list(digits.manifest.verify(digits.data_yaml.parent)) == []
    lease.close()


def test_a_run_on_files_of_this_machine_holds_nothing(front: Workspace, tmp_path: Path) -> None:
    here = front.datasets.add(build_digit_scenes(tmp_path / "here", scenes=8, size=64), "here")
    assert hold_data(front.paths.run("train-1"), spec(here)) is None
