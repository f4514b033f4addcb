"""Looking again and again while somebody watches.

What lives here: the thread that does it. What does not: what is looked at (each widget).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Final

from workbench.errors import WorkbenchError

ILL_S: Final = 0.5
_LOG = logging.getLogger(__name__)
Look = Callable[[], float]


class Watcher:
    """Looks from a thread of its own, between ``start`` and ``stop``; a fault is told once, and never ends it.

    Args:
        tell: is given ``ill`` with ``{"happened", "expected", "todo"}`` when looking fails, and ``well`` when it is
            possible again.
        name: of the thread.
    """

    def __init__(self, tell: Callable[[str, dict[str, Any]], object], name: str) -> None:
        self._tell, self._name = tell, name
        self._stop: threading.Event | None = None

    @property
    def active(self) -> bool:
        """Whether it looks."""
        return self._stop is not None

    def start(self, look: Look) -> None:
        """Begin to look; once more is not twice.

        Args:
            look: looks once, and returns the seconds until the next look.
        """
        if self._stop is None:
            self._stop = threading.Event()
            threading.Thread(target=self._go_on, args=(look, self._stop), name=self._name, daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        if self._stop is not None:
            self._stop.set()
        self._stop = None

    def _go_on(self, look: Look, stop: threading.Event) -> None:
        told = ""
        while not stop.is_set():
            try:
                pause_s = look()
                if told:
                    told = ""
                    self._tell("well", {})
            except Exception as error:  # noqa: BLE001  a thread that dies would leave a widget that looks alive
                pause_s, problem = ILL_S, _told(error)
                if problem["happened"] != told:
                    told = problem["happened"]
                    self._tell("ill", problem)
            stop.wait(pause_s)


def _told(error: Exception) -> dict[str, Any]:
    if isinstance(error, WorkbenchError):  # e.g. the database is away: it may come back
        return {"happened": error.happened, "expected": error.expected, "todo": error.todo}
    _LOG.error("A widget could not look.", exc_info=error)
    return {"happened": f"{type(error).__name__}: {error}", "expected": "", "todo": ""}
