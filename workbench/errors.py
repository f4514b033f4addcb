"""Every error that the workbench raises on purpose, and what it says.

What lives here: one exception tree and the three-beat message (what happened with the value, what was
expected, what to do next). What does not: the printing of errors (``cli``), their HTTP form (``extensions``).

    WorkbenchError               exit status 1: the work failed
    ├── RequestError             exit status 2: the request was wrong, nothing was started
    │   ├── ConfigError          a training config, or one of its values
    │   ├── DatasetError         a dataset that cannot be trained on
    │   ├── ModelError           a model name, or weights that are not there
    │   ├── ParameterError       the parameters of a job notebook
    │   ├── UnknownNameError     no run, project, session, … of that name
    │   └── ConflictError        the name is taken, the port is in use, the run is still going
    ├── StorageError             disk full, read-only folder, damaged file
    ├── EngineError              the local Prefect server or its worker
    ├── LeaseError               another process writes this run
    ├── RunError                 a run ended failed, crashed or cancelled
    ├── ExportError              an export that was not written, or does not answer like the model
    ├── TrackerError             a tracker that does not answer, or refuses what it is sent
    └── EndpointError            an endpoint that does not start or does not answer
"""

from __future__ import annotations

import difflib
import errno
import os
from collections.abc import Iterable
from typing import Any, ClassVar


class WorkbenchError(Exception):
    """Say in three beats what went wrong.

    Args:
        happened: what happened, with the offending value.
        expected: what would have been right.
        todo: what to do next.
        fields: the values in the message, for machines (``to_payload``).
    """

    exit_status: ClassVar[int] = 1

    def __init__(self, happened: str, expected: str = "", todo: str = "", **fields: Any) -> None:
        self.happened, self.expected, self.todo, self.fields = happened, expected, todo, fields
        super().__init__(happened, expected, todo)

    def __str__(self) -> str:
        return " ".join(beat for beat in (self.happened, self.expected, self.todo) if beat)

    def __reduce__(self) -> tuple[Any, ...]:
        # Keyword fields are lost by the default pickling of exceptions, and errors cross processes here.
        return _rebuild, (type(self), self.happened, self.expected, self.todo, self.fields)

    def to_payload(self) -> dict[str, Any]:
        """Return the error as JSON-able data: ``{"error", "happened", "expected", "todo", **fields}``."""
        return {
            "error": type(self).__name__,
            "happened": self.happened,
            "expected": self.expected,
            "todo": self.todo,
            **self.fields,
        }


def _rebuild(
    kind: type[WorkbenchError], happened: str, expected: str, todo: str, fields: dict[str, Any]
) -> WorkbenchError:
    return kind(happened, expected, todo, **fields)


class RequestError(WorkbenchError):
    """The request was wrong: nothing was started."""

    exit_status = 2


class ConfigError(RequestError):
    """A training config, or one of its values, is not valid."""


class DatasetError(RequestError):
    """A dataset is missing or cannot be trained on."""


class ModelError(RequestError):
    """A model is unknown, or its weights are not there."""


class ParameterError(RequestError):
    """The parameters do not fit the job notebook."""


class UnknownNameError(RequestError):
    """Nothing of that name is in the workspace."""


class ConflictError(RequestError):
    """The request collides with what is there: a taken name, a used port, a run still going."""


class StorageError(WorkbenchError):
    """The disk is full, a folder is read-only, or a file is damaged."""


class EngineError(WorkbenchError):
    """The local Prefect server or its worker does not start or does not answer."""


class LeaseError(WorkbenchError):
    """Another process holds the right to write this run."""


class RunError(WorkbenchError):
    """A run ended otherwise than completed."""


class ExportError(WorkbenchError):
    """An export was not written, or does not answer like the model."""


class TrackerError(WorkbenchError):
    """A tracker does not answer, or refuses what it is sent; field ``retry`` says whether trying again may help."""


class EndpointError(WorkbenchError):
    """An endpoint does not start, or does not answer."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``"Did you mean 'x'?"`` for the closest known word, or an empty string when none is close."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"Did you mean '{close[0]}'?" if close else ""


def storage_error(error: OSError, path: str | os.PathLike[str]) -> StorageError:
    """Turn an ``OSError`` met while writing ``path`` into a three-beat error."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    if error.errno == errno.EROFS:
        return StorageError(
            f"Could not write '{os.fspath(path)}': {reason}.",
            "A process that may change it, on a disk that may be written to.",
            "Do it from a process that did not open the workspace for reading only.",
            path=os.fspath(path),
            errno=error.errno,
        )
    return StorageError(
        f"Could not write '{os.fspath(path)}': {reason}.",
        "A folder that this user may write to, on a disk with free space.",
        "Free some space (`workbench clean --dry-run` shows what takes it) or choose another folder with --workspace.",
        path=os.fspath(path),
        errno=error.errno,
    )
