"""The queue: one ticket per run that has not ended, over all workspaces of a user, and the slots they wait for.

What lives here: tickets on disk, their order, and what a slot is. What does not: starting runs (``dispatcher``), and
what became of them (the ledger knows).

A ticket is a 0600 file in the engine's folder: it holds the environment, keys included, in which the run is executed
however often it is tried. It is removed when the run has ended.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from workbench.errors import storage_error
from workbench.paths import EnginePaths
from workbench.runs.lease import locked
from workbench.runs.model import RunSpec

SIDE = "side"
ANY_GPU = "gpu"
_GPU = "gpu-"


@dataclass(frozen=True)
class Ticket:
    """A place in the queue.

    Attributes:
        run_id: the run.
        workspace: the folder of its workspace.
        slot: what it needs: ``cpu``, ``gpu-0``, ``gpu`` (any), ``side`` (no training), or empty for nothing.
        priority: higher ones go first.
        number: lower ones go first among equals; given by the queue.
        server: the Prefect API that executes it; None for the engine of this machine.
        environment: the variables that the run sees.
    """

    run_id: str
    workspace: str
    server: str | None = None
    slot: str = ""
    priority: int = 0
    number: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def rank(self) -> tuple[int, int, str]:
        """What the queue is sorted by."""
        return -self.priority, self.number, self.run_id


class Queue:
    """The tickets of one user.

    Args:
        paths: the engine's folder.
    """

    def __init__(self, paths: EnginePaths) -> None:
        self._paths = paths

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep everybody else from adding tickets and starting runs.

        Raises:
            StorageError: when the engine's folder cannot be written.
        """
        self._make_folder()
        with locked(self._paths.queue_lock):
            yield

    def add(self, ticket: Ticket) -> Ticket:
        """Put a ticket at the end of the queue and return it with its number; one that is there keeps its place.

        Raises:
            StorageError: when it cannot be written.
        """
        self._make_folder()
        there = self.ticket(ticket.run_id)
        if there is not None:
            ticket = replace(ticket, number=there.number)
        else:
            ticket = replace(ticket, number=max((one.number for one in self.tickets()), default=0) + 1)
        self.write(ticket)
        return ticket

    def write(self, ticket: Ticket) -> None:
        """Write a ticket; only its owner may read it.

        Raises:
            StorageError: when it cannot be written.
        """
        path = self._file(ticket.run_id)
        draft = path.with_suffix(f".{os.getpid()}.tmp")
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(orjson.dumps(asdict(ticket)))
            draft.replace(path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise storage_error(error, path) from error

    def remove(self, run_id: str) -> None:
        """Remove the ticket of a run that has ended; a missing one is no error."""
        self._file(run_id).unlink(missing_ok=True)

    def ticket(self, run_id: str) -> Ticket | None:
        """Return the ticket of a run; None when it has none."""
        try:
            return Ticket(**orjson.loads(self._file(run_id).read_bytes()))
        except (FileNotFoundError, orjson.JSONDecodeError, TypeError):
            return None

    def tickets(self) -> list[Ticket]:
        """Return the tickets, the next one first."""
        found = (self.ticket(path.stem) for path in self._paths.queue.glob("*.json"))
        return sorted((ticket for ticket in found if ticket is not None), key=lambda ticket: ticket.rank)

    def _file(self, run_id: str) -> Path:
        return self._paths.queue / f"{run_id}.json"

    def _make_folder(self) -> None:
        try:
            for folder in (self._paths.root, self._paths.queue):  # a mode given to mkdir is not that of the parents
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, self._paths.queue) from error


def slot_of(spec: RunSpec, changes: Mapping[str, Any] | None = None) -> str:
    """Return what a run needs, from its ``device`` and from the machine that recorded it.

    Runs that train nothing share the slot ``side``, so that an export need not wait for a night of training; a
    person's own notebook needs none unless it is given a ``device``: it may itself start runs and wait for them.

    Args:
        spec: the run.
        changes: parameters that were changed when it was resumed.
    """
    parameters = {**spec.parameters, **(changes or {})}
    if "device" in parameters:
        return _slot(parameters["device"], len(spec.lock.get("hardware", {}).get("gpus", ())))
    return SIDE if spec.dataset is not None or spec.model is not None else ""


def free_slot(wanted: str, taken: Iterable[str], cpu_slots: int, gpus: int) -> str | None:
    """Return the slot that a run may have now; None when it must wait.

    Args:
        wanted: see ``Ticket.slot``.
        taken: the slots of the runs that are going.
        cpu_slots: how many runs may train on the CPU at once.
        gpus: number of GPUs.
    """
    used = Counter(taken)
    if wanted == ANY_GPU:
        free = (f"{_GPU}{index}" for index in range(max(gpus, 1)) if not used[f"{_GPU}{index}"])
        return next(free, None)
    return wanted if not wanted or used[wanted] < (cpu_slots if wanted == "cpu" else 1) else None


def _slot(device: Any, gpus: int) -> str:
    """Return the slot of a device in any form that a training config takes, see ``config.limits``."""
    parts = device if isinstance(device, list | tuple) else str("" if device is None else device).split(",")
    text = ",".join(str(part).strip().lower().removeprefix("cuda:") for part in parts)
    if text in {"", "-1"} and gpus == 0:
        return "cpu"  # ultralytics takes it when there is no GPU
    if text == "-1":
        return ANY_GPU
    if text in {"", "cuda"} or text.isdigit():
        return f"{_GPU}{int(text) if text.isdigit() else 0}"
    return text.removesuffix(":0")
