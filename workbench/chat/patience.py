"""How long somebody else's service is waited for.

What lives here: the time and the tries that one turn has, the pauses in between, and work in a thread that can be left
alone. What does not: whom it is that we wait for (``gemini``).
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

LONGEST_PAUSE_S: Final = 8.0  # nobody who chats waits longer; what the service wants longer for is not asked again
FIRST_PAUSE_S: Final = 0.5
_TICK_S: Final = 1.0
_Item = TypeVar("_Item")
Waiting = Callable[[float, str], None]


def unseen(seconds: float, reason: str) -> None:
    """Show nothing of a pause."""


class Patience:
    """The time and the tries of one turn.

    Args:
        budget_s: for all tries and the pauses in between, in seconds.
        attempts: how many tries, the first included.
        waiting: is told each second of a pause how many seconds are left, and why.
    """

    def __init__(self, budget_s: float, attempts: int, waiting: Waiting = unseen) -> None:
        self._until = time.monotonic() + budget_s
        self._left = attempts
        self._tried = 0
        self._waiting = waiting

    @property
    def left_s(self) -> float:
        """The seconds that are left, at least 0."""
        return max(0.0, self._until - time.monotonic())

    def again(self, reason: str, delay_s: float | None = None) -> bool:
        """Pause before another try, and return True; or return False at once when there is to be none.

        Args:
            reason: why, for whoever watches.
            delay_s: what the service asks for; it is never asked again before that.
        """
        self._tried += 1
        pause_s = delay_s
        if pause_s is None:
            pause_s = FIRST_PAUSE_S * 2.0 ** (self._tried - 1) * random.uniform(0.75, 1.25)  # noqa: S311  spreads
        if self._tried >= self._left or pause_s > LONGEST_PAUSE_S or pause_s >= self.left_s:
            return False
        self._pause(pause_s, reason)
        return True

    def _pause(self, pause_s: float, reason: str) -> None:
        until = time.monotonic() + pause_s
        while (left_s := until - time.monotonic()) > 0:
            self._waiting(left_s, reason)
            time.sleep(min(_TICK_S, left_s))


@dataclass(frozen=True)
class _Made(Generic[_Item]):
    item: _Item


@dataclass(frozen=True)
class _Ended:
    error: Exception | None = None


def pulled(source: Callable[[], Iterator[_Item]], left_s: Callable[[], float]) -> Iterator[_Item]:
    """Yield what ``source`` yields in a thread of its own: names that do not resolve and bytes that drip end no wait.

    Args:
        source: is called in the thread; whatever it raises is raised here.
        left_s: how long the next item may take, in seconds.

    Raises:
        TimeoutError: when the next item is not there in time; the thread is left alone.
    """
    made: queue.SimpleQueue[_Made[_Item] | _Ended] = queue.SimpleQueue()
    dismissed = threading.Event()
    threading.Thread(target=_make, args=(source, made, dismissed), name="gemini", daemon=True).start()
    try:
        while True:
            try:
                got = made.get(timeout=left_s())
            except queue.Empty:
                raise TimeoutError from None
            if isinstance(got, _Made):
                yield got.item
            elif got.error is not None:
                raise got.error
            else:
                return
    finally:
        dismissed.set()


def _make(
    source: Callable[[], Iterator[_Item]],
    made: queue.SimpleQueue[_Made[_Item] | _Ended],
    dismissed: threading.Event,
) -> None:
    try:
        for item in source():
            if dismissed.is_set():
                return
            made.put(_Made(item))
    except Exception as error:  # noqa: BLE001  it is raised where the work was asked for
        made.put(_Ended(error))
    else:
        made.put(_Ended())
