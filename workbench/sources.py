"""What an export, an evaluation or a prediction stands on: from a name to a checkpoint and a dataset.

What lives here: telling a run's name from a file's or a model's. What does not: reading the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from workbench import storage
from workbench.datasets.registry import Dataset
from workbench.errors import ConfigError, ConflictError, DatasetError, UnknownNameError
from workbench.exports.environments import environment_of
from workbench.exports.export import Export
from workbench.exports.formats import table
from workbench.runs.model import DatasetLock, ModelLock
from workbench.runs.run import Run
from workbench.serving.spec import read_spec

if TYPE_CHECKING:
    from workbench.config.schema import TrainingConfig
    from workbench.workspace import Workspace


def checkpoint_of(workspace: Workspace, source: str | Run, data: str) -> tuple[ModelLock, DatasetLock, str | None]:
    """Return the checkpoint that ``source`` names, the dataset to answer on, and the run that trained it, if one did.

    Args:
        workspace: where names are looked up.
        source: a training run, or a checkpoint by path or registered name.
        data: a dataset; empty for the run's own.

    Raises:
        RequestError: when there is no such checkpoint, or no dataset is known.
    """
    run = source if isinstance(source, Run) else as_run(workspace, source)
    if run is None:
        model, locked = workspace.weights.resolve(str(source)), None
    else:
        spec, path = run.spec, run.checkpoint
        if spec.model is None:
            raise ConflictError(f"Run '{run.id}' trained nothing.", "A training run.", "See `workbench runs list`.")
        locked = spec.dataset
        model = ModelLock(
            ref=run.id, kind="checkpoint", task=spec.model.task, path=str(path), sha256=storage.sha256(path)
        )
    if data:
        dataset = workspace.datasets.resolve(data, task=model.task)
        check_task(model, dataset)
        locked = lock_dataset(dataset)
    if locked is None:
        raise ConfigError(
            f"'{source}' is a checkpoint without a dataset.",
            "The dataset on which the answers are compared or measured.",
            "Name it with --data.",
        )
    return model, locked, run.id if run else None


def weights_of(workspace: Workspace, model: str | Run | Export) -> tuple[Path, str | None]:
    """Return the file that answers, and its task where the file does not say.

    Raises:
        RequestError: when there is no such model.
        RunError: when the run has no checkpoint, or the export is not complete.
        ConflictError: when the export can be asked in an environment of its own only.
    """
    if isinstance(model, str) and model.endswith(".onnx") and Path(model).is_file():
        return Path(model), None
    run = model.run if isinstance(model, Export) else as_run(workspace, model) if isinstance(model, str) else model
    if run is None:
        return Path(workspace.weights.resolve(str(model)).path), None
    if run.spec.kind == "export":
        task = run.spec.model.task if run.spec.model else None
        folder = Export(run).folder
        _refuse_apart(run, workspace)
        return folder / read_spec(folder).weights, task
    return run.checkpoint, None


def _refuse_apart(run: Run, workspace: Workspace) -> None:
    made = table()[str(run.spec.parameters.get("format", "onnx"))]
    if environment_of(made, workspace.paths.environments) is not None:
        raise ConflictError(
            f"Export '{run.id}' is a {made.title} model, which needs packages that the workbench does not have.",
            "An export in ONNX or TorchScript, or a training run.",
            f"Predict with what it was made of: workbench predict {run.spec.source or '<checkpoint>'} <images>",
            export=run.id,
        )


def as_run(workspace: Workspace, name: str) -> Run | None:
    """Return the run of that name; ``None`` when the name is rather a model's or a file's.

    Raises:
        UnknownNameError: when it reads like a run's id, and there is no such run.
    """
    try:
        return workspace.run(name)
    except UnknownNameError:
        if (name.startswith(("train-", "export-")) and not Path(name).suffix) or name == "last":
            raise
        return None


def lock_dataset(dataset: Dataset) -> DatasetLock:
    """Return what a run records of the dataset that it reads."""
    return DatasetLock(
        name=dataset.name,
        uri=dataset.uri,
        digest=dataset.digest,
        images=dict(dataset.images),
        data_yaml=str(dataset.data_yaml),
    )


def make_trainable(dataset: Dataset) -> None:
    """See that a training reads what was registered.

    Raises:
        DatasetError: when it would not learn what is meant, or would read other bytes than were registered.
    """
    if dataset.blocking:
        rule, sentence = next(iter(dataset.blocking.items()))
        others = f" (and {len(dataset.blocking) - 1} more rules)" if len(dataset.blocking) > 1 else ""
        raise DatasetError(
            f"Dataset '{dataset.name}' is not fit to train on: {sentence}{others}",
            "A dataset without errors, or with errors that were accepted by name.",
            f"`workbench datasets check {dataset.name}` shows all; with `--accept {rule}` trainings start anyway.",
            dataset=dataset.name,
            rules=list(dataset.blocking),
        )
    changed = dataset.changed()
    parent = dataset.origin.get("dataset")
    if changed:
        raise DatasetError(
            f"{len(changed)} files of dataset '{dataset.name}' are not as they were registered, first: {changed[0]}.",
            f"The bytes of snapshot {dataset.digest[:12]}: a run records which data it saw.",
            f"`workbench datasets snapshot {parent}`, then make '{dataset.name}' from it again with --replace."
            if parent
            else f"Register it as it is now: `workbench datasets snapshot {dataset.name}`.",
            dataset=dataset.name,
            changed=changed[:100],
        )
    dataset.prepare()


def check_task(model: ModelLock, dataset: Dataset) -> None:
    """Raise a ConfigError unless model and dataset are for one task."""
    if model.task != dataset.task:
        raise ConfigError(
            f"Model '{model.ref}' is for {model.task}, dataset '{dataset.name}' for {dataset.task}.",
            "A model and a dataset of one task.",
            f"`workbench models list --task {dataset.task}` shows the models that fit.",
            model=model.ref,
            dataset=dataset.name,
        )


def check_device(config: TrainingConfig) -> None:
    """Refuse several GPUs: ultralytics would train in processes of its own, which write no events of the run.

    Raises:
        ConfigError: when the config names several.
    """
    device = config.device
    several = len(device) > 1 if isinstance(device, list | tuple) else "," in str(device)
    if several:
        raise ConfigError(
            f"device={device!r} names several GPUs.",
            "One GPU, 'cpu' or 'mps': a run's events come from one training process.",
            "Choose one, e.g. device=0.",
            device=str(device),
        )
