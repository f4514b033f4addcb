"""The points of many series as few bytes, for a chart.

What lives here: smoothing, thinning and packing what a run measured. What does not: which series are asked for
(``chart``), what comes while somebody watches (``chart_feed``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from workbench.metrics.store.merged import Merged
    from workbench.metrics.store.points import Key
    from workbench.metrics.store.reader import RunMetrics, Series

Array: TypeAlias = npt.NDArray[np.float64]
_ROW = 64
_SETTLED = np.log(1e-17)


@dataclass(frozen=True)
class Line:
    """Points to be drawn, by ascending step.

    Attributes:
        steps: float64, shape (N,).
        at: unix seconds: float64, shape (N,).
        values: float64, shape (N,); NaN and the infinities are possible.
    """

    steps: Array
    at: Array
    values: Array

    def __len__(self) -> int:
        return len(self.steps)

    @classmethod
    def of(cls, series: Series) -> Line:
        """Take over a series."""
        return cls(series.steps.astype("f8"), series.at.astype("f8"), series.values.astype("f8"))


@dataclass(frozen=True)
class Drawn:
    """What is drawn of one series.

    Attributes:
        raw: its points, or as many as stand for them.
        total: how many there are.
        smooth: its moving average, thinned like the points; empty when none was asked for.
        ema: the average and the number of points in it, from which whoever gets more points goes on.
    """

    raw: Line
    total: int
    smooth: Line
    ema: tuple[float, int] = (0.0, 0)


def smoothed(values: Array, weight: float) -> tuple[Array, tuple[float, int]]:
    """Return the debiased exponential moving average, as TensorBoard draws it.

    Args:
        values: shape (N,); what is not finite stays as it is, and counts for nothing.
        weight: of what came before: 0 to below 1.

    Returns:
        The average at each point, shape (N,), and what it goes on from: the biased average and its count.
    """
    finite = np.isfinite(values)
    biased = _decaying_sums((1 - weight) * values[finite], weight)
    state = (float(biased[-1]) if len(biased) else 0.0, len(biased))
    settled = min(len(biased), int(_SETTLED / np.log(weight)) + 1) if weight else 0  # from there the bias is nothing
    biased[:settled] /= 1 - weight ** np.arange(1, settled + 1)
    found = values.copy()
    found[finite] = biased
    return found, state


def _decaying_sums(values: Array, weight: float) -> Array:
    """Return y with y[t] = weight * y[t-1] + values[t].

    Rows of a matrix at once, then what each row hands to the next: a loop would take a second for a million.
    """
    if len(values) <= 1 or weight == 0:
        return values
    rows = np.pad(values, (0, -len(values) % _ROW)).reshape(-1, _ROW)
    ages = np.arange(_ROW)[:, None] - np.arange(_ROW)
    found = rows @ np.where(ages >= 0, weight ** np.maximum(ages, 0), 0.0).T
    if len(rows) > 1:
        handed = _decaying_sums(found[:, -1], weight**_ROW)
        found[1:] += handed[:-1, None] * weight ** np.arange(1, _ROW + 1)
    return np.asarray(found.reshape(-1)[: len(values)])


def draw(
    metrics: RunMetrics, key: Key, points: int, *, smoothing: float = 0.0, steps: tuple[int, int] | None = None
) -> Drawn:
    """Return a series as at most ``points`` points, twice where it is to be smoothed.

    Args:
        metrics: of the run; one that lacks the series has no points.
        key: the series.
        points: >= 10.
        smoothing: weight of what came before, 0 to below 1; the average is taken over all points, then thinned.
        steps: the least and the greatest step to look at; None for all.
    """
    empty = Line(np.empty(0), np.empty(0), np.empty(0))
    if key not in metrics.keys():  # noqa: SIM118  it is no dict
        return Drawn(empty, 0, empty)
    found = metrics.series(key.name, key.scope, points=points, steps=steps)
    if not smoothing:
        return Drawn(Line.of(found), found.total, empty)
    whole = Line.of(metrics.series(key.name, key.scope, points=None))
    values, state = smoothed(whole.values, smoothing)
    return Drawn(Line.of(found), found.total, _thinned(Line(whole.steps, whole.at, values), points, steps), state)


def _thinned(line: Line, limit: int, steps: tuple[int, int] | None) -> Line:
    from workbench.metrics.store.pyramid import points, thin_points

    start, stop = (0, len(line)) if steps is None else np.searchsorted(line.steps, [steps[0], steps[1] + 1])
    part = slice(int(start), int(stop))
    rows = points(line.steps[part], line.values[part], line.at[part])
    few = thin_points(rows, limit) if len(rows) > limit else rows
    return Line(few["step"].astype("f8"), few["at"].astype("f8"), few["value"].astype("f8"))


def packed(lines: Sequence[Line]) -> list[bytes]:
    """Return all steps, all times and all values, each as float64 one behind the other."""
    columns: tuple[list[Array], ...] = ([], [], [])
    for line in lines:
        for column, part in zip(columns, (line.steps, line.at, line.values), strict=True):
            column.append(part)
    return [np.concatenate(column).tobytes() if column else b"" for column in columns]


def epoch_starts(metrics: RunMetrics, scope: str, names: Sequence[str]) -> list[list[int]]:
    """Return ``[epoch, its first step]`` for every epoch of a scope, by ascending epoch; empty where none are known."""
    from workbench.metrics.store.points import NO_EPOCH

    def ask(run: Merged) -> list[list[int]]:
        key = next((key for key in run if key.scope == scope and key.name in names), None)
        if key is None:
            return []
        rows = run.rows(key)
        rows = rows[rows["epoch"] != NO_EPOCH]
        epochs, first = np.unique(rows["epoch"], return_index=True)
        return [[int(epoch), int(rows["step"][place])] for epoch, place in zip(epochs, first, strict=True)]

    return metrics.ask(ask)


def csv_rows(run: str, series: Series) -> list[list[Any]]:
    """Return a row for each point: run, metric, step, unix seconds, value."""
    columns = (series.steps.tolist(), series.at.tolist(), series.values.tolist())
    return [[run, series.name, step, f"{at:.6f}", value] for step, at, value in zip(*columns, strict=True)]
