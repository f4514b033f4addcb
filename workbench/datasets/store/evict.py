"""Making room in a store.

What lives here: removing what nobody has needed for longest, and what killed jobs left half-written. What does not:
deciding how large a store may be (``settings``).
"""

from __future__ import annotations

import os
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.datasets.store.lease import living, remove_below
from workbench.datasets.store.locks import gate

if TYPE_CHECKING:
    from workbench.datasets.store.store import Store

_ROOM = 0.9  # of the bound: or every new object would evict one
_PARTIAL_DAYS = 7


@dataclass(frozen=True)
class Evicted:
    """What was removed.

    Attributes:
        objects: how many.
        bytes: what they took.
        bytes_left: what the store holds now.
        bytes_leased: what of it living jobs hold; more than the bound when together they need more.
    """

    objects: int
    bytes: int
    bytes_left: int
    bytes_leased: int


def evict(store: Store, bytes_max: int) -> Evicted:
    """Remove the objects that nobody has needed for longest until the store is within its bound.

    Nothing that a living job leases is removed, so the store may stay above the bound. Objects are moved out of the
    store first, and removed when others may pass the gate again: a busy disk takes 3 ms for each.

    Args:
        store: the store.
        bytes_max: its bound in bytes; once above it, 90% of it is what is left.
    """
    with gate(store.folder("locks"), alone=True):
        leased = set[str]().union(*(held for _, held in living(store.folder("leases"))))
        _, total = store.catalogue.total()
        goal = int(bytes_max * _ROOM) if total > bytes_max else total
        gone, held, left = [], 0, total
        trash = store.folder("tmp") / f"evicted-{secrets.token_hex(6)}"
        trash.mkdir()
        for row in store.catalogue.oldest():
            if row.sha256 in leased:
                held += row.bytes
            elif left > goal:
                with suppress(FileNotFoundError):
                    os.replace(store.place(row.sha256), f"{trash}/{row.sha256}")  # noqa: PTH105
                gone.append(row.sha256)
                left -= row.bytes
        store.catalogue.forget(gone)
    remove_below(trash)
    return Evicted(len(gone), total - left, left, held)


def sweep(store: Store) -> int:
    """Remove what killed jobs left: half-written files, and partial objects that nobody went on with for a week.

    Returns:
        The bytes that this freed.
    """
    freed = 0
    with gate(store.folder("locks"), alone=True):
        alive = {name for name, _ in living(store.folder("leases"))}
        for folder in store.folder("tmp").iterdir():
            if folder.name not in alive:
                freed += remove_below(folder)
        old = time.time() - _PARTIAL_DAYS * 86400
        for file in store.folder("partial").iterdir():
            found = file.stat()
            if found.st_mtime < old:
                file.unlink(missing_ok=True)
                freed += found.st_blocks * 512
    return freed
