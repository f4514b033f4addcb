"""Compaction: sorted files of what counts, again and again, by one process at a time."""

from __future__ import annotations

import fcntl
import math
import resource
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.logged import resumed, row, write
from workbench.errors import StorageError
from workbench.metrics.store import compact as compaction
from workbench.metrics.store import spill
from workbench.metrics.store.compact import Round, compact, is_due, main
from workbench.metrics.store.generation import LocalFolder, open_generation
from workbench.metrics.store.manifest import DamagedError, dump, parse
from workbench.metrics.store.reader import RunMetrics


class Folders:
    """A run's two folders."""

    def __init__(self, root: Path) -> None:
        self.events, self.metrics = root / "events", root / "metrics"

    def compact(self) -> Round:
        done = compact(self.events, self.metrics)
        assert done is not None
        return done

    def steps(self, name: str = "a") -> list[int]:
        return RunMetrics(self.events, self.metrics).series(name, points=None).steps.tolist()

    def log(self, steps: range, writer: str = "train-1") -> Path:
        return write(self.events, writer, [row(step, {"a": float(step), "b": -1.0}, epoch=step) for step in steps])

    @property
    def generation(self) -> str:
        found = open_generation(LocalFolder(self.metrics))
        assert found is not None
        return found.manifest.generation

    def files(self) -> set[str]:
        return {path.relative_to(self.metrics).as_posix() for path in self.metrics.rglob("*") if path.is_file()}


@pytest.fixture
def run(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


def test_the_points_are_sorted_by_series_and_step_with_their_attempt_and_epoch(run: Folders) -> None:
    write(run.events, "train-2", [row(3, {"b": 3.0, "a": math.nan}, epoch=3), row(1, {"b": 1.0}, epoch=1)])
    write(run.events, "system-1", [row(9, {"cpu": 0.5}, "system")])
    run.compact()
    table = pq.read_table(run.metrics / run.generation / "points.parquet").to_pydict()
    keys = list(zip(table["scope"], table["name"], table["step"], table["attempt"], table["epoch"], strict=True))
    assert keys == [
        ("epoch", "a", 3, 2, 3),
        ("epoch", "b", 1, 2, 1),
        ("epoch", "b", 3, 2, 3),
        ("system", "cpu", 9, 1, None),
    ]
    assert math.isnan(table["value"][0])
    assert table["value"][1:] == [1.0, 3.0, 0.5]


def test_a_second_round_reads_only_what_is_new_and_leaves_one_generation(run: Folders) -> None:
    run.log(range(100))
    assert run.compact().new == 200
    first = run.generation
    run.log(range(100, 110))
    done = run.compact()
    assert (done.new, done.points, done.series) == (20, 220, 2)
    assert run.generation != first
    assert run.files() == {
        "compact.lock",
        "manifest.json",
        f"{run.generation}/points.parquet",
        f"{run.generation}/pyramid.parquet",
    }
    assert run.steps() == list(range(110))


def test_a_round_without_new_points_notes_only_how_far_it_has_read(run: Folders) -> None:
    run.log(range(10))
    run.compact()
    generation = run.generation
    write(run.events, "ledger", [{"at": 5.0, "kind": "state", "state": "completed"}])
    assert run.compact().new == 0
    assert run.generation == generation
    found = open_generation(LocalFolder(run.metrics))
    assert found is not None
    assert set(found.manifest.covered) == {"train-1", "ledger"}


def test_what_a_resumed_attempt_measured_again_is_gone_from_the_files(run: Folders) -> None:
    run.log(range(1, 11))
    run.compact()
    write(run.events, "train-2", [resumed(4)])
    assert run.steps() == [1, 2, 3, 4]
    assert run.compact().points == 8
    run.log(range(5, 8), "train-2")
    assert run.steps() == list(range(1, 8))
    run.compact()
    assert run.steps() == list(range(1, 8))
    table = pq.read_table(run.metrics / run.generation / "points.parquet", columns=["attempt"]).to_pydict()
    assert table["attempt"] == [1] * 4 + [2] * 3 + [1] * 4 + [2] * 3


def test_system_metrics_are_never_superseded(run: Folders) -> None:
    write(run.events, "system-1", [row(step, {"a": 1.0}, "system") for step in range(5)])
    run.compact()
    write(run.events, "train-2", [resumed(1)])
    assert RunMetrics(run.events, run.metrics).series("a", "system").total == 5
    assert run.compact().points == 5


def test_a_run_that_was_never_logged_is_compacted_to_nothing(run: Folders) -> None:
    assert (run.compact().points, run.compact().series) == (0, 0)


def test_points_that_do_not_fit_in_memory_go_through_files(run: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spill.Spill.__init__, "__defaults__", (50,))
    monkeypatch.setattr("workbench.metrics.store.logs._CHUNK_BYTES", 1000)
    for begin in range(0, 200, 40):
        run.log(range(begin, begin + 40), f"train-1.{begin}")
    spilled = []
    real = spill.Spill._put_away
    monkeypatch.setattr(spill.Spill, "_put_away", lambda self: (spilled.append(1), real(self)))
    run.compact()
    assert len(spilled) > 3
    assert run.steps() == list(range(200))
    assert not [name for name in run.files() if "spill" in name]


def test_only_one_process_compacts_and_another_returns_at_once(run: Folders) -> None:
    run.log(range(10))
    run.metrics.mkdir()
    with (run.metrics / "compact.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert compact(run.events, run.metrics) is None
    with compaction._alone(run.metrics, 0.0) as free:
        assert free
        assert compact(run.events, run.metrics) is None
        assert compact(run.events, run.metrics, wait_s=0.1) is None
    assert run.compact().points == 20


def test_who_waits_for_another_process_compacts_after_it(run: Folders) -> None:
    run.log(range(10))
    run.metrics.mkdir()
    file = (run.metrics / "compact.lock").open("w")
    fcntl.flock(file, fcntl.LOCK_EX)
    later = threading.Timer(0.2, file.close)
    later.start()
    done = compact(run.events, run.metrics, wait_s=20)
    later.join()
    assert done is not None
    assert done.points == 20


def test_logs_that_are_away_cost_nothing_of_what_was_compacted(run: Folders) -> None:
    run.log(range(10))
    run.compact()
    away = run.events.rename(run.events.with_name("away"))
    with pytest.raises(StorageError, match="is gone"):
        compact(run.events, run.metrics)
    assert RunMetrics(None, run.metrics).keys()
    away.rename(run.events)
    assert compaction.is_complete(run.events, run.metrics)


def test_a_run_that_was_deleted_is_not_made_again(run: Folders) -> None:
    run.log(range(10))
    shutil.rmtree(run.events.parent)
    with pytest.raises(StorageError):
        compact(run.events, run.metrics)
    assert not run.events.parent.exists()


def test_what_a_killed_round_left_is_removed_by_the_next_one(run: Folders) -> None:
    run.log(range(10))
    run.compact()
    left = run.metrics / "000002-0badcafe"
    left.mkdir()
    (left / "points.parquet").write_bytes(b"PAR1 half")
    (run.metrics / ".manifest.json.123-4567abcd.tmp").write_bytes(b"{")
    (run.metrics / "notes.txt").write_text("a person's")
    assert run.steps() == list(range(10))
    run.log(range(10, 12))
    run.compact()
    assert not left.exists()
    assert len(run.files()) == 5
    assert "notes.txt" in run.files()


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let no file of this process grow longer: what a full disk looks like."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("size", [1, 100, 2000, 6000])
def test_a_full_disk_is_a_storage_error_and_the_former_generation_stays(run: Folders, size: int) -> None:
    run.log(range(10))
    run.compact()
    generation, files = run.generation, run.files()
    run.log(range(10, 2000))
    with files_of_at_most(size), pytest.raises(StorageError, match="Could not write"):
        compact(run.events, run.metrics)
    assert (run.generation, run.files()) == (generation, files)
    assert run.steps() == list(range(2000))
    assert run.compact().points == 4000


def test_a_folder_that_cannot_be_made_is_a_storage_error(run: Folders) -> None:
    run.log(range(3))
    with pytest.raises(StorageError, match="/dev/null/metrics"):
        compact(run.events, Path("/dev/null/metrics"))


def test_it_is_due_when_the_logs_have_outgrown_the_last_generation(
    run: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "DUE_POINTS", 100)
    monkeypatch.setattr(compaction, "ALWAYS_DUE_POINTS", 400)
    assert not is_due(run.events, run.metrics)
    run.log(range(500))
    assert is_due(run.events, run.metrics)
    run.compact()
    assert not is_due(run.events, run.metrics)
    run.log(range(500, 600))  # 200 points: more than 100, less than a quarter of 1,000
    assert not is_due(run.events, run.metrics)
    run.log(range(600, 650))
    assert is_due(run.events, run.metrics)


def test_it_is_due_when_an_attempt_has_resumed_since(run: Folders) -> None:
    run.log(range(10))
    run.compact()
    write(run.events, "train-2", [{"at": 1.0, "kind": "log"}])
    assert not is_due(run.events, run.metrics)
    write(run.events, "train-3", [resumed(2)])
    assert is_due(run.events, run.metrics)
    run.compact()
    assert not is_due(run.events, run.metrics)


def test_the_command_compacts_one_run_and_says_what_is_wrong(run: Folders, capsys: pytest.CaptureFixture[str]) -> None:
    run.log(range(10))
    assert main([str(run.events), str(run.metrics)]) == 0
    assert open_generation(LocalFolder(run.metrics)) is not None
    assert main(["one"]) == 2
    assert main([str(run.events), "/dev/null/metrics"]) == 1
    assert "Expected two folders" in (said := capsys.readouterr().err)
    assert "Could not write" in said


@pytest.mark.slow
def test_the_command_runs_in_a_process_of_its_own(run: Folders) -> None:
    run.log(range(10))
    command = [sys.executable, "-m", "workbench.metrics.store.compact", str(run.events), str(run.metrics)]
    assert subprocess.run(command, check=True, capture_output=True).stderr == b""
    assert run.generation.startswith("000001-")


def test_a_manifest_is_what_was_written_or_damaged(run: Folders) -> None:
    write(run.events, "train-1", [row(1, {"a": math.inf, "b": math.nan})])
    run.compact()
    data = (run.metrics / "manifest.json").read_bytes()
    assert dump(parse(data)) == data
    for bad in (b"", b"{}", data[:-1], data.replace(b'"version":1', b'"version":2'), data.replace(b"row", b"wor")):
        with pytest.raises(DamagedError):
            parse(bad)
