"""The state of an export wizard: what can be exported here, what was wanted, and where each export stands.

What lives here: the requests for runs, formats and exports, starting and cancelling, and one look at what changed. What
does not: certificates (``exporting_proof``), threads and traits (``widgets.export_wizard``).
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, Final, get_args

from pydantic import Field

from workbench.errors import RequestError, UnknownNameError, WorkbenchError
from workbench.exports.abilities import Ability, abilities
from workbench.exports.checks_answers import ANSWERS, SAMPLE
from workbench.exports.request import OPSETS, Nms
from workbench.runs.model import RunState
from workbench.runs.run import Run
from workbench.widgets.state.board_roster import Listed, Roster
from workbench.widgets.state.exporting_rows import row, said
from workbench.widgets.state.exporting_starts import Starts
from workbench.widgets.state.exporting_wanted import Planned, Wanted, line, plan
from workbench.widgets.state.messages import Nothing, Reply, Request, StateModel, answers, plain
from workbench.workspace import Workspace

GOING_S: Final = 0.5  # between two looks while exports go on
IDLE_S: Final = 2.0
SETTLE_S: Final = 3.0
LISTED: Final = 200  # newest runs to choose from, and exports to look at
_ASKED: Final = 8  # runs whose exports are watched at once
_KEPT: Final = 1000
_ABLE_S: Final = 3.0
_MOVES: Final = frozenset({"duration_s"})  # the view counts this on by itself
ACCEPTABLE: Final = (*ANSWERS, *SAMPLE)
"""Rows of a certificate that people may accept though they fail; in Python any other can be named too."""


class OfExports(Request):
    """A question for the exports of a training run; of all runs when it is empty."""

    run: str = Field("", max_length=80)


class OfExport(Request):
    """A question about one export."""

    export: str = Field(max_length=80)


class ExportingState(StateModel):
    """What an export wizard answers.

    Args:
        workspace: whose runs are exported.
        readonly: leaves out all acts, and writes nothing.
    """

    def __init__(self, workspace: Workspace, *, readonly: bool = False) -> None:
        super().__init__(readonly=readonly)
        self.workspace = workspace
        self.roster = Roster(workspace.ledger)
        self.starts = Starts(workspace)
        self._lock = threading.RLock()
        self._ended: OrderedDict[tuple[str, str], dict[str, Any]] = OrderedDict()
        self._told: OrderedDict[str, Any] = OrderedDict()  # what views were told of a run's exports
        self._told_runs: Any = None
        self._able: tuple[float, list[Ability]] = (float("-inf"), [])
        self._settled_at = float("-inf")

    @answers("hello")
    def hello(self, _request: Nothing) -> Reply:
        """Answer with the runs and the formats that there are, and what can be chosen."""
        with self._lock:
            self._settle()
            self.roster.look()
            self._told_runs = self._runs()
            return Reply(
                {
                    "workspace": self.workspace.paths.root,
                    "runs": self._told_runs,
                    "formats": self._formats(),
                    "opsets": list(OPSETS),
                    "nms": get_args(Nms),
                    "acceptable": ACCEPTABLE,
                }
            )

    @answers("formats")
    def formats(self, _request: Nothing) -> Reply:
        """Answer with the formats anew: an environment may have been made meanwhile."""
        with self._lock:
            self._able = (float("-inf"), [])
            return Reply(self._formats(), python="workbench.exports.abilities.abilities(ws.paths.environments)")

    @answers("plan")
    def plan(self, request: Wanted) -> Reply:
        """Answer with what would be made of what was chosen: ``{"planned", "asks"}``, and the line that does it."""
        planned = plan(request.chosen, request.options)
        told = [self._told_plan(each) for each in planned]
        possible = [each for each, one in zip(planned, told, strict=True) if one["problem"] is None]
        return Reply({"planned": told, "asks": self._asks(possible)}, python=_line(request, possible))

    @answers("start", acts=True)
    def start(self, request: Wanted) -> Reply:
        """Begin to start what was chosen, unless it needs environments that nobody has agreed to.

        Answers ``{"begun": n, "asks": {"mb", "families"} or null}``; ``begun`` is pushed for each when it is a run, or
        could not be started.

        Raises:
            RequestError: when nothing was chosen, or something cannot be made.
            UnknownNameError: when there is no such run.
        """
        if not request.chosen:
            raise RequestError("No format was chosen.", "At least one.", "Tick one in the table.")
        self._known(request.run)
        planned = plan(request.chosen, request.options)
        for each in planned:
            self._check(each)
        asks = self._asks(planned)
        if asks and not request.agreed:
            return Reply({"begun": 0, "asks": asks})
        begun = self.starts.begin(request.run, planned, fresh=request.options.fresh)
        return Reply({"begun": begun, "asks": None}, python=_line(request, planned))

    @answers("exports")
    def exports(self, request: OfExports) -> Reply:
        """Answer with the exports of a run, newest first, and those that are being started."""
        with self._lock:
            self.roster.look()
            found = plain(self._exports(request.run))
            self._told[request.run] = found
            self._told.move_to_end(request.run)
            while len(self._told) > _ASKED:
                self._told.popitem(last=False)
            return Reply(found)

    @answers("log")
    def log(self, request: OfExport) -> Reply:
        """Answer with what an export's job said so far.

        Raises:
            UnknownNameError: when there is no such export.
        """
        run = self.export_of(request.export)
        return Reply(said(self.workspace.paths.run(run.id)), python=f'ws.run("{run.id}").events()')

    @answers("cancel", acts=True)
    def cancel(self, request: OfExport) -> Reply:
        """Ask an export to end.

        Raises:
            ConflictError: when it has ended.
            UnknownNameError: when there is no such export.
        """
        run = self.export_of(request.export)
        Run(self.workspace.ledger, self.workspace.dispatcher, run.id).cancel("Somebody asked for it in the wizard.")
        return Reply({"run": run.id}, python=f'ws.run("{run.id}").cancel()')

    def tick(self) -> Iterator[tuple[str, Any]]:
        """Look once; yield what changed: ``begun``, ``runs`` and ``exports``."""
        outcomes = self.starts.outcomes()
        with self._lock:
            self._settle()
            self.roster.look()
            runs = self._runs()
            new_runs, self._told_runs = runs != self._told_runs, runs
            changed = []
            for run_id, before in self._told.items():
                now = plain(self._exports(run_id))
                if _still(now) != _still(before):
                    changed.append((run_id, now))
            self._told |= dict(changed)
        yield from (("begun", outcome) for outcome in outcomes)
        if new_runs:
            yield "runs", runs
        yield from (("exports", {"of": run_id, **now}) for run_id, now in changed)

    def pause_s(self) -> float:
        """Return how long to wait until the next look."""
        lively = bool(self.starts.waiting) or any(run.kind == "export" for run in self.roster.going)
        return GOING_S if lively else IDLE_S

    def export_of(self, run_id: str) -> Listed:
        """Return an export's run as the database tells it.

        Raises:
            UnknownNameError: when it is not there, e.g. any more, or is no export.
        """
        run = self._known(run_id)
        if run.kind != "export":
            raise UnknownNameError(f"Run '{run_id}' is no export.", "A run of kind export.", "See `workbench exports`.")
        return run

    def _known(self, run_id: str) -> Listed:
        with self._lock:
            found = self.roster.get(run_id)
            if found is None:
                self.roster.look()
                found = self.roster.get(run_id)
        if found is None:
            raise UnknownNameError(f"There is no run '{run_id}'.", "A run of this workspace.", "Choose another one.")
        return found

    def _runs(self) -> list[dict[str, Any]]:
        """Return the trainings that ended well, newest first."""
        done = (run for run in self.roster.runs if run.kind == "train" and run.state == RunState.COMPLETED.value)
        return [_told_run(run) for run, _ in zip(done, range(LISTED), strict=False)]

    def _exports(self, run_id: str) -> dict[str, Any]:
        found = [run for run in self.roster.runs if run.kind == "export" and (not run_id or run.source == run_id)]
        waiting = [
            {"run": each.run, "format": each.format, "words": each.words}
            for each in self.starts.waiting
            if not run_id or each.run == run_id
        ]
        return {"exports": [self._row(run) for run in found[:LISTED]], "starting": waiting, "all": len(found)}

    def _row(self, run: Listed) -> dict[str, Any]:
        key = (run.id, run.state)
        if key in self._ended:
            return self._ended[key]
        found = row(run, self.workspace.paths.run(run.id))
        if not run.going and not found["going"]:
            self._ended[key] = found
            while len(self._ended) > _KEPT:
                self._ended.popitem(last=False)
        return found

    def _abilities(self) -> list[Ability]:
        if time.monotonic() - self._able[0] > _ABLE_S:
            self._able = time.monotonic(), abilities(self.workspace.paths.environments)
        return self._able[1]

    def _formats(self) -> list[dict[str, Any]]:
        return [_told_format(able) for able in self._abilities()]

    def _able_of(self, name: str) -> Ability | None:
        with self._lock:
            return next((able for able in self._abilities() if able.format.name == name), None)

    def _check(self, planned: Planned) -> None:
        if planned.problem is not None:
            raise planned.problem
        able = self._able_of(planned.format)
        if able is not None and able.can == "refused":
            raise RequestError(able.reason, "A format that this machine can make.", "Untick it.", format=planned.format)

    def _asks(self, planned: Sequence[Planned]) -> dict[str, Any] | None:
        """Return how much has to be fetched and kept before work can begin; None when nothing has."""
        needed: dict[str, int] = {}
        for each in planned:
            able = self._able_of(each.format) if each.request else None
            if able is not None and able.environment is not None and able.needs_mb:
                needed[able.environment.name] = able.needs_mb  # formats of one family share it
        return {"mb": sum(needed.values()), "families": sorted(needed)} if needed else None

    def _told_plan(self, planned: Planned) -> dict[str, Any]:
        problem = planned.problem
        if problem is None:
            try:
                self._check(planned)
            except WorkbenchError as error:
                problem = error
        beats = problem and {part: getattr(problem, part) for part in ("happened", "expected", "todo")}
        return {"format": planned.format, "precision": planned.precision, "words": planned.words, "problem": beats}

    def _settle(self) -> None:
        """See to runs whose process is gone, as anybody who looks does."""
        if self.readonly or time.monotonic() - self._settled_at < SETTLE_S:
            return
        with suppress(WorkbenchError):  # whatever keeps it from being settled, it can be shown
            self.workspace.look()
        self._settled_at = time.monotonic()


def _told_run(run: Listed) -> dict[str, Any]:
    headline = run.headline_name and {"name": run.headline_name, "value": run.headline_value}
    return {
        **{name: getattr(run, name) for name in ("id", "name", "model", "dataset")},
        "created": run.created_at,
        "headline": headline or None,
    }


def _told_format(able: Ability) -> dict[str, Any]:
    known = able.format
    return {
        **{name: getattr(known, name) for name in ("name", "title", "suffix", "precisions", "served")},
        "arguments": sorted(known.arguments),
        "can": able.can,
        "reason": able.reason,
        "needs_mb": able.needs_mb,
        "family": able.environment.name if able.environment else "",
        "ready": able.environment is None or able.environment.ready,
    }


def _line(request: Wanted, planned: Sequence[Planned]) -> str:
    return line(request.run, [each.request for each in planned if each.request], fresh=request.options.fresh)


def _still(told: dict[str, Any]) -> dict[str, Any]:
    rows = [{name: value for name, value in each.items() if name not in _MOVES} for each in told["exports"]]
    return {**told, "exports": rows}
