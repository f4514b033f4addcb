"""What the trackers know of the runs, and telling them what they do not know.

What lives here: ``status`` and ``sync`` over the runs of a workspace. What does not: feeding a run while it goes
(``forward``).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from workbench.errors import RequestError, StorageError, WorkbenchError
from workbench.paths import RunPaths
from workbench.runs.ledger import Ledger
from workbench.runs.tracking.forward import feeding
from workbench.runs.tracking.tracked import TrackedRun
from workbench.settings import Settings
from workbench.tracking.delivery import state
from workbench.tracking.delivery.forwarder import Feed, Limits
from workbench.tracking.delivery.spool import points_behind
from workbench.tracking.delivery.state import Delivery

Word = Literal["complete", "following", "behind", "failing", "stopped"]
Progress = Callable[[str, str, int], None]
NONE = (
    "No tracker is configured.",
    "OBSERVABILITY_BACKENDS names any of clearml, mlflow, wandb, database.",
    "Set it, e.g. OBSERVABILITY_BACKENDS=mlflow; what runs measured before is told with `workbench trackers sync RUN`.",
)
_TRIES = 3
_FAILED_RUNS = 3  # in a row: the backend is not asked about the others


@dataclass(frozen=True)
class Told:
    """What one tracker knows of one run.

    Attributes:
        run: its id.
        backend: the tracker.
        state: ``complete`` (all, its end included), ``following`` (all so far), ``behind``, ``failing`` (behind, after
            an error) or ``stopped`` (nothing is tried before ``sync``).
        behind: points, texts and files that it was not told.
        points: points that it has acknowledged.
        remote: what it calls the run; None when it never answered.
        url: where a person sees the run.
        success_at: when it last acknowledged anything, in unix seconds.
        error: why it was not told more, in three beats and with its time; None when all is well.
    """

    run: str
    backend: str
    state: Word
    behind: int
    points: int
    remote: str | None
    url: str | None
    success_at: float | None
    error: dict[str, Any] | None

    @property
    def well(self) -> bool:
        """Whether it knows all that there is by now."""
        return self.state in {"complete", "following"}

    def payload(self) -> dict[str, Any]:
        """Return it as JSON-able data."""
        return asdict(self)


class Trackers:
    """The trackers of one workspace.

    Args:
        ledger: the runs.
        settings: which trackers are configured.
    """

    def __init__(self, ledger: Ledger, settings: Settings) -> None:
        self._ledger, self._settings = ledger, settings

    @property
    def backends(self) -> tuple[str, ...]:
        """The trackers that are configured."""
        return self._settings.observability_backends

    def status(self, *runs: str) -> list[Told]:
        """Return what each tracker knows of each run, newest run first.

        Args:
            runs: ids; left out, every run that was told to any.

        Raises:
            UnknownNameError: when there is no such run.
        """
        return [
            _told(run_id, name, run, source)
            for run_id, run, source in self._runs(runs)
            for name in state.backends_told(run.trackers)
        ]

    def sync(
        self, *runs: str, again: bool = False, progress: Progress | None = None, stop: threading.Event | None = None
    ) -> list[Told]:
        """Tell the configured trackers what they do not know, in this process; each waits for none of the others.

        A run whose own process feeds its trackers is left to it. After an error it is tried twice more; a tracker that
        has failed for three runs in a row is not asked about the others.

        Args:
            runs: ids; they are also told to trackers that were configured later. Left out, all runs that were told to
                any, and are not complete there.
            again: tell these runs from their beginning, e.g. to a tracker that has lost them.
            progress: called with run, tracker and points acknowledged so far.
            stop: set to end soon.

        Returns:
            What the trackers know of those runs now.

        Raises:
            RequestError: when no tracker is configured, or ``again`` names no run.
            UnknownNameError: when there is no such run.
        """
        if not self.backends:
            raise RequestError(*NONE)
        if again and not runs:
            raise RequestError("No run is named to be told again.", "The ids of runs.", "Name them.")
        stop, failed, found = stop or threading.Event(), dict.fromkeys(self.backends, 0), list[Told]()
        for run_id, run, source in self._runs(runs):
            known = state.backends_told(run.trackers)
            before = [_told(run_id, name, run, source) for name in self.backends if runs or name in known]
            due = [told.backend for told in before if again or told.state != "complete"]
            if not due or stop.is_set():
                continue
            asked, taken = [name for name in due if failed[name] < _FAILED_RUNS], dict[str, bool]()
            with feeding(run) as alone:
                if not alone:  # its own process leaves those that have stopped to us
                    asked = [name for name in asked if state.load(run.trackers, name).stopped]
                taken = _catch_up(source, run, asked, _Call(run_id, again, progress, stop))
            failed |= {name: 0 if well else failed[name] + 1 for name, well in taken.items()}
            after = [_told(run_id, name, run, source) for name in due]
            # What came while the last of it was told is not due yet, nor what its own process is about to tell.
            found += [_on_the_way(told) if taken.get(told.backend, not alone) else told for told in after]
        return found

    def _runs(self, named: Sequence[str]) -> Iterator[tuple[str, RunPaths, TrackedRun]]:
        ids = [self._ledger.resolve(name) for name in named] or [row.id for row in self._ledger.rows()]
        for run_id in ids:
            run = self._ledger.paths.run(run_id)
            if not named and not state.backends_told(run.trackers):
                continue
            try:
                source = TrackedRun(run.root)
            except StorageError:  # one damaged run does not keep the others from being told
                if named:
                    raise
                continue
            yield run_id, run, source


@dataclass(frozen=True)
class _Call:
    run: str
    again: bool
    progress: Progress | None
    stop: threading.Event


def _catch_up(source: TrackedRun, run: RunPaths, names: Sequence[str], call: _Call) -> dict[str, bool]:
    """Feed several trackers at once; return which took everything."""
    taken = dict.fromkeys(names, False)

    def feed(name: str) -> None:
        with feeding(run, backend=name) as alone:
            if alone:  # otherwise another sync is at it
                taken[name] = _feed(name, source, run, call)

    threads = [threading.Thread(target=feed, args=(name,), name=name, daemon=True) for name in names]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except KeyboardInterrupt:
        call.stop.set()
        for thread in threads:
            thread.join()
        raise
    return taken


def _feed(name: str, source: TrackedRun, run: RunPaths, call: _Call) -> bool:
    def catch_up() -> bool:
        return Feed(name, source, run.trackers, Limits(finish_s=math.inf)).catch_up(_TRIES, call.stop, report)

    def report(points: int) -> None:
        if call.progress is not None:
            call.progress(call.run, name, points)

    taken = catch_up()
    if call.again and taken:  # not before: some backends number what they hold in the order in which it came
        before = state.load(run.trackers, name)
        state.save(run.trackers, name, Delivery(remote=before.remote, url=before.url))
        taken = catch_up()
    return taken


def _told(run_id: str, backend: str, run: RunPaths, source: TrackedRun) -> Told:
    delivery, ended, error = state.load(run.trackers, backend), source.ended(), None
    if delivery.error is not None:
        error = dict(delivery.error)
    try:
        behind = points_behind(run.events, delivery.offsets)
    except StorageError as problem:
        behind, error = 0, error or state.problem(problem)
    return Told(
        run=run_id,
        backend=backend,
        state=_word(delivery, behind, ended_at=ended.at if ended is not None else None),
        behind=behind,
        points=delivery.points,
        remote=delivery.remote,
        url=delivery.url,
        success_at=delivery.success_at,
        error=error,
    )


def _on_the_way(told: Told) -> Told:
    return replace(told, state="following") if told.state == "behind" and told.error is None else told


def _word(delivery: Delivery, behind: int, ended_at: float | None) -> Word:
    if delivery.stopped:
        return "stopped"
    if not behind and ended_at is not None and delivery.closed_at == ended_at:
        return "complete"
    if delivery.error is not None:
        return "failing"
    return "behind" if behind or ended_at is not None or not delivery.attempt else "following"


def failure(told: Sequence[Told]) -> WorkbenchError | None:
    """Return what could not be told, as one error with the reason of each tracker; None when all was."""
    from workbench.errors import TrackerError

    ill = [one for one in told if not one.well]
    if not ill:
        return None
    reasons = {one.backend: (one.error or {}).get("happened", "It was not asked.") for one in reversed(ill)}
    todos = [str(one.error["todo"]) for one in ill if one.state == "stopped" and one.error]
    return TrackerError(
        f"{len(ill)} of {len(told)} could not be told everything: "
        + " ".join(f"{name}: {reason}" for name, reason in reasons.items()),
        "Trackers that answer.",
        next(filter(None, todos), "Once they do: workbench trackers sync"),
        trackers=[one.payload() for one in told],
    )
