"""More points than memory should hold, by series.

What lives here: sorting points by series with files for what is too much. What does not: which points count
(``rule``).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from workbench.errors import storage_error
from workbench.metrics.store.points import POINT, Rows, by_key

BATCH_POINTS = 2_000_000


class Spill:
    """Takes the points of a run as they come, and gives those of one series at a time.

    Args:
        folder: for files; they hold what is more than one batch.
        batch: points that are held in memory.
    """

    def __init__(self, folder: Path, batch: int = BATCH_POINTS) -> None:
        self.total = 0
        self._folder, self._batch = folder, batch
        self._waiting: list[Rows] = []
        self._count = 0
        self._sorted: list[dict[int, Rows]] = []

    def add(self, rows: Rows) -> None:
        """Take points in the order in which they were written.

        Raises:
            StorageError: when the disk is full.
        """
        if self._count and self._count + len(rows) > self._batch:
            self._put_away()
        self._waiting.append(rows)
        self._count += len(rows)
        self.total += len(rows)

    def close(self) -> None:
        """Say that all points have come."""
        if self._count:
            self._sorted.append(by_key(np.concatenate(self._waiting)))
            self._waiting, self._count = [], 0

    def numbers(self) -> set[int]:
        """Return the numbers of the series that have points."""
        return {key for part in self._sorted for key in part}

    def rows(self, key: int) -> Rows:
        """Return the points of one series, in the order in which they came."""
        parts = [part[key] for part in self._sorted if key in part]
        return np.concatenate(parts) if parts else np.empty(0, POINT)

    def _put_away(self) -> None:
        found = by_key(np.concatenate(self._waiting))
        self._waiting, self._count = [], 0
        path = self._folder / f"spill-{len(self._sorted)}"
        try:
            with path.open("wb") as file:
                for rows in found.values():
                    file.write(np.ascontiguousarray(rows).data)
        except OSError as error:
            raise storage_error(error, path) from error
        whole = np.memmap(path, POINT, "r")
        path.unlink()  # its bytes are kept for as long as they are mapped, and not a moment longer
        ends = np.cumsum([len(rows) for rows in found.values()])
        self._sorted.append(
            {key: whole[end - len(rows) : end] for (key, rows), end in zip(found.items(), ends, strict=True)}
        )
