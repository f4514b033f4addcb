"""The tracker ``database``: rows of runs and metrics where DATABASE_URL points, or in the workspace's SQLite file.

What lives here: turning records into rows, each once. What does not: the tables (``workbench.database``), reading them
while they grow (``metrics.store.shared``).

Every statement puts a row or replaces the one with the same key, so what is told twice counts once. A batch is one
transaction, which first counts ``tracked_runs.sequence`` up: whoever has read up to a sequence has seen all before it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from sqlalchemy import select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from workbench import settings, storage
from workbench.database import Database, TrackedItemRow, TrackedRunRow
from workbench.errors import RequestError, StorageError, TrackerError
from workbench.metrics.encode import number
from workbench.paths import WorkspacePaths
from workbench.tracking.base import Ended, File, Item, Measured, Model, Started, Text

_COLUMNS = ("scope", "name", "step", "at", "value", "epoch")
_SQLITE = """
INSERT INTO metrics (run, sequence, scope, name, step, at, value, epoch)
VALUES (:run, :sequence, :scope, :name, :step, :at, :value, :epoch)
ON CONFLICT (run, scope, name, step) DO UPDATE
SET at = excluded.at, value = excluded.value, epoch = excluded.epoch, sequence = excluded.sequence
WHERE metrics.at IS NOT excluded.at OR metrics.value IS NOT excluded.value OR metrics.epoch IS NOT excluded.epoch
"""
# One statement for the whole batch: a statement for each row makes a tenth of the rows a second.
_POSTGRES = """
INSERT INTO metrics (run, sequence, scope, name, step, at, value, epoch)
SELECT CAST(:run AS text), CAST(:sequence AS bigint), points.*
FROM unnest(
    CAST(:scope AS text[]), CAST(:name AS text[]), CAST(:step AS bigint[]),
    CAST(:at AS double precision[]), CAST(:value AS double precision[]), CAST(:epoch AS integer[])
) AS points
ON CONFLICT (run, scope, name, step) DO UPDATE
SET at = excluded.at, value = excluded.value, epoch = excluded.epoch, sequence = excluded.sequence
WHERE (metrics.at, metrics.value, metrics.epoch) IS DISTINCT FROM (excluded.at, excluded.value, excluded.epoch)
"""


class DatabaseTracker:
    """Keeps runs as rows.

    Args:
        folder: private to this run and backend, in the run's folder; it tells the workspace.
        url: the database; left out, DATABASE_URL, else the workspace's SQLite file.
    """

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self._layout, self._url, self._run = WorkspacePaths(folder.parents[3]), url, ""
        self._database: Database | None = None

    @property
    def url(self) -> str | None:
        """No person can open it."""
        return None

    def open(self, started: Started, remote: str | None) -> str:
        """Put the run's row."""
        self._run = remote or started.run
        told = cast("dict[str, Any]", _plain(asdict(started)))
        values = {
            "name": _clean(started.name),
            "kind": started.kind,
            "project": started.project,
            "session": started.session,
            "state": "running",
            "reason": "",
            "attempt": started.attempt,
            "started_at": started.at,
            "ended_at": None,
            "told": told,
        }
        with self._transaction() as session:
            query = self._insert(session, TrackedRunRow).values(run=self._run, final={}, sequence=0, **values)
            session.execute(query.on_conflict_do_update(index_elements=["run"], set_=values))
        return self._run

    def send(self, items: Sequence[Item]) -> None:
        """Put the rows of a batch, in one transaction."""
        points = list(_points(items).values())
        others = [row for item in items if (row := self._item(item)) is not None]
        if not points and not others:
            return
        with self._transaction() as session:
            if points:
                self._put_points(session, points)
            for row in others:
                query = self._insert(session, TrackedItemRow).values(**row)
                keys = ["run", "kind", "name", "step"]
                session.execute(query.on_conflict_do_update(index_elements=keys, set_=row))
                if row["kind"] == "model":
                    self._take_alias(session, row)

    def close(self, ended: Ended | None) -> None:
        """Note how the run ended."""
        if ended is not None:
            final = {name: number(value) for name, value in ended.metrics.items()}
            values = {"state": ended.state, "reason": _clean(ended.reason), "ended_at": ended.at, "final": final}
            with self._transaction() as session:
                session.execute(update(TrackedRunRow).where(TrackedRunRow.run == self._run).values(**values))
        if self._database is not None:
            self._database.engine.dispose()
            self._database = None

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        try:
            with self._connect().transaction() as session:
                yield session
        except RequestError as error:
            raise TrackerError(error.happened, error.expected, error.todo, retry=False) from error
        except StorageError as error:
            raise TrackerError(error.happened, error.expected, error.todo) from error

    def _connect(self) -> Database:
        if self._database is None:
            found = settings.load().database_url
            url = self._url or (found.get_secret_value() if found else None)
            self._database = Database.open(self._layout.database, url)
            self._database.make_tracker_tables()
        return self._database

    def _insert(self, session: Session, table: Any) -> Any:
        postgres = session.get_bind().dialect.name == "postgresql"
        return postgresql.insert(table) if postgres else sqlite.insert(table)

    def _put_points(self, session: Session, points: list[dict[str, Any]]) -> None:
        count = update(TrackedRunRow).where(TrackedRunRow.run == self._run)
        sequence = session.scalar(count.values(sequence=TrackedRunRow.sequence + 1).returning(TrackedRunRow.sequence))
        same = {"run": self._run, "sequence": sequence}
        if session.get_bind().dialect.name == "postgresql":
            columns = {column: [point[column] for point in points] for column in _COLUMNS}
            session.execute(text(_POSTGRES), {**same, **columns})
        else:
            session.connection().exec_driver_sql(_SQLITE, cast("Any", [{**same, **point} for point in points]))

    def _item(self, item: Item) -> dict[str, Any] | None:
        match item:
            case Text():
                data: dict[str, Any] = {"text": _clean(item.text)}
                return self._row("text", item.name, item.step, item.at, data)
            case File():
                if not item.path.is_file():
                    return None
                digest = item.sha256 or storage.sha256(item.path)
                data = {"path": str(item.path), "sha256": digest, "bytes": item.path.stat().st_size}
                return self._row(item.kind, item.name, -1 if item.step is None else item.step, item.at, data)
            case Model():
                data = _plain({**asdict(item), "path": str(item.path)})
                return self._row("model", item.name, -1, item.at, data)
        return None

    def _row(self, kind: str, name: str, step: int, at: float, data: dict[str, Any]) -> dict[str, Any]:
        return {"run": self._run, "kind": kind, "name": _clean(name), "step": step, "at": at, "data": data}

    def _take_alias(self, session: Session, row: dict[str, Any]) -> None:
        """Leave the alias to the newest version of the model."""
        named = TrackedItemRow.name == row["name"], TrackedItemRow.kind == "model"
        newest, *older = session.scalars(
            select(TrackedItemRow).where(*named).order_by(TrackedItemRow.at.desc(), TrackedItemRow.run.desc())
        )
        for version in older:
            if version.data.get("alias") == newest.data.get("alias"):
                version.data = {**version.data, "alias": ""}


def _points(items: Iterable[Item]) -> dict[tuple[str, str, int], dict[str, Any]]:
    """Return the rows of a batch by key: of one step the last counts, and one statement may name a row once."""
    found: dict[tuple[str, str, int], dict[str, Any]] = {}
    for item in items:
        if isinstance(item, Measured):
            for name, value in item.values.items():
                key = (item.scope, name, item.step)
                found[key] = dict(zip(_COLUMNS, (*key, item.at, value, item.epoch), strict=True))
    return found


def _clean(text_: str) -> str:
    """Return a text that Postgres takes: it knows no NUL character."""
    return text_.replace("\x00", "\N{REPLACEMENT CHARACTER}")


def _plain(value: Any) -> Any:
    """Return what JSON can hold, with words for numbers that are not finite."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return number(value)
    return _clean(value) if isinstance(value, str) else value
