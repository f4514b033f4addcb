"""Reading objects from wherever fsspec reaches: many at a time, whole or in ranges.

What lives here: the protocol, opening one for a uri, trying again, and the reader for any file system. What does not:
S3 and HTTP, which can say more (``s3``, ``http``); keeping what was read (``fetch``). fsspec's own caches are not used:
under several processes they give torn files.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from datetime import datetime
from typing import Any, Protocol, TypeVar

from workbench.datasets.remote.entries import Entry
from workbench.datasets.remote.failures import ChangedError, describe, may_pass
from workbench.errors import DatasetError, did_you_mean

CHUNK_BYTES = 1 << 20
TRIES = 5
_FIRST_PAUSE_S = 0.2
_ETAGS = ("ETag", "etag", "e_tag", "md5Hash", "LastModified", "last_modified", "mtime", "updated", "created")
T = TypeVar("T")
Pause = Callable[[float], Awaitable[None]]


class Transport(Protocol):
    """A way to objects. Its coroutines run on ``loop``, a thread of fsspec's; see ``wait``."""

    loop: asyncio.AbstractEventLoop

    def folder(self, uri: str) -> tuple[str, str]:
        """Return the uri of the dataset's folder, and the name of the file in it that ``uri`` names, or ''."""
        ...

    def find(self, folder: str) -> Iterable[Entry]:
        """Yield what lies below a folder, with paths as the server says them."""
        ...

    async def resolve(self, entry: Entry) -> Entry:
        """Return the entry with the size and the version that the server has now."""
        ...

    def chunks(self, entry: Entry, start: int | None, end: int | None) -> AsyncIterator[bytes]:
        """Yield the bytes ``start`` to ``end`` of the object at ``entry.place``, or all of it.

        Raises:
            ChangedError: when the server has another version by now.
        """
        ...


def open_transport(uri: str, options: dict[str, Any] | None = None) -> Transport:
    """Return the way to ``uri``.

    Args:
        uri: ``s3://``, ``gs://``, ``az://``, ``http(s)://``, ``memory://`` or whatever else fsspec has a driver for.
        options: of that driver; keys and endpoints mostly come from the environment, as the driver reads them.

    Raises:
        DatasetError: when there is no driver for it, or the driver is not installed.
    """
    import fsspec

    from workbench.datasets.remote.http import HttpTransport, http_options
    from workbench.datasets.remote.s3 import S3Transport, s3_options

    protocol = uri.partition("://")[0].lower()
    given = dict(options or {})
    try:
        if protocol in ("s3", "s3a"):
            return S3Transport(fsspec.filesystem("s3", **s3_options(given)))
        if protocol in ("http", "https"):
            return HttpTransport(fsspec.filesystem(protocol, **http_options(given)))
        return AnyTransport(fsspec.filesystem(protocol, use_listings_cache=False, **given))
    except ImportError as error:
        extra = "pip install 'vision-workbench[s3]'" if protocol.startswith("s3") else _install(error)
        raise DatasetError(
            f"'{uri}' needs a driver that is not installed: {error}.",
            f"fsspec's driver for {protocol}.",
            extra,
            uri=uri,
        ) from error
    except ValueError as error:
        known = ("s3", "gs", "az", "https", "http", "memory", "file")
        raise DatasetError(
            f"'{uri}' is an address of an unknown kind: {error}.",
            f"One that begins with {', '.join(f'{name}://' for name in known)} or another protocol of fsspec.",
            did_you_mean(protocol, known) or "Check the address.",
            uri=uri,
        ) from error


def _install(error: ImportError) -> str:
    return f"pip install {error.name}" if error.name else "Install it with pip."


def wait(transport: Transport, work: Callable[..., Coroutine[Any, Any, T]], *arguments: Any) -> T:
    """Run a coroutine function on the transport's loop and return what it returns; not to be called from there."""
    from fsspec.asyn import sync

    result: T = sync(transport.loop, work, *arguments)
    return result


async def persist(work: Callable[[], Awaitable[T]], place: str, pause: Pause = asyncio.sleep) -> T:
    """Do ``work``, and again after a pause while that may help.

    Args:
        work: what is done; each time from its beginning.
        place: the uri to name in errors.
        pause: waits for a number of seconds.

    Raises:
        DatasetError: when it does not help, or did not after five tries.
    """
    tried = 0
    while True:
        tried += 1
        try:
            return await work()
        except Exception as error:  # drivers raise what they like; ``describe`` tells one from the other
            if tried == TRIES or not may_pass(error):
                raise describe(error, place) from error
            await pause(_FIRST_PAUSE_S * 2 ** (tried - 1) * random.uniform(0.5, 1.5))  # noqa: S311 - no secret


async def read(transport: Transport, entry: Entry, start: int | None, end: int | None) -> bytes:
    """Return the bytes of an object or of a range of it; their number is checked where it is known.

    Raises:
        ChangedError: when the server has another version by now, or another number of bytes.
    """
    expected = entry.size if start is None else (end or 0) - start
    parts, length = list[bytes](), 0
    async for chunk in transport.chunks(entry, start, end):
        parts.append(chunk)
        length += len(chunk)
        if 0 <= expected < length:  # a server may send without end
            raise ChangedError(f"more than {expected} bytes")
    data = b"".join(parts)
    if expected >= 0 and len(data) != expected:
        raise ChangedError(f"{len(data)} bytes instead of {expected}")
    return data


class AnyTransport:
    """Any file system of fsspec, asynchronous or not.

    Args:
        files: the file system.
    """

    def __init__(self, files: Any) -> None:
        from fsspec.asyn import get_loop

        self._files = files
        self.loop: asyncio.AbstractEventLoop = files.loop if files.async_impl else get_loop()

    def folder(self, uri: str) -> tuple[str, str]:
        """Return the folder that ``uri`` is or lies in, and its file's name."""
        path = self._files._strip_protocol(uri)  # noqa: SLF001 - fsspec's own way, without a public name
        try:
            is_file = self._files.isfile(path)
        except Exception as error:
            raise describe(error, uri) from error
        base, _, name = path.rpartition("/") if is_file else (path, "", "")
        return self._files.unstrip_protocol(base), name

    def find(self, folder: str) -> Iterable[Entry]:
        """Yield what lies below a folder."""
        base = self._files._strip_protocol(folder)  # noqa: SLF001
        try:
            found = self._files.find(base, detail=True)
        except Exception as error:
            raise describe(error, folder) from error
        for name, info in found.items():
            path = name[len(base) :].removeprefix("/")
            yield Entry(path, self._files.unstrip_protocol(name), etag(info), size(info))

    async def resolve(self, entry: Entry) -> Entry:
        """Ask for size and version again."""
        path = self._files._strip_protocol(entry.place)  # noqa: SLF001
        if self._files.async_impl:
            info = await self._files._info(path)  # noqa: SLF001
        else:
            info = await asyncio.to_thread(self._files.info, path)
        return Entry(entry.path, entry.place, etag(info), size(info), entry.sha256, entry.offset)

    async def chunks(self, entry: Entry, start: int | None, end: int | None) -> AsyncIterator[bytes]:
        """Yield the bytes in one piece, and look afterwards whether the object is still the same."""
        path = self._files._strip_protocol(entry.place)  # noqa: SLF001
        if self._files.async_impl:
            data = await self._files._cat_file(path, start=start, end=end)  # noqa: SLF001
        else:
            data = await asyncio.to_thread(self._files.cat_file, path, start, end)
        if entry.etag:
            now = await self.resolve(entry)
            if (now.etag, now.size) != (entry.etag, entry.size):
                raise ChangedError(f"version {now.etag} instead of {entry.etag}")
        yield data


def etag(info: dict[str, Any]) -> str:
    """Return what a file system calls the version of a file: its etag, or when it was written."""
    found = next((info[name] for name in _ETAGS if info.get(name) is not None), "")
    # Some say a time as a number in listings and as a date otherwise
    written = found.timestamp() if isinstance(found, datetime) else found
    return f"{written:.6f}" if isinstance(written, float) else str(written)


def size(info: dict[str, Any]) -> int:
    """Return the bytes of a file, -1 when the file system does not say."""
    found = info.get("size")
    return -1 if found is None else int(found)
