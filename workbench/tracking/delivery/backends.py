"""The backends by name: our own four and those of third parties, from the entry point group ``workbench.trackers``.

What lives here: finding one and loading it. What does not: which ones are switched on (``settings``).
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import cast

from workbench.errors import TrackerError, did_you_mean
from workbench.settings import TRACKERS_GROUP, known_backends
from workbench.tracking.base import Tracker

Factory = Callable[[Path], Tracker]


def load(name: str) -> Factory:
    """Return what makes a tracker of a backend; this imports the backend's library.

    Raises:
        TrackerError: when there is no such backend, or it cannot be imported.
    """
    found = list(entry_points(group=TRACKERS_GROUP, name=name))
    if not found:
        known = known_backends()
        raise TrackerError(
            f"No tracker is registered as '{name}'.",
            f"One of {', '.join(known)}.",
            did_you_mean(name, known) or f"Install the package that has it, or take '{name}' out of the list.",
            retry=False,
        )
    try:
        return cast("Factory", found[0].load())
    except (ImportError, AttributeError) as error:
        raise TrackerError(
            f"Tracker '{name}' cannot be loaded from {found[0].value}: {error}.",
            "A package that is installed whole.",
            "Install it again, then: workbench trackers sync",
            retry=False,
        ) from error
