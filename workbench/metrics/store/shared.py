"""The live points of runs on other machines, from a database that all of them reach.

What lives here: reading what the tracker ``database`` wrote, and going on from there. What does not: writing it
(``tracking.database``), the logs of this machine (``reader``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pyarrow as pa
from sqlalchemy import select

from workbench.database import Database, MetricRow

LIMIT = 100_000
SCHEMA = pa.schema(
    [
        ("scope", pa.string()),
        ("name", pa.string()),
        ("step", pa.int64()),
        ("at", pa.float64()),
        ("value", pa.float64()),
        ("epoch", pa.int64()),
    ]
)


@dataclass(frozen=True)
class LivePoints:
    """Points of a run that came or changed.

    Attributes:
        table: ``scope``, ``name``, ``step``, ``at`` (unix seconds), ``value`` (float64, NaN and the infinities are
            possible) and ``epoch`` (null when there is none), in the order in which they came.
        sequence: to go on from.
        more: whether there are more by now.
    """

    table: pa.Table
    sequence: int
    more: bool


def live_points(database: Database, run: str, since: int = 0, limit: int = LIMIT) -> LivePoints:
    """Return the points of a run that came or changed after a sequence.

    Args:
        database: where the runs of several machines are.
        run: its id; of a run that nobody told of there are no points.
        since: the ``sequence`` of an earlier call; 0 for all.
        limit: about how many points at most: what was written together is read together.

    Raises:
        StorageError: when the database does not answer.
    """
    database.make_tracker_tables()
    new = MetricRow.run == run, MetricRow.sequence > since
    columns = (*(getattr(MetricRow, name) for name in SCHEMA.names), MetricRow.sequence)
    with database.transaction() as session:
        ordered = select(MetricRow.sequence).where(*new).order_by(MetricRow.sequence)
        last = session.scalar(ordered.offset(limit - 1).limit(1))
        query = select(*columns).where(*new).order_by(MetricRow.sequence, MetricRow.at)
        rows = session.execute(query if last is None else query.where(MetricRow.sequence <= last)).all()
        beyond = select(MetricRow.step).where(MetricRow.run == run, MetricRow.sequence > (last or 0)).limit(1)
        more = last is not None and session.scalar(beyond) is not None
    found = list(zip(*rows, strict=True)) or [()] * len(columns)
    values = [math.nan if value is None else value for value in found[4]]  # SQLite knows no NaN
    arrays = [*found[:4], values, found[5]]
    table = pa.table([pa.array(column, kind) for column, kind in zip(arrays, SCHEMA.types, strict=True)], schema=SCHEMA)
    return LivePoints(table, max(found[6], default=since), more)
