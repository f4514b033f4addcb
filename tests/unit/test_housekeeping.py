"""What takes disk, and what of it may go."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench import storage
from workbench.housekeeping import remove, survey
from workbench.runs.lease import Lease
from workbench.runs.model import RunState
from workbench.workspace import Workspace

Record = Callable[..., str]


def make_old(path: Path) -> Path:
    os.utime(path, (time.time() - 7200,) * 2, follow_symlinks=False)
    return path


def loose(workspace: Workspace) -> set[str]:
    return {item.path.name for item in survey(workspace) if not item.keep}


def put(path: Path, bytes_total: int = 10) -> Path:
    storage.put(path, b"0" * bytes_total)
    return path


def test_a_new_workspace_holds_nothing(workspace: Workspace) -> None:
    assert survey(workspace) == []


def test_what_takes_most_comes_first_and_says_why_it_stays(workspace: Workspace, record: Record) -> None:
    small, large = record(), record()
    put(workspace.paths.run(large).checkpoints / "best.pt", 50_000)
    found = survey(workspace)
    assert [item.path.name for item in found] == [large, small]
    assert found[0].keep == "a run, queued; `workbench runs delete` deletes it"
    assert found[0].bytes_total > 50_000


def test_the_scratch_of_a_run_goes_when_the_run_has_ended_and_nobody_writes_it(
    workspace: Workspace, record: Record
) -> None:
    run = record()
    put(workspace.paths.run(run).attempt(1).scratch / "cache")
    assert loose(workspace) == set()
    workspace.ledger.move(run, RunState.FAILED, "ledger")
    with Lease(workspace.paths.run(run).lease):
        assert loose(workspace) == set()
    assert loose(workspace) == {"scratch"}
    remove(survey(workspace))
    assert not workspace.paths.run(run).attempt(1).scratch.exists()
    assert workspace.ledger.ids_on_disk() == [run]


def test_what_an_interrupted_process_left_goes_after_an_hour(workspace: Workspace, record: Record) -> None:
    run = record()
    files = [
        put(workspace.paths.weights / "yolo26n.pt.part"),
        put(workspace.paths.weights / ".yolo26n.pt.1-ab.tmp"),
        put(workspace.paths.run(run).checkpoints / ".best.pt.1-ab.tmp"),
    ]
    folders = [put(workspace.paths.runs / name / "x").parent for name in (".new-train-1-ab", ".removed-ab-train-2")]
    assert loose(workspace) == set()
    for path in (*files, *folders):
        make_old(path)
    assert loose(workspace) == {path.name for path in (*files, *folders)}
    remove(survey(workspace))
    assert not [path for path in (*files, *folders) if path.exists()]
    assert workspace.ledger.ids_on_disk() == [run]


def test_registered_weights_stay(workspace: Workspace, tmp_path: Path) -> None:
    put(tmp_path / "mine.pt")
    workspace.weights.add(tmp_path / "mine.pt", task="detect")
    for path in workspace.paths.weights.iterdir():
        make_old(path)
    remove(survey(workspace))
    assert Path(workspace.weights.resolve("mine").path).is_file()


@pytest.mark.parametrize("spelling", ["plain", "through a link"])
def test_a_sample_that_is_registered_stays_however_its_folder_is_spelt(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelling: str
) -> None:
    for name in ("digits", "digits2"):
        put(workspace.paths.samples / name / "data.yaml")
    (tmp_path / "link").symlink_to(workspace.paths.root)
    root = workspace.paths.root if spelling == "plain" else tmp_path / "link"

    class Registered:
        name, uri = "digits", str(root / "samples" / "digits" / "data.yaml")
        digest, paths = "0" * 64, workspace.paths.dataset("digits")

    monkeypatch.setattr(workspace.datasets, "list", lambda: [Registered])
    assert loose(workspace) == {"digits2"}


@pytest.mark.slow
def test_earlier_states_of_a_dataset_go_when_no_run_needs_them(workspace: Workspace, tmp_path: Path) -> None:
    from workbench.datasets.samples import build_digit_scenes

    data = build_digit_scenes(tmp_path / "digits", scenes=8, size=64)
    first = workspace.datasets.add(data, "digits")
    label = next((data.parent / "labels/train").glob("*.txt"))
    label.write_text("1 .5 .5 .2 .2\n")
    second = workspace.datasets.add(data, "digits", replace=True)
    assert loose(workspace) == {first.digest[:16], f"{first.digest}.parquet"}
    remove(survey(workspace))
    assert workspace.datasets.show("digits").manifest.digest == second.digest
    assert list(second.manifest.verify(second.data_yaml.parent)) == []


@pytest.mark.slow
def test_what_was_unpacked_goes_with_its_dataset(workspace: Workspace, tmp_path: Path) -> None:
    from workbench.datasets.samples import build_digit_scenes

    data = build_digit_scenes(tmp_path / "digits", scenes=8, size=64)
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", data.parent)
    workspace.datasets.add(archive, "packed")
    assert loose(workspace) == set()
    workspace.datasets.remove("packed")
    (source,) = workspace.paths.sources.iterdir()
    assert source.name in loose(workspace)


def test_what_is_kept_is_never_removed_even_when_asked(workspace: Workspace, record: Record) -> None:
    run = record()
    assert remove(survey(workspace)) == []
    assert workspace.ledger.ids_on_disk() == [run]
