"""What the last epoch of a run that goes on has measured.

What lives here: finding it at the end of a log of any length, quickly enough for every turn. What does not: all that a
run has measured (``metrics``).
"""

from __future__ import annotations

from contextlib import suppress
from math import isfinite
from pathlib import Path
from typing import Final

from workbench.metrics import tail
from workbench.metrics.rows import attempt_of
from workbench.paths import RunPaths

_LOOKED_BACK: Final = 1 << 20  # bytes of a log in which its last epoch is looked for
_EPOCH: Final = b'"scope":"epoch"'


class LastEpochs:
    """Remembers how far each log was read, and what its last epoch measured."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[int, dict[str, float]]] = {}

    def of(self, paths: RunPaths) -> dict[str, float]:
        """Return what the last epoch measured, by metric; nothing when that lies too far back, or cannot be read."""
        logs = sorted(paths.events.glob("train-*.jsonl"), key=lambda path: attempt_of(path.stem), reverse=True)
        return next((found for found in map(self._last, logs) if found), {})

    def _last(self, log: Path) -> dict[str, float]:
        with suppress(OSError):  # a run is deleted while it is talked about
            read, found = self._known.get(log, (0, {}))
            size = log.stat().st_size
            if size < read:
                read, found = 0, {}
            if size > read:
                with log.open("rb") as file:
                    start = file.seek(max(read, size - _LOOKED_BACK))
                    data = file.read()
                found = _newest(data) or found
                self._known[log] = (start + data.rfind(b"\n") + 1, found)
            return found
        return {}


def _newest(data: bytes) -> dict[str, float]:
    """Return the metrics of the last whole line that sums up an epoch."""
    end = data.rfind(b"\n") + 1
    while (place := data.rfind(_EPOCH, 0, end)) >= 0:
        start = data.rfind(b"\n", 0, place) + 1
        for event in tail.parse(data[start : data.find(b"\n", place)]):
            if event["kind"] == "metrics" and event.get("scope") == "epoch":
                return {name: value for name, value in tail.values(event).items() if isfinite(value)}
        end = start
    return {}
