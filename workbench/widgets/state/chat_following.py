"""What goes on beside a notebook's own messages: a log that others write, and work that takes long.

What lives here: following a file while somebody looks, and doing things one after the other without keeping anybody
waiting. What does not: what is read and done (``chat``, ``form``).
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

PAUSE_S: Final = 0.4
_LOG = logging.getLogger(__name__)


class Follower:
    """Calls back when something is otherwise, from a thread of its own that lives between ``start`` and ``stop``.

    Args:
        stamp: returns what tells a state from the one before, cheaply: it is asked all the time.
        changed: is called after each change.
        pause_s: between two looks.
    """

    def __init__(self, stamp: Callable[[], object], changed: Callable[[], object], pause_s: float = PAUSE_S) -> None:
        self._stamp, self._changed, self._pause_s = stamp, changed, pause_s
        self._lock = threading.Lock()
        self._ended: threading.Event | None = None

    @property
    def active(self) -> bool:
        """Whether somebody looks."""
        return self._ended is not None

    def start(self) -> None:
        """Begin to look: what changes after this returns is seen; once more is not twice."""
        seen = _tried(self._stamp)
        with self._lock:
            if self._ended is not None:
                return
            self._ended = threading.Event()
            work = (self._ended, seen)
            threading.Thread(target=self._look, args=work, name="follow-conversation", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        with self._lock:
            if self._ended is not None:
                self._ended.set()
            self._ended = None

    def _look(self, ended: threading.Event, seen: object) -> None:
        while not ended.wait(self._pause_s):
            now = _tried(self._stamp)
            if now != seen:
                seen = now
                _tried(self._changed)


class Errands:
    """Does things one after the other, in a thread that lives only while there are any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[Callable[[], object]] = deque()
        self._busy = False

    def put(self, errand: Callable[[], object]) -> None:
        """Do something after all that was put before."""
        with self._lock:
            self._waiting.append(errand)
            if self._busy:
                return
            self._busy = True
        threading.Thread(target=self._work, name="chat-errands", daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._busy = False
                    return
                errand = self._waiting.popleft()
            _tried(errand)


def stamp(path: Path | None) -> tuple[int, int, int] | None:
    """Return what tells a file from what it was; ``None`` when it is not there."""
    if path is None:
        return None
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino


def _tried(work: Callable[[], object]) -> object:
    try:
        return work()
    except Exception:  # noqa: BLE001  a thread that ends here would leave everybody waiting
        _LOG.exception("A widget's work beside its messages has failed.")
        return None
