"""One row that says of a series what lists of runs show: last, least and greatest value.

What lives here: computing it, and adding what came later. What does not: where it is kept (``manifest``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.metrics.store.points import Array, Key, Rows


@dataclass(frozen=True, slots=True)
class Summary:
    """What there is of one series.

    Attributes:
        scope: what its steps count.
        name: the metric.
        count: points, NaN and infinite ones too.
        nans: points that are NaN.
        finite: points that are neither NaN nor infinite.
        first_step: the least step.
        first: the value there.
        first_at: its time, in unix seconds.
        last_step: the greatest step.
        last: the value there.
        last_at: its time, in unix seconds.
        min: the least value; NaN only when all are.
        min_step: its step, the first of several.
        max: the greatest value; NaN only when all are.
        max_step: its step, the first of several.
        mean: of the finite values; NaN when there are none.
    """

    scope: str
    name: str
    count: int
    nans: int
    finite: int
    first_step: int
    first: float
    first_at: float
    last_step: int
    last: float
    last_at: float
    min: float
    min_step: int
    max: float
    max_step: int
    mean: float

    @property
    def key(self) -> Key:
        """The series."""
        return Key(self.scope, self.name)


FIELDS = tuple(Summary.__slots__)
FLOATS = tuple(name for name, kind in Summary.__annotations__.items() if kind == "float")


def summarise(key: Key, rows: Rows) -> Summary:
    """Return the summary of a series of at least one point, by ascending step."""
    value = np.ascontiguousarray(rows["value"])
    nan, finite = np.isnan(value), np.isfinite(value)
    least, greatest = _extremes(value, nan)
    first, last = rows[0], rows[-1]
    return Summary(
        scope=key.scope,
        name=key.name,
        count=len(rows),
        nans=int(nan.sum()),
        finite=int(finite.sum()),
        first_step=int(first["step"]),
        first=float(first["value"]),
        first_at=float(first["at"]),
        last_step=int(last["step"]),
        last=float(last["value"]),
        last_at=float(last["at"]),
        min=float(value[least]),
        min_step=int(rows["step"][least]),
        max=float(value[greatest]),
        max_step=int(rows["step"][greatest]),
        mean=_mean(value, finite),
    )


def joined(earlier: Summary, later: Summary) -> Summary:
    """Return the summary of a series whose points from some step on are summed up in ``later``."""
    finite = earlier.finite + later.finite
    low = later if later.min < earlier.min or np.isnan(earlier.min) else earlier
    high = later if later.max > earlier.max or np.isnan(earlier.max) else earlier
    parts = [part.mean * (part.finite / finite) for part in (earlier, later) if part.finite]
    return Summary(
        scope=earlier.scope,
        name=earlier.name,
        count=earlier.count + later.count,
        nans=earlier.nans + later.nans,
        finite=finite,
        first_step=earlier.first_step,
        first=earlier.first,
        first_at=earlier.first_at,
        last_step=later.last_step,
        last=later.last,
        last_at=later.last_at,
        min=low.min,
        min_step=low.min_step,
        max=high.max,
        max_step=high.max_step,
        mean=sum(parts) if parts else float("nan"),
    )


def _extremes(value: Array, nan: Array) -> tuple[int, int]:
    if not nan.any():
        return int(value.argmin()), int(value.argmax())
    if nan.all():
        return 0, 0
    known = np.flatnonzero(~nan)  # numpy's nanargmin takes a NaN for an infinity
    return int(known[value[known].argmin()]), int(known[value[known].argmax()])


def _mean(value: Array, finite: Array) -> float:
    if not finite.any():
        return float("nan")
    numbers = value if finite.all() else value[finite]
    with np.errstate(over="ignore"):
        mean = float(numbers.mean())
    return mean if np.isfinite(mean) else float((numbers / len(numbers)).sum())  # their sum is too large for a float
