"""Work that is brought to an orderly end when somebody interrupts this process.

What lives here: how an interruption reaches work that runs an event loop. What does not: what that work does about it.

Whatever interrupts a process is raised in its main thread, at any line: Ctrl-C, the exception that Prefect makes of
SIGTERM, somebody's alarm. Inside an event loop most of these are lost, since asyncio takes them for the error of the
task in hand. Prefect's handler cannot be replaced either: Prefect confirms a cancellation only while it is in place.
So the work runs in a thread of its own, and the thread that called it does nothing but wait.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

_AGAIN_S = 1.0  # a second Ctrl-C this long after the first means it
_POLL_S = 1.0
_GO_S = 0.002


@dataclass
class Interruption:
    """What interrupted this process while it worked; false until then.

    Attributes:
        error: what was raised.
        since: when, on the monotonic clock.
        urgent: whether somebody asked again.
    """

    error: BaseException | None = None
    since: float = 0.0
    urgent: bool = False

    def __bool__(self) -> bool:
        return self.error is not None

    def note(self, error: BaseException) -> None:
        """Take note of ``error``."""
        if self.error is None:
            self.error, self.since = error, time.monotonic()
        elif isinstance(error, KeyboardInterrupt) and time.monotonic() - self.since > _AGAIN_S:
            self.urgent = True

    def age_s(self) -> float:
        """Return how long ago it was, in seconds."""
        return time.monotonic() - self.since


class _Worker:
    """The thread that does the work, and what became of it.

    ``Thread.join`` will not do to wait for it: interrupted, it takes the thread for ended.
    """

    def __init__(self, work: Callable[[], bool]) -> None:
        self._work = work
        self.error: BaseException | None = None
        self.complete = self.ended = self.go = self.dismissed = False
        self._lock = threading.Lock()
        self._lock.acquire()

    def run(self) -> None:
        while not self.go:
            if self.dismissed:
                return
            time.sleep(_GO_S)
        try:
            self.complete = self._work()
        except BaseException as error:  # noqa: BLE001  it is raised where the work was asked for
            self.error = error
        finally:
            self.ended = True
            self._lock.release()

    def wait(self) -> None:
        """Wait a moment, or until the work has ended."""
        self._lock.acquire(timeout=_POLL_S)


def run_interruptibly(work: Callable[[], bool], interruption: Interruption, patience_s: float) -> None:
    """Do ``work`` in a thread of its own and wait for it, also when this thread is interrupted meanwhile.

    Args:
        work: looks at ``interruption`` now and then, comes to an end when it is set, and returns whether it was
            complete by then.
        interruption: is set when this thread is interrupted.
        patience_s: how long the work may then take; after that it is left alone.

    Raises:
        BaseException: what interrupted this thread, or else what the work raised. Work that was complete is not
            undone by being asked to end; only Ctrl-C is raised even then, since a person waits for it.
    """
    worker = _Worker(work)
    try:
        threading.Thread(target=worker.run, name="notebook", daemon=True).start()
        worker.go = True
    except BaseException:  # it may have started or not: interrupted this early, it does nothing
        worker.dismissed = True
        raise
    while True:
        try:
            _stand_by(worker, interruption, patience_s)
            break
        except BaseException as error:  # noqa: BLE001  a second interruption, while the first was noted
            interruption.note(error)
    late = worker.complete and not isinstance(interruption.error, KeyboardInterrupt)
    if interruption.error is not None and not late:
        raise interruption.error from worker.error
    if worker.error is not None:
        raise worker.error


def _stand_by(worker: _Worker, interruption: Interruption, patience_s: float) -> None:
    while not worker.ended and not (interruption and interruption.age_s() > patience_s):
        try:
            worker.wait()
        except BaseException as error:  # noqa: BLE001  it is raised again when the work has ended
            interruption.note(error)
