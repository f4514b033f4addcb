"""What the runs of a chart write while somebody watches it, as few bytes.

What lives here: following event logs from now on, and what of it a chart is told. What does not: the thread that asks
(``workbench.widgets.chart``), what was written before (``chart_series``).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from workbench.errors import StorageError
from workbench.metrics.subscribe import Cursor, Follower
from workbench.metrics.tail import Event, values
from workbench.widgets.state.chart import DELETED, ChartModel
from workbench.widgets.state.chart_series import Line, packed

if TYPE_CHECKING:
    from workbench.metrics.store.points import Key
    from workbench.runs.run import Run

KINDS: Final = ("metrics", "state", "resumed")
MOST_EVENTS: Final = 20_000  # of one look at one run; with more, the chart asks anew instead of being told each
_TORN_BYTES = 1 << 20
_LIVELY_S, _SLOW_S, _EXISTS_S = 5.0, 0.1, 1.0


@dataclass
class News:
    """What is new since the last look.

    Attributes:
        points: by run and series, steps, times and values.
        epochs: by run, ``[epoch, the first step that was seen of it]`` of epochs that have just begun.
        states: by run, where it stands now.
        stale: runs whose points are to be asked for anew: an attempt measures steps again, or too much came at once.
        grown: whether there are metrics that were not there before.
    """

    points: dict[tuple[str, Key], list[tuple[float, float, float]]] = field(default_factory=dict)
    epochs: dict[str, list[list[int]]] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)
    grown: bool = False

    def __bool__(self) -> bool:
        return bool(self.points or self.states or self.stale or self.grown)

    def message(self) -> tuple[dict[str, Any], list[bytes]]:
        """Return it as ``{"series": [{"run", "scope", "name", "points"}], "states", "stale", "epochs", "grown"}``.

        Buffers: all steps, all times and all values, float64, in the order of ``series``.
        """
        told = [
            {"run": run, "scope": key.scope, "name": key.name, "points": len(rows)}
            for (run, key), rows in self.points.items()
        ]
        lines = [Line(*np.array(rows, "f8").T) for rows in self.points.values()]
        data = {"series": told, "states": self.states, "stale": sorted(self.stale), "epochs": self.epochs}
        return {**data, "grown": self.grown}, packed(lines)


class Feed:
    """Looks at the logs of a chart's runs, from the moment at which it is made.

    Args:
        model: knows the runs, and which series somebody looks at.
        clock: monotonic seconds.
    """

    def __init__(self, model: ChartModel, clock: Callable[[], float] = time.monotonic) -> None:
        self._model, self._clock = model, clock
        self._followed = {run.id: _Followed(run, clock()) for run in model.runs.values()}
        self._looked_at = clock()

    def poll(self) -> News:
        """Return what has come since the last call; a log that has been silent is looked at less often."""
        news, now = News(), self._clock()
        for run_id, followed in self._followed.items():
            if followed.due_at <= now and not followed.gone:
                self._look(run_id, followed, news, now)
        if now - self._looked_at >= _EXISTS_S:
            self._looked_at = now
            for run_id, followed in self._followed.items():
                if not followed.gone and not followed.run.paths.root.is_dir():
                    followed.gone = True
                    news.states[run_id] = DELETED
        return news

    def _look(self, run_id: str, followed: _Followed, news: News, now: float) -> None:
        count = 0
        with suppress(StorageError):  # a disk that is gone for a moment: the next look goes on where this one ended
            for event in followed.follower.poll():
                count += 1
                if count > MOST_EVENTS:
                    followed.jump()
                    news.stale.add(run_id)
                    break
                self._take(run_id, followed, event, news)
        if run_id in news.stale:  # the points come with the answer
            news.points = {key: rows for key, rows in news.points.items() if key[0] != run_id}
        if count:
            followed.lively_at = now
        followed.due_at = now if now - followed.lively_at < _LIVELY_S else now + _SLOW_S

    def _take(self, run_id: str, followed: _Followed, event: Event, news: News) -> None:
        if event["kind"] == "state":
            news.states[run_id] = str(event.get("state"))
        elif event["kind"] == "resumed":
            news.stale.add(run_id)
        else:
            with suppress(KeyError, TypeError, ValueError, AttributeError):  # a damaged line
                self._measured(run_id, followed, event, news)

    def _measured(self, run_id: str, followed: _Followed, event: Event, news: News) -> None:
        from workbench.metrics.store.points import Key

        scope, step, at = str(event.get("scope") or ""), float(event["step"]), float(event["at"])
        for name, value in values(event).items():
            key = Key(scope, name)
            if key in self._model.wanted:
                news.points.setdefault((run_id, key), []).append((step, at, value))
            elif key not in self._model.known:
                news.grown = True
        epoch = event.get("epoch")
        if isinstance(epoch, int) and epoch > followed.epochs.get(scope, 0):
            followed.epochs[scope] = epoch
            if any(key.scope == scope for key in self._model.wanted):
                news.epochs.setdefault(run_id, []).append([epoch, int(step)])


class _Followed:
    """One run that is followed."""

    def __init__(self, run: Run, now: float) -> None:
        self.run, self.due_at, self.lively_at, self.gone = run, now, now, False
        self.epochs: dict[str, int] = {}
        self.jump()

    def jump(self) -> None:
        """Go on from the end of what is there now."""
        folder = self.run.paths.events
        self.follower = Follower(folder, ends(folder), KINDS)


def ends(folder: Path) -> Cursor:
    """Return the place behind the last whole line of each log of a run; the folder may not exist yet."""
    found = {}
    with suppress(OSError):  # one that cannot be read is read from its start, once it can be
        for path in folder.glob("*.jsonl"):
            with path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                start = max(size - _TORN_BYTES, 0)
                file.seek(start)
                found[path.stem] = start + file.read(size - start).rfind(b"\n") + 1
    return Cursor(found)
