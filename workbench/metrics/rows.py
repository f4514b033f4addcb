"""The metric rows that count, when a run took several attempts.

What lives here: dropping rows that a later attempt measured again. What does not: writing and reading the rows
(``log``, ``tail``).

An attempt that resumes from a checkpoint says so first, ``{"kind": "resumed", "epoch": <epochs that it keeps>}``, and
measures everything after that epoch anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from workbench.metrics.tail import Event

_NUMBER = re.compile(r"-(\d+)$")


def current(events: Iterable[Event]) -> list[Event]:
    """Return the events with every metric row once, in the order in which they came.

    Args:
        events: of one run, each with the name of its ``writer``, e.g. ``train-2`` for the second attempt.

    Returns:
        All events but superseded metric rows: of rows with the same scope, step and names, those of the latest
        attempt stay (of one attempt, the last). Rows after the epoch that a later attempt resumed from are gone, also
        before that attempt has come as far again; ``final`` rows are gone with them.
    """
    listed = list(events)
    kept_epochs = _kept_epochs(listed)
    chosen: dict[tuple[object, ...], tuple[int, int]] = {}
    for at, event in enumerate(listed):
        if event["kind"] == "metrics" and not _superseded(event, kept_epochs):
            key = (event.get("scope"), event["step"], frozenset(event.get("values", ())))
            chosen[key] = max((_attempt(event), at), chosen.get(key, (-1, -1)))
    places = {at for _, at in chosen.values()}
    return [event for at, event in enumerate(listed) if event["kind"] != "metrics" or at in places]


def _kept_epochs(events: Sequence[Event]) -> dict[int, int]:
    """Return the epochs that each attempt that resumed kept of those before it."""
    found: dict[int, int] = {}
    for event in events:
        if event["kind"] == "resumed":
            attempt, epoch = _attempt(event), int(event["epoch"])
            found[attempt] = min(epoch, found.get(attempt, epoch))
    return found


def _superseded(row: Event, kept_epochs: dict[int, int]) -> bool:
    later = [epoch for attempt, epoch in kept_epochs.items() if attempt > _attempt(row)]
    if not later:
        return False
    if row.get("scope") == "final":
        return True
    return int(row["epoch"] if "epoch" in row else row["step"]) > min(later)


def _attempt(event: Event) -> int:
    match = _NUMBER.search(str(event.get("writer", "")))
    return int(match.group(1)) if match else 0
