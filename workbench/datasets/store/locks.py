"""Locks between the processes that share a store.

What lives here: flock, as a gate that many pass or one holds, and as stripes that divide work. What does not: what is
done under a lock.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STRIPES = 256


@contextmanager
def gate(folder: Path, *, alone: bool = False) -> Iterator[None]:
    """Wait for the gate of a store and hold it: together with others, or alone.

    Whoever relies on an object passes the gate to say so; whoever removes objects holds it alone.

    Args:
        folder: the folder of the locks.
        alone: whether nobody else may hold it meanwhile.
    """
    descriptor = os.open(folder / "gate", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
    finally:
        let_go(descriptor)


def try_lock(descriptor: int) -> bool:
    """Lock an open file for this process alone; return False when another process has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def let_go(descriptor: int) -> None:
    """Unlock a file and close it.

    Closing alone is not enough: a child that was forked meanwhile has the same open file, and would keep the lock.
    """
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


class Stripes:
    """The right to fetch: every object falls into one of 256 stripes, and one process at a time holds a stripe.

    Nobody waits for a stripe while holding others, so that nobody waits for ever.

    Args:
        folder: the folder of the locks.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._held = folder, dict[int, int]()

    def take(self, stripe: int) -> bool:
        """Take a stripe (0..255) unless another holds it; return whether it is ours now."""
        descriptor = os.open(self._folder / f"{stripe:02x}", os.O_RDWR | os.O_CREAT, 0o644)
        if try_lock(descriptor):
            self._held[stripe] = descriptor
            return True
        os.close(descriptor)
        return False

    def release(self) -> None:
        """Let go of every stripe that is held."""
        while self._held:
            let_go(self._held.popitem()[1])
