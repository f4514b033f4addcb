"""Many files worked on by a few threads.

What lives here: the order and the count of that work, and what a file system says of many files. What does not: what
is done with each file.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from workbench.datasets import Progress

CHUNK = 1000
_T = TypeVar("_T")


def threads() -> int:
    """Return how many threads read files: the waiting for a disk is shared even by one core."""
    return min(8, max(2, os.cpu_count() or 2))


def spread(
    work: Callable[[int, int], _T], count: int, progress: Progress | None = None, chunk: int = CHUNK
) -> Iterator[_T]:
    """Yield ``work(start, end)`` for each stretch of ``chunk`` of ``count`` files, in order.

    Args:
        work: called from several threads.
        count: files in all.
        progress: called with (files done, files in all).
        chunk: files of one stretch.
    """
    stretches = [(start, min(start + chunk, count)) for start in range(0, count, chunk)]
    with ThreadPoolExecutor(threads()) as pool:
        try:
            for (_, end), result in zip(stretches, pool.map(lambda at: work(*at), stretches), strict=True):
                yield result
                if progress:
                    progress(end, count)
        finally:
            pool.shutdown(cancel_futures=True)


def stamps(files: Sequence[str | None]) -> tuple[np.ndarray, np.ndarray]:
    """Return the sizes in bytes and the times of change in ns of ``files``; -1 for those that are not there."""

    def look(start: int, end: int) -> np.ndarray:
        return np.array([stamp(file) for file in files[start:end]], np.int64)

    parts = list(spread(look, len(files)))
    both = np.concatenate(parts) if parts else np.empty((0, 2), np.int64)
    return both[:, 0], both[:, 1]


def stamp(file: str | None) -> tuple[int, int]:
    """Return the size and the time of change of a regular file; -1 twice when there is none."""
    if file is None:
        return -1, -1
    try:
        found = os.stat(file)  # noqa: PTH116 - 10x Path
    except (OSError, ValueError):
        return -1, -1
    return (found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else (-1, -1)
