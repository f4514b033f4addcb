"""Many points as few, with the exact extremes.

What lives here: buckets of neighbouring points, and choosing the points that are shown. What does not: files
(``generation``, ``sorted_files``).

A bucket knows its least and its greatest point, each with step and time. The infinities are numbers like others, so
they are extremes. NaN is none: a bucket counts its NaNs and knows the first of them, which is shown beside the
extremes. The extremes of a bucket of nothing but NaN are NaN.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from workbench.metrics.store.points import Array

WIDTH = 64  # points in a bucket of the first level, and buckets of one level in a bucket of the next
LEAST_POINTS = 10
BUCKET = np.dtype(
    [
        ("first_step", "i8"),
        ("count", "i8"),
        ("nans", "i8"),
        ("min", "f8"),
        ("min_step", "i8"),
        ("min_at", "f8"),
        ("max", "f8"),
        ("max_step", "i8"),
        ("max_at", "f8"),
        ("nan_step", "i8"),  # of the first NaN; means nothing where there is none
        ("nan_at", "f8"),
    ]
)
Buckets: TypeAlias = npt.NDArray[np.void]  # of dtype BUCKET
XY = np.dtype([("step", "i8"), ("value", "f8"), ("at", "f8")])
Points: TypeAlias = npt.NDArray[np.void]  # of dtype XY


def points(step: Array, value: Array, at: Array) -> Points:
    """Return three columns as one array of points."""
    found = np.empty(len(step), XY)
    found["step"], found["value"], found["at"] = step, value, at
    return found


def buckets(rows: Points, width: int) -> Buckets:
    """Return a bucket for every ``width`` points; the last one may have fewer.

    Args:
        rows: with the fields ``step``, ``value`` and ``at``, by ascending step.
        width: points in a bucket, >= 1.
    """
    value = np.ascontiguousarray(rows["value"])
    starts = np.arange(0, len(value), width)
    nan = np.isnan(value)
    found = np.empty(len(starts), BUCKET)
    found["first_step"] = rows["step"][starts]
    found["count"] = np.diff(np.append(starts, len(value)))
    found["nans"] = np.add.reduceat(nan, starts, dtype="i8") if len(starts) else 0
    chosen = {"min": _lowest(value, width), "max": _lowest(-value, width), "nan": starts}
    if nan.any():
        chosen["nan"] = _lowest(np.where(nan, 0.0, 1.0), width)
    for name, places in chosen.items():
        found[f"{name}_step"], found[f"{name}_at"] = rows["step"][places], rows["at"][places]
    found["min"], found["max"] = value[chosen["min"]], value[chosen["max"]]
    return found


def merged(fine: Buckets, width: int) -> Buckets:
    """Return a bucket for every ``width`` buckets; the last one may stand for fewer."""
    starts = np.arange(0, len(fine), width)
    found = np.empty(len(starts), BUCKET)
    found["first_step"] = fine["first_step"][starts]
    for name in ("count", "nans"):
        found[name] = np.add.reduceat(fine[name], starts) if len(starts) else 0
    lowest, highest = _lowest(fine["min"], width), _lowest(-fine["max"], width)
    first = _lowest(np.where(fine["nans"] > 0, 0.0, 1.0), width)
    for name, places in (("min", lowest), ("max", highest), ("nan", first)):
        found[f"{name}_step"], found[f"{name}_at"] = fine[f"{name}_step"][places], fine[f"{name}_at"][places]
    found["min"], found["max"] = fine["min"][lowest], fine["max"][highest]
    return found


def pyramid(rows: Points) -> list[Buckets]:
    """Return the levels of a series: buckets of 64 points, of 4096, and so on, the last one with <= 64 buckets.

    A series of 64 points or fewer has none.
    """
    levels: list[Buckets] = []
    if len(rows) > WIDTH:
        levels.append(buckets(rows, WIDTH))
        while len(levels[-1]) > WIDTH:
            levels.append(merged(levels[-1], WIDTH))
    return levels


def level_sizes(count: int) -> list[int]:
    """Return how many buckets each level of a series of ``count`` points has, as ``pyramid`` makes them."""
    sizes: list[int] = []
    left = count
    while left > WIDTH:
        left = -(-left // WIDTH)
        sizes.append(left)
    return sizes


def thin(found: Buckets, ends: Points, limit: int) -> Points:
    """Return at most ``limit`` points that stand for the buckets, by ascending step.

    Args:
        found: more buckets than are wanted, in the order of their steps.
        ends: the first and the last point, which are always shown.
        limit: >= ``LEAST_POINTS``.
    """
    coarse = merged(found, _width(len(found), limit, nans=bool(found["nans"].any())))
    nan = coarse[coarse["nans"] > 0]
    together = np.concatenate(
        [
            points(coarse["min_step"], coarse["min"], coarse["min_at"]),
            points(coarse["max_step"], coarse["max"], coarse["max_at"]),
            points(nan["nan_step"], np.full(len(nan), np.nan), nan["nan_at"]),
            ends,
        ]
    )
    _, places = np.unique(together["step"], return_index=True)
    return together[places]


def thin_points(rows: Points, limit: int) -> Points:
    """Return at most ``limit`` of the points: the extremes of neighbours, the first and the last."""
    value = np.ascontiguousarray(rows["value"])
    nan = np.isnan(value)
    width = _width(len(rows), limit, nans=bool(nan.any()))
    places = [_lowest(value, width), _lowest(-value, width), np.array([0, len(rows) - 1])]
    if nan.any():
        first = _lowest(np.where(nan, 0.0, 1.0), width)
        places.append(first[nan[first]])
    found: Points = rows[np.unique(np.concatenate(places))]
    return found


def _width(count: int, limit: int, *, nans: bool) -> int:
    """Return how many neighbours two points (three with a NaN) must stand for, with both ends beside them."""
    return max(-(-count // ((limit - 2) // (3 if nans else 2))), 1)


def _lowest(values: Array, width: int) -> Array:
    """Return the place of the least of every ``width`` values; NaN only where there is nothing else."""
    count = len(values)
    groups = -(-count // width)
    padded = np.full(groups * width, np.nan)
    padded[:count] = values
    square = padded.reshape(groups, width)
    nan = np.isnan(square)
    if nan.any():
        places = np.where(nan, np.inf, square).argmin(axis=1)
        hidden = nan[np.arange(groups), places] & ~nan.all(axis=1)  # infinite, and behind a NaN
        places[hidden] = (~nan[hidden]).argmax(axis=1)
    else:
        places = square.argmin(axis=1)
    found: Array = places + np.arange(groups) * width
    return found
