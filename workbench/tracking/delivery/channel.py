"""The process of a backend as seen by whoever feeds it: asked with a time limit, ended with all it started.

What lives here: starting, asking, ending. What does not: the other side (``worker``), when to ask (``forwarder``).
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil

from workbench.errors import TrackerError, storage_error
from workbench.processes import kill, members, spawn
from workbench.settings import TRACKER_MARK, environment

_LOG_BYTES = 2_000_000


class Channel:
    """One backend of one run, in a process that is started when something is first asked of it.

    Args:
        name: the backend.
        folder: the run's ``trackers`` folder; what the backend prints goes into ``<name>.log`` there.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self._folder = name, folder
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None

    @property
    def log(self) -> Path:
        """What the backend's library prints."""
        return self._folder / f"{self.name}.log"

    def ask(self, verb: str, *args: Any, limit_s: float) -> Any:
        """Return the answer.

        Args:
            verb: ``open``, ``send`` or ``close``.
            args: of the tracker's method.
            limit_s: a process that takes longer is ended.

        Raises:
            TrackerError: when the backend refuses, or its process ends or does not answer in time.
            StorageError: when the process cannot be started for want of space.
        """
        connection = self._connect()
        try:
            with self._limit(limit_s) as expired:
                connection.send((verb, args))
                word, value = connection.recv()
        except (EOFError, OSError) as error:
            happened = f"{self.name} did not answer within {limit_s:.0f} s" if expired() else self._death()
            self.end()
            raise TrackerError(
                f"{happened} when it was asked to {verb}.",
                "A backend that answers.",
                f"It is tried again; its own words are in {self.log}.",
                retry=True,
                slow=expired(),
            ) from error
        self._trim_log()
        if word == "done":
            return value
        if value.fields.get("foreign"):
            self.end()
        raise value

    def end(self) -> None:
        """End the process at once, with all it started."""
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            self.hang_up()
            self._process.wait()
            kill(members({TRACKER_MARK: self._mark}))  # what lost its parent is in no family
        self._process, self._connection = None, None

    def hang_up(self) -> None:
        """Kill the process and what it started; whoever waits for its answer goes on with an error."""
        process = self._process
        if process is not None and process.returncode is None:
            with suppress(psutil.NoSuchProcess):
                kill([psutil.Process(process.pid)])

    @property
    def _mark(self) -> str:
        return str(self._folder / self.name)

    def _connect(self) -> Connection:
        if self._connection is None:
            try:
                self._start()
            except OSError as error:
                raise storage_error(error, self._folder) from error
        if self._connection is None:
            raise TrackerError(f"{self.name} was not started.", retry=True)
        return self._connection

    def _start(self) -> None:
        kill(members({TRACKER_MARK: self._mark}))  # of a forwarder that was killed
        ours, theirs = socket.socketpair()
        with theirs:
            # -P: the private folder of a backend, e.g. wandb, lies in the working directory and is no package.
            command = [sys.executable, "-P", "-m", "workbench.tracking.delivery.worker", self.name, self._mark]
            self._process = spawn(
                [*command, str(theirs.fileno())],
                environment(**{TRACKER_MARK: self._mark}),
                self.log,
                pass_fds=[theirs.fileno()],
            )
        self._connection = Connection(ours.detach())

    @contextmanager
    def _limit(self, limit_s: float) -> Iterator[Callable[[], bool]]:
        """Kill the process after ``limit_s``, which makes whoever waits for it go on; yield whether that happened."""
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            self.hang_up()

        timer = threading.Timer(limit_s, expire)
        timer.daemon = True
        timer.start()
        try:
            yield expired.is_set
        finally:
            timer.cancel()

    def _death(self) -> str:
        if self._process is None:
            return f"The process of {self.name} ended"
        with suppress(subprocess.TimeoutExpired):
            status = self._process.wait(timeout=5.0)
            return f"The process of {self.name} ended " + (f"by signal {-status}" if status < 0 else f"with {status}")
        return f"The process of {self.name} hung up"

    def _trim_log(self) -> None:
        """Keep the log bounded while the process appends to it."""
        with suppress(OSError):
            if self.log.stat().st_size > _LOG_BYTES:
                shutil.copyfile(self.log, self.log.with_suffix(".old.log"))
                with self.log.open("r+b") as file:
                    file.truncate(0)
