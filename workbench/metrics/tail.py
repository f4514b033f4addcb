"""Reading event logs as a whole, while they are written, without a lock.

What lives here: lines as events, and all events of a run so far. What does not: going on from where one was
(``subscribe``), the meaning of the events (``runs``), points by the million (``store``).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

Event = dict[str, Any]
_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def values(event: Mapping[str, Any]) -> dict[str, float]:
    """Return the metrics of an event as floats; words for non-finite numbers become those numbers."""
    found: Mapping[str, Any] = event.get("values") or {}
    return {name: _WORDS[value] if isinstance(value, str) else float(value) for name, value in found.items()}


def parse(data: bytes) -> Iterator[Event]:
    """Yield the events of whole lines; a damaged line (power loss, torn write) is passed over."""
    for line in data.splitlines():
        try:
            event = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(event, dict) and "at" in event and "kind" in event:
            yield event


def read_events(folder: Path, writers: Sequence[str] = ("*",)) -> list[Event]:
    """Return the events of a run so far, in the order of their time.

    Each writer's own events stay in the order in which it wrote them, also when its clock was set back. A line that is
    still being written is left out.

    Args:
        folder: the run's ``events`` folder; it may not exist yet.
        writers: glob patterns of the writers to read; all when left out.
    """
    paths = sorted(path for writer in writers for path in folder.glob(f"{writer}.jsonl"))
    return list(heapq.merge(*(_read(path) for path in paths), key=lambda event: event["at"]))


def _read(path: Path) -> list[Event]:
    data, writer = path.read_bytes(), path.stem
    return [{**event, "writer": writer} for event in parse(data[: data.rfind(b"\n") + 1])]
