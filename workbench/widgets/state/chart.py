"""The state behind the chart: which runs and metrics there are, and their points for what is in view.

What lives here: what the chart's script asks, and the answers. What does not: what comes while somebody watches
(``chart_feed``), drawing, the widget (``chart`` above).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import Field

from workbench.errors import ModelError, ParameterError, RequestError, UnknownNameError, WorkbenchError
from workbench.widgets.state.chart_series import Drawn, csv_rows, draw, epoch_starts, packed
from workbench.widgets.state.messages import Nothing, Reply, Request, StateModel, answers

if TYPE_CHECKING:
    from workbench.metrics.store.points import Key
    from workbench.runs.run import Run

MOST_RUNS: Final = 50
MOST_METRICS: Final = 100
CSV_POINTS: Final = 100_000
SCOPES: Final = ("epoch", "batch")  # of the scopes that there are, the first of these is shown first
DELETED: Final = "deleted"
_FEW = 6
_LOWER = re.compile(r"loss|error|\berr\b|\bmae\b|r?mse\b|perplexity", re.IGNORECASE)
_NO_BEST = re.compile(r"^lr\b|^lr/|memory|percent|_mb_s$|_gb$|^time", re.IGNORECASE)
Direction = Literal["min", "max", ""]


class Series(Request):
    """A request for points.

    Attributes:
        scope: what the steps count.
        names: of metrics.
        points: at most as many a series.
        smoothing: weight of what came before.
        steps: by run, the least and the greatest step to look at; a run that is not named is shown whole.
        runs: ids; all when left out.
        epochs: whether to tell at which step each epoch begins.
    """

    scope: str
    names: Annotated[list[str], Field(max_length=MOST_METRICS)]
    points: Annotated[int, Field(ge=10, le=20_000)] = 2000
    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    steps: dict[str, tuple[int, int]] = Field(default_factory=dict)
    runs: list[str] | None = None
    epochs: bool = False


class Csv(Request):
    """A request for all points of one metric as a file."""

    scope: str
    name: str
    runs: list[str]
    steps: dict[str, tuple[int, int]] = Field(default_factory=dict)


def direction(name: str) -> Direction:
    """Return which value of a metric is its best: the least of losses, none of what only says how it went."""
    if _LOWER.search(name):
        return "min"
    return "" if _NO_BEST.search(name) else "max"


class ChartModel(StateModel):
    """What a chart of some runs answers.

    Args:
        runs: at least one, at most ``MOST_RUNS``; one that is named twice is shown once.
        readonly: nothing here acts anyway.

    Raises:
        ParameterError: when there are none, or too many.
    """

    def __init__(self, runs: Iterable[Run], *, readonly: bool = False) -> None:
        super().__init__(readonly=readonly)
        self.runs: dict[str, Run] = {run.id: run for run in runs}
        self.wanted: frozenset[Key] = frozenset()  # what was asked for last: only this is worth sending live
        self.known: frozenset[Key] = frozenset()
        if not 1 <= len(self.runs) <= MOST_RUNS:
            raise ParameterError(
                f"{len(self.runs)} runs are to be shown in one chart." if self.runs else "There is no run to show.",
                f"1 to {MOST_RUNS} runs.",
                f"Choose some, e.g. wb.watch(ws.runs()[:{MOST_RUNS}])."
                if self.runs
                else "Start one: ws.train(config).",
            )

    @answers("hello")
    def hello(self, _request: Nothing) -> Reply:
        """Answer which runs and metrics there are: ``{"runs": [...], "scopes": {scope: [metric]}, ...}``."""
        return Reply({"runs": self._runs(), **self._metrics()})

    @answers("metrics")
    def metrics(self, _request: Nothing) -> Reply:
        """Answer which metrics there are by now."""
        return Reply(self._metrics())

    @answers("series")
    def series(self, request: Series) -> Reply:
        """Answer with points.

        Buffers: all steps, all times and all values, float64; of each series, in the order of ``series``, ``points``
        of them and then ``smooth`` ones of its moving average.
        """
        from workbench.metrics.store.points import Key

        if not request.steps:
            self.wanted = frozenset(Key(request.scope, name) for name in request.names)
        told, lines, failed, epochs = [], [], {}, {}
        for run in self._chosen(request.runs):
            try:
                found = [(name, self._draw(run, name, request)) for name in request.names]
                if request.epochs:
                    epochs[run.id] = epoch_starts(run.history, request.scope, request.names)
            except WorkbenchError as error:
                failed[run.id] = str(error)
                continue
            for name, drawn in found:
                lines += [drawn.raw, drawn.smooth]
                told.append({"run": run.id, "name": name, **_counts(drawn)})
        return Reply({"series": told, "epochs": epochs, "failed": failed}, packed(lines))

    @answers("csv")
    def csv(self, request: Csv) -> Reply:
        """Answer with all points of one metric as a CSV file: its bytes are the only buffer."""
        rows, whole = [], True
        for run in self._chosen(request.runs):
            with suppress(UnknownNameError):  # another run has it
                steps = request.steps.get(run.id)
                found = run.history.series(request.name, request.scope, points=CSV_POINTS, steps=steps)
                rows += csv_rows(run.id, found)
                whole = whole and not found.decimated
        text = io.StringIO()
        csv.writer(text).writerows([["run", "metric", request.scope, "unix_s", "value"], *rows])
        code = f"run.history.table([{request.name!r}], {request.scope!r}).to_pandas()"
        return Reply({"rows": len(rows), "whole": whole}, [text.getvalue().encode()], code)

    def state(self, run: Run) -> str:
        """Return where a run stands; ``deleted`` when it is gone."""
        try:
            return run.state.value
        except UnknownNameError:
            return DELETED

    def summary(self, scope: str, names: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Return last and best value of each series: one dict each, with ``run``, ``name``, ``last``, ``best``, ….

        Args:
            scope: ``epoch``, ``batch``, ….
            names: of metrics; all when left out.
        """
        found = []
        for run in self.runs.values():
            for key, summary in run.history.summary().items():
                if key.scope == scope and (names is None or key.name in names):
                    which = direction(key.name)
                    best = {"min": (summary.min, summary.min_step), "max": (summary.max, summary.max_step)}
                    value, step = best.get(which, (None, None))
                    row = {"run": run.id, "name": key.name, "points": summary.count, "last": summary.last}
                    found.append({**row, "best": value, "best_is": which, "best_step": step})
        return found

    def _draw(self, run: Run, name: str, request: Series) -> Drawn:
        from workbench.metrics.store.points import Key

        key, steps = Key(request.scope, name), request.steps.get(run.id)
        return draw(run.history, key, request.points, smoothing=request.smoothing, steps=steps)

    def _chosen(self, ids: Sequence[str] | None) -> list[Run]:
        unknown = [run_id for run_id in ids or () if run_id not in self.runs]
        if unknown:
            raise RequestError(f"The chart has no run '{unknown[0]}'.", f"One of {', '.join(self.runs)}.")
        return [self.runs[run_id] for run_id in (self.runs if ids is None else ids)]

    def _runs(self) -> list[dict[str, Any]]:
        from workbench.runs.history import differing

        specs = {}
        for run in self.runs.values():
            with suppress(WorkbenchError):  # gone, or damaged: it has no settings to tell
                specs[run.id] = run.spec
        differences = differing({run_id: spec.config or spec.parameters for run_id, spec in specs.items()})
        return [
            {
                "id": run.id,
                "name": specs[run.id].name if run.id in specs else "",
                "state": self.state(run),
                "differs": {name: _short(value) for name, value in differences.get(run.id, {}).items()},
            }
            for run in self.runs.values()
        ]

    def _metrics(self) -> dict[str, Any]:
        scopes: dict[str, set[str]] = {}
        keys: set[Key] = set()
        for run in self.runs.values():
            with suppress(WorkbenchError):  # its points say what is wrong
                keys.update(run.history.keys())
        for key in keys:
            scopes.setdefault(key.scope, set()).add(key.name)
        self.known = frozenset(keys)
        headlines = self._headlines()
        names = {scope: sorted(scopes[scope]) for scope in sorted(scopes, key=_order)}
        return {
            "scopes": names,
            "defaults": {scope: _defaults(found, headlines) for scope, found in names.items()},
            "directions": {key.name: direction(key.name) for key in keys},
        }

    def _headlines(self) -> set[str]:
        from workbench.config.catalogue import headline_metric

        found = set()
        for run in self.runs.values():
            with suppress(UnknownNameError, ModelError, WorkbenchError):
                found.add(headline_metric(str((run.spec.config or {}).get("task", ""))))
        return found


def _order(scope: str) -> tuple[int, str]:
    return (SCOPES.index(scope) if scope in SCOPES else len(SCOPES), scope)


def _defaults(names: Sequence[str], headlines: set[str]) -> list[str]:
    """Return what is shown at first: losses and headline metrics; the first ones where there are neither."""
    chosen = [name for name in names if name in headlines or direction(name) == "min"]
    return (chosen or list(names))[:_FEW]


def _counts(drawn: Drawn) -> dict[str, Any]:
    return {"points": len(drawn.raw), "smooth": len(drawn.smooth), "total": drawn.total, "ema": drawn.ema}


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
