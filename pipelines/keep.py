"""The process that keeps the engine running: ``python -m pipelines.keep``, in the foreground, for a service manager.

What lives here: start the engine, start it again, stop it when told to. What does not: the engine (``engine``), and the
unit that starts this (``systemd``).
"""

from __future__ import annotations

import logging
import signal
import sys
from threading import Event

from pipelines import engine
from workbench import settings
from workbench.errors import RequestError, WorkbenchError
from workbench.settings import Settings

LOOK_S = 5.0

_LOG = logging.getLogger("keep")


def keep(known: Settings, ended: Event) -> None:
    """Keep the engine running until ``ended`` is set, then stop it; return also when somebody else stopped it.

    Args:
        known: name the engine's folder.
        ended: set from a signal handler.

    Raises:
        EngineError: when the engine does not start.
        RequestError: when a shared server is used: there is nothing to keep.
    """
    if known.prefect_api_url:
        raise RequestError(
            f"Runs and schedules use the shared Prefect server {known.prefect_api_url}.",
            "An engine of this machine.",
            "Unset PREFECT_API_URL, or keep that server running instead.",
        )
    engine.ensure(known)
    engine.watch(known)
    while not ended.wait(LOOK_S):
        found = engine.status(known)
        if found.state is None:  # `workbench doctor --stop`: whoever stopped it meant it
            return
        if not (found.server and found.worker and found.watcher):
            _LOG.warning("Something of the engine has ended; it is started again.")
            engine.ensure(known)
            engine.watch(known)
    engine.stop(known)


def main() -> int:
    """Keep the engine of this user running until SIGTERM."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    ended = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        keep(settings.load(), ended)
    except WorkbenchError as error:
        _LOG.exception("The engine is not kept running.")
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
