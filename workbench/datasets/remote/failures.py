"""What can go wrong with a server, said in three beats.

What lives here: which failures may pass by themselves, and the sentence for those that do not. What does not: trying
again (``transport``).
"""

from __future__ import annotations

import asyncio
import errno

from workbench.errors import DatasetError, WorkbenchError

_LASTING = (FileNotFoundError, PermissionError, NotImplementedError, IsADirectoryError, NotADirectoryError)
_LASTING_NUMBERS = {errno.EINVAL, errno.ENAMETOOLONG, errno.ENOSYS}
# By name: these libraries are not imported unless their protocol is used
_NO_CREDENTIALS = {
    "NoCredentialsError",
    "PartialCredentialsError",
    "DefaultCredentialsError",
    "CredentialRetrievalError",
}
_NO_CONNECTION = {"EndpointConnectionError", "ClientConnectorError", "ConnectTimeoutError", "ConnectionTimeoutError"}
_PASSING = {"ClientError", "HTTPClientError", "IncompleteReadError", "ResponseStreamingError", "AioReadTimeoutError"}


class ChangedError(Exception):
    """The object is another than the one that was listed."""


def may_pass(error: BaseException) -> bool:
    """Return whether trying again may help."""
    if isinstance(error, (WorkbenchError, ChangedError, *_LASTING)):
        return False
    status = getattr(error, "status", None)
    if isinstance(status, int) and 400 <= status < 500:
        return status in {408, 425, 429}
    if isinstance(error, OSError) and error.errno in _LASTING_NUMBERS:
        return False
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & _NO_CREDENTIALS:
        return False
    return isinstance(error, OSError | EOFError | asyncio.TimeoutError) or bool(names & (_PASSING | _NO_CONNECTION))


def describe(error: BaseException, place: str) -> WorkbenchError:
    """Return the three-beat error for what happened at ``place``, a uri."""
    if isinstance(error, WorkbenchError):
        return error
    happened, expected, todo = _beats(error, place)
    return DatasetError(happened, expected, todo, uri=place, retry=may_pass(error))


def _beats(error: BaseException, place: str) -> tuple[str, str, str]:
    names = {kind.__name__ for kind in type(error).__mro__}
    status = getattr(error, "status", None)
    again = "Try again: what was fetched stays, and only the rest is fetched."
    if isinstance(error, ChangedError):
        said = f" ({error})" if str(error) else ""
        return f"'{place}' changed while it was read{said}.", "The version that was listed.", again
    if isinstance(error, FileNotFoundError) or status in {404, 410}:
        return (
            f"There is nothing at '{place}'.",
            "A bucket and a path that exist, as they did when the dataset was listed.",
            "Check the address. If it went away meanwhile, bring it back and try again: what was fetched stays.",
        )
    if names & _NO_CREDENTIALS:
        return (
            f"No credentials were found for '{place}'.",
            "An access key in the environment or in the provider's own file, e.g. ~/.aws/credentials.",
            """Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for a public bucket FSSPEC_S3='{"anon": true}'.""",
        )
    if isinstance(error, PermissionError) or status in {401, 403}:
        return (
            f"'{place}' may not be read: {_said(error)}.",
            "Credentials that may list and read it.",
            "Check the access key, its rights and the endpoint.",
        )
    if names & _NO_CONNECTION or isinstance(error, ConnectionError | TimeoutError):
        return f"The server of '{place}' does not answer: {_said(error)}.", "A server that can be reached.", again
    return f"'{place}' could not be read: {_said(error)}.", "An answer with the whole object.", again


def _said(error: BaseException) -> str:
    return (str(error) or type(error).__name__).rstrip(".")
