"""Who goes next: the one place from which recorded runs are started, again or for the first time.

What lives here: handing runs to the launcher in the order of the queue, one a slot, and clearing tickets of runs that
have ended. What does not: noticing how a run ended (``supervise``), and processes (the launcher has them).
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from workbench.database import Database
from workbench.errors import ConflictError, UnknownNameError, WorkbenchError
from workbench.paths import WorkspacePaths
from workbench.runs import stop
from workbench.runs.ledger import Ledger
from workbench.runs.model import RunState
from workbench.runs.standing import Standing
from workbench.runs.stop import Stop
from workbench.runs.supervision.launcher import Launcher, Launchers
from workbench.runs.supervision.queue import Queue, Ticket, free_slot, slot_of
from workbench.runs.supervision.supervise import ask_to_end, settle
from workbench.settings import Settings, environment

_LOG = logging.getLogger(__name__)
_FAR_S = 86_400.0  # no retry waits longer: a due time further away comes from a clock that was set back


class Dispatcher:
    """Starts the runs of one user.

    Args:
        settings: name the engine's folder and the slots.
        launchers: give the launcher of a server; making it may cost time.
    """

    def __init__(self, settings: Settings, launchers: Launchers) -> None:
        self._settings, self._launchers = settings, launchers
        self.queue = Queue(settings.engine)
        self._ledgers: dict[tuple[str, str], Ledger] = {}

    def submit(self, ledger: Ledger, run_id: str) -> None:
        """Queue a recorded run, and start it at once when its slot is free.

        Args:
            ledger: where it is recorded.
            run_id: the run; it sees the environment of this process.

        Raises:
            EngineError: when it could not be started.
            StorageError: when the engine's folder cannot be written.
        """
        ticket = self._add(ledger, run_id)
        with self.queue.locked():
            self._start_next(only=run_id)
        self._launchers(ticket.server).watch()

    def cancel(self, ledger: Ledger, run_id: str, reason: str = "Somebody asked for it.") -> None:
        """Ask a run to save and end; it is ``cancelled`` when its processes are gone. Asking again is no error.

        Raises:
            ConflictError: when it has ended already.
        """
        standing = ledger.standing(run_id)
        if standing.state.ended:
            raise ConflictError(
                f"Run '{run_id}' cannot be cancelled: it is {standing.state}.",
                "A run that is queued or running.",
                f"See `workbench runs show {run_id}`.",
                run=run_id,
                state=standing.state.value,
            )
        if standing.state is not RunState.CANCELLING:
            ledger.move(run_id, RunState.CANCELLING, "ledger", reason=reason)
        launcher = self._launcher(run_id)
        if standing.launch_id is not None:
            ask_to_end(ledger, run_id, Stop("cancel", reason, time.time()), launcher)
        if settle(ledger, run_id, launcher).state.ended:
            self._clear(ledger, run_id)
        else:
            launcher().watch()

    def look(self, ledger: Ledger) -> None:
        """Settle what has happened to the runs of one workspace, and see to it that the rest is watched.

        Cheap while nothing goes on. Nothing is started here, so that looking never takes long. What cannot be written
        (the disk is full) is said in a warning: it keeps nobody from looking.
        """
        tickets = {ticket.run_id: ticket for ticket in self.queue.tickets()}
        left: Ticket | None = None
        for run_id in ledger.unended():
            try:
                if settle(ledger, run_id).state.ended:
                    ledger.refresh(run_id)
                    self._clear(ledger, run_id)
                    continue
                left = tickets.get(run_id)
                if left is None or not _spec(left).is_file():
                    # Recorded by a process that died at that moment, or moved here from another folder.
                    left = self._add(ledger, run_id)
            except (WorkbenchError, OSError) as error:
                _LOG.warning("Run %s: %s", run_id, error)
        if left is not None:
            self._watch(left)

    def settle(self, ledger: Ledger, run_id: str) -> Standing:
        """Look at one run, see to it that it is watched while it has not ended, and return where it stands."""
        standing = settle(ledger, run_id)
        if not standing.state.ended:
            self._launcher(run_id)().watch()
        return standing

    def tick(self) -> int:
        """Settle every run of the queue, start what may start, and return how many are left."""
        self.settle_all(ask=True)
        with self.queue.locked():
            self._start_next()
        return len(self.queue.tickets())

    def settle_all(self, *, ask: bool = False) -> None:
        """Settle every run of the queue, and remove the tickets of those that have ended.

        Args:
            ask: whether a launcher may be asked about launches that have not appeared, which may start the engine.
        """
        for ticket in self.queue.tickets():
            try:
                ledger, launcher = self._ledger(ticket), self._launcher(ticket.run_id) if ask else None
                if settle(ledger, ticket.run_id, launcher).state.ended:
                    ledger.refresh(ticket.run_id)
                    self._clear(ledger, ticket.run_id)
            except UnknownNameError:  # the run, or its whole workspace, was deleted
                self.queue.remove(ticket.run_id)
            except (WorkbenchError, OSError) as error:  # a full disk, an absent database: of one run, not the others
                _LOG.warning("Run %s: %s", ticket.run_id, error)

    def cancel_all(self, reason: str) -> list[str]:
        """Leave the wish to end in every run of the user, without a signal to any process, and return their ids."""
        found = []
        for ticket in self.queue.tickets():
            try:
                ledger = self._ledger(ticket)
                if ledger.state(ticket.run_id) is not RunState.CANCELLING:
                    ledger.move(ticket.run_id, RunState.CANCELLING, "ledger", reason=reason)
                stop.ask(ledger.paths.run(ticket.run_id), Stop("cancel", reason, time.time()))
                found.append(ticket.run_id)
            except WorkbenchError:  # it has ended, or is gone, or cannot be written: the others are cancelled
                continue
        return found

    def places(self) -> dict[str, tuple[int, str]]:
        """Return the runs that wait, each with its place, from 1, and the slot it waits for."""
        found: dict[str, tuple[int, str]] = {}
        ahead: Counter[str] = Counter()
        for ticket in self.queue.tickets():
            if self._standing(ticket).waits:
                ahead[ticket.slot] += 1
                found[ticket.run_id] = (ahead[ticket.slot], ticket.slot)
        return found

    def _add(self, ledger: Ledger, run_id: str) -> Ticket:
        spec, variables = ledger.spec(run_id), environment()
        server, root = self._settings.prefect_api_url, str(ledger.paths.root.absolute())
        changes = ledger.standing(run_id).changes
        slot = slot_of(spec, changes) if server is None else ""  # elsewhere its work pool says how many run at once
        ticket = Ticket(run_id, root, server, slot, ledger.policy(run_id).priority, environment=variables)
        with self.queue.locked():
            return self.queue.add(ticket)

    def _clear(self, ledger: Ledger, run_id: str) -> None:
        """Remove the ticket of a run that has ended, unless it is that of the run's original in another folder."""
        ticket = self.queue.ticket(run_id)
        if ticket is None or (_spec(ticket).is_file() and not _spec(ticket).samefile(ledger.paths.run(run_id).spec)):
            return
        self.queue.remove(run_id)
        if not ledger.state(run_id).ended:  # somebody resumed it at this moment
            self.queue.write(ticket)

    def _watch(self, ticket: Ticket) -> None:
        try:
            self._launchers(ticket.server).watch()
        except WorkbenchError as error:
            _LOG.warning("Nobody watches the runs: %s", error)

    def _start_next(self, only: str | None = None) -> None:
        """Start what is due and has a free slot; ``only`` that run, but never before those that stand in front."""
        tickets = self.queue.tickets()
        standings = {ticket.run_id: self._standing(ticket) for ticket in tickets}
        going = [ticket for ticket in tickets if not standings[ticket.run_id].waits]
        taken = [ticket.slot for ticket in going if not standings[ticket.run_id].state.ended]
        for ticket in tickets:
            standing = standings[ticket.run_id]
            if not standing.waits or not _due(standing):
                continue
            slot = free_slot(ticket.slot, taken, self._settings.workbench_cpu_slots, self._gpus)
            if slot is None:
                continue
            taken.append(slot)
            if only in {None, ticket.run_id}:
                self._start(ticket, standing, slot, quiet=only is None)

    def _start(self, ticket: Ticket, standing: Standing, slot: str, *, quiet: bool) -> None:
        number = standing.launch + 1  # a start that was not noted is repeated under the same number
        launcher = self._launchers(ticket.server)
        try:
            launch = launcher.start(Path(ticket.workspace), ticket.run_id, number, ticket.environment)
            self._ledger(ticket).launched(ticket.run_id, number, launch)
        except (WorkbenchError, OSError) as error:
            if not quiet:
                raise
            _LOG.warning("Run %s was not started: %s", ticket.run_id, error)
            return
        if slot != ticket.slot:
            self.queue.write(Ticket(**{**vars(ticket), "slot": slot}))

    def _standing(self, ticket: Ticket) -> Standing:
        try:
            return self._ledger(ticket).standing(ticket.run_id)
        except (WorkbenchError, OSError):  # said by ``tick``; what cannot be read takes no slot and is not started
            return Standing(RunState.CRASHED)

    def _launcher(self, run_id: str) -> Callable[[], Launcher]:
        ticket = self.queue.ticket(run_id)
        server = ticket.server if ticket is not None else self._settings.prefect_api_url
        return lambda: self._launchers(server)

    def _ledger(self, ticket: Ticket) -> Ledger:
        url = ticket.environment.get("DATABASE_URL", "")
        key = (ticket.workspace, url)
        if key not in self._ledgers:
            paths = WorkspacePaths(Path(ticket.workspace))
            if not _spec(ticket).is_file():  # opening a database would make the folder again
                raise UnknownNameError(f"No run '{ticket.run_id}' in {ticket.workspace}.")
            self._ledgers[key] = Ledger(paths, Database.open(paths.database, url or None))
        return self._ledgers[key]

    @cached_property
    def _gpus(self) -> int:
        from workbench.runs.lock import gpus

        return len(gpus())


def _spec(ticket: Ticket) -> Path:
    return WorkspacePaths(Path(ticket.workspace)).run(ticket.run_id).spec


def _due(standing: Standing) -> bool:
    return not 0 < standing.due_at - time.time() < _FAR_S
