"""The layout of a workspace."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench import paths
from workbench.paths import EnginePaths, RunPaths, WorkspacePaths


def test_everything_of_a_workspace_lies_inside_it(tmp_path: Path) -> None:
    layout = WorkspacePaths(tmp_path)
    found = [
        *(layout.database, layout.projects, layout.runs, layout.datasets, layout.samples, layout.weights),
        *(
            layout.project("p"),
            layout.session("p", "s"),
            layout.run("r").attempt(1).notebook,
            layout.dataset("d").tree("0" * 64),
        ),
        *(layout.dataset("d").index, layout.snapshots, layout.snapshot("0" * 64), layout.sources, layout.thumbnails),
        *(layout.schedules, layout.run("r").lease, layout.run("r").gate, layout.run("r").stop),
        *(layout.run("r").notebook, layout.run("r").attempt(1).heartbeat, layout.run("r").attempt(2).heartbeat),
    ]
    assert all(path.is_relative_to(tmp_path) for path in found)
    assert len(set(found)) == len(found)


def test_attempts_are_numbers_in_order_and_nothing_else(tmp_path: Path) -> None:
    run = RunPaths(tmp_path)
    assert run.attempts() == []
    for name in ("10", "2", ".removed-x", "notes"):
        (tmp_path / "attempts" / name).mkdir(parents=True)
    assert run.attempts() == [2, 10]


def test_everything_of_an_engine_lies_inside_its_folder(tmp_path: Path) -> None:
    engine = EnginePaths(tmp_path)
    found = [
        *(engine.prefect_home, engine.lock, engine.state, engine.queue, engine.queue_lock, engine.watcher),
        *(engine.log(process) for process in ("server", "worker", "watcher", "job")),
    ]
    assert all(path.parent == tmp_path for path in found)
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("name", ["train", "export", "evaluate"])
def test_the_job_notebooks_are_found(name: str) -> None:
    assert paths.notebook("jobs", name).is_file()


def test_a_notebook_that_is_not_there_is_still_named() -> None:
    assert paths.notebook("jobs", "nope").name == "nope.ipynb"
