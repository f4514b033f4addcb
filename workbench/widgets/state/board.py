"""The state of a run board: which runs it shows, what changed, and what was done.

What lives here: the requests for rows and acts, and one look at what changed. What does not: the details of one run
(``board_detail``), threads and traits (``widgets.board``).
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from typing import Any, Final

from pydantic import Field

from workbench.errors import ParameterError, StorageError, WorkbenchError, did_you_mean
from workbench.runs.model import RunState
from workbench.widgets.state.board_acts import Act, Acts, Doing, hindrances, line
from workbench.widgets.state.board_depth import Depth, Spec, read_depth, read_spec
from workbench.widgets.state.board_query import (
    COLUMNS,
    CONFIG,
    GROUPS,
    LISTED,
    Head,
    Rows,
    Value,
    grouped,
    passes,
    sorted_by,
)
from workbench.widgets.state.board_roster import Listed, Roster
from workbench.widgets.state.messages import Nothing, Reply, Request, StateModel, answers, plain
from workbench.workspace import Workspace

GOING_S: Final = 0.4  # between two looks while runs go on, and no less than
IDLE_S: Final = 2.0
SETTLE_S: Final = 3.0
_SHARE: Final = 8  # looking takes at most one part in so many of the time
_KEPT: Final = 4000  # ended runs whose depth is remembered
_SEEN: Final = 400  # rows that are kept in step
_MOVES: Final = frozenset({"eta_s", "duration_s"})  # the view counts these on by itself
_ENDED: Final[Mapping[str, Callable[[Listed], Any]]] = {  # of these, nobody has to look into the folder
    "eta": lambda _: None,
    "spark": lambda run: run.headline_value,
}
_DEEP: Final = frozenset({"progress", "eta", "started", "duration", "attempt", "spark"})


class Doings(Request):
    """An act on a run."""

    act: Act
    run: str = Field(max_length=80)


class BoardState(StateModel):
    """What a board answers.

    Args:
        workspace: whose runs are shown.
        readonly: leaves out all acts, and writes nothing.
    """

    def __init__(self, workspace: Workspace, *, readonly: bool = False) -> None:
        super().__init__(readonly=readonly)
        self.workspace = workspace
        self.roster = Roster(workspace.ledger)
        self.acts = Acts(workspace)
        self._lock = threading.RLock()
        self._specs: OrderedDict[str, Spec] = OrderedDict()
        self._depths: OrderedDict[tuple[str, str, bool], Depth] = OrderedDict()
        self._metrics: dict[str, Any] = {}
        self._fields: dict[str, dict[str, Any]] = {}
        self._deeps: dict[tuple[str, str, str], Any] = {}
        self._arranged: tuple[Hashable, list[Listed | Head]] = (None, [])
        self._shown: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._settled_at = float("-inf")
        self._settling_s = 0.0
        self._busy: dict[str, str] = {}
        self._told: tuple[int, AbstractSet[str]] = (0, frozenset())  # version and ids that views have heard of

    @answers("hello")
    def hello(self, _request: Nothing) -> Reply:
        """Answer with what filters, groups and columns there are."""
        with self._lock:
            self._settle()
            self.roster.look()
            if not self._told[0]:
                self._told = self.roster.version, self.roster.ids
            return Reply(
                {
                    "workspace": self.workspace.paths.root,
                    "choices": self.roster.choices(),
                    "columns": COLUMNS,
                    "groups": GROUPS,
                    "settings": _settings(),
                    "total": len(self.roster.runs),
                }
            )

    @answers("choices")
    def choices(self, _request: Nothing) -> Reply:
        """Answer with what there is to filter by."""
        with self._lock:
            return Reply(self.roster.choices())

    @answers("rows")
    def rows(self, request: Rows) -> Reply:
        """Answer with the items of a window: ``{"run": {...}}`` or ``{"head": {...}}``, and counts of all.

        Raises:
            ParameterError: when there is no such column or group.
        """
        with self._lock:
            if not self.roster.version:
                self.roster.look()
            items = self._arrange(request)
            places = self._places()
            window = items[request.start : request.start + request.count]
            data = {
                "version": self.roster.version,
                "start": request.start,
                "items": [self._item(item, request.fields, places) for item in window],
                "total": len(items),
                "matching": sum(1 for item in items if isinstance(item, Listed)) if not request.closed else None,
                "all": len(self.roster.runs),
                "tally": self.roster.tally(),
            }
            return Reply(data)

    @answers("act", acts=True)
    def act(self, request: Doings) -> Reply:
        """Do something to a run; ``{"pending": true}`` when it takes longer, and ``acted`` is pushed at its end.

        Raises:
            WorkbenchError: whatever the act raises.
        """
        doing: Doing = self.acts.do(request.act, request.run)
        with self._lock:
            self.roster.look()
        return Reply({"pending": doing.late, "made": doing.made}, python=line(request.act, request.run))

    def tick(self) -> Iterator[tuple[str, Any]]:
        """Look once, and yield what changed as topics and data: ``acted``, ``stale``, ``rows``."""
        for outcome in self.acts.late():
            yield "acted", outcome
        with self._lock:
            self._settle()
            self.roster.look()
            told, self._told = self._told, (self.roster.version, self.roster.ids)
            stale = {"gone": sorted(told[1] - self.roster.ids), "tally": self.roster.tally()}
            changed = self._changed()
        if told[0] != self._told[0]:
            yield "stale", stale
        if changed:
            yield "rows", changed

    def pause_s(self, took_s: float) -> float:
        """Return how long to wait after a look that took ``took_s`` seconds."""
        lively = bool(self.roster.going) or bool(self.acts.busy)
        return max(GOING_S if lively else IDLE_S, took_s * _SHARE)

    def known(self, run_id: str) -> Listed:
        """Return a run as the database tells it.

        Raises:
            UnknownNameError: when it is not there, e.g. any more.
        """
        found = self.roster.get(run_id)
        if found is None:
            self.roster.look()
            found = self.roster.get(run_id)
        if found is None:
            self.workspace.ledger.spec(run_id)  # raises, unless the database does not know it
            raise StorageError(
                f"The database does not know run '{run_id}'.", "A row for each folder.", "`workbench doctor --rebuild`."
            )
        return found

    def depth(self, run: Listed, *, measured: bool = True) -> Depth:
        """Return how far a run has come; of a run that has ended, as it was read first."""
        key = (run.id, run.state, measured)
        kept = self._depths.get(key)
        if kept is not None:
            self._depths.move_to_end(key)
            return kept
        paths = self.workspace.paths.run(run.id)
        try:
            spec, damage = self._spec(run.id), ""
        except StorageError as error:
            spec, damage = Spec(), error.happened
        found = read_depth(run, paths, spec, self._open(run) if measured else None)
        if damage:
            found = Depth(found.standing, damage=damage)
        if not run.going:
            self._depths[key] = found
            while len(self._depths) > _KEPT:
                self._depths.popitem(last=False)
            self._metrics.pop(run.id, None)
        return found

    def row(self, run: Listed, fields: tuple[str, ...] = (), places: dict[str, tuple[int, str]] | None = None) -> Any:
        """Return a run as a row of the board."""
        depth = self.depth(run)
        standing, curve = depth.standing, depth.curve
        state = RunState(run.state) if depth.damage else standing.state
        place = (places or {}).get(run.id)
        return {
            **{name: getattr(run, name) for name in ("id", "name", "kind", "notebook", "project", "session", "tags")},
            "model": run.model,
            "dataset": run.dataset,
            "created": run.created_at,
            "state": state,
            "going": not state.ended,
            "reason": standing.reason,
            "attempt": standing.attempt,
            **{name: getattr(depth, name) for name in ("started", "duration_s", "epoch", "epochs", "phase", "eta_s")},
            "fraction": depth.fraction,
            "due_at": standing.due_at or None,
            "place": place and {"number": place[0], "slot": place[1]},
            "headline": _headline(run, depth),
            "spark": {"name": curve.name, "scope": curve.scope, "points": curve.points},
            "hindrances": hindrances(state, damaged=bool(depth.damage)),
            "busy": self.acts.busy.get(run.id, ""),
            "damage": depth.damage,
            "settings": {name: depth.settings.get(name) for name in fields},
        }

    def _item(self, item: Listed | Head, fields: tuple[str, ...], places: dict[str, tuple[int, str]]) -> dict[str, Any]:
        if isinstance(item, Head):
            return {"head": {"key": item.key, "label": item.label, "count": item.count, "states": item.states}}
        row: dict[str, Any] = plain(self.row(item, fields, places))
        self._shown[item.id] = row
        self._shown.move_to_end(item.id)
        while len(self._shown) > _SEEN:
            self._shown.popitem(last=False)
        return {"run": row}

    def _arrange(self, request: Rows) -> list[Listed | Head]:
        name = request.sort.removeprefix("-")
        # What moves by itself is put into order anew now and then, not at every scroll.
        moment = int(time.monotonic() / 5) if name in {*_DEEP, "place"} else 0
        wanted = (self.roster.version, moment, request.arrangement)
        if self._arranged[0] != wanted:
            runs = list(filter(passes(request.filter), self.roster.runs))
            if request.sort != "-created":
                runs = sorted_by(runs, self._value(name, "sort"), falling=request.sort.startswith("-"))
            items: list[Listed | Head] = list(runs)
            if request.group:
                items = grouped(runs, self._value(request.group, "group"), request.closed)
            self._arranged = wanted, items
        return self._arranged[1]

    def _value(self, name: str, what: str) -> Value:
        if name.startswith(CONFIG):
            values = self._setting(name.removeprefix(CONFIG))
            return lambda run: _comparable(values.get(run.id)) if what == "sort" else values.get(run.id)
        if name in LISTED and (what == "sort" or name in GROUPS):
            return LISTED[name]
        if what == "sort" and name == "place":
            places = self._places()
            return lambda run: places.get(run.id)
        if what == "sort" and name in _DEEP:
            return lambda run: self._deep(name, run)
        known = [*(COLUMNS if what == "sort" else GROUPS), "config.imgsz"]
        raise ParameterError(
            f"A board has no {what} '{name}'.", f"One of {', '.join(known)}, …", did_you_mean(name, known) or ""
        )

    def _deep(self, name: str, run: Listed) -> Any:
        """Return what a column is sorted by that the database does not know; what ended is read once."""
        if name == "duration" and run.seconds is not None:
            return run.seconds
        if name == "progress" and run.state == RunState.COMPLETED.value:
            return 1.0
        if not run.going and name in _ENDED:
            return _ENDED[name](run)
        key = (name, run.id, run.state)
        if key in self._deeps:
            return self._deeps[key]
        depth = self.depth(run, measured=name in {"progress", "eta", "spark"})
        found = {
            "progress": depth.fraction,
            "eta": depth.eta_s,
            "started": depth.started,
            "duration": depth.duration_s,
            "attempt": depth.standing.attempt or None,
            "spark": depth.curve.value,
        }[name]
        if not run.going:
            self._deeps[key] = found
        return found

    def _setting(self, name: str) -> dict[str, Any]:
        """Return a setting of all runs; the first time, each run's folder is read."""
        found = self._fields.setdefault(name, {})
        for run in self.roster.runs:
            if run.id not in found:
                with suppress(StorageError):  # a damaged run has no settings
                    found[run.id] = self._spec(run.id).settings.get(name)
        return found

    def _spec(self, run_id: str) -> Spec:
        kept = self._specs.get(run_id)
        if kept is None:
            kept = self._specs[run_id] = read_spec(self.workspace.paths.run(run_id))
            while len(self._specs) > _SEEN:
                self._specs.popitem(last=False)
        return kept

    def _open(self, run: Listed) -> Any:
        from workbench.metrics.store.reader import RunMetrics  # pyarrow takes a moment

        if run.id not in self._metrics:
            paths = self.workspace.paths.run(run.id)
            self._metrics[run.id] = RunMetrics(paths.events, paths.metrics)
        return self._metrics[run.id]

    def _places(self) -> dict[str, tuple[int, str]]:
        return self.workspace.dispatcher.places() if self.roster.going else {}

    def _changed(self) -> list[dict[str, Any]]:
        """Return the rows that views have seen and that are different now."""
        busy, found = self.acts.busy, []
        wanted = {run.id: run for run in self.roster.going}
        wanted |= {run_id: run for run_id in {*busy, *self._busy} if (run := self.roster.get(run_id)) is not None}
        self._busy = busy
        places = self._places() if wanted else {}
        for run_id, run in wanted.items():
            before = self._shown.get(run_id)
            if before is not None:
                now = plain(self.row(run, tuple(before["settings"]), places))
                if _still(now) != _still(before):
                    self._shown[run_id] = now
                    found.append(now)
        return found

    def _settle(self) -> None:
        """See to runs whose process is gone, as anybody who looks does; seldom when there are many."""
        if self.readonly or time.monotonic() - self._settled_at < max(SETTLE_S, self._settling_s * 20):
            return
        begin = time.monotonic()
        with suppress(WorkbenchError):  # whatever keeps it from being settled, it can be shown
            self.workspace.look()
        self._settled_at = time.monotonic()
        self._settling_s = self._settled_at - begin


def _headline(run: Listed, depth: Depth) -> dict[str, Any] | None:
    if run.headline_name is not None and run.headline_value is not None:
        return {"name": run.headline_name, "value": run.headline_value, "final": True}
    curve = depth.curve
    if curve.value is None:
        return None
    return {"name": curve.name, "value": curve.value, "final": False, "nan": curve.value != curve.value}


def _comparable(value: Any) -> Any:
    """Return what values of one setting can be sorted by, whatever their types."""
    if value is None:
        return None
    number = isinstance(value, int | float)
    return (not number, float(value) if number else 0.0, "" if number else str(value))


def _still(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _MOVES}


def _settings() -> list[str]:
    from workbench.config.schema import DOZEN, TrainingConfig

    return [*DOZEN, *sorted(set(TrainingConfig.model_fields) - set(DOZEN))]
