"""What was said, on disk: one append-only file of JSON lines per conversation, shared by processes.

What lives here: appending, reading on from where one was, the lock, and what a killed writer leaves behind. What does
not: what the events mean (``state``).

Everybody who reads or appends holds the file's lock (flock) meanwhile, so that what is read was acknowledged, and
whoever appends has read everything before. A line that a killed writer left half written was never acknowledged; the
next writer removes it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import orjson

from workbench.errors import UnknownNameError, storage_error

Event = dict[str, Any]
_BLOCK_BYTES: Final = 1 << 16
_HEAD_BYTES: Final = 200


@dataclass(frozen=True)
class News:
    """What a reader has not seen yet.

    Attributes:
        events: oldest first.
        anew: whether they are all there are, and what was seen before is void: another file lies there now.
    """

    events: tuple[Event, ...]
    anew: bool = False


class Log(Protocol):
    """The events of one conversation, and how far one reader has read them."""

    def unread(self) -> News:
        """Return what has been appended since the last call."""
        ...

    @contextmanager
    def alone(self) -> Iterator[News]:
        """Keep all others from appending; give what has been appended since the last call."""
        ...

    def append(self, event: Mapping[str, Any], *, sync: bool = False) -> Event:
        """Append an event inside of ``alone`` and return it as it will be read; it counts as read."""
        ...


class MemoryLog:
    """A log that nobody else sees, and that is gone with its process."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._read = 0

    def unread(self) -> News:
        """Return what has been appended since the last call."""
        fresh = self._lines[self._read :]
        self._read = len(self._lines)
        return News(tuple(orjson.loads(line) for line in fresh))

    @contextmanager
    def alone(self) -> Iterator[News]:
        """Give what has been appended since the last call."""
        yield self.unread()

    def append(self, event: Mapping[str, Any], *, sync: bool = False) -> Event:  # noqa: ARG002  nothing outlives it
        """Append an event and return it as it will be read."""
        self._lines.append(orjson.dumps(event))
        self._read += 1
        read: Event = orjson.loads(self._lines[-1])
        return read


class FileLog:
    """A log in a file.

    Args:
        path: made by the first event; its folder must be there.
        owner: a file without which no log is made: that of the session, which may be deleted before anything is said.
    """

    def __init__(self, path: Path, owner: Path | None = None) -> None:
        self.path, self._owner = path, owner
        self._offset = 0  # bytes of whole lines that were read
        self._head = b""  # how the file begins: a number of an inode is soon given to another file
        self._file = -1

    def unread(self) -> News:
        """Return what has been appended since the last call; a file that is not there yet has nothing.

        Raises:
            UnknownNameError: when the file was there and has been deleted.
            StorageError: when it cannot be read.
        """
        if not self._head and not self.path.exists():
            return News(())
        with self._errors():
            file = _take(self.path, os.O_RDONLY, fcntl.LOCK_SH)
        try:
            with self._errors():
                return self._read_on(file)
        finally:
            _let_go(file)

    @contextmanager
    def alone(self) -> Iterator[News]:
        """Keep all others from reading and appending; give what has been appended since the last call.

        Raises:
            UnknownNameError: when the file, or its folder, was there and has been deleted.
            StorageError: when the file cannot be read or written.
        """
        with self._errors():
            file = _take(self.path, os.O_RDWR | os.O_APPEND | (0 if self._head else os.O_CREAT), fcntl.LOCK_EX)
        try:
            with self._errors():
                self._stay_with_owner()
                news = self._read_on(file)
                os.ftruncate(file, self._offset)
            self._file = file
            yield news
        finally:
            self._file = -1
            _let_go(file)

    def append(self, event: Mapping[str, Any], *, sync: bool = False) -> Event:
        """Append an event inside of ``alone``; it outlives this process from the moment in which this returns.

        Args:
            event: JSON-able.
            sync: whether it must outlive a loss of power as well.

        Raises:
            StorageError: when the disk is full; nothing of the event is then in the file.
        """
        line = orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE)
        try:
            _write(self._file, line)
            if sync:
                os.fsync(self._file)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file, self._offset)
            raise storage_error(error, self.path) from error
        self._head = self._head or line[:_HEAD_BYTES]
        self._offset += len(line)
        read: Event = orjson.loads(line)
        return read

    def _stay_with_owner(self) -> None:
        """Leave no log behind whose session is gone; called under the lock.

        Raises:
            FileNotFoundError: when it is.
        """
        if self._owner is not None and not self._owner.exists():
            if not self.path.stat().st_size:
                self.path.unlink()
            raise FileNotFoundError(self._owner)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise _gone(self.path) from error
        except OSError as error:
            raise storage_error(error, self.path) from error

    def _read_on(self, file: int) -> News:
        size = os.fstat(file).st_size
        anew = _read(file, 0, len(self._head)) != self._head or size < self._offset
        if anew:
            self._offset, self._head = 0, b""
        data = _read(file, self._offset, size)
        whole = data.rfind(b"\n") + 1
        self._head = self._head or data[:whole][:_HEAD_BYTES]
        self._offset += whole
        return News(tuple(_events(data[:whole])), anew)


def backwards(path: Path) -> Iterator[Event]:
    """Yield the events of a log, the newest first; reads no more of the file than is asked for.

    Raises:
        StorageError: when the file is there and cannot be read.
    """
    try:
        with path.open("rb") as file:
            end, rest = file.seek(0, os.SEEK_END), b""
            while end:
                start = max(0, end - _BLOCK_BYTES)
                rest = _read(file.fileno(), start, end) + rest
                first = rest.find(b"\n") + 1 if start else 0
                if first or not start:
                    yield from reversed(list(_events(rest[first : rest.rfind(b"\n") + 1])))
                    rest = rest[:first]
                end = start
    except FileNotFoundError:
        return
    except OSError as error:
        raise storage_error(error, path) from error


def delete(path: Path) -> None:
    """Delete a log, when nobody is in the middle of appending; a missing one is no error.

    Raises:
        StorageError: when the folder is read-only.
    """
    try:
        file = _take(path, os.O_RDWR, fcntl.LOCK_EX)
        try:
            path.unlink(missing_ok=True)
        finally:
            _let_go(file)
    except FileNotFoundError:
        return
    except OSError as error:
        raise storage_error(error, path) from error


def _take(path: Path, flags: int, lock: int) -> int:
    """Open a file and lock it; whoever waited for one that was deleted meanwhile would append to nothing."""
    while True:
        file = os.open(path, flags | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(file, lock)
            if os.path.samestat(os.fstat(file), path.stat()):
                return file
        except (OSError, KeyboardInterrupt):
            os.close(file)
            raise
        _let_go(file)


def _let_go(file: int) -> None:
    # Closing alone is not enough: a child that was forked meanwhile has the same open file.
    fcntl.flock(file, fcntl.LOCK_UN)
    os.close(file)


def _read(file: int, start: int, end: int) -> bytes:
    parts = []
    while start < end and (part := os.pread(file, end - start, start)):
        parts.append(part)
        start += len(part)
    return b"".join(parts)


def _write(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]


def _events(lines: bytes) -> Iterator[Event]:
    for line in lines.split(b"\n"):
        try:
            event = orjson.loads(line)
        except orjson.JSONDecodeError:  # a damaged disk: the rest still reads
            continue
        if isinstance(event, dict) and "kind" in event:
            yield event


def _gone(path: Path) -> UnknownNameError:
    session = path.name.partition(".conversation")[0]
    return UnknownNameError(
        f"The conversation of session '{session}' is no longer there.",
        "A session that has not been deleted.",
        "Open another one; see `workbench sessions list`.",
        key="session_gone",  # of the messages
        session=session,
        path=str(path),
    )
