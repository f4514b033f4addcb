"""Reading from web servers.

What lives here: a file at a URL, the folder around it where the server lists one, and versions by ETag or date. What
does not: logging in; ``options`` reach aiohttp.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterable
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from workbench.datasets.remote.entries import Entry, fault, is_dataset_file
from workbench.datasets.remote.failures import ChangedError, describe
from workbench.datasets.remote.transport import CHUNK_BYTES, AnyTransport

_PAGES = 10_000  # index pages of one dataset: a server may make them up for ever


def http_options(given: dict[str, Any]) -> dict[str, Any]:
    """Return the options of fsspec's HTTP: those given, and as long as bytes come no limit to how long that takes."""
    from aiohttp import ClientTimeout

    client = {"timeout": ClientTimeout(total=None, sock_connect=10, sock_read=60), **given.get("client_kwargs", {})}
    return {**given, "client_kwargs": client}


class HttpTransport(AnyTransport):
    """Files of a web server.

    Args:
        files: fsspec's file system of HTTP.
    """

    def folder(self, uri: str) -> tuple[str, str]:
        """Return the folder and the file that ``uri`` names: a file when its last part has a suffix."""
        scheme, host, path, _query, _fragment = urlsplit(uri)
        base, _, name = path.rpartition("/")
        if "." not in name:
            base, name = path.rstrip("/"), ""
        return urlunsplit((scheme, host, base + "/", "", "")), unquote(name)

    def find(self, folder: str) -> Iterable[Entry]:
        """Yield what the server's index pages list below a folder; nothing when it has none."""
        waiting, seen = deque([folder]), {folder}
        while waiting and len(seen) <= _PAGES:
            page = waiting.popleft()
            for link in self._links(page, first=page == folder):
                if not link.startswith(folder) or link in seen or "?" in link or "#" in link:
                    continue
                seen.add(link)
                path = unquote(link[len(folder) :])
                if not path.endswith("/") and is_dataset_file(path):
                    yield Entry(path, link)
                elif path.endswith("/") and not fault(path[:-1]):
                    waiting.append(link)

    def _links(self, page: str, *, first: bool) -> list[str]:
        try:
            links: list[str] = self._files.ls(page, detail=False)
        except FileNotFoundError:
            return []
        except Exception as error:
            if first and getattr(error, "status", None) in {401, 403, 405}:
                return []  # many servers list no folders; the file that was named may be there all the same
            raise describe(error, page) from error
        return links

    async def resolve(self, entry: Entry) -> Entry:
        """Ask the server for size and version."""
        session = await self._files.set_session()
        async with session.head(entry.place, allow_redirects=True, headers={"Accept-Encoding": "identity"}) as answer:
            if answer.status in {405, 501}:
                return entry  # it answers no HEAD: nothing is known before the file is there
            self._files._raise_not_found_for_status(answer, entry.place)  # noqa: SLF001
            length = answer.headers.get("Content-Length", "")
            size = int(length) if length.isdecimal() and "Content-Encoding" not in answer.headers else -1
            return Entry(entry.path, entry.place, _version(answer.headers), size)

    async def chunks(self, entry: Entry, start: int | None, end: int | None) -> AsyncIterator[bytes]:
        """Yield the bytes; a server that knows no ranges sends all, and what was not asked for is skipped.

        Raises:
            ChangedError: when the server has another version by now.
        """
        headers = {"Accept-Encoding": "identity"}
        if start is not None:
            headers["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
        session = await self._files.set_session()
        async with session.get(entry.place, headers=headers) as answer:
            self._files._raise_not_found_for_status(answer, entry.place)  # noqa: SLF001
            version = _version(answer.headers)
            if entry.etag and version and version != entry.etag:
                raise ChangedError(f"version {version} instead of {entry.etag}")
            skip = start if start is not None and answer.status == 200 else 0
            left = None if start is None or end is None else end - start
            async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
                wanted = chunk[skip:] if left is None else chunk[skip : skip + left]
                skip = max(0, skip - len(chunk))
                if wanted:
                    yield wanted
                if left is not None:
                    left -= len(wanted)
                    if not left:
                        return


def _version(headers: Any) -> str:
    return str(headers.get("ETag") or headers.get("Last-Modified") or "")
