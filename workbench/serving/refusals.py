"""What the inference app says no to, and with which HTTP status.

What lives here: one small tree below ``RequestError``. What does not: the JSON form of an error (``app``).

    RefusalError                 422
    ├── UnreadableImageError     422: empty, truncated or damaged
    ├── TooLargeError            413: too many bytes or pixels
    ├── MediaTypeError           415: not an image, or of a kind that is not read
    ├── NotServedError           404: no model of that name
    ├── SlowUploadError          408: the body did not arrive in time
    └── BusyError                429: the queue is full
"""

from __future__ import annotations

from typing import ClassVar

from workbench.errors import RequestError


class RefusalError(RequestError):
    """The request cannot be answered; ``status`` is its HTTP status."""

    status: ClassVar[int] = 422


class UnreadableImageError(RefusalError):
    """The image is empty, truncated or damaged."""


class TooLargeError(RefusalError):
    """The image has more bytes or pixels than the endpoint takes."""

    status = 413


class MediaTypeError(RefusalError):
    """The body is no image, or one of a kind that the endpoint does not read."""

    status = 415


class NotServedError(RefusalError):
    """The endpoint has no model of that name."""

    status = 404


class SlowUploadError(RefusalError):
    """The body did not arrive in time."""

    status = 408


class BusyError(RefusalError):
    """As many requests are waiting as the endpoint lets wait."""

    status = 429
