"""Reading from S3.

What lives here: what S3 can say beyond other file systems: every answer is of the version that was listed, or none
(``If-Match``). What does not: credentials, which botocore finds.

s3fs' ``cat_file`` asks for the size of each object first and costs 2.5 ms of CPU; asking for the object alone costs 1.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from workbench.datasets.remote.entries import Entry
from workbench.datasets.remote.failures import ChangedError
from workbench.datasets.remote.transport import CHUNK_BYTES, AnyTransport

CONNECTIONS = 128
_CONFIG = {
    "max_pool_connections": CONNECTIONS,
    "connect_timeout": 10,
    "read_timeout": 60,
    "retries": {"max_attempts": 1},  # ``persist`` tries again
    "parameter_validation": False,  # a fifth of the CPU of a request
}


def s3_options(given: dict[str, Any]) -> dict[str, Any]:
    """Return the options of s3fs: those given, with room for many connections at once."""
    config = {**_CONFIG, **given.get("config_kwargs", {})}
    return {"use_listings_cache": False, **given, "config_kwargs": config}


class S3Transport(AnyTransport):
    """Objects of S3, or of what speaks like it.

    Args:
        files: s3fs' file system.
    """

    async def chunks(self, entry: Entry, start: int | None, end: int | None) -> AsyncIterator[bytes]:
        """Yield the bytes of the version that ``entry`` names.

        Raises:
            ChangedError: when the server has another version by now.
        """
        bucket, key, version = self._files.split_path(entry.place)
        asked = {"Bucket": bucket, "Key": key}
        if version:
            asked["VersionId"] = version
        if entry.etag:
            asked["IfMatch"] = entry.etag
        if start is not None:
            asked["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
        try:
            answer = await self._files._call_s3("get_object", **asked)  # noqa: SLF001 - as s3fs' own readers do
        except OSError as error:
            if _status(error) == 412:
                raise ChangedError from error
            raise
        async with answer["Body"] as body:
            if entry.etag and answer["ETag"] != entry.etag:
                raise ChangedError(f"version {answer['ETag']} instead of {entry.etag}")
            while chunk := await body.read(CHUNK_BYTES):
                yield chunk


def _status(error: OSError) -> int:
    answer = getattr(error.__cause__, "response", {})
    return int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
