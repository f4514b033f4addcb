"""What a living job needs, so that nobody removes it.

What lives here: the list of objects that one job holds, and finding out which jobs live. What does not: removing
(``evict``).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from workbench.datasets.store.locks import gate, let_go, try_lock

if TYPE_CHECKING:
    from workbench.datasets.store.store import Store

_RECORD_BYTES = 32


class Lease:
    """The objects of one job: none of them is evicted while the job's process lives or the lease is open.

    A file of 32-byte digests, locked by the job. The kernel unlocks it when the process ends, even by kill -9; children
    that were forked meanwhile, such as data loaders, keep it too.

    Args:
        store: what the objects lie in; ``Store.lease()`` is the way to one.

    Attributes:
        name: of this lease.
        scratch: a folder for what this job is writing; swept when the job is gone.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.name = f"{os.getpid()}-{secrets.token_hex(6)}"
        self._file = store.folder("leases") / self.name
        with gate(store.folder("locks")):  # between making and locking it would look like a dead job's
            self._descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
            try_lock(self._descriptor)
        self._held: set[str] = set()
        self.scratch = store.folder("tmp") / self.name
        self.scratch.mkdir()

    def hold(self, digests: Iterable[str]) -> set[str]:
        """Hold objects, and return those that are there; the others are to be fetched."""
        wanted = set(digests)
        with gate(self.store.folder("locks")):
            self.note(wanted)
            present = {one for one in wanted if self.store.has(one)}
        self.store.catalogue.touch(sorted(present))
        return present

    def note(self, digests: Iterable[str]) -> None:
        """Write down objects that are needed; the caller holds the gate."""
        new = set(digests) - self._held
        if new:
            os.write(self._descriptor, b"".join(bytes.fromhex(one) for one in sorted(new)))
            self._held |= new

    def close(self) -> None:
        """Let go of everything."""
        if self._descriptor >= 0:
            remove_below(self.scratch)
            self._file.unlink(missing_ok=True)
            let_go(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def living(leases: Path) -> Iterator[tuple[str, set[str]]]:
    """Yield the name and the objects of each lease whose job lives, and remove the others; needs the gate alone."""
    for file in sorted(leases.iterdir()):
        descriptor = os.open(file, os.O_RDONLY)
        if try_lock(descriptor):
            file.unlink(missing_ok=True)
            let_go(descriptor)
            continue
        try:
            content = file.read_bytes()
        finally:
            os.close(descriptor)
        ends = range(_RECORD_BYTES, len(content) + 1, _RECORD_BYTES)
        yield file.name, {content[end - _RECORD_BYTES : end].hex() for end in ends}


def remove_below(folder: Path) -> int:
    """Remove a flat folder with its files; return the bytes that they took. Another process may be doing the same."""
    freed = 0
    with suppress(FileNotFoundError):
        for file in list(folder.iterdir()):
            with suppress(FileNotFoundError):
                size = file.lstat().st_size
                file.unlink()
                freed += size
        folder.rmdir()
    return freed
