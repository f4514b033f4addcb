"""A database that is open for reading only, in a real Postgres."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.bigger import Postgres
from workbench.database import Database, ProjectRow
from workbench.errors import StorageError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = Postgres()
    try:
        server.start("workbench")
        yield server.url("workbench")
    finally:
        server.close()


def test_postgres_refuses_to_change_what_is_open_for_reading_only(url: str) -> None:
    row = ProjectRow(name="a", note="", created_at="2026")
    with pytest.raises(StorageError):
        Database.open(Path(), url, readonly=True).count()  # no table is made either
    Database.open(Path(), url).put(row)
    seen = Database.open(Path(), url, readonly=True)
    assert seen.count()["projects"] == 1
    with pytest.raises(StorageError, match="read-only transaction"):
        seen.delete(ProjectRow, "a")
    assert seen.count()["projects"] == 1
