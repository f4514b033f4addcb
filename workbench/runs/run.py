"""A run in the hands of a person: look, wait, cancel.

What lives here: ``Run``, a view of the ledger that anyone may hold, in any process. What does not: starting one
(``workspace``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from workbench.errors import ConflictError, RunError
from workbench.metrics.tail import Event, EventTail, values
from workbench.paths import RunPaths
from workbench.runs.launcher import Launcher
from workbench.runs.lease import is_held
from workbench.runs.ledger import Ledger
from workbench.runs.model import RunResult, RunSpec, RunState

POLL_S = 0.2
_CANCEL_S = 1.0
_LOST_S = 10.0  # a job's process is looked for this often; it may still be writing its last line


class Run:
    """One run of a workspace.

    Args:
        ledger: where the run is recorded.
        launcher: gives the launcher when one is needed; making it may cost time.
        run_id: the run.
    """

    def __init__(self, ledger: Ledger, launcher: Callable[[], Launcher], run_id: str) -> None:
        self._ledger, self._launcher = ledger, launcher
        self.id = run_id

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
            for event in self.events()
            if event["kind"] == "metrics" and event.get("scope") == scope
        ]

    def follow(self) -> Iterator[Event]:
        """Yield events as they come, until the run has ended.

        A run whose process is gone without a word is marked crashed on the way.
        """
        tail, looked_at = EventTail(self.paths.events), time.monotonic()
        while True:
            state = self.state
            yield from tail.poll()
            if state.ended:
                return
            if time.monotonic() - looked_at > (_CANCEL_S if state is RunState.CANCELLING else _LOST_S):
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

    def cancel(self) -> None:
        """Ask the run to end; it is ``cancelled`` when its process has saved and gone. Asking again is no error.

        Raises:
            ConflictError: when it has ended already.
        """
        if self.state is not RunState.CANCELLING:
            self._ledger.move(self.id, RunState.CANCELLING, "ledger")
        launch = self.launch_id
        if launch is not None:
            self._launcher().cancel(launch)
        self.settle()

    @property
    def launch_id(self) -> str | None:
        """What the launcher calls this run's last launch."""
        return self._ledger.launch(self.id)

    def settle(self) -> None:
        """Write the end of a run whose process is gone and wrote none."""
        state, launch = self.state, self.launch_id
        if state.ended or is_held(self.paths.lease):
            return
        if launch is None:  # whoever recorded it may still be starting it, or be gone
            if state is RunState.CANCELLING:
                self._end(RunState.CANCELLED, "It was cancelled before it was started.")
            return
        found = self._launcher().state(launch)
        # A launcher that has forgotten the run (its database is gone) cannot have it going: the lease is free.
        if found != "ended" and not (found == "unknown" and state is not RunState.QUEUED):
            return
        end = RunState.CANCELLED if state is RunState.CANCELLING else RunState.CRASHED
        self._end(end, "Its process ended without a word.")

    def _end(self, end: RunState, reason: str) -> None:
        with suppress(ConflictError):  # it has ended by itself meanwhile
            self._ledger.move(self.id, end, "ledger", reason=reason)
