"""How far a backend was told of a run: one small file for each, beside the backend's private folder.

What lives here: ``trackers/<backend>.json``, and what stands in it. What does not: telling (``forwarder``).
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from workbench import storage
from workbench.errors import WorkbenchError, storage_error

_NAME = re.compile(r"[\w-]+(?:\.[\w-]+)*")


@dataclass(frozen=True)
class Delivery:
    """How far a backend was told of a run.

    Attributes:
        remote: what the backend calls the run; None before it answered for the first time.
        url: where a person sees the run; None where there is no such place.
        offsets: the log up to here was acknowledged, in bytes by writer.
        pending: the log up to here was sent and perhaps taken; None when nothing is on its way.
        serial: how many records of metrics were acknowledged.
        points: how many points were acknowledged.
        attempt: the attempt whose start was told last; 0 for none.
        closed_at: the end that was told: its time; None while the run goes on.
        success_at: when the backend last acknowledged anything, in unix seconds.
        error: why it was not told more: ``{"at", "happened", "expected", "todo"}``; None when all is well.
        stopped: nothing more is tried before somebody asks for it with ``sync``.
    """

    remote: str | None = None
    url: str | None = None
    offsets: Mapping[str, int] = field(default_factory=dict)
    pending: Mapping[str, int] | None = None
    serial: int = 0
    points: int = 0
    attempt: int = 0
    closed_at: float | None = None
    success_at: float | None = None
    error: Mapping[str, Any] | None = None
    stopped: bool = False


_DELIVERY = TypeAdapter(Delivery)


def state_file(folder: Path, backend: str) -> Path:
    """Return the file of a backend; ``folder`` is the run's ``trackers`` folder."""
    return folder / f"{backend}.json"


def load(folder: Path, backend: str) -> Delivery:
    """Return how far a backend was told.

    A file that is damaged is put aside and everything is told again: backends count what comes twice once.

    Raises:
        StorageError: when it cannot be read.
    """
    path = state_file(folder, backend)
    if not path.is_file():
        return Delivery()
    try:
        return _DELIVERY.validate_json(path.read_bytes())
    except OSError as error:
        raise storage_error(error, path) from error
    except ValidationError:
        with suppress(OSError):
            path.replace(path.with_suffix(".damaged"))
        return Delivery()


def save(folder: Path, backend: str, delivery: Delivery) -> None:
    """Write how far a backend was told.

    Raises:
        StorageError: when the disk is full; what was there stays.
    """
    storage.put_json(state_file(folder, backend), asdict(delivery))


def backends_told(folder: Path) -> list[str]:
    """Return the backends that a run was to be told to, sorted."""
    return sorted(path.stem for path in folder.glob("*.json") if _NAME.fullmatch(path.stem))


def problem(error: WorkbenchError) -> dict[str, Any]:
    """Return an error as it stands in the file."""
    return {"at": time.time(), "happened": error.happened, "expected": error.expected, "todo": error.todo}
