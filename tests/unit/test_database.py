"""The view that answers quickly."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from workbench.database import Database, ProjectRow
from workbench.errors import RequestError, StorageError

pytestmark = pytest.mark.slow

OPEN = """
import sys
from pathlib import Path
from workbench.database import Database, ProjectRow
Database.open(Path(sys.argv[1])).put(ProjectRow(name=sys.argv[2], note="", created_at="now"))
"""


def row(name: str = "a", note: str = "") -> ProjectRow:
    return ProjectRow(name=name, note=note, created_at="2026-01-01T00:00:00.000Z")


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database.open(tmp_path / "workbench.db")


def test_a_put_replaces_the_row_of_the_same_key(database: Database) -> None:
    database.put(row(note="one"))
    database.put(row(note="two"))
    assert [found["note"] for found in database.dump()["projects"]] == ["two"]
    assert database.count()["projects"] == 1


def test_deleting_what_is_not_there_is_no_error(database: Database) -> None:
    database.put(row())
    for _ in range(2):
        database.delete(ProjectRow, "a")
    assert database.count()["projects"] == 0


def test_a_transaction_that_fails_changes_nothing(database: Database) -> None:
    with pytest.raises(KeyError), database.transaction() as session:  # noqa: PT012
        session.add(row())
        session.flush()
        raise KeyError
    assert database.count()["projects"] == 0


def test_replacing_all_empties_every_table_first(database: Database) -> None:
    database.put(row("old"))
    database.replace_all([row("new")])
    assert [found["name"] for found in database.dump()["projects"]] == ["new"]


def test_a_rebuild_that_fails_keeps_the_old_rows(database: Database) -> None:
    database.put(row("old"))
    with pytest.raises(StorageError):
        database.replace_all([row("twice"), row("twice")])
    assert [found["name"] for found in database.dump()["projects"]] == ["old"]


def test_writers_at_once_wait_for_each_other(database: Database) -> None:
    problems: list[Exception] = []

    def write(start: int) -> None:
        try:
            for number in range(start, start + 15):
                database.put(row(f"p{number}"))
        except StorageError as error:
            problems.append(error)

    threads = [threading.Thread(target=write, args=(start,)) for start in (0, 100, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert database.count()["projects"] == 45


def test_processes_that_make_the_same_database_at_once_all_succeed(tmp_path: Path) -> None:
    path = tmp_path / "workbench.db"
    processes = [subprocess.Popen([sys.executable, "-c", OPEN, str(path), f"p{number}"]) for number in range(4)]
    assert [process.wait(30) for process in processes] == [0] * 4
    assert Database.open(path).count()["projects"] == 4


def test_a_damaged_file_is_a_storage_error_that_names_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "workbench.db"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(StorageError, match="doctor --rebuild"):
        Database.open(path)


def test_a_database_in_no_folder_is_a_storage_error() -> None:
    with pytest.raises(StorageError, match="unable to open"):
        Database.open(Path("/dev/null/x/workbench.db"))


@pytest.mark.parametrize("url", ["nonsense-hunter2", "nosuch://me:hunter2@host/db"])
def test_a_url_that_is_none_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(RequestError, match="DATABASE_URL") as caught:
        Database.open(Path("x"), url)
    assert "hunter2" not in str(caught.value)


def test_a_server_that_is_away_is_a_storage_error_without_its_password() -> None:
    with pytest.raises(StorageError, match="did not answer") as caught:
        Database.open(Path("x"), "postgres://me:hunter2@127.0.0.1:9/db")
    assert "hunter2" not in str(caught.value)
