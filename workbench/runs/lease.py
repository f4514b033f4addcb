"""The right to write a run: one process at a time.

What lives here: a lock on the run's ``lease`` file, and short locks.
The kernel of the operating system frees it when the holder ends,
however it ends. What does not: a lease for shared storage, where flock does not reach.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import orjson

from workbench.errors import LeaseError, storage_error
from workbench.processes import identify

_PROBE_S = 0.05  # somebody who looks whether the lease is held has it for an instant
_PROBES = 10


class Lease:
    """Hold the right to write the run whose lease file is ``path``, until closed.

    Raises:
        LeaseError: when another process holds it.
        StorageError: when the file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise storage_error(error, path) from error
        try:
            self._take()
        except BlockingIOError as error:
            os.close(self._file)
            holder = read_holder(path)
            raise LeaseError(
                f"Run '{path.parent.name}' is already written by process {holder.get('pid', '?')} "
                f"on {holder.get('host', '?')}.",
                "One process writes a run.",
                "Wait for it, or cancel it with `workbench runs cancel`.",
                holder=holder,
            ) from error
        except OSError as error:
            os.close(self._file)
            raise storage_error(error, path) from error

    def close(self) -> None:
        """Give the lease back."""
        os.close(self._file)

    def _take(self) -> None:
        for left in range(_PROBES - 1, -1, -1):
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not left:
                    raise
                time.sleep(_PROBE_S)
        who = asdict(identify(os.getpid()))
        note = orjson.dumps({**who, "host": socket.gethostname(), "since": time.time()})
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, note, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on the file ``path`` for a moment; whoever comes second waits.

    Raises:
        StorageError: when the file cannot be made.
    """
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise storage_error(error, path) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def read_holder(path: Path) -> dict[str, Any]:
    """Return ``{"pid", "ticks", "boot", "host", "since"}`` of the last holder; empty when there was none."""
    try:
        return dict(orjson.loads(path.read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        return {}


def is_held(path: Path) -> bool:
    """Return whether a living process holds the lease."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two who look do not see each other
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
