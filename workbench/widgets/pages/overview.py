"""The overview of a workspace or a project: how the runs stand, the best model, the trend, what is new.

What lives here: which numbers stand there. What does not: how they look (``templates/overview.html``).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from workbench.database import RunRow
from workbench.deployments.model import alive
from workbench.runs.model import RunState
from workbench.widgets.pages.figures import Axis, Line, chart
from workbench.widgets.pages.page import moment, number, page
from workbench.widgets.pages.visit import Visit

NEWEST: Final = 12
REFRESH_S: Final = 60  # while something goes on
STATES: Final = ("running", "queued", "cancelling", "completed", "failed", "crashed", "cancelled")
_FALLS: Final = re.compile(r"(?<![a-z])(?:loss|error|mae|mse|rmse|absrel)(?![a-z])")
_TREND: Final = 1000  # runs: more points than pixels tell nothing


@page("overview")
def overview(visit: Visit) -> Mapping[str, Any]:
    """Return what the overview's template needs."""
    workspace = visit.workspace
    project = visit.asked("project")
    rows = workspace.ledger.rows()
    projects = sorted({row.project for row in rows})
    chosen = [row for row in rows if row.project == project] if project in projects else rows
    states = Counter(row.state for row in chosen)
    measured = [row for row in chosen if row.kind == "train" and row.headline_value is not None]
    metric = headline(measured)
    same = [row for row in measured if row.headline_name == metric]
    endpoints = workspace.deployments.list()
    return {
        "refresh_s": REFRESH_S if any(running(row.state) for row in chosen) else 0,
        "project": project if project in projects else "",
        "projects": projects,
        "total": len(chosen),
        "states": [(state, states[state]) for state in STATES if states[state]],
        "metric": metric,
        "best": best(same),
        "others": _others(measured, metric),
        "trend": trend(visit, same),
        "measured": len(same),
        "newest": chosen[:NEWEST],
        "datasets": [(dataset.name, sum(dataset.images.values())) for dataset in workspace.datasets.list()],
        "endpoints": [(endpoint.name, alive(endpoint)) for endpoint in endpoints],
    }


def headline(measured: Sequence[RunRow]) -> str:
    """Return the metric that the newest runs are judged by: that of most of them."""
    counted = Counter(row.headline_name for row in measured[:50])
    return str(counted.most_common(1)[0][0]) if counted else ""


def best(measured: Sequence[RunRow]) -> RunRow | None:
    """Return the best of some runs with the same metric; of equals, the first."""
    if not measured:
        return None
    falls = less_is_better(str(measured[0].headline_name))
    return min(reversed(measured), key=lambda row: _value(row) if falls else -_value(row))


def less_is_better(metric: str) -> bool:
    """Return whether a metric falls while a model improves."""
    return _FALLS.search(metric.lower()) is not None


def trend(visit: Visit, measured: Sequence[RunRow]) -> Markup:
    """Return the metric of each run over time, and the best so far; empty for fewer than two runs."""
    points = [(moment(row.created_at).timestamp(), _value(row)) for row in reversed(measured[:_TREND])]
    if len(points) < 2:
        return Markup("")
    better = min if less_is_better(str(measured[0].headline_name)) else max
    record, so_far = [], points[0][1]
    for at, value in points:
        so_far = better(so_far, value)
        record.append((at, so_far))
    texts = visit.texts
    name = texts["trend_name"].format(measured[0].headline_name, len(points), number(points[-1][1]), number(so_far))
    ends = (f"{moment(points[0][0]):%Y-%m-%d}", f"{moment(points[-1][0]):%Y-%m-%d}")
    lines = [Line(texts["best_so_far"], record, step=True), Line(texts["each_run"], points, dots=True)]
    return chart(name, lines, Axis(ends))


def _others(measured: Sequence[RunRow], metric: str) -> list[RunRow]:
    """Return the best run by each of the other metrics: other tasks have their own."""
    names = sorted({str(row.headline_name) for row in measured} - {metric})
    found = (best([row for row in measured if row.headline_name == name]) for name in names)
    return [row for row in found if row is not None]


def running(state: str) -> bool:
    """Return whether a run of that state may still change."""
    return not RunState(state).ended


def _value(row: RunRow) -> float:
    return float(row.headline_value or 0.0)
