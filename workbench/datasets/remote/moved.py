"""How far a fetch is: files, bytes, rate and time left.

What lives here: the figures, and one line of them for a terminal. What does not: drawing it (``cli``, widgets).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

_UNITS = ("B", "kB", "MB", "GB", "TB")
_BAR = 20


@dataclass(frozen=True)
class Moved:
    """How far a fetch is.

    Attributes:
        files: that are there now.
        files_total: that were asked for.
        bytes: that are there now; those of files whose size nobody knows count once they are there.
        bytes_total: that were asked for.
        bytes_moved: that came over the network in this fetch; what was in the store already did not.
        seconds: since the fetch began.
    """

    files: int
    files_total: int
    bytes: int
    bytes_total: int
    bytes_moved: int
    seconds: float

    @property
    def rate(self) -> float:
        """Bytes a second over the network."""
        return self.bytes_moved / self.seconds if self.seconds > 0 else 0.0

    @property
    def eta_s(self) -> float | None:
        """Seconds that the rest will take at this rate; None when nothing came yet."""
        left = max(0, self.bytes_total - self.bytes)
        return left / self.rate if self.rate else (0.0 if not left else None)

    def line(self) -> str:
        """Return one line, e.g. ``[#####     ] 1,200 of 4,000 files, 1.2 of 3.9 GB, 85.0 MB/s, 0:32 left``."""
        share = self.bytes / self.bytes_total if self.bytes_total else self.files / max(1, self.files_total)
        filled = int(_BAR * min(1.0, share))
        bar = "#" * filled + " " * (_BAR - filled)
        done, total = measure(self.bytes), measure(self.bytes_total)
        amount = f"{done.split()[0]} of {total}" if done.split()[1] == total.split()[1] else f"{done} of {total}"
        files = f"{self.files:,} of {self.files_total:,} files"
        return f"[{bar}] {files}, {amount}, {measure(int(self.rate))}/s, {self._left()}"

    def _left(self) -> str:
        if self.files == self.files_total:
            return f"took {clock(self.seconds)}"
        return "time left unknown" if self.eta_s is None else f"{clock(self.eta_s)} left"


Report = Callable[[Moved], None]
"""Called as a fetch goes on, at most about ten times a second, and once at its end; mostly from another thread."""


class Meter:
    """Counts what a fetch moves; any thread may add.

    Args:
        files_total: files asked for.
        bytes_total: their bytes, as far as known.
        report: who is told.
        every_s: how often, at most.
    """

    def __init__(self, files_total: int, bytes_total: int, report: Report | None, every_s: float = 0.1) -> None:
        self._files_total, self._bytes_total, self._report, self._every = files_total, bytes_total, report, every_s
        self._files = self._bytes = self._moved = 0
        self._began, self._told = time.monotonic(), 0.0
        self._lock = threading.Lock()

    def grow(self, size: int) -> None:
        """Add bytes to the total that were not known of before."""
        with self._lock:
            self._bytes_total += size

    def there(self, files: int, size: int) -> None:
        """Count files that need no fetching, or none any more."""
        self._add(files, size, 0)

    def moved(self, size: int) -> None:
        """Count bytes that came over the network."""
        self._add(0, size, size)

    def arrived(self, files: int = 1, unexpected: int = 0) -> None:
        """Count files whose bytes were counted; ``unexpected`` of them were in no total before."""
        with self._lock:
            self._bytes_total += unexpected
        self._add(files, 0, 0)

    def back(self, size: int) -> None:
        """Take back bytes of a read that failed and is done again; they did come over the network."""
        self._add(0, -size, 0)

    def now(self) -> Moved:
        """Return how far it is."""
        seconds = time.monotonic() - self._began
        return Moved(self._files, self._files_total, self._bytes, self._bytes_total, self._moved, seconds)

    def tell(self) -> None:
        """Report now."""
        if self._report:
            self._report(self.now())

    def _add(self, files: int, size: int, moved: int) -> None:
        with self._lock:
            self._files, self._bytes, self._moved = self._files + files, self._bytes + size, self._moved + moved
            due = time.monotonic() - self._told >= self._every
            if due:
                self._told = time.monotonic()
        if due:
            self.tell()


def measure(size: int) -> str:
    """Return bytes for people: ``3.9 GB``; a kB is 1000 bytes."""
    value, unit = float(size), 0
    while abs(value) >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.0f} {_UNITS[unit]}" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"


def clock(seconds: float) -> str:
    """Return a span for people: ``0:32``, ``1:05:00``."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{left:02d}" if hours else f"{minutes}:{left:02d}"
