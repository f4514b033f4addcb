"""What each kind of run is made of: from what somebody wants to what is recorded.

What lives here: trainings, exports and measurements. What does not: recording and queueing them (``submission``), what
a name means (``sources``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from workbench.config.schema import TrainingConfig
from workbench.errors import ConfigError, DatasetError, RequestError, RunError, WorkbenchError
from workbench.exports.choosing import Choice, Limits, candidates
from workbench.exports.export import Export, fit, refuse_impossible
from workbench.exports.request import CALIBRATED, ExportRequest
from workbench.exports.reuse import same_export
from workbench.projects import DEFAULT
from workbench.runs.model import RunState
from workbench.runs.run import Run
from workbench.runs.training.weights import Progress
from workbench.sources import check_device, check_task, checkpoint_of, lock_dataset, make_trainable
from workbench.submission import Filing

if TYPE_CHECKING:
    from workbench.workspace import Workspace

_OF_ITS_OWN: Final = ("name", "tags", "note")  # who gives one of these wants a run that bears it


def train(workspace: Workspace, config: TrainingConfig, progress: Progress | None, filing: Filing) -> Run:
    """Start a training, see ``Workspace.train``."""
    if not config.data:
        raise ConfigError(
            "The config names no dataset: data is empty.",
            "The name of a registered dataset, or a data.yaml.",
            "Choose one with --data; `workbench datasets list` shows what is registered.",
        )
    check_device(config)
    model = workspace.weights.resolve(config.model, progress)
    dataset = workspace.datasets.resolve(config.data, task=model.task)
    check_task(model, dataset)
    workspace.datasets.bring_back(dataset)
    make_trainable(dataset)
    return workspace.submission.start(
        "train",
        "train",
        parameters=config.parameters(),
        config=config.model_dump(mode="json"),
        seed=config.seed,
        dataset=lock_dataset(dataset),
        model=model,
        policy=filing.pop("policy", None) or config.policy(),
        **filing,
    )


def export(
    workspace: Workspace, source: str | Run, wanted: str | ExportRequest, data: str, filing: Filing, *, fresh: bool
) -> Export:
    """Start an export, or give back one that would come out the same, see ``Workspace.export``."""
    request = (ExportRequest.of_words(wanted) if isinstance(wanted, str) else wanted).checked()
    refuse_impossible(request.format, workspace.paths.environments)
    model, dataset, run_id = checkpoint_of(workspace, source, data)
    if request.imgsz is not None:
        request, _ = fit(request, Path(model.path))
    if request.precision in CALIBRATED and not dataset.images.get("train"):
        raise DatasetError(
            f"Dataset '{dataset.name}' has no training images to calibrate {request.precision} on.",
            "A dataset with a train split.",
            "Name another one with --data, or export in fp32 or fp16.",
        )
    parameters = {"checkpoint": model.path, "data_yaml": dataset.data_yaml, **request.parameters()}
    if not fresh and not any(filing.get(word) for word in _OF_ITS_OWN):
        there = map(Export, workspace.runs("export", filing.get("project", DEFAULT), RunState.COMPLETED))
        if made := same_export(there, parameters, model, dataset):
            return Export(made.run, reused=True)
    return Export(
        workspace.submission.start(
            "export", "export", parameters=parameters, dataset=dataset, model=model, source=run_id, **filing
        )
    )


def choose(
    workspace: Workspace,
    source: str | Run,
    tries: Sequence[str | ExportRequest],
    limits: Limits,
    data: str,
    filing: Filing,
) -> Choice:
    """Try several exports, see ``Workspace.choose_export``."""
    # All are looked at before one is started: half an order is none
    asked = [(ExportRequest.of_words(each) if isinstance(each, str) else each).checked() for each in tries]
    started: list[tuple[str, Export | WorkbenchError]] = []
    for request in asked:
        words = request.format if request.precision == "fp32" else f"{request.format}:{request.precision}"
        try:
            started.append((words, export(workspace, source, request, data, filing, fresh=False)))
        except RequestError as error:
            if "format" not in error.fields:  # not what is tried is wrong, but what it is tried on
                raise
            started.append((words, error))
    for _, each in started:
        if isinstance(each, Export):
            with contextlib.suppress(RunError):  # its certificate, or that there is none, says so
                each.run.wait()
    return Choice(candidates(started), limits)


def evaluate(workspace: Workspace, source: str | Run, split: str, data: str, filing: Filing) -> Run:
    """Start a measurement, see ``Workspace.evaluate``."""
    model, dataset, run_id = checkpoint_of(workspace, source, data)
    if not dataset.images.get(split):
        have = ", ".join(f"{name} ({count})" for name, count in dataset.images.items() if count)
        raise DatasetError(
            f"Dataset '{dataset.name}' has no images in split '{split}'.",
            f"Its splits: {have}.",
            "Choose with --split.",
        )
    parameters = {"checkpoint": model.path, "data_yaml": dataset.data_yaml, "split": split}
    return workspace.submission.start(
        "notebook", "evaluate", parameters=parameters, dataset=dataset, model=model, source=run_id, **filing
    )
