"""The page of one run, chosen by ``?run=``, or the list of all.

What lives here: which numbers stand there. What does not: how they look (``templates/run.html``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from markupsafe import Markup

from workbench.errors import StorageError
from workbench.metrics.store.points import Key
from workbench.runs.model import RunResult, RunState
from workbench.runs.run import Run
from workbench.widgets.pages.figures import STYLES, Line, chart
from workbench.widgets.pages.overview import STATES, less_is_better
from workbench.widgets.pages.page import number, page
from workbench.widgets.pages.visit import Visit

LISTED: Final = 200
_POINTS: Final = 300
_CLASSES: Final = 20  # of a confusion matrix: more do not fit on a page
_NAMES: Final = 60


@page("run")
def run(visit: Visit) -> Mapping[str, Any]:
    """Return what the template of runs needs."""
    name = visit.asked("run")
    if not name:
        return {"run": None, **_listed(visit)}
    shown = visit.workspace.run(name)
    spec, standing = shown.spec, shown.standing
    result = shown.result if standing.state is RunState.COMPLETED else None
    return {
        "run": shown,
        "spec": spec,
        "standing": standing,
        "result": result,
        "beat": shown.heartbeat,
        "progress": _progress(shown),
        "figures": _figures(visit, shown),
        "metrics": _metrics(shown, result),
        "settings": changed_settings(spec.config or spec.parameters),
        "confusion": _confusion(shown),
        "curves": _curves(shown),
    }


def _listed(visit: Visit) -> Mapping[str, Any]:
    rows = visit.workspace.ledger.rows()
    counted = Counter(row.state for row in rows)
    state = visit.asked("state")
    chosen = [row for row in rows if not state or row.state == state]
    return {
        "rows": chosen[:LISTED],
        "total": len(chosen),
        "chosen_state": state,
        "states": [(each, counted[each]) for each in STATES if counted[each]],
    }


def _progress(shown: Run) -> tuple[int, int] | None:
    """Return epochs done and in all; None for what has none."""
    epochs = (shown.spec.config or {}).get("epochs")
    if not isinstance(epochs, int) or epochs < 1:
        return None
    steps = [summary.last_step for key, summary in shown.history.summary().items() if key.scope == "epoch"]
    return min(int(max(steps, default=0)), epochs), epochs


def _figures(visit: Visit, shown: Run) -> list[tuple[str, list[str], Markup]]:
    """Return the charts: their titles, the names of their lines, and the lines over epochs."""
    keys = [key for key in shown.history.keys() if key.scope == "epoch"]  # noqa: SIM118  no dict
    groups: dict[str, list[Key]] = {"loss": [], "metrics": []}  # what is looked at first stands first
    for key in keys:
        groups.setdefault("loss" if less_is_better(key.name) else key.name.partition("/")[0], []).append(key)
    found = []
    for title, members in groups.items():
        lines = [_drawn(shown, key) for key in members[:STYLES]]
        figure = chart(f"{title}, {visit.texts['epoch']}", lines)
        if figure:
            found.append((title, [line.name for line in lines], figure))
    return found


def _drawn(shown: Run, key: Key) -> Line:
    series = shown.history.series(key.name, key.scope, points=_POINTS)
    return Line(key.name, list(zip(series.steps.tolist(), series.values.tolist(), strict=True)))


def _metrics(shown: Run, result: RunResult | None) -> list[tuple[str, float, float, float | None]]:
    """Return the metrics of epochs: name, last, best and final value."""
    final = {name: value for name, value in (result.metrics if result else {}).items() if isinstance(value, float)}
    rows: list[tuple[str, float, float, float | None]] = []
    for key, summary in shown.history.summary().items():
        if key.scope == "epoch":
            best = summary.min if less_is_better(key.name) else summary.max
            rows.append((key.name, summary.last, best, final.pop(key.name, None)))
    return rows[:_NAMES] + [(name, value, value, value) for name, value in final.items()]


def changed_settings(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the settings that are not as they are by themselves, by name; of other notebooks, all."""
    from workbench.config.schema import TrainingConfig

    usual = TrainingConfig().model_dump(mode="json")
    return [(name, _said(value)) for name, value in sorted(config.items()) if name not in usual or usual[name] != value]


def _said(value: object) -> str:
    return number(value) if isinstance(value, float) else str(value)


def _confusion(shown: Run) -> Mapping[str, Any] | None:
    with suppress(StorageError):  # a damaged file keeps nobody from the rest
        found = shown.media.confusion_matrix()
        if found is not None and len(found.names) <= _CLASSES:
            names = [*found.names, *(["–"] if found.has_background else [])]
            most = max(int(found.matrix.max()), 1)
            cells = [[(cell, cell / most) for cell in row] for row in found.matrix.tolist()]
            return {"names": names, "rows": list(zip(names, cells, strict=True))}
    return None


def _curves(shown: Run) -> list[tuple[str, list[str], Markup]]:
    """Return the curves: precision over recall and their like, each with the names of its lines."""
    found: list[tuple[str, list[str], Markup]] = []
    with suppress(StorageError):
        for name, curve in shown.media.curves().items():
            title, names = f"{name}: {curve.y_label} / {curve.x_label}", list(curve.names) or [curve.y_label]
            every = max(len(curve.x) // _POINTS, 1)
            lines = [
                Line(label, list(zip(curve.x[::every].tolist(), y[::every].tolist(), strict=True)))
                for label, y in zip(names[:STYLES], curve.ys, strict=False)
            ]
            found.append((title, [line.name for line in lines], chart(title, lines)))
    return [each for each in found if each[2]]
