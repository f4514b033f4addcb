"""A run in the hands of a person: look, wait, cancel, resume.

What lives here: ``Run``, a view of the ledger that anyone may hold, in any process. What does not: starting one
(``workspace``).
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import ConflictError, RunError, StorageError
from workbench.metrics.rows import current
from workbench.metrics.subscribe import Follower, Received, subscribe
from workbench.metrics.tail import Event, values
from workbench.paths import RunPaths
from workbench.runs.changes import changed_parameters, split_policy
from workbench.runs.heartbeat import Beat, read_beat
from workbench.runs.lease import locked
from workbench.runs.ledger import Ledger
from workbench.runs.model import RunResult, RunSpec, RunState
from workbench.runs.standing import Standing
from workbench.runs.supervision.dispatcher import Dispatcher
from workbench.runs.training.checkpoint_files import finished_epochs

if TYPE_CHECKING:
    from workbench.metrics.store.reader import RunMetrics
    from workbench.runs.media import RunMedia

POLL_S = 0.2
_LOOK_S = 2.0


class Run:
    """One run of a workspace.

    Args:
        ledger: where the run is recorded.
        dispatcher: starts, settles and ends runs.
        run_id: the run.
    """

    def __init__(self, ledger: Ledger, dispatcher: Dispatcher, run_id: str) -> None:
        self._ledger, self._dispatcher = ledger, dispatcher
        self.id = run_id
        self._history: RunMetrics | None = None

    def __repr__(self) -> str:
        return f"<Run {self.id} {self.state}>"

    @property
    def spec(self) -> RunSpec:
        """What the run is."""
        return self._ledger.spec(self.id)

    @property
    def state(self) -> RunState:
        """Where the run stands."""
        return self._ledger.state(self.id)

    @property
    def standing(self) -> Standing:
        """Where the run stands and how it got there: reason, attempt, when the next one is due."""
        return self._ledger.standing(self.id)

    @property
    def place(self) -> tuple[int, str] | None:
        """The place in the queue, from 1, and the slot that the run waits for; None when it does not wait."""
        return self._dispatcher.places().get(self.id)

    @property
    def heartbeat(self) -> Beat | None:
        """The last sign of life of the last attempt; None when it gave none."""
        attempts = self.paths.attempts()
        return read_beat(self.paths.attempt(attempts[-1]).heartbeat) if attempts else None

    @property
    def result(self) -> RunResult:
        """The result of a completed run.

        Raises:
            RunError: when the run is not complete.
        """
        return self._ledger.result(self.id)

    @property
    def paths(self) -> RunPaths:
        """The run's folder."""
        return self._ledger.paths.run(self.id)

    @property
    def checkpoint(self) -> Path:
        """The best checkpoint.

        Raises:
            RunError: when the run has none.
        """
        path = self.paths.checkpoints / "best.pt"
        if not path.is_file():
            raise RunError(
                f"Run '{self.id}' has no checkpoint: it is a run of kind {self.spec.kind} and {self.state}.",
                "A training run that finished an epoch.",
                "See `workbench runs list --kind train`.",
                run=self.id,
            )
        return path

    def attempts(self) -> list[dict[str, Any]]:
        """Return the attempts so far: ``{"attempt", "notebook", "log"}``, paths where the files are there."""
        found = []
        for number in self.paths.attempts():
            files = self.paths.attempt(number)
            shown = {"notebook": files.notebook, "log": files.log}
            found.append({"attempt": number, **{key: str(path) for key, path in shown.items() if path.is_file()}})
        return found

    @property
    def notebook(self) -> Path | None:
        """The executed notebook of the last attempt; ``None`` before the first cell ran."""
        attempts = self.paths.attempts()
        path = self.paths.attempt(attempts[-1]).notebook if attempts else None
        return path if path is not None and path.is_file() else None

    def events(self) -> list[Event]:
        """Return what happened so far, oldest first."""
        return self._ledger.events(self.id)

    def metrics(self, scope: str = "epoch") -> list[dict[str, float]]:
        """Return the metrics so far: one dict per step, with ``step``.

        Args:
            scope: ``batch``, ``epoch`` or ``final``.
        """
        return [
            {"step": event["step"], **values(event)}
            for event in current(self.events())
            if event["kind"] == "metrics" and event.get("scope") == scope
        ]

    @property
    def history(self) -> RunMetrics:
        """Its metrics for charts and tables: series of a few points that stand for millions, summaries, Arrow."""
        if self._history is None:
            from workbench.runs.history import open_metrics  # pyarrow takes a moment: only who asks waits for it

            self._history = open_metrics(self.paths, ended=self.state.ended)
        return self._history

    @property
    def media(self) -> RunMedia:
        """Its texts, pictures, confusion matrix and curves."""
        from workbench.runs.media import RunMedia  # pictures need more than most who look at a run

        return RunMedia(self.paths)

    def subscribe(
        self, after: str | None = None, kinds: Collection[str] | None = None, scopes: Collection[str] | None = None
    ) -> AsyncIterator[Received]:
        """Yield events as they come, each with a cursor, until the run has ended.

        Args:
            after: the ``str`` of a cursor to go on from; the start when left out.
            kinds: kinds of events, e.g. ``("metrics", "state")``; all when left out.
            scopes: of the metrics, the scopes, e.g. ``("epoch",)``; all when left out.

        Raises:
            RequestError: when ``after`` is no cursor.
        """
        return subscribe(self.paths.events, after=after, kinds=kinds, scopes=scopes, until=lambda: self.state.ended)

    def follow(self) -> Iterator[Event]:
        """Yield events as they come, until the run has ended.

        A run whose process is gone without a word is settled on the way.
        """
        follower, looked_at = Follower(self.paths.events), time.monotonic()
        while True:
            state = self.state
            if state.ended:
                with suppress(StorageError), locked(self.paths.gate):  # held until the end is also an event
                    pass
            yield from follower.poll()
            if state.ended:
                return
            if time.monotonic() - looked_at > _LOOK_S:
                looked_at = time.monotonic()
                self.settle()
            time.sleep(POLL_S)

    def wait(self, on_event: Callable[[Event], None] | None = None) -> RunResult:
        """Wait until the run has ended.

        Args:
            on_event: called with each event as it comes.

        Returns:
            The result.

        Raises:
            RunError: when the run ended otherwise than completed (field ``state``).
        """
        reason: dict[str, Any] = {}
        for event in self.follow():
            if event["kind"] == "state":
                reason = event
            if on_event is not None:
                on_event(event)
        state = self.state
        if state is RunState.COMPLETED:
            return self.result
        raise RunError(
            f"Run '{self.id}' ended {state}: {reason.get('reason', 'no reason was recorded')}",
            todo=f"Executed notebook: {self.notebook or 'none yet'}",
            run=self.id,
            state=state.value,
        )

    def cancel(self, reason: str = "Somebody asked for it.") -> None:
        """Ask the run to save and end; it is ``cancelled`` when its processes are gone. Asking again is no error.

        Args:
            reason: kept in the record.

        Raises:
            ConflictError: when it has ended already.
        """
        self._dispatcher.cancel(self._ledger, self.id, reason)

    def resume(self, **changes: Any) -> None:
        """Go on with a run that failed, crashed or was cancelled, from its newest good checkpoint.

        Args:
            changes: settings that are to be different from now on, e.g. ``epochs=50``, ``device="cpu"`` or
                ``max_hours=8``.

        Raises:
            ConflictError: when it is completed, or goes on already.
            ConfigError: when a setting cannot be changed on the way.
            EngineError: when it could not be started; it then stays queued.
        """
        standing = self.standing
        if not standing.state.ended or standing.state is RunState.COMPLETED:
            raise self._not_resumable(standing.state)
        policy, settings = split_policy(changes)
        fields: dict[str, Any] = {"policy": policy} if policy else {}
        if settings:
            finished = finished_epochs(self.paths)
            fields["changes"] = changed_parameters(self.spec, standing, settings, finished)
        try:
            self._ledger.move(
                self.id, RunState.QUEUED, "resume", since=standing, reason="Somebody resumed it.", **fields
            )
        except ConflictError as error:  # two people resume it at once: one of them does
            raise self._not_resumable(self.state) from error
        self._dispatcher.submit(self._ledger, self.id)

    @property
    def launch_id(self) -> str | None:
        """What the launcher calls this run's last launch; None while the run waits to be launched."""
        return self.standing.launch_id

    def settle(self) -> None:
        """Write the end of a run whose process is gone and wrote none, and see to it that the run is watched."""
        self._dispatcher.settle(self._ledger, self.id)

    def _not_resumable(self, state: RunState) -> ConflictError:
        completed = state is RunState.COMPLETED
        checkpoint = self.paths.checkpoints / "last.pt"
        return ConflictError(
            f"Run '{self.id}' is {state}: " + ("there is nothing to resume." if completed else "it goes on already."),
            "A run that failed, crashed or was cancelled.",
            f"To train further: `workbench train --model {checkpoint}`; anew: `workbench runs restart {self.id}`."
            if completed
            else f"Watch it: workbench runs watch {self.id}",
            run=self.id,
            state=state.value,
        )
