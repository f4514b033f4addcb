"""Reading event logs by byte offset, while they are written, without a lock.

What lives here: a tail over all writers of a run. What does not: the meaning of the events (``runs``).
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


class EventTail:
    """Reads what is new in the event logs of one run.

    Args:
        folder: the run's ``events`` folder; it may not exist yet.
        writers: glob patterns of the writers to read; all when left out.
    """

    def __init__(self, folder: Path, writers: Sequence[str] = ("*",)) -> None:
        self._folder, self._writers = folder, writers
        self._offsets: dict[Path, int] = {}

    def poll(self) -> list[Event]:
        """Return the events since the last call, of all writers, in the order of their time.

        Each writer's own events stay in the order in which it wrote them, also when its clock was set back.
        """
        paths = sorted(path for writer in self._writers for path in self._folder.glob(f"{writer}.jsonl"))
        return list(heapq.merge(*(self._read(path) for path in paths), key=lambda event: event["at"]))

    def _read(self, path: Path) -> list[Event]:
        offset = self._offsets.get(path, 0)
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read()
        whole = data.rfind(b"\n") + 1  # the rest is a line still being written
        self._offsets[path] = offset + whole
        writer = path.stem
        return [{**event, "writer": writer} for event in parse(data[:whole])]


def read_events(folder: Path, writers: Sequence[str] = ("*",)) -> list[Event]:
    """Return the events of a run so far, in the order of their time."""
    return EventTail(folder, writers).poll()
