"""What a tracker is told, and what a tracker is.

What lives here: one frozen record per thing that happened, and the Protocol that every backend fulfils. What does not:
reading a run's log (``runs``), delivery, retry and what has been acknowledged (``delivery``), the backends.

A backend is found by its name in the entry point group ``workbench.trackers``; docs/trackers.md has one in ten lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

from workbench.metrics.media.records import Text as Text  # noqa: PLC0414  a tracker is told it as it was noted

Scope: TypeAlias = str  # "batch", "epoch", "final", "system", or a name of the user's
FileKind: TypeAlias = Literal[
    "checkpoint", "notebook", "image", "plot", "confusion_matrix", "curve", "export", "certificate", "file"
]
EndState: TypeAlias = Literal["completed", "failed", "crashed", "cancelled"]


@dataclass(frozen=True)
class Started:
    """A run began, or goes on after an interruption.

    Attributes:
        run: its id.
        name: what its owner calls it; the id when it has no name.
        kind: ``train``, ``export`` or ``notebook``.
        project: the project that it belongs to.
        session: the session that it belongs to.
        tags: words to find it by.
        note: free text.
        at: when it was recorded, in unix seconds.
        attempt: the number of the attempt, from 1.
        config: its settings by name; JSON-able.
        dataset: its dataset lock: ``name``, ``uri``, ``digest``, ``images`` per split; empty when it has none.
        model: its model lock: ``ref``, ``kind``, ``task``, ``sha256``; empty when it has none.
        code: the version of the code: ``version``, ``commit``, ``dirty``, …
        environment: the versions of the packages, and of Python.
    """

    run: str
    name: str
    kind: str
    project: str
    session: str
    at: float
    tags: tuple[str, ...] = ()
    note: str = ""
    attempt: int = 1
    config: Mapping[str, Any] = field(default_factory=dict)
    dataset: Mapping[str, Any] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)
    code: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """Metrics were measured.

    Attributes:
        scope: what ``step`` counts: batches, epochs, seconds, …
        step: steps of one scope may go backwards.
        values: by name, as the run names them; NaN and the infinities are possible.
        at: when, in unix seconds.
        epoch: the epoch it belongs to, from 1; None when there are none.
        serial: counts the records of this kind of a run, from 1; the same record has the same serial when it is sent
            again.
    """

    scope: Scope
    step: int
    values: Mapping[str, float]
    at: float
    epoch: int | None = None
    serial: int = 0


@dataclass(frozen=True)
class File:
    """A file came to be: a checkpoint, a plot, the executed notebook.

    Attributes:
        kind: what it is.
        name: how it is called, unique within its kind and step, e.g. ``best.pt``.
        path: where it lies; it may be gone or newer by the time it is sent.
        at: when, in unix seconds.
        step: the step it belongs to; None for the run as a whole.
        sha256: of the bytes that are meant; empty when nobody counted.
    """

    kind: FileKind
    name: str
    path: Path
    at: float
    step: int | None = None
    sha256: str = ""


@dataclass(frozen=True)
class Model:
    """A completed run has a model for the registry.

    Attributes:
        name: the registered model's name; each run that is sent under it is a version.
        path: the checkpoint.
        sha256: of the checkpoint.
        task: e.g. ``detect``.
        at: when, in unix seconds.
        alias: the name that this version gets, and any other loses, e.g. ``latest``.
        metrics: the final metrics.
        tags: more to find it by.
    """

    name: str
    path: Path
    sha256: str
    task: str
    at: float
    alias: str = "latest"
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ended:
    """A run came to its end.

    Attributes:
        state: how.
        at: when, in unix seconds.
        reason: why, where somebody said so.
        metrics: the final metrics of a completed run.
    """

    state: EndState
    at: float
    reason: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)


Item: TypeAlias = Measured | Text | File | Model
Record: TypeAlias = Started | Item | Ended


class Tracker(Protocol):
    """One backend, for one run at a time; it lives in a process of its own and may take its time.

    Made by ``factory(folder)``, where ``folder`` is private to this run and backend and outlives the process. Its
    credentials come from ``settings.variables``. Every method may raise ``TrackerError``; its field ``retry`` says
    whether trying again may help (it is assumed), e.g. not for a wrong key. After an error or a kill, a new object goes
    on: ``open`` and ``send`` must stand being told what was told before, without counting it twice.
    """

    def open(self, started: Started, remote: str | None) -> str:
        """Begin the run in the backend, or go on with it.

        Args:
            started: what the run is.
            remote: what an earlier ``open`` returned for this run; None for the first time, or when that was lost.

        Returns:
            What the backend calls the run.
        """
        ...

    def send(self, items: Sequence[Item]) -> None:
        """Deliver; once this returns, the backend or its own file on disk holds them for good."""
        ...

    def close(self, ended: Ended | None) -> None:
        """Leave the run in its terminal state, or let go of a run that goes on when ``ended`` is None."""
        ...

    @property
    def url(self) -> str | None:
        """Where a person sees the run; None before ``open``, or when there is no such place."""
        ...
