"""What anybody asks of a run's metrics: series, summaries, tables; live or finished.

What lives here: ``RunMetrics`` for one run, ``compare`` and ``summaries`` for many. What does not: SQL (``sql``),
writing (``writer``), how the parts of a run come together (``merged``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa

from workbench.errors import ParameterError, UnknownNameError, did_you_mean
from workbench.metrics.store import decimated
from workbench.metrics.store.generation import Folder, GoneError, LocalFolder
from workbench.metrics.store.logs import ShrunkError
from workbench.metrics.store.manifest import DamagedError
from workbench.metrics.store.merged import Merged, Source
from workbench.metrics.store.points import Array, Key
from workbench.metrics.store.pyramid import LEAST_POINTS
from workbench.metrics.store.sorted_files import POINT_SCHEMA, table
from workbench.metrics.store.summary import FIELDS, Summary

POINTS = 2000
COLUMNS = ("scope", "name", "step", "value", "at", "attempt", "epoch")
TABLE_SCHEMA = pa.schema([POINT_SCHEMA.field(name) for name in COLUMNS])
Axis: TypeAlias = Literal["step", "time"]
_TRIES = 5
_SHOWN = 20
_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class Series:
    """The points of one metric, or as many as stand for them.

    Attributes:
        scope: what its steps count.
        name: the metric.
        steps: int64, shape (N,).
        values: float64, shape (N,); NaN and the infinities are possible.
        at: when, in unix seconds: float64, shape (N,).
        total: how many points there are in the range that was asked for.
    """

    scope: str
    name: str
    steps: Array
    values: Array
    at: Array
    total: int

    @property
    def decimated(self) -> bool:
        """Whether there are more points than these: the extremes of neighbours, the first and the last one."""
        return len(self.steps) < self.total


class RunMetrics:
    """The metrics of one run; safe to share between threads.

    Args:
        events: the run's ``events`` folder; it may not exist yet. None when only the compacted part is there.
        folder: the run's ``metrics`` folder, or where else its compacted part lies.

    A run that has no metrics yet has empty answers. Asked again about a run under way, it reads only what is new.
    """

    def __init__(self, events: Path | None, folder: Path | Folder) -> None:
        self.folder: Folder = LocalFolder(folder) if isinstance(folder, Path) else folder
        self._source = Source(events, self.folder)
        self._lock = threading.Lock()

    def keys(self) -> list[Key]:
        """Return scope and name of every series, sorted."""
        return self.ask(Merged.keys)

    def series(
        self,
        name: str,
        scope: str = "epoch",
        *,
        points: int | None = POINTS,
        steps: tuple[int, int] | None = None,
        axis: Axis = "step",
    ) -> Series:
        """Return the points of one metric, by ascending step.

        Args:
            name: the metric.
            scope: ``batch``, ``epoch``, …
            points: at most as many, >= 10: the least and the greatest of neighbours, exactly, and the first and last
                of all. None for every point.
            steps: the least and the greatest step to look at, both included; None for all.
            axis: ``time`` puts the points in the order of their times instead.

        Returns:
            The series; an empty one when the run has no metrics yet.

        Raises:
            UnknownNameError: when the run has no such metric.
            ParameterError: when fewer than 10 points are asked for.
        """
        if points is not None and points < LEAST_POINTS:
            raise ParameterError(f"points is {points}.", f"At least {LEAST_POINTS}, or None for all.", "Ask for more.")
        return self.ask(lambda run: _series(run, Key(scope, name), points, steps, axis))

    def summary(self) -> dict[Key, Summary]:
        """Return the summary of every series."""
        return self.ask(lambda run: {key: run.summary(key) for key in run})

    def last(self, scope: str = "epoch") -> dict[str, float]:
        """Return the value at the greatest step of each metric of a scope."""
        return {key.name: found.last for key, found in self.summary().items() if key.scope == scope}

    def table(self, names: Sequence[str] | None = None, scope: str | None = None) -> pa.Table:
        """Return points as an Arrow table, by scope, name and step.

        Args:
            names: the metrics; all when left out.
            scope: the scope; all when left out.

        Returns:
            Columns ``scope``, ``name``, ``step``, ``value``, ``at``, ``attempt`` and ``epoch`` (null where there is
            none); ``.to_pandas()`` makes a data frame of it.

        Raises:
            UnknownNameError: when the run has no such metric.
        """
        return self.ask(lambda run: _table(run, names, scope))

    def ask(self, question: Callable[[Merged], _Answer]) -> _Answer:
        """Answer a question from the run as it is now, whatever compaction or a damaged disk do meanwhile."""
        with self._lock:
            for _ in range(_TRIES):
                try:
                    return question(self._source.current())
                except GoneError as error:
                    gone: Exception = error
                    self._source.start_over()
                except (DamagedError, ShrunkError) as error:
                    gone = error
                    self._source.distrust(error)
            self._source.distrust(gone)
            return question(self._source.current())


def compare(
    runs: Mapping[str, RunMetrics],
    names: Sequence[str],
    scope: str = "epoch",
    points: int | None = POINTS,
) -> dict[str, dict[str, Series]]:
    """Return the same metrics of several runs: by run, then by name; a run lacks what it has not measured.

    Raises:
        UnknownNameError: when no run has one of them, and some have others.
        ParameterError: as ``RunMetrics.series``.
    """
    found: dict[str, dict[str, Series]] = {}
    known: set[str] = set()
    for run, metrics in runs.items():
        keys = metrics.keys()
        there = {key.name for key in keys if key.scope == scope}
        known |= there
        found[run] = {name: metrics.series(name, scope, points=points) for name in names if name in there}
    for name in names:
        if known and name not in known:
            raise _unknown(name, scope, [Key(scope, other) for other in known])
    return found


def summaries(runs: Mapping[str, RunMetrics]) -> pa.Table:
    """Return the summaries of many runs, one row per series: ``run`` and the fields of ``Summary``."""
    found = {run: part for run, metrics in runs.items() if len((part := metrics.ask(_summary_columns))["name"])}
    if not found:
        return SUMMARY_SCHEMA.empty_table()
    columns: dict[str, Any] = {"run": [run for run, part in found.items() for _ in part["name"]]}
    for name in FIELDS:
        words = SUMMARY_SCHEMA.field(name).type == pa.string()
        column = [part[name] for part in found.values()]
        columns[name] = list(chain.from_iterable(column)) if words else np.concatenate(column)
    return pa.table(columns, schema=SUMMARY_SCHEMA)


_KINDS = {"str": pa.string(), "int": pa.int64(), "float": pa.float64()}
SUMMARY_SCHEMA = pa.schema([("run", pa.string()), *((name, _KINDS[Summary.__annotations__[name]]) for name in FIELDS)])


def _summary_columns(run: Merged) -> Mapping[str, Sequence[Any]]:
    if run.untouched and run.generation is not None:
        return run.generation.manifest.series
    found = [run.summary(key) for key in run]
    return {name: [getattr(summary, name) for summary in found] for name in FIELDS}


def _series(run: Merged, key: Key, limit: int | None, steps: tuple[int, int] | None, axis: Axis) -> Series:
    _check(run, key)
    found, total = decimated.series(run, key, limit, steps)
    if axis == "time":
        found = found[np.argsort(found["at"], kind="stable")]
    columns = {name: np.ascontiguousarray(found[name]) for name in ("step", "value", "at")}
    return Series(key.scope, key.name, columns["step"], columns["value"], columns["at"], total)


def _table(run: Merged, names: Sequence[str] | None, scope: str | None) -> pa.Table:
    keys = [key for key in run if scope is None or key.scope == scope]
    for name in names or ():
        if keys and name not in {key.name for key in keys}:
            raise _unknown(name, scope, keys)
    return whole_table(run, [key for key in keys if names is None or key.name in names])


def whole_table(run: Merged, keys: Sequence[Key]) -> pa.Table:
    """Return all points of some series of a run as a table with the columns ``COLUMNS``."""
    parts = [(key, run.rows(key)) for key in keys]
    return table(parts, run.attempts).select(list(COLUMNS)) if parts else TABLE_SCHEMA.empty_table()


def _check(run: Merged, key: Key) -> None:
    if key not in run and (known := run.keys()):
        raise _unknown(key.name, key.scope, known)


def _unknown(name: str, scope: str | None, known: Sequence[Key]) -> UnknownNameError:
    there = sorted({key.name for key in known if scope in (None, key.scope)})
    elsewhere = sorted({key.scope for key in known if key.name == name})
    shown = ", ".join(there[:_SHOWN]) or "none"
    return UnknownNameError(
        f"There is no metric '{name}'" + ("." if scope is None else f" of scope '{scope}'."),
        f"Metrics{'' if scope is None else ' of that scope'}: {shown}{', …' if len(there) > _SHOWN else ''}.",
        f"It is of scope '{elsewhere[0]}'." if elsewhere else did_you_mean(name, there),
        name=name,
        scope=scope,
    )
