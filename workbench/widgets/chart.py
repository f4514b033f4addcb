"""The live chart: ``wb.watch(run)`` shows any metrics of any runs, while they run and afterwards.

What lives here: the widget, what of it a person can set, and telling it what is new. What does not: the
points (``state.chart``), following the logs (``state.chart_feed``), drawing (``extensions/widgets/src/chart``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import traitlets

from workbench.errors import ParameterError
from workbench.runs.run import Run
from workbench.widgets.base import Widget, script, stylesheet
from workbench.widgets.state.chart import ChartModel
from workbench.widgets.state.chart_feed import Feed
from workbench.widgets.state.messages import Nothing
from workbench.widgets.state.watching import Look

AXES: Final = ("step", "epoch", "time", "relative")
POLL_S: Final = 0.01
PUSH_S: Final = 1 / 30
MOST_SMOOTHING: Final = 0.999


class Chart(Widget):
    """A chart of some runs; one panel a metric.

    Args:
        model: answers for the runs.
        traits: as the attributes.

    Attributes:
        metrics: what is shown; None for the losses and the headline metrics.
        scope: ``epoch``, ``batch``, …; empty for the first that there is.
        axis: ``step``, ``epoch``, ``time`` (of the day) or ``relative`` (seconds since the run's first point).
        smoothing: weight of what came before in the moving average, 0 to 0.999; 0 for none.
        log_y: whether the values' axis is logarithmic.
        hidden: ids of runs that are not drawn.
        zoom: the least and the greatest x that is shown, in the unit of the axis; None for all.

    Raises:
        ParameterError: when a trait is none, or out of its range.
    """

    _esm = script("chart")
    _css = stylesheet("chart")
    shows = "runs"

    metrics = traitlets.List(traitlets.Unicode(), None, allow_none=True).tag(sync=True)
    scope = traitlets.Unicode("").tag(sync=True)
    axis = traitlets.Unicode("step").tag(sync=True)
    smoothing = traitlets.Float(0.0).tag(sync=True)
    log_y = traitlets.Bool(False).tag(sync=True)
    hidden = traitlets.List(traitlets.Unicode()).tag(sync=True)
    zoom = traitlets.List(traitlets.Float(), None, allow_none=True).tag(sync=True)

    model: ChartModel

    def __repr__(self) -> str:
        return f"<Chart of {', '.join(self.model.runs)}>"

    def summary(self) -> list[dict[str, Any]]:
        """Return last and best value of what is shown: one dict for each run and metric."""
        known = self.model.metrics(Nothing()).data
        scope = self.scope or next(iter(known["scopes"]), "epoch")
        return self.model.summary(scope, self.metrics or known["defaults"].get(scope, []))

    def begin(self) -> Look:
        """Follow the runs from now on: what was written before comes with the answers."""
        feed = Feed(self.model)

        def look() -> float:
            news = feed.poll()
            if news:
                self.push("news", *news.message())
            return PUSH_S if news else POLL_S

        return look

    @traitlets.validate("smoothing")
    def _check_smoothing(self, proposal: Any) -> float:
        value = float(proposal["value"])
        if not 0 <= value <= MOST_SMOOTHING:
            raise ParameterError(
                f"smoothing is {value}.", f"0 (none) to {MOST_SMOOTHING}.", "E.g. chart.smoothing = 0.6"
            )
        return value

    @traitlets.validate("axis")
    def _check_axis(self, proposal: Any) -> str:
        value = str(proposal["value"])
        if value not in AXES:
            raise ParameterError(f"axis is '{value}'.", f"One of {', '.join(AXES)}.", 'E.g. chart.axis = "epoch"')
        return value

    @traitlets.validate("zoom")
    def _check_zoom(self, proposal: Any) -> list[float] | None:
        value: list[float] | None = proposal["value"]
        if value is not None and (len(value) != 2 or not value[0] < value[1]):  # also refuses NaN
            raise ParameterError(
                f"zoom is {value}.", "The least and the greatest x, or None.", "E.g. chart.zoom = [0, 50]"
            )
        return value


def watch(
    runs: Run | Iterable[Run], metrics: Sequence[str] | None = None, *, axis: str = "step", **traits: Any
) -> Chart:
    """Show metrics of runs, live.

    Args:
        runs: one or several, e.g. ``ws.runs()[:5]``; at most 50.
        metrics: names; left out, the losses and the headline metrics.
        axis: ``step``, ``epoch``, ``time`` or ``relative``.
        traits: as the attributes of ``Chart``, e.g. ``scope="batch"``, ``smoothing=0.6``, ``lang="ko"``.

    Returns:
        The chart; shown as the last value of a cell. ``chart.smoothing = 0.6`` changes what is shown.

    Raises:
        ParameterError: when there is no run, or there are too many; when there is no such trait.
    """
    model = ChartModel([runs] if isinstance(runs, Run) else runs, readonly=bool(traits.pop("readonly", False)))
    return Chart(model, metrics=None if metrics is None else list(metrics), axis=axis, **traits)
