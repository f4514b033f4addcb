"""New events of a run as they are written, for whoever watches: widgets, REST and the command line.

What lives here: reading on from a place in the logs, in bounded memory, and waiting for more. What does not: charts and
queries over what was written before (``store``), the meaning of the events (``runs``).

What is yielded is what was written: also rows that a later attempt measured again, which ``rows`` tells apart.
"""

from __future__ import annotations

import asyncio
import heapq
import os
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import quote, unquote

from workbench.errors import RequestError, StorageError
from workbench.metrics.tail import Event, parse

POLL_S = 0.05
_ASK_S = 0.25  # how often ``until`` is asked: it may read files
_IDLE_POLLS, _IDLE_FACTOR = 100, 2  # a log that has been silent for long is looked at less often
_CHUNK_BYTES = 1 << 18
_LINE_BYTES = 1 << 24
_TURN_EVENTS = 1000  # after which others have their turn


@dataclass(frozen=True)
class Cursor:
    """A place in the logs of a run.

    Attributes:
        offsets: bytes read so far, by writer; a writer that is not named is read from its start.
    """

    offsets: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return it as printable ASCII without spaces: fit for a URL and for the id of a server-sent event."""
        return ",".join(f"{quote(writer, safe='')}:{offset}" for writer, offset in sorted(self.offsets.items()))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what ``str`` wrote; an empty text is the start of all logs.

        Raises:
            RequestError: when the text is no cursor.
        """
        offsets: dict[str, int] = {}
        for part in text.split(",") if text else ():
            writer, _, offset = part.partition(":")
            if not writer or not (offset.isascii() and offset.isdigit()) or unquote(writer) in offsets:
                raise RequestError(
                    f"'{text[:200]}' is no cursor: '{part[:80]}' names no place in a log.",
                    "A cursor that came with an event, e.g. 'ledger:120,train-1:4096'.",
                    "Send it back as it came, or leave it out to read from the start.",
                    cursor=text[:200],
                )
            offsets[unquote(writer)] = int(offset)
        return cls(offsets)


@dataclass(frozen=True)
class Received:
    """One event, and where to go on after it.

    Attributes:
        event: as it was written, with the name of its ``writer``; ``tail.values`` gives its metrics as floats.
        cursor: the place after it.
    """

    event: Event
    cursor: Cursor


class Follower:
    """Reads what is new in the logs of a run, in bounded memory: at most some hundred kilobytes a writer.

    Args:
        folder: the run's ``events`` folder; it may not exist yet.
        after: where to begin; the start when left out.
        kinds: kinds of events to yield, e.g. ``("metrics", "state")``; all when left out.
        scopes: of the metrics, the scopes to yield, e.g. ``("epoch",)``; all when left out.

    Raises:
        RequestError: when ``after`` is no cursor.
    """

    def __init__(
        self,
        folder: Path,
        after: Cursor | str | None = None,
        kinds: Collection[str] | None = None,
        scopes: Collection[str] | None = None,
    ) -> None:
        start = Cursor.parse(after) if isinstance(after, str) else after or Cursor()
        self._folder, self._kinds, self._scopes = folder, kinds, scopes
        self._offsets = dict(start.offsets)
        self._torn: dict[str, int] = {}

    @property
    def cursor(self) -> Cursor:
        """The place after the last event that was yielded, and after those of other kinds that were passed over."""
        return Cursor(dict(self._offsets))

    def poll(self) -> Iterator[Event]:
        """Yield the events that are there by now, of all writers, in the order of their time.

        Each writer's own events stay in the order in which it wrote them. A line that is still being written waits for
        the next call. ``cursor`` moves with each event that is taken.

        Raises:
            StorageError: when a log cannot be read.
        """
        return (event for event in self._events() if self._wanted(event))

    def steps(self) -> Iterator[Event | None]:
        """Yield what ``poll`` yields, and None for each event that is passed over: a caller may pause at any."""
        return (event if self._wanted(event) else None for event in self._events())

    def _events(self) -> Iterator[Event]:
        readers = [self._read(writer, end) for writer, end in self._grown()]
        for event, offset in heapq.merge(*readers, key=_time):
            self._offsets[event["writer"]] = offset
            yield event

    def _grown(self) -> list[tuple[str, int]]:
        """Return the writers with bytes that were not read, each with the size of its log."""
        found = []
        try:
            names = sorted(name for name in os.listdir(self._folder) if name.endswith(".jsonl"))  # noqa: PTH208  quick
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _unreadable(self._folder, error) from error
        for name in names:
            writer = name.removesuffix(".jsonl")
            try:
                size = os.stat(f"{self._folder}/{name}").st_size  # noqa: PTH116  quick
            except FileNotFoundError:
                continue
            if size < self._offsets.get(writer, 0):  # another log took its place
                self._offsets[writer] = 0
                self._torn.pop(writer, None)
            if size > self._offsets.get(writer, 0) and size != self._torn.get(writer):
                found.append((writer, size))
        return found

    def _read(self, writer: str, end: int) -> Iterator[tuple[Event, int]]:
        """Yield the events of one writer up to the byte ``end``, each with the offset after its line."""
        offset, size = self._offsets.get(writer, 0), _CHUNK_BYTES
        while offset < end:
            data = self._bytes(writer, offset, min(size, end - offset))
            whole = data.rfind(b"\n") + 1
            if not whole and len(data) >= _LINE_BYTES:  # no event is that long: it is damage, e.g. zeros
                offset += len(data)
                continue
            if not whole:
                if len(data) < size:  # the rest is a line still being written
                    self._torn[writer] = end
                    break
                size *= 2
                continue
            for line in data[:whole].splitlines(keepends=True):
                offset += len(line)
                for event in parse(line) if line.startswith(b"{") else ():  # an error would hold copies of the damage
                    event["writer"] = writer
                    yield event, offset
            size = _CHUNK_BYTES
        self._offsets[writer] = offset  # reached when its last event was taken: damaged lines follow at most

    def _bytes(self, writer: str, offset: int, count: int) -> bytes:
        path = self._folder / f"{writer}.jsonl"
        try:
            with path.open("rb") as file:
                file.seek(offset)
                return file.read(count)
        except FileNotFoundError:  # the run was deleted
            return b""
        except OSError as error:
            raise _unreadable(path, error) from error

    def _wanted(self, event: Event) -> bool:
        if self._kinds is not None and event["kind"] not in self._kinds:
            return False
        return self._scopes is None or event["kind"] != "metrics" or event.get("scope") in self._scopes


async def subscribe(
    folder: Path,
    *,
    after: Cursor | str | None = None,
    kinds: Collection[str] | None = None,
    scopes: Collection[str] | None = None,
    poll_s: float = POLL_S,
    until: Callable[[], bool] | None = None,
) -> AsyncIterator[Received]:
    """Yield the events of a run as they come, one by one.

    Args:
        folder: the run's ``events`` folder; it may not exist yet.
        after: a cursor that came with an event; the start when left out.
        kinds: kinds of events to yield; all when left out.
        scopes: of the metrics, the scopes to yield; all when left out.
        poll_s: how often to look, in seconds; a log that has been silent for long is looked at half as often.
        until: says whether no more will come, e.g. that the run has ended; what is there by then is still yielded.

    Raises:
        RequestError: when ``after`` is no cursor.
        StorageError: when a log cannot be read.
    """
    follower = Follower(folder, after, kinds, scopes)
    async for steps in _rounds(follower, poll_s, until):
        for count, event in enumerate(steps, start=1):
            if event is not None:
                yield Received(event, follower.cursor)
            if not count % _TURN_EVENTS:
                await asyncio.sleep(0)


async def _rounds(
    follower: Follower, poll_s: float, until: Callable[[], bool] | None
) -> AsyncIterator[Iterator[Event | None]]:
    """Yield what each look finds, until the last one after ``until`` has said yes."""
    asked_at, silent = -_ASK_S, 0
    while True:
        ended = False
        if until is not None and time.monotonic() - asked_at >= _ASK_S:
            ended, asked_at = until(), time.monotonic()
        before = follower.cursor
        yield follower.steps()
        if ended:
            return
        silent = silent + 1 if follower.cursor == before else 0
        await asyncio.sleep(poll_s * (_IDLE_FACTOR if silent > _IDLE_POLLS else 1))


def _time(read: tuple[Event, int]) -> float:
    at = read[0]["at"]
    return at if isinstance(at, (int, float)) else 0.0


def _unreadable(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"Could not read '{path}': {error.strerror or error}.",
        "A log that this user may read.",
        "Look at the permissions of the workspace, and whether its disk is there.",
        path=str(path),
    )
