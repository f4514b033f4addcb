"""The process of one backend of one run: ``python -m workbench.tracking.delivery.worker NAME FOLDER DESCRIPTOR``.

What lives here: the side that holds the tracker. What does not: when it is told what, and when it is ended
(``channel``, ``forwarder``).

It answers one request after the other over a socket that it was handed. What a backend's library prints goes where
stdout goes, which is a log file. An error that the tracker raises as ``TrackerError`` leaves the process as it is: the
next ``open`` gets a new tracker. Anything else that it raises makes the other side start a new process.
"""

from __future__ import annotations

import faulthandler
import os
import re
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from workbench import settings
from workbench.errors import TrackerError, WorkbenchError
from workbench.tracking.base import Ended, Item, Started, Tracker
from workbench.tracking.delivery.backends import load

QUIET = {
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "WANDB_ERROR_REPORTING": "false",
    "GIT_TERMINAL_PROMPT": "0",
}
_IN_URL = re.compile(r"(?<=://)\S+(?=@)")
_MESSAGE = 500
_ORPHAN_S = 2.0


class Server:
    """Answers for one tracker.

    Args:
        name: the backend.
        folder: private to this run and backend.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self._name, self._folder = name, folder
        self._tracker: Tracker | None = None

    def answer(self, verb: str, *args: Any) -> tuple[str, Any]:
        """Return ``("done", value)``, or ``("refused", error)`` after which the next request must be ``open``."""
        try:
            return "done", getattr(self, f"_{verb}")(*args)
        except WorkbenchError as error:
            self._tracker = None
            fields = {"retry": True, **error.fields}
            return "refused", TrackerError(plain(error.happened), plain(error.expected), plain(error.todo), **fields)
        except Exception as error:  # noqa: BLE001  a backend's library raises anything; it is told to whoever asked
            self._tracker = None
            raised = plain(f"{type(error).__name__}: {error}")[:_MESSAGE]
            return "refused", TrackerError(
                f"{self._name} raised {raised}",
                "A tracker that takes what it is sent.",
                f"Its own words are in {self._folder}.log.",
                retry=True,
                foreign=True,
            )

    def _open(self, started: Started, remote: str | None) -> tuple[str, str | None]:
        self._folder.mkdir(exist_ok=True)  # not its parents: a run that was deleted meanwhile stays deleted
        tracker = load(self._name)(self._folder)
        found = tracker.open(started, remote)
        self._tracker = tracker
        return found, tracker.url

    def _send(self, items: list[Item]) -> str | None:
        tracker = self._opened()
        tracker.send(items)
        return tracker.url

    def _close(self, ended: Ended | None) -> None:
        self._opened().close(ended)
        self._tracker = None

    def _opened(self) -> Tracker:
        if self._tracker is None:
            raise TrackerError(f"{self._name} is not open.", "A run that was begun.", "Begin it again.", retry=True)
        return self._tracker


def plain(message: str) -> str:
    """Return a message without passwords: those in URLs, and the values of variables that are named like secrets."""
    variables = settings.variables("")
    secrets = {value for name, value in variables.items() if settings.SECRET.search(name) and len(value) > 5}
    secrets |= {word for value in variables.values() if (word := _password(value))}
    for secret in sorted(secrets, key=len, reverse=True):
        message = message.replace(secret, "***")
    return _IN_URL.sub("***", message)


def _password(address: str) -> str | None:
    """Return the password in an address such as DATABASE_URL's; None when there is none."""
    found = _IN_URL.search(address) if "://" in address else None
    return found.group().partition(":")[2] or None if found else None


def serve(connection: Connection, server: Server) -> None:
    """Answer until the other side is gone."""
    while True:
        try:
            verb, args = connection.recv()
            connection.send(server.answer(verb, *args))
        except (EOFError, OSError):
            return


def main(name: str, folder: str, descriptor: str) -> None:
    """Serve, deaf to the signals that end a whole group of processes: whoever started this one ends it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    faulthandler.enable()
    os.set_inheritable(int(descriptor), False)
    settings.export_environment(QUIET)
    threading.Thread(target=_leave_with_parent, args=(os.getppid(),), daemon=True).start()
    with Connection(int(descriptor)) as connection:
        serve(connection, Server(name, Path(folder)))
    os._exit(0)  # whatever a library still wants to do at exit, e.g. wait for a server, nobody waits for


def _leave_with_parent(parent: int) -> None:
    """End when whoever started this process is gone, also in the middle of a call."""
    while os.getppid() == parent:
        time.sleep(_ORPHAN_S)
    os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
