"""A workspace that is open for reading only: nothing in it can be changed by the process that opened it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Record
from workbench import storage
from workbench.database import Database, ProjectRow
from workbench.deployments.model import Endpoint, write_record
from workbench.errors import ConflictError, StorageError, WorkbenchError
from workbench.runs.model import RunState
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow  # goes through much of the house

Contents = dict[str, tuple[int, bytes]]


@pytest.fixture(autouse=True)
def only_for_this_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the seal off afterwards: for other processes it is for good."""
    monkeypatch.setattr(storage, "_sealed", ())


@pytest.fixture
def run_id(workspace: Workspace, record: Record) -> str:
    going = record()
    workspace.paths.run(going).attempt(1).root.mkdir(parents=True)
    workspace.ledger.move(going, RunState.RUNNING, "attempt-1", attempt=1)
    return going


@pytest.fixture
def seen(workspace: Workspace, run_id: str) -> Workspace:
    """The workspace as somebody sees it who only reads."""
    workspace.database.engine.dispose()
    return Workspace(workspace.paths.root, settings=workspace.settings, readonly=True)


@pytest.fixture
def deployed(workspace: Workspace) -> Iterator[subprocess.Popen[bytes]]:
    """A deployment whose process is any that goes on."""
    import psutil

    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    folder = workspace.paths.deployments / "door"
    folder.mkdir(parents=True)
    started = psutil.Process(process.pid).create_time()
    write_record(Endpoint("door", "http://127.0.0.1:1", process.pid, 1, "2026-01-01", started, "/x", str(folder)))
    yield process
    process.kill()
    process.wait()


def contents(root: Path) -> Contents:
    """Return times and bytes of all files, by path."""
    found = sorted(path for path in root.rglob("*"))
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"") for path in found}


def test_what_is_there_is_seen_and_the_files_stay_as_they_are(seen: Workspace, run_id: str) -> None:
    before = contents(seen.paths.root)
    run = seen.run("last")
    assert (run.id, run.state, run.standing.attempt) == (run_id, RunState.RUNNING, 1)
    assert [project["name"] for project in seen.projects.list()] == ["default"]
    assert run.history.keys() == []
    seen.look()
    run.settle()
    assert contents(seen.paths.root) == before


def test_what_others_write_meanwhile_is_seen(seen: Workspace, workspace: Workspace) -> None:
    code = (
        "import sys; from pathlib import Path; from workbench.database import Database, ProjectRow;"
        "Database.open(Path(sys.argv[1])).put(ProjectRow(name='new', note='', created_at='2026'))"
    )
    subprocess.run([sys.executable, "-c", code, str(seen.paths.database)], check=True)
    assert [project["name"] for project in seen.projects.list()] == ["new", "default"]


@pytest.mark.parametrize(
    "change",
    [
        lambda ws, _run: ws.projects.create("another"),
        lambda ws, _run: ws.projects.open_session("default"),
        lambda ws, _run: ws.database.put(ProjectRow(name="x", note="", created_at="2026")),
        lambda ws, _run: ws.database.delete(ProjectRow, "default"),
        lambda ws, run: ws.run(run).cancel(),
        lambda ws, run: ws.dispatcher.submit(ws.ledger, run),
        lambda ws, run: ws.ledger.move(run, RunState.FAILED, "me"),
        lambda ws, _run: ws.datasets.add_sample(),
        lambda ws, _run: ws.notebook(Path(__file__).parents[2] / "notebooks/studio/workbench.ipynb"),
        lambda ws, _run: ws.deployments.stop("door"),
        lambda ws, _run: storage.put(ws.paths.root / "file", b""),
        lambda ws, run: storage.remove(ws.paths.run(run).root),
        lambda ws, _run: Workspace(ws.paths.root, settings=ws.settings),
    ],
)
def test_an_attempt_to_change_something_is_refused_in_three_beats(
    deployed: subprocess.Popen[bytes], seen: Workspace, run_id: str, change: Callable[[Workspace, str], object]
) -> None:
    before = contents(seen.paths.root)
    with pytest.raises(WorkbenchError) as caught:
        change(seen, run_id)
    assert all((caught.value.happened, caught.value.expected, caught.value.todo))
    assert contents(seen.paths.root) == before
    assert deployed.poll() is None


def test_code_that_does_not_know_of_it_finds_a_read_only_disk(seen: Workspace, tmp_path: Path) -> None:
    root, inside = seen.paths.root, next(path for path in seen.paths.runs.rglob("run.json"))
    before = contents(root)
    for change in (
        lambda: (root / "new").write_text("x"),
        lambda: inside.open("ab"),
        lambda: os.open(inside, os.O_RDWR),
        inside.unlink,
        lambda: inside.rename(tmp_path / "away"),
        (root / "folder").mkdir,
        lambda: (root / "link").symlink_to(inside),
        lambda: os.link(inside, root / "link"),
        lambda: inside.chmod(0o600),
        lambda: os.utime(inside),
        lambda: os.truncate(inside, 0),
        lambda: shutil.rmtree(root),
        lambda: (root / "runs" / ".." / "new").write_bytes(b""),
    ):
        with pytest.raises(OSError, match="Read-only file system"):
            change()
    assert contents(root) == before
    (tmp_path / "elsewhere").write_text("as ever")


def test_a_run_whose_process_is_gone_is_left_for_others_to_settle(seen: Workspace, run_id: str) -> None:
    assert seen.runs()[0].state is RunState.RUNNING
    with pytest.raises(ConflictError, match="reading only"):
        seen.run(run_id).cancel()


def test_a_folder_that_is_no_workspace_is_not_made_one(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="There is no folder"):
        Workspace(tmp_path / "none", settings=workspace.settings, readonly=True)
    assert not (tmp_path / "none").exists()


def test_a_missing_database_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="unable to open"):
        Database.open(tmp_path / "workbench.db", readonly=True).count()
    assert list(tmp_path.iterdir()) == []


def test_a_database_beside_which_nothing_may_be_written_is_read_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "workbench.db"
    written = Database.open(file)
    written.put(ProjectRow(name="a", note="", created_at="2026"))
    written.engine.dispose()
    (tmp_path / "workbench.db-shm").mkdir()  # where SQLite would put a file
    assert Database.open(file, readonly=True).count()["projects"] == 1
