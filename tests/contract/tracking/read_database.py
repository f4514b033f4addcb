"""What the tables of the tracker ``database`` hold of a run."""

from __future__ import annotations

import math
from typing import Any

from sqlalchemy import select

from tests.contract.tracking.suite import Remote, RemoteModel
from workbench.database import Database, MetricRow, TrackedItemRow, TrackedRunRow


def rows_of(database: Database, remote: str) -> Remote:
    """Return a run as the contract wants it."""
    with database.transaction() as session:
        run = session.get_one(TrackedRunRow, remote)
        points = list(session.scalars(select(MetricRow).where(MetricRow.run == remote)))
        items = list(session.scalars(select(TrackedItemRow).where(TrackedItemRow.run == remote)))
    series: dict[tuple[str, str], list[tuple[int, float, float]]] = {}
    for row in points:
        value = math.nan if row.value is None else row.value
        series.setdefault((row.scope, row.name), []).append((row.step, value, row.at))
    others = [item for item in items if item.kind not in {"text", "model"}]
    return Remote(
        state=run.state,
        config=_words(run.told),
        series=series,
        files={(item.kind, item.name): item.data["sha256"] for item in others},
        models=[RemoteModel(i.name, i.data["alias"], i.data["sha256"]) for i in items if i.kind == "model"],
        texts={item.name: [(item.step, item.data["text"])] for item in items if item.kind == "text"},
    )


def _words(told: dict[str, Any]) -> dict[str, str]:
    facts = {f"{group}.{name}": value for group in ("dataset", "code") for name, value in told[group].items()}
    return {name: str(value) for name, value in {**told["config"], **facts}.items()}
