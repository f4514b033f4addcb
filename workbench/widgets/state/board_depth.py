"""How far a run has come, read from its folder: progress, time left, the headline metric so far.

What lives here: one record a run, and the figures in it. What does not: which runs are asked about (``board``).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import orjson

from workbench.config.catalogue import headline_metric
from workbench.errors import StorageError, WorkbenchError
from workbench.metrics.tail import Event, read_events
from workbench.paths import RunPaths
from workbench.processes import boot_id
from workbench.runs.heartbeat import Beat, read_beat
from workbench.runs.ledger import WRITER
from workbench.runs.model import RunState
from workbench.runs.standing import Standing, fold
from workbench.widgets.state.board_roster import Listed

if TYPE_CHECKING:
    from workbench.metrics.store.points import Key
    from workbench.metrics.store.reader import RunMetrics

SPARK_POINTS: Final = 32
_EPOCHS_TIMED: Final = 6  # the last few say best how long the next ones take
_SCOPES: Final = ("epoch", "batch", "step")


@dataclass(frozen=True)
class Spec:
    """What of a run's ``run.json`` a board needs.

    Attributes:
        settings: the training config, else the notebook's parameters.
        task: of its model; empty without one.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    task: str = ""


@dataclass(frozen=True)
class Curve:
    """A metric in few points; ``value`` is its last one, ``at`` the times of its last epochs in unix seconds."""

    name: str = ""
    scope: str = ""
    points: tuple[float, ...] = ()
    value: float | None = None
    last_step: int = 0
    at: tuple[float, ...] = ()


@dataclass(frozen=True)
class Depth:
    """How far a run has come.

    Attributes:
        standing: where it stands.
        settings: see ``Spec``; what was changed on the way is in it.
        started: when its first attempt began, in unix seconds; None before.
        duration_s: how long its attempts took so far; None before the first.
        epoch: the one it is in, or the last one that it finished before it ended; None where there are none.
        finished: epochs that are done.
        epochs: how many it is to have; None where nobody knows.
        phase: what its process does.
        eta_s: how long it will take still; None when nobody knows.
        curve: its headline metric so far.
        damage: why its folder cannot be read; empty when it can.
    """

    standing: Standing = field(default_factory=Standing)
    settings: Mapping[str, Any] = field(default_factory=dict)
    started: float | None = None
    duration_s: float | None = None
    epoch: int | None = None
    finished: int = 0
    epochs: int | None = None
    phase: str = ""
    eta_s: float | None = None
    curve: Curve = field(default_factory=Curve)
    damage: str = ""

    @property
    def fraction(self) -> float | None:
        """How much of its epochs is done, 0 to 1; None where nobody knows."""
        if self.standing.state is RunState.COMPLETED:
            return 1.0
        if not self.epochs or not self.standing.attempt:
            return None
        return min(self.finished / self.epochs, 1.0)


def read_spec(paths: RunPaths) -> Spec:
    """Return what a run's ``run.json`` says, without checking all of it.

    Raises:
        StorageError: when it is missing or damaged.
    """
    try:
        found = orjson.loads(paths.spec.read_bytes())
        settings = found.get("config") or found.get("parameters") or {}
        return Spec(dict(settings), str((found.get("model") or {}).get("task", "")))
    except (OSError, orjson.JSONDecodeError, AttributeError, TypeError, ValueError) as error:
        raise StorageError(
            f"'{paths.spec}' cannot be read: {error}.",
            "A run.json written by the workbench.",
            "`workbench doctor` looks for what can be mended; the run can be deleted.",
        ) from error


def read_depth(run: Listed, paths: RunPaths, spec: Spec, metrics: RunMetrics | None) -> Depth:
    """Return how far a run has come; what cannot be read is left out, and ``damage`` says so.

    Args:
        run: as the database tells it.
        paths: its folder.
        spec: what it is.
        metrics: what it measured; None to leave that out.
    """
    try:
        return _read(run, paths, spec, metrics)
    except WorkbenchError as error:
        return Depth(Standing(RunState(run.state)), settings=spec.settings, damage=error.happened)
    except (OSError, KeyError, TypeError, ValueError) as error:  # a log that something else wrote into
        return Depth(Standing(RunState(run.state)), settings=spec.settings, damage=f"Its logs cannot be read: {error}")


def _read(run: Listed, paths: RunPaths, spec: Spec, metrics: RunMetrics | None) -> Depth:
    events = read_events(paths.events, (WRITER,))
    standing = fold(events)
    if paths.result.is_file():
        standing = replace(standing, state=RunState.COMPLETED)
    settings = {**spec.settings, **standing.changes}
    beat = read_beat(paths.attempt(standing.attempt).heartbeat) if standing.attempt else None
    curve = read_curve(metrics, run.headline_name or headline_of(spec.task)) if metrics is not None else Curve()
    epochs = _whole(settings.get("epochs"))
    finished = _finished(beat, curve)
    found = Depth(
        standing=standing,
        settings=settings,
        started=_started(events),
        duration_s=run.seconds if run.seconds is not None else _duration(standing),
        epoch=_epoch(standing, beat, finished),
        finished=finished,
        epochs=epochs,
        phase=beat.phase if beat is not None and not standing.state.ended else "",
        curve=curve,
    )
    if standing.state is RunState.RUNNING and epochs:
        times = [at for at in curve.at if at >= standing.since] if curve.scope == "epoch" else []
        return replace(found, eta_s=time_left(times, standing.since, epochs - finished, time.time()))
    return found


def time_left(ends: Sequence[float], began: float, left: int, now: float) -> float | None:
    """Return how long the epochs that are left will take, in seconds; None before the first has ended.

    Args:
        ends: when the last epochs of this attempt ended, in unix seconds, ascending.
        began: when the attempt began.
        left: epochs that have not ended.
        now: unix seconds.
    """
    if not ends:
        return None
    took = [later - earlier for earlier, later in pairwise(ends)] or [ends[0] - began]
    return max(statistics.median(took) * left - max(now - ends[-1], 0.0), 0.0)


def read_curve(metrics: RunMetrics, wanted: str | None) -> Curve:
    """Return the metric that stands for a run: the wanted one, else a loss, else any; empty without points."""
    key = choose(metrics.keys(), wanted)
    if key is None:
        return Curve()
    found = metrics.series(key.name, key.scope, points=SPARK_POINTS)
    if not len(found.steps):
        return Curve(key.name, key.scope)
    last = int(found.steps[-1])
    near = metrics.series(key.name, key.scope, points=None, steps=(last - _EPOCHS_TIMED, last))
    values = tuple(float(value) for value in found.values)
    return Curve(key.name, key.scope, values, values[-1], last, tuple(float(at) for at in near.at))


def choose(keys: Sequence[Key], wanted: str | None) -> Key | None:
    """Return the series that stands for a run; None when there is none but of the machine."""
    for scope in _SCOPES:
        names = {key.name: key for key in keys if key.scope == scope}
        if wanted is not None and wanted in names:
            return names[wanted]
        ranked = sorted(names, key=lambda name: (not name.startswith("metrics/mAP50-95"), "loss" not in name, name))
        if ranked:
            return names[ranked[0]]
    return None


def headline_of(task: str) -> str | None:
    """Return the headline metric of a task; None when there is none."""
    try:
        return headline_metric(task) if task else None
    except WorkbenchError:
        return None


def _started(events: Sequence[Event]) -> float | None:
    running = (float(event["at"]) for event in events if event.get("state") == RunState.RUNNING.value)
    return next(running, None)


def _duration(standing: Standing) -> float | None:
    if not standing.attempt:
        return None
    if standing.state not in {RunState.RUNNING, RunState.CANCELLING}:
        return standing.used_s
    return standing.used_s + standing.seconds_until(time.time(), time.monotonic(), boot_id())


def _finished(beat: Beat | None, curve: Curve) -> int:
    if curve.scope == "epoch":
        return curve.last_step
    return max(beat.epoch - 1, 0) if beat is not None else 0


def _epoch(standing: Standing, beat: Beat | None, finished: int) -> int | None:
    if standing.state.ended:
        return finished or None
    return max(finished, beat.epoch if beat is not None else 0) or None


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and isfinite(value) and value > 0 else None
