"""Reading an image out of a request.

What lives here: length, content type and multipart. What does not: decoding the image (``decode``).
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncGenerator

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from workbench.serving.decode import ImageLimits, check_length
from workbench.serving.refusals import (
    MediaTypeError,
    SlowUploadError,
    UnreadableImageError,
)

ENVELOPE_BYTES = 64 * 1024  # headers and other fields of a multipart body, beyond the image
DRAIN_S = 5.0
FIELD = "file"


async def read_image(request: Request, limits: ImageLimits, upload_s: float) -> bytes:
    """Return the encoded image that ``request`` carries.

    Raises:
        TooLargeError: when the body is too long, as soon as that is known.
        MediaTypeError: when the body is of a type that holds no image.
        UnreadableImageError: when a multipart body has no image in its field ``file``.
        SlowUploadError: when the body takes longer than ``upload_s`` seconds.
    """
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    multipart = kind == "multipart/form-data"
    if not (multipart or kind.startswith("image/") or kind in {"", "application/octet-stream"}):
        raise MediaTypeError(
            f"The body is of type '{kind}'.",
            f"image/*, application/octet-stream, or multipart/form-data with the field '{FIELD}'.",
            "Set the Content-Type header to what the body is.",
            content_type=kind,
        )
    announced = request.headers.get("content-length", "")
    if announced.isdecimal():
        _check(int(announced), limits, multipart=multipart)
    try:
        async with asyncio.timeout(upload_s):
            body = await _read(request, limits, multipart=multipart)
    except TimeoutError as error:
        raise SlowUploadError(
            f"The body had not arrived after {upload_s:g} s.", "A quicker upload.", "Send a smaller image."
        ) from error
    except ClientDisconnect as error:
        raise UnreadableImageError("The client left.", "A whole body.", "Send it again.") from error
    return await _field(request.headers, body) if multipart else body


async def drain(request: Request, limits: ImageLimits) -> None:
    """Throw away what is left of a refused body, within limits: a client that still writes cannot read the answer."""
    left = 4 * limits.bytes_max
    try:
        async with asyncio.timeout(DRAIN_S):
            async for chunk in request.stream():
                left -= len(chunk)
                if left < 0:
                    return
    except (TimeoutError, ClientDisconnect, RuntimeError):
        # RuntimeError: the body was read to its end already
        return


async def _read(request: Request, limits: ImageLimits, *, multipart: bool) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        _check(len(body), limits, multipart=multipart)
    return bytes(body)


def _check(length: int, limits: ImageLimits, *, multipart: bool) -> None:
    check_length(length - ENVELOPE_BYTES if multipart else length, limits)


async def _field(headers: Headers, body: bytes) -> bytes:
    _require_parser()

    async def whole() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(headers, whole(), max_files=4, max_fields=16)
    parser.spool_max_size = len(body)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise UnreadableImageError(
            f"The multipart body cannot be read: {error.message}",
            f"An image in the field '{FIELD}'.",
            "Let the HTTP client set Content-Type and boundary.",
        ) from error
    try:
        file = form.get(FIELD)
        if isinstance(file, UploadFile):
            return await file.read()
    finally:
        await form.close()
    raise UnreadableImageError(
        f"The multipart body has no file in the field '{FIELD}' (fields: {', '.join(sorted(form)) or 'none'}).",
        f"An image, with a file name, in the field '{FIELD}'.",
        f"Name the field '{FIELD}', e.g. `curl -F {FIELD}=@image.jpg`.",
        field=FIELD,
    )


def _require_parser() -> None:
    if importlib.util.find_spec("python_multipart") is None:
        raise MediaTypeError(
            "The body is multipart/form-data, and python-multipart is not installed where the endpoint runs.",
            "The image as the body itself, with Content-Type image/*.",
            "Send it that way, or install python-multipart.",
        )
