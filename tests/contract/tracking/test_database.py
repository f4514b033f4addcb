"""The tracker ``database`` keeps the contract in SQLite and in a real Postgres."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.contract.tracking.read_database import rows_of
from tests.contract.tracking.suite import AT, STARTED, Backend, Remote, TrackerContract, rows
from tests.faults.bigger import Postgres
from workbench.database import Database, MetricRow, TrackedItemRow, TrackedRunRow
from workbench.errors import TrackerError
from workbench.metrics.store.shared import live_points
from workbench.rebuild import drift, rebuild
from workbench.tracking.base import Ended, Measured, Model
from workbench.tracking.database import DatabaseTracker
from workbench.workspace import Workspace

DATABASES = ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    try:
        server.start("tracked")
        yield server
    finally:
        server.close()


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path, plain_environment: None) -> Iterator[str | None]:
    if request.param == "sqlite":
        yield None
        return
    server = request.getfixturevalue("postgres")
    found = server.url("tracked")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", found)
        yield found
    empty(found)


def empty(url: str) -> None:
    database = Database.open(Path(), url)
    with database.transaction() as session:
        for table in (MetricRow, TrackedItemRow, TrackedRunRow):
            session.query(table).delete()
    database.engine.dispose()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The private folder of the tracker: its database is the workspace's, four folders up."""
    path = tmp_path / "ws" / "runs" / STARTED.run / "trackers" / "database"
    path.mkdir(parents=True)
    return path


def open_database(folder: Path, url: str | None) -> Database:
    return Database.open(folder.parents[3] / "workbench.db", url)


@pytest.fixture
def backend(folder: Path, url: str | None) -> Backend:
    def readback(remote: str, _folder: Path) -> Remote:
        database = open_database(folder, url)
        found = rows_of(database, remote)
        database.engine.dispose()
        return found

    variables = {"DATABASE_URL": url} if url else {}
    return Backend(DatabaseTracker, readback, folder, "workbench.tracking.database:DatabaseTracker", variables)


class TestDatabase(TrackerContract):
    pass


def test_a_batch_that_changes_nothing_leaves_its_rows_as_old_as_they_are(
    backend: Backend, folder: Path, url: str | None
) -> None:
    tracker = DatabaseTracker(folder)
    tracker.open(STARTED, None)
    tracker.send(rows("batch", 1, 5))
    tracker.send([*rows("batch", 1, 5), Measured("batch", 3, {"train/box_loss": 9.0}, AT + 50, serial=6)])
    tracker.close(None)
    database = open_database(folder, url)
    with database.transaction() as session:
        found = {row.step: row.sequence for row in session.scalars(select(MetricRow))}
    database.engine.dispose()
    assert found == {1: 1, 2: 1, 3: 2, 4: 1, 5: 1}


def test_the_newest_version_of_a_model_has_the_alias(
    backend: Backend, folder: Path, url: str | None, checkpoint: Path
) -> None:
    for number in (1, 2, 1):
        run = replace(STARTED, run=f"train-{number}")
        tracker = DatabaseTracker(folder)
        tracker.open(run, None)
        tracker.send([Model("digits-detect", checkpoint, str(number) * 64, "detect", AT + number)])
        tracker.close(None)
    database = open_database(folder, url)
    with database.transaction() as session:
        found = {item.run: item.data["alias"] for item in session.scalars(select(TrackedItemRow))}
    database.engine.dispose()
    assert found == {"train-1": "", "train-2": "latest"}


def test_who_reads_on_from_a_sequence_misses_nothing_while_several_runs_write(
    backend: Backend, folder: Path, url: str | None
) -> None:
    runs, count = ("train-1", "train-2"), 400

    def write(run: str) -> None:
        tracker = DatabaseTracker(folder)
        tracker.open(replace(STARTED, run=run), None)
        for first in range(0, count, 20):
            tracker.send(rows("batch", first, 20))
        tracker.close(None)

    open_database(folder, url).make_tracker_tables()
    threads = [threading.Thread(target=write, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    database, sequence = open_database(folder, url), dict.fromkeys(runs, 0)
    found: dict[str, list[int]] = {run: [] for run in runs}
    writing = True
    while writing:
        writing = any(thread.is_alive() for thread in threads)
        for run in runs:
            new = live_points(database, run, sequence[run])
            sequence[run] = new.sequence
            found[run] += new.table.column("step").to_pylist()
    database.engine.dispose()
    assert found == {run: list(range(count)) for run in runs}


def test_a_rebuild_of_the_workspace_leaves_what_the_tracker_was_told(workspace: Workspace) -> None:
    folder = workspace.paths.run("train-1").trackers / "database"
    tracker = DatabaseTracker(folder)
    tracker.open(STARTED, None)
    tracker.send(rows("batch", 1, 5))
    tracker.close(None)
    rebuild(workspace)
    assert drift(workspace) == []
    with workspace.database.transaction() as session:
        assert len(list(session.scalars(select(MetricRow)))) == 5


@pytest.mark.parametrize(
    ("address", "retry"),
    [
        ("postgresql://me:geheim@127.0.0.1:1/tracked", True),
        ("carrier-pigeon://me:geheim@host/tracked", False),
        ("not an address, geheim", False),
    ],
)
def test_a_database_that_cannot_be_reached_is_an_error_without_its_password(
    folder: Path, address: str, retry: bool
) -> None:
    with pytest.raises(TrackerError) as caught:
        DatabaseTracker(folder, address).open(STARTED, None)
    assert caught.value.fields.get("retry", True) is retry
    assert "geheim" not in str(caught.value)


def test_a_database_that_went_away_is_used_again_when_it_is_back(folder: Path, plain_environment: None) -> None:
    tracker, file = DatabaseTracker(folder), folder.parents[3] / "workbench.db"
    tracker.open(STARTED, None)
    for name in ("", "-wal", "-shm"):
        Path(f"{file}{name}").unlink(missing_ok=True)
    file.write_bytes(b"this is no database" * 1000)
    with pytest.raises(TrackerError):
        DatabaseTracker(folder).open(STARTED, None)
    file.unlink()
    again = DatabaseTracker(folder)
    again.open(STARTED, STARTED.run)
    again.send(rows("batch", 1, 3))
    again.close(Ended("failed", AT))
    database = Database.open(file)
    with database.transaction() as session:
        assert len(list(session.scalars(select(MetricRow)))) == 3
    database.engine.dispose()


def test_nan_is_a_number_to_postgres(backend: Backend, folder: Path, url: str | None) -> None:
    if url is None:
        return
    tracker = DatabaseTracker(folder)
    tracker.open(STARTED, None)
    tracker.send([Measured("batch", 1, {"loss": math.nan}, AT, serial=1)])
    tracker.close(None)
    database = open_database(folder, url)
    with database.transaction() as session:
        assert math.isnan(session.scalars(select(MetricRow.value)).one() or 0.0)
    database.engine.dispose()
