"""The metric rows that count, when a run took several attempts.

What lives here: dropping rows that a later attempt measured again. What does not: writing and reading the rows
(``log``, ``tail``).

An attempt that resumes from a checkpoint says so first, ``{"kind": "resumed", "epoch": <epochs that it keeps>}``, and
measures everything after that epoch anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from workbench.metrics.tail import Event

UNTOUCHED = "system"  # a machine is not put back to an earlier epoch
WITHOUT_EPOCH = "final"
_NUMBER = re.compile(r"-(\d{1,9})(?:\.\d+)?$")  # a longer number is no attempt, but e.g. a date


def current(events: Iterable[Event]) -> list[Event]:
    """Return the events with every metric row once, in the order in which they came.

    Args:
        events: of one run, each with the name of its ``writer``, e.g. ``train-2`` for the second attempt.

    Returns:
        All events but superseded metric rows: of rows with the same scope, step and names, those of the latest
        attempt stay (of one attempt, the last). Rows after the epoch that a later attempt resumed from are gone, also
        before that attempt has come as far again; ``final`` rows are gone with them, ``system`` rows never.
    """
    listed = list(events)
    kept_epochs = _kept_epochs(listed)
    chosen: dict[tuple[object, ...], tuple[int, int]] = {}
    for at, event in enumerate(listed):
        if event["kind"] == "metrics" and not _superseded(event, kept_epochs):
            key = (event.get("scope"), event["step"], frozenset(event.get("values", ())))
            chosen[key] = max((attempt_of(str(event.get("writer", ""))), at), chosen.get(key, (-1, -1)))
    places = {at for _, at in chosen.values()}
    return [event for at, event in enumerate(listed) if event["kind"] != "metrics" or at in places]


def attempt_of(writer: str) -> int:
    """Return the attempt in whose name ``writer`` writes, e.g. 2 for ``train-2`` and ``train-2.4711``; 0 for none."""
    match = _NUMBER.search(writer)
    return int(match.group(1)) if match else 0


def epochs_left(attempt: int, kept: Mapping[int, int]) -> int | None:
    """Return how many epochs of ``attempt`` later ones went on from; None when none of them resumed.

    Args:
        attempt: the number of the attempt.
        kept: by attempt that resumed, the epochs that it kept.
    """
    return min((epoch for later, epoch in kept.items() if later > attempt), default=None)


def _kept_epochs(events: Sequence[Event]) -> dict[int, int]:
    """Return the epochs that each attempt that resumed kept of those before it."""
    found: dict[int, int] = {}
    for event in events:
        if event["kind"] == "resumed":
            attempt, epoch = attempt_of(str(event.get("writer", ""))), int(event["epoch"])
            found[attempt] = min(epoch, found.get(attempt, epoch))
    return found


def _superseded(row: Event, kept: Mapping[int, int]) -> bool:
    left = epochs_left(attempt_of(str(row.get("writer", ""))), kept)
    if left is None or row.get("scope") == UNTOUCHED:
        return False
    if row.get("scope") == WITHOUT_EPOCH:
        return True
    return int(row["epoch"] if "epoch" in row else row["step"]) > left
