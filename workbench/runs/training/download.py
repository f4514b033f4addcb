"""A download that goes on where it was broken off.

What lives here: one address into one file. What does not: which address (``weights``).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from workbench.errors import StorageError, storage_error

if TYPE_CHECKING:
    from workbench.runs.training.weights import Progress

FAILURES = (httpx.HTTPError, httpx.InvalidURL)
"""What ``download`` raises when the server does not answer with the file."""
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_CHUNK_BYTES = 1 << 18


def download(url: str, target: Path, progress: Progress | None = None) -> None:
    """Download ``url`` to ``target``; a broken download goes on where it stopped.

    Args:
        url: an http(s) address.
        target: appears only when complete.
        progress: gets bytes done and bytes in all (0 when the server does not say).

    Raises:
        httpx.HTTPError: when the server does not answer with the file.
        StorageError: when the disk is full, or fewer bytes came than were promised.
    """
    part = target.with_name(f"{target.name}.part")
    try:
        _download(url, part, progress)
        part.replace(target)
    except OSError as error:
        raise storage_error(error, part) from error


def _download(url: str, part: Path, progress: Progress | None) -> None:
    part.parent.mkdir(parents=True, exist_ok=True)
    done = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={done}-"} if done else {})}
    with httpx.stream("GET", url, headers=headers, follow_redirects=True, timeout=_TIMEOUT) as answer:
        if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink()
            raise StorageError(f"'{part}' was not a part of {url}.", todo="It was removed: try again.")
        answer.raise_for_status()
        if answer.status_code != httpx.codes.PARTIAL_CONTENT:
            done = 0  # this server sends the whole file
        total = _total(answer, done)
        with part.open("ab" if done else "wb") as file:
            for chunk in answer.iter_bytes(_CHUNK_BYTES):
                file.write(chunk)
                done += len(chunk)
                if progress is not None:
                    progress(done, total)
    if total and done != total:
        raise StorageError(
            f"{url} ended after {done} of {total} bytes.", "The whole file.", "Try again: the download goes on there."
        )


def _total(answer: httpx.Response, done: int) -> int:
    match = re.search(r"/(\d+)$", answer.headers.get("content-range", ""))
    if match:
        return int(match.group(1))
    return done + int(answer.headers.get("content-length", 0))
