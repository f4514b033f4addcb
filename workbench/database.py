"""The database: a view of the workspace's folders that answers quickly.

What lives here: tables and connections (SQLite in WAL mode, or Postgres by DATABASE_URL). What does not: the truth,
which is in the folders. ``workbench doctor --rebuild`` makes every row again from them, but those of the tracker
``database``, which come from the runs' logs (``workbench trackers sync --again``).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import (
    JSON,
    BigInteger,
    Engine,
    Float,
    Index,
    String,
    Text,
    create_engine,
    event,
    func,
    inspect,
    make_url,
    select,
)
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import NullPool

from workbench.errors import RequestError, StorageError


class Base(DeclarativeBase):
    """The workspace's tables."""

    def row(self) -> dict[str, Any]:
        """Return the columns as a dict."""
        return {column.name: getattr(self, column.name) for column in self.__table__.columns}


class ProjectRow(Base):
    """A project: what runs and sessions belong to."""

    __tablename__ = "projects"
    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    note: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[str] = mapped_column(String(32))


class SessionRow(Base):
    """A session: what was done in one sitting in a project."""

    __tablename__ = "sessions"
    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    project: Mapped[str] = mapped_column(String(80), index=True)
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[str] = mapped_column(String(32))


class DatasetRow(Base):
    """A registered dataset."""

    __tablename__ = "datasets"
    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    uri: Mapped[str] = mapped_column(Text)
    task: Mapped[str] = mapped_column(String(16))
    digest: Mapped[str] = mapped_column(String(64), index=True)
    images: Mapped[dict[str, int]] = mapped_column(JSON)
    created_at: Mapped[str] = mapped_column(String(32))


class RunRow(Base):
    """A run, as its folder tells it."""

    __tablename__ = "runs"
    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), index=True)
    notebook: Mapped[str] = mapped_column(String(80))
    project: Mapped[str] = mapped_column(String(80), index=True)
    session: Mapped[str] = mapped_column(String(80), index=True)
    name: Mapped[str] = mapped_column(String(200), default="")
    tags: Mapped[list[str]] = mapped_column(JSON)
    note: Mapped[str] = mapped_column(Text, default="")
    model: Mapped[str | None] = mapped_column(Text)
    dataset: Mapped[str | None] = mapped_column(String(80), index=True)
    source: Mapped[str | None] = mapped_column(String(80), index=True)
    state: Mapped[str] = mapped_column(String(16), index=True)
    created_at: Mapped[str] = mapped_column(String(32), index=True)
    seconds: Mapped[float | None] = mapped_column(Float)
    headline_name: Mapped[str | None] = mapped_column(String(80))
    headline_value: Mapped[float | None] = mapped_column(Float)


class ExportRow(Base):
    """An exported model; ``run`` is the export run that made it."""

    __tablename__ = "exports"
    run: Mapped[str] = mapped_column(String(80), primary_key=True)
    source: Mapped[str] = mapped_column(Text, index=True)
    format: Mapped[str] = mapped_column(String(16))
    bytes: Mapped[int] = mapped_column()
    parity: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[str] = mapped_column(String(32))


class DeploymentRow(Base):
    """A deployment of an export."""

    __tablename__ = "deployments"
    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    export: Mapped[str] = mapped_column(String(80), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    url: Mapped[str] = mapped_column(Text)
    created_at: Mapped[str] = mapped_column(String(32))


class TrackerBase(DeclarativeBase):
    """The tables of the tracker ``database``: they are fed like any other tracker, and no rebuild touches them."""


class TrackedRunRow(TrackerBase):
    """A run as the tracker was told of it; ``sequence`` counts the batches that changed its metrics."""

    __tablename__ = "tracked_runs"
    run: Mapped[str] = mapped_column(String(80), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(String(16))
    project: Mapped[str] = mapped_column(String(80), index=True)
    session: Mapped[str] = mapped_column(String(80))
    state: Mapped[str] = mapped_column(String(16), index=True)
    reason: Mapped[str] = mapped_column(Text, default="")
    attempt: Mapped[int] = mapped_column()
    started_at: Mapped[float] = mapped_column(Float)
    ended_at: Mapped[float | None] = mapped_column(Float)
    told: Mapped[dict[str, Any]] = mapped_column(JSON)
    final: Mapped[dict[str, Any]] = mapped_column(JSON)
    sequence: Mapped[int] = mapped_column(BigInteger, default=0)


class MetricRow(TrackerBase):
    """A point; of one step the last that was measured. SQLite has no NaN: there ``value`` is NULL for it."""

    __tablename__ = "metrics"
    run: Mapped[str] = mapped_column(String(80), primary_key=True)
    scope: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    step: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[float] = mapped_column(Float(53))
    value: Mapped[float | None] = mapped_column(Float(53))
    epoch: Mapped[int | None] = mapped_column()
    sequence: Mapped[int] = mapped_column(BigInteger)
    __table_args__ = (Index("metrics_by_sequence", "run", "sequence"), {"sqlite_with_rowid": False})


class TrackedItemRow(TrackerBase):
    """A text, a file or a registered model of a run: what it is stands in ``data``."""

    __tablename__ = "tracked_items"
    run: Mapped[str] = mapped_column(String(80), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    step: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[float] = mapped_column(Float(53))
    data: Mapped[dict[str, Any]] = mapped_column(JSON)


TABLES: tuple[type[Base], ...] = (ProjectRow, SessionRow, DatasetRow, RunRow, ExportRow, DeploymentRow)


class Database:
    """Connections to the workspace's database.

    Args:
        url: a SQLAlchemy URL; the tables are made when missing.
        readonly: whether nothing can be changed through these connections, and nothing is made.

    Raises:
        RequestError: when the URL is none, or its driver is not installed.
        StorageError: when the database cannot be opened.
    """

    def __init__(self, url: str, *, readonly: bool = False) -> None:
        self._tracked = readonly  # then nothing is made
        try:
            self.engine = _reading(url) if readonly else create_engine(url)
        except (ArgumentError, ImportError) as error:  # the URL itself may hold a password
            raise RequestError(
                f"DATABASE_URL names a database that cannot be used: {type(error).__name__}.",
                "A URL such as postgresql://user:password@host/name, and its driver: `pip install "
                "'vision-workbench[postgres]'`.",
                "Correct or unset DATABASE_URL.",
            ) from None
        if readonly:
            return
        if self.engine.dialect.name == "sqlite":
            event.listen(self.engine, "connect", _tune_sqlite)
            event.listen(self.engine, "begin", _begin_immediate)
        with self._errors():
            Base.metadata.create_all(self.engine)

    @classmethod
    def open(cls, file: Path, url: str | None = None, *, readonly: bool = False) -> Database:
        """Open the database at ``url``, or the SQLite file of the embedded default."""
        return cls(_driver(url) if url else f"sqlite:///{file}", readonly=readonly)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Give a session that commits on leaving and rolls back on an error.

        Raises:
            StorageError: when the database does not answer or its file is damaged.
        """
        with self._errors(), Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    def make_tracker_tables(self) -> None:
        """Make the tracker's tables when they are missing.

        Raises:
            StorageError: as ``transaction``.
        """
        if not self._tracked:
            with self._errors():
                TrackerBase.metadata.create_all(self.engine)
            self._tracked = True

    def put(self, *rows: Base) -> None:
        """Insert rows, or replace those with the same key."""
        with self.transaction() as session:
            for row in rows:
                session.merge(row)

    def delete(self, table: type[Base], key: str) -> None:
        """Delete a row; a missing one is no error."""
        with self.transaction() as session:
            row = session.get(table, key)
            if row is not None:
                session.delete(row)

    def replace_all(self, rows: list[Base]) -> None:
        """Empty every table and insert ``rows``, in one transaction."""
        with self.transaction() as session:
            for table in TABLES:
                session.query(table).delete()
            session.add_all(rows)

    def dump(self) -> dict[str, list[dict[str, Any]]]:
        """Return every table as rows ordered by key: what a rebuild is compared with."""
        with self.transaction() as session:
            return {
                table.__tablename__: [
                    row.row() for row in session.scalars(select(table).order_by(*inspect(table).primary_key))
                ]
                for table in TABLES
            }

    def count(self) -> dict[str, int]:
        """Return the number of rows of each table."""
        with self.transaction() as session:
            return {
                table.__tablename__: session.scalar(select(func.count()).select_from(table)) or 0 for table in TABLES
            }

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, DatabaseError) as error:
            raise StorageError(
                f"The database {self.engine.url.render_as_string(hide_password=True)} did not answer: {error.orig}.",
                "A readable and writable database.",
                "Check the path or DATABASE_URL; a damaged SQLite file may be deleted and made again with "
                "`workbench doctor --rebuild`.",
            ) from error


def _driver(url: str) -> str:
    for prefix in ("postgres://", "postgresql://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    return url


def _reading(url: str) -> Engine:
    """Return an engine whose connections cannot change anything."""
    if not url.startswith("sqlite:"):
        return create_engine(url, connect_args={"options": "-c default_transaction_read_only=on"})
    file = Path(str(make_url(url).database)).absolute()
    # No pool: SQLite's two files beside it are gone again as soon as nobody reads.
    return create_engine(url, creator=lambda: _open_to_read(file), poolclass=NullPool)


def _open_to_read(file: Path) -> sqlite3.Connection:
    address = f"file:{quote(str(file))}"
    try:
        # Not mode=ro, which leaves those two files behind: whoever may not write them reads the file by itself.
        connection = sqlite3.connect(f"{address}?mode=rw", uri=True, timeout=30, check_same_thread=False)
        connection.execute("PRAGMA query_only=ON")
        connection.execute("SELECT 1 FROM sqlite_master")
    except sqlite3.OperationalError:
        if not file.is_file():
            raise
        connection = sqlite3.connect(f"{address}?immutable=1", uri=True, check_same_thread=False)
    return connection


def _tune_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN is deferred; ours is below
    cursor = connection.cursor()
    for pragma in ("busy_timeout=30000", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Any) -> None:
    # A deferred transaction that reads first and writes later fails at once in WAL mode, whatever busy_timeout says.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
