"""What a conversation may talk about: plain facts of datasets, runs, exports, endpoints and devices.

What lives here: the records that are handed in. What does not: where they come from. Names, descriptions and classes
are data that others wrote: no engine may take them for an order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class DatasetFact:
    """A registered dataset.

    Attributes:
        name: how it is chosen.
        task: one of the seven tasks; empty when unknown.
        images: how many in all.
        classes: their names.
        description: free text.
        splits: images by split.
        problems: what a training would do to it silently, one sentence each; ``None`` when unknown.
        blocking: whether they keep a training from starting.
    """

    name: str
    task: str = ""
    images: int = 0
    classes: tuple[str, ...] = ()
    description: str = ""
    splits: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] | None = None
    blocking: bool = False


@dataclass(frozen=True)
class RunFact:
    """A run.

    Attributes:
        id: how it is chosen.
        state: queued, running, cancelling, cancelled, failed, crashed or completed.
        name: what a person calls it.
        kind: train, export or notebook.
        epoch: epochs done; ``None`` when unknown.
        epochs: epochs in all.
        headline: the value of the task's one number, and ``headline_name`` which one that is.
        metrics: last values by name.
        config: what differs from the defaults.
        reason: why it ended as it did.
        created_at: UTC, ISO 8601.
    """

    id: str
    state: str
    name: str = ""
    kind: str = "train"
    epoch: int | None = None
    epochs: int | None = None
    headline: float | None = None
    headline_name: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    created_at: str = ""


@dataclass(frozen=True)
class ExportFact:
    """An exported model, or one that is being made.

    Attributes:
        id: of the run that makes it.
        run: the training that it comes from, or a checkpoint.
        format: e.g. ``onnx``.
        state: of the run that makes it.
        proven: whether it was shown to answer like the trained model; ``None`` when unknown.
    """

    id: str
    run: str = ""
    format: str = ""
    state: str = "completed"
    proven: bool | None = None


@dataclass(frozen=True)
class EndpointFact:
    """A deployment on this machine.

    Attributes:
        name: how it is chosen.
        export: the export that it serves.
        url: where it answers.
        running: whether its process runs.
    """

    name: str
    export: str = ""
    url: str = ""
    running: bool = True


@dataclass(frozen=True)
class Context:
    """What a turn may talk about.

    Attributes:
        datasets: those of the workspace.
        runs: the newest first.
        run: the id of the run that is meant when none is named.
        devices: those that can be used, e.g. ``("cpu", "0")``; ``None`` when unknown: then any is accepted.
        formats: those that a model can be exported to; ``None`` as above.
        deployments: the kinds of deployment that can be made; ``None`` as above.
        exports: the newest first; ``None`` when unknown.
        endpoints: by name; ``None`` when unknown.
        damaged: the datasets that are left out, because they cannot be read.
    """

    datasets: tuple[DatasetFact, ...] = ()
    runs: tuple[RunFact, ...] = ()
    run: str | None = None
    devices: tuple[str, ...] | None = None
    formats: tuple[str, ...] | None = None
    deployments: tuple[str, ...] | None = None
    exports: tuple[ExportFact, ...] | None = None
    endpoints: tuple[EndpointFact, ...] | None = None
    damaged: tuple[str, ...] = ()

    def dataset(self, name: str) -> DatasetFact | None:
        """Return the dataset of that very name."""
        return next((dataset for dataset in self.datasets if dataset.name == name), None)

    def export(self, name: str) -> ExportFact | None:
        """Return the export of that very id."""
        return next((export for export in self.exports or () if export.id == name), None)

    @property
    def current(self) -> RunFact | None:
        """The run that is meant when none is named."""
        return next((run for run in self.runs if run.id == self.run), None)
