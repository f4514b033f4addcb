"""Figures as SVG: lines over steps, points over time, bars; they need no script and print as they look.

What lives here: drawing. What does not: which numbers are drawn. Colours are the classes ``s0`` to ``s7`` of the
pages' stylesheet, told apart by dashes too; each figure has a name, and its numbers stand in a table beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from markupsafe import Markup

_TICKS: Final = 4
_LARGEST: Final = 1e300  # a difference of two is a number still
STYLES: Final = 8


@dataclass(frozen=True)
class Line:
    """Points that belong together.

    Attributes:
        name: in the legend.
        points: x and y, by ascending x; those that are not finite are gaps.
        dots: whether the points are drawn, not the line through them.
        step: whether the line goes on level until the next point.
    """

    name: str
    points: Sequence[tuple[float, float]]
    dots: bool = False
    step: bool = False


@dataclass(frozen=True)
class Axis:
    """What the ends of an axis say; left out, its numbers are its ticks."""

    labels: tuple[str, str] | None = None


def chart(name: str, lines: Sequence[Line], x_axis: Axis | None = None) -> Markup:
    """Return lines over a shared x.

    Args:
        name: what it shows, for those who do not see it.
        lines: at most ``STYLES``; without a finite point, the figure is empty.
        x_axis: what stands below.
    """
    drawn = [Line(line.name, _finite(line.points), line.dots, line.step) for line in lines[:STYLES]]
    points = [point for line in drawn for point in line.points]
    if not points:
        return Markup("")
    scale = _Scale(*_range([x for x, _ in points]), *_padded([y for _, y in points]))
    levels = ticks(scale.low_y, scale.high_y)
    grid = [
        Markup('<line class="grid" x1="0" x2="100" y1="{0:.2f}" y2="{0:.2f}"/>').format(scale.y(at)) for at in levels
    ]
    labels = [Markup('<span class="y" style="top:{:.2f}%">{}</span>').format(scale.y(at), f"{at:g}") for at in levels]
    labels += _below(scale, x_axis or Axis())
    return Markup(
        '<div class="chart"><svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
        '<div aria-hidden="true">{}</div></div>'
    ).format(name, _joined([*grid, *(_line(scale, line, place) for place, line in enumerate(drawn))]), _joined(labels))


@dataclass(frozen=True)
class _Scale:
    low_x: float
    high_x: float
    low_y: float
    high_y: float

    def x(self, value: float) -> float:
        return 100 * (value - self.low_x) / (self.high_x - self.low_x)

    def y(self, value: float) -> float:
        return 100 * (self.high_y - value) / (self.high_y - self.low_y)


def _below(scale: _Scale, axis: Axis) -> list[Markup]:
    label = Markup('<span class="x {}" style="left:{:.2f}%">{}</span>')
    if axis.labels is not None:
        first, last = axis.labels
        return [label.format("first", 0, first), *([label.format("last", 100, last)] if last != first else [])]
    return [label.format("", scale.x(tick), f"{tick:g}") for tick in ticks(scale.low_x, scale.high_x)]


def _line(scale: _Scale, line: Line, place: int) -> Markup:
    spots = [(scale.x(x), scale.y(y)) for x, y in line.points]
    if line.dots or len(spots) == 1:  # a line of no length has round ends: a dot, however the figure is stretched
        path = " ".join(f"M{x:.2f} {y:.2f}h0" for x, y in spots)
        return Markup('<path class="dots s{}" d="{}"/>').format(place, path)
    path = " ".join(f"{x:.2f},{y:.2f}" for x, y in (_stepped(spots) if line.step else spots))
    return Markup('<polyline class="s{}" points="{}"/>').format(place, path)


def _joined(parts: Sequence[Markup]) -> Markup:
    return Markup("").join(parts)


def _stepped(spots: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    made = [spots[0]]
    for (_, level), (x, y) in pairwise(spots):
        made += [(x, level), (x, y)]
    return made


def ticks(low: float, high: float) -> list[float]:
    """Return round numbers between two others, about ``_TICKS`` of them."""
    rough = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(round_ for round_ in (1, 2, 2.5, 5, 10) if rough <= round_ * power * 1.0001)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(place * step, 12) for place in range(first, last + 1)]


def _finite(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(x, y) for x, y in points if abs(x) < _LARGEST and abs(y) < _LARGEST]  # NaN is less than nothing


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _padded(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = (high - low) * 0.06 or abs(high) * 0.1 or 0.5
    return low - room, high + room
