"""The process of the watcher: ``python -m pipelines.watch``.

What lives here: one loop over the user's runs, every second while there are any. What does not: what is done for a
run (``workbench.runs.supervision.dispatcher``), and Prefect, which it only talks to over REST.
"""

from __future__ import annotations

import logging
import signal
import time
from threading import Event

from pipelines import engine, entries
from workbench import settings
from workbench.errors import LeaseError, WorkbenchError
from workbench.runs.lease import Lease
from workbench.runs.supervision.dispatcher import Dispatcher
from workbench.runs.supervision.launcher import Launchers
from workbench.settings import Settings

TICK_S = 1.0
_ENGINE_S = 5.0  # how often server and worker are looked after while something runs
_SAME_S = 600.0  # the same words go into the log once in this time

_LOG = logging.getLogger("watcher")


class Seldom(logging.Filter):
    """Lets the same words pass only now and then: what fails every second must not fill the disk."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is news."""
        words = f"{record.getMessage()} {record.exc_info[1] if record.exc_info else ''}"
        self._said = {said: at for said, at in self._said.items() if abs(record.created - at) < _SAME_S}
        news = words not in self._said
        self._said.setdefault(words, record.created)
        return news


class Watcher:
    """Settles and starts the runs of one user until it is told to end.

    Args:
        known: the settings; name the engine's folder.
        dispatcher: does the work of one tick.
    """

    def __init__(self, known: Settings, dispatcher: Dispatcher) -> None:
        self._settings, self._dispatcher = known, dispatcher
        self._ended = Event()
        self._engine_at = time.monotonic() + _ENGINE_S

    def end(self) -> None:
        """Leave the loop after the tick in hand."""
        self._ended.set()

    def run(self) -> None:
        """Tick until ``end``."""
        while not self._ended.wait(TICK_S):
            try:
                if self._dispatcher.tick() or entries.exist(self._settings.engine):
                    self._keep_engine()
            except (WorkbenchError, OSError):  # a full disk must not end the one who would tell of it
                _LOG.exception("This tick failed; the next one follows.")

    def _keep_engine(self) -> None:
        """Start server and worker again when they died while runs or schedules need them."""
        if time.monotonic() < self._engine_at:
            return
        self._engine_at = time.monotonic() + _ENGINE_S
        local = [ticket for ticket in self._dispatcher.queue.tickets() if ticket.server is None]
        if local or entries.exist(self._settings.engine):
            engine.ensure(self._settings)


def main() -> None:
    """Watch, unless another watcher does already."""
    handler = logging.StreamHandler()
    handler.addFilter(Seldom())
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s", handlers=[handler])
    known = settings.load()
    try:
        lease = Lease(known.engine.watcher)
    except LeaseError:
        return
    with lease:
        watcher = Watcher(known, Dispatcher(known, Launchers(known)))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: watcher.end())
        watcher.run()


if __name__ == "__main__":
    main()
