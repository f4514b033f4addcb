"""From a server into the store: every object once, whoever asks for it.

What lives here: asking the store first, dividing the rest among the jobs that want it at the same time, reading many at
once, and putting them into the store whole. What does not: which files are wanted, and where they appear (``mirror``).
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from workbench.datasets.remote.entries import Entry
from workbench.datasets.remote.failures import ChangedError
from workbench.datasets.remote.moved import Meter, Moved, Report
from workbench.datasets.remote.transport import Transport, persist, read, wait
from workbench.datasets.remote.units import Stretch, Unit, divide, stretches
from workbench.datasets.store import Lease, Staged
from workbench.datasets.store.locks import STRIPES, Stripes
from workbench.datasets.store.partial import RANGE_BYTES, Partial
from workbench.datasets.store.store import writing

BIG_BYTES = 2 * RANGE_BYTES  # fetched in ranges, and gone on with
_READS = 64  # at once
_BIG_READS = 4  # ranges at once
_WRITERS = 8  # fsyncs at once: alone each takes 3 ms, together they share the journal
_BATCH_FILES, _BATCH_BYTES = 256, 64 << 20
_PUBLISHED = 32  # files at once: what a killed job has staged but not published is fetched again
_POLL_S = 0.02
_GROUP = 64  # members of a shard written by one call to a thread

P = ParamSpec("P")
T = TypeVar("T")


def fetch(entries: Iterable[Entry], transport: Transport, lease: Lease, report: Report | None = None) -> Fetch:
    """Bring ``entries`` into the store of ``lease``, which holds them from then on.

    Several jobs may fetch the same at once: each object is read by one of them. What is in the store already is not
    read at all.

    Returns:
        The sha256 by entry path, and what was moved.

    Raises:
        DatasetError: when an object is gone, may not be read, changed meanwhile, or the server does not answer. What
            was read until then stays in the store.
        StorageError: when the disk is full.
    """
    fetching = Fetch(transport, lease)
    fetching.run(list(entries), report)
    return fetching


class Fetch:
    """One fetch.

    Args:
        transport: the way to the objects.
        lease: of the job that wants them.

    Attributes:
        digests: sha256 by entry path, of what is there.
        moved: how far it is.
    """

    def __init__(self, transport: Transport, lease: Lease) -> None:
        self._transport, self._lease, self._store = transport, lease, lease.store
        self._meter = Meter(0, 0, None)
        self._stopped = False
        self.digests: dict[str, str] = {}

    @property
    def moved(self) -> Moved:
        """How far it is."""
        return self._meter.now()

    def run(self, entries: Sequence[Entry], report: Report | None) -> None:
        """Do it; see ``fetch``."""
        self._meter = Meter(len(entries), sum(max(0, one.size) for one in entries), report)
        unknown = [one for one in entries if not one.is_versioned]
        if unknown:
            resolved = wait(self._transport, self._resolve, unknown)
            self._meter.grow(sum(max(0, one.size) for one in resolved))
            entries = [*(one for one in entries if one.is_versioned), *resolved]
        todo = divide(self._missing(entries))
        stripes = self._store.stripes()
        with ThreadPoolExecutor(_WRITERS, thread_name_prefix="store") as self._writers:
            while todo:
                try:
                    taken = self._take(stripes, todo)
                    if taken:
                        self._fetch_all(taken)
                    else:
                        time.sleep(_POLL_S)  # other jobs are fetching all that is left for us
                finally:
                    stripes.release()
                    self._stopped = True  # also when somebody pressed Ctrl-C: reads go on in fsspec's thread
                self._stopped = False
        self._meter.tell()
        self._store.evict()

    def _missing(self, entries: Sequence[Entry]) -> list[Entry]:
        """Return the entries that are not in the store; the others are held and counted."""
        known = self._store.find(one.key for one in entries if not one.sha256 and one.is_versioned)
        digests = [one.sha256 or known.get(one.key, "") for one in entries]
        present = self._lease.hold(digest for digest in digests if digest)
        missing = []
        for entry, digest in zip(entries, digests, strict=True):
            if digest in present:
                self.digests[entry.path] = digest
            else:
                missing.append(entry)
        there = len(entries) - len(missing)
        if there:
            absent = sum(max(0, one.size) for one in missing)
            self._meter.there(there, sum(max(0, one.size) for one in entries) - absent)
        return missing

    def _take(self, stripes: Stripes, todo: dict[int, list[Unit]]) -> list[Unit]:
        """Take what falls into the stripes that nobody holds, up to one batch, out of ``todo``."""
        taken: list[Unit] = []
        files = size = 0
        # Jobs begin at different stripes, so that they meet late
        for stripe in sorted(todo, key=lambda one: (one - os.getpid() * 61) % STRIPES):
            if files >= _BATCH_FILES or size >= _BATCH_BYTES:
                break
            if stripes.take(stripe):
                units = todo.pop(stripe)
                taken += units
                files += sum(len(unit.entries) for unit in units)
                size += sum(unit.cost for unit in units)
        return taken

    def _fetch_all(self, taken: Sequence[Unit]) -> None:
        """Read units that are ours to read, and publish what came, even when something failed."""
        missing = {id(one) for one in self._missing([entry for unit in taken for entry in unit.entries])}
        units = [Unit(u.stripe, tuple(one for one in u.entries if id(one) in missing)) for u in taken]
        failures = wait(self._transport, self._read_all, [unit for unit in units if unit.entries])
        self._publish(self._came)
        if failures:
            raise failures[0]

    def _publish(self, came: list[tuple[Entry, Staged]]) -> None:
        self._store.publish(self._lease, [staged for _, staged in came])
        self.digests.update((entry.path, staged.sha256) for entry, staged in came)

    async def _resolve(self, entries: Sequence[Entry]) -> list[Entry]:
        gate = asyncio.Semaphore(_READS)

        async def one(entry: Entry) -> Entry:
            async with gate:
                return await persist(lambda: self._transport.resolve(entry), entry.place)

        return list(await asyncio.gather(*(one(entry) for entry in entries)))

    async def _read_all(self, units: Sequence[Unit]) -> list[BaseException]:
        """Read units and publish them by and by; return what failed. What is not published yet is left in ``_came``."""
        gate, self._big = asyncio.Semaphore(_READS), asyncio.Semaphore(_BIG_READS)
        self._came: list[tuple[Entry, Staged]] = []

        async def one(unit: Unit) -> None:
            async with gate:
                if self._stopped:
                    return
                try:
                    pairs = await self._read(unit)
                    self._came += pairs  # in two steps: others replace the list meanwhile
                    if len(self._came) >= _PUBLISHED:
                        came, self._came = self._came, []
                        await self._in_thread(self._publish, came)
                except BaseException:
                    self._stopped = True  # the others would most likely fail too, each after five tries
                    raise

        ended = await asyncio.gather(*(one(unit) for unit in units), return_exceptions=True)
        return [error for error in ended if error is not None]

    async def _read(self, unit: Unit) -> list[tuple[Entry, Staged]]:
        first = unit.entries[0]
        if first.offset >= 0:
            parts = [await self._read_stretch(one) for one in stretches(unit.entries)]
            return [pair for part in parts for pair in part]
        if 0 <= first.size <= BIG_BYTES:
            data = await persist(lambda: read(self._transport, first, None, None), first.place)
            self._meter.moved(len(data))
            return await self._write([(first, data)])
        return [(first, await self._read_big(first))]

    async def _read_stretch(self, stretch: Stretch) -> list[tuple[Entry, Staged]]:
        """Read a part of a shard and cut the files out of it; each is what the index says, or an error."""
        first = stretch.entries[0]

        async def cut() -> list[tuple[Entry, bytes]]:
            data = await read(self._transport, first, stretch.start, stretch.end)
            pairs = [(one, data[one.offset - stretch.start :][: one.size]) for one in stretch.entries]
            for entry, content in pairs:
                if hashlib.sha256(content).hexdigest() != entry.sha256:
                    raise ChangedError(f"'{entry.path}' in it is not what the index says")
            return pairs

        pairs = await persist(cut, first.place)
        self._meter.moved(sum(one.size for one in stretch.entries))
        return await self._write(pairs)

    async def _write(self, pairs: Sequence[tuple[Entry, bytes]]) -> list[tuple[Entry, Staged]]:
        def stage(some: Sequence[tuple[Entry, bytes]]) -> list[tuple[Entry, Staged]]:
            return [
                (entry, self._store.stage(self._lease, data, b"" if entry.sha256 else entry.key))
                for entry, data in some
            ]

        groups = [pairs[first : first + _GROUP] for first in range(0, len(pairs), _GROUP)]
        written = await asyncio.gather(*(self._in_thread(stage, group) for group in groups))
        self._meter.arrived(len(pairs))
        return [pair for group in written for pair in group]

    async def _read_big(self, entry: Entry) -> Staged:
        """Fetch an object in ranges, going on where a killed fetch stopped."""
        known = entry.is_versioned and entry.size >= 0
        with writing(self._store.root):
            folder = self._store.folder("partial") if known else self._lease.scratch
            part = Partial(folder, entry.key, entry.size if known else None)
        try:
            missing = part.missing()
            if known:
                self._meter.there(0, entry.size - sum((end or 0) - start for start, end in missing))
            reads = [self._read_range(entry, part, start, end) for start, end in missing]
            # All have to end before the file is closed, those that go on after a failure too
            failures = [one for one in await asyncio.gather(*reads, return_exceptions=True) if one]
        finally:
            part.close()
        if failures:
            if any(isinstance(one.__cause__, ChangedError) for one in failures):
                part.discard()
            raise failures[0]
        key = entry.key if entry.is_versioned else b""
        staged = await self._in_thread(self._store.stage_file, part.path, key)
        self._meter.arrived(1, staged.bytes if entry.size < 0 else 0)
        return staged

    async def _read_range(self, entry: Entry, part: Partial, start: int, end: int | None) -> None:
        async def once() -> None:
            at = start
            try:
                async for chunk in self._transport.chunks(entry, None if end is None else start, end):
                    await self._in_thread(self._store.write, part, at, chunk)
                    at += len(chunk)
                    self._meter.moved(len(chunk))
                _check_length(at - start, end if end is None else end - start)
            except BaseException:
                self._meter.back(at - start)
                raise

        async with self._big:
            if not self._stopped:
                try:
                    await persist(once, entry.place)
                    await self._in_thread(part.done, start)
                except BaseException:
                    self._stopped = True
                    raise

    async def _in_thread(self, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Do what waits for the disk in a thread, while the network goes on."""
        return await asyncio.get_running_loop().run_in_executor(self._writers, partial(work, *arguments, **named))


def _check_length(came: int, expected: int | None) -> None:
    if expected is not None and came != expected:
        raise ChangedError(f"{came} bytes instead of {expected}")
