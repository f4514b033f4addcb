"""The front desk: ``wb.open()`` gives a ``Workspace`` that hands out everything else.

What lives here: how the rooms are put together. What does not: any work.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench import settings as environment
from workbench import storage
from workbench.config.schema import TrainingConfig
from workbench.database import Base, Database
from workbench.datasets.collection import Datasets
from workbench.datasets.registry import Dataset
from workbench.deployments.collection import Deployments
from workbench.deployments.model import Endpoint
from workbench.errors import ConfigError, ConflictError, DatasetError, UnknownNameError, storage_error
from workbench.exports.export import Export
from workbench.exports.formats import find_format
from workbench.paths import WorkspacePaths
from workbench.projects import DEFAULT, Projects
from workbench.runs.launcher import Launcher, load_launcher
from workbench.runs.ledger import Ledger
from workbench.runs.lock import take_lock
from workbench.runs.record import Table, curves
from workbench.runs.model import DatasetLock, ModelLock, RunKind, RunSpec, RunState, new_run_id
from workbench.runs.run import Run
from workbench.runs.weights import Progress, Weights
from workbench.settings import Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Workspace:
    """One folder with everything in it: projects, datasets, runs, exports, deployments.

    Args:
        path: the folder; made when missing. Left out, WORKBENCH_HOME, else ``./workspace``.
        settings: left out, the environment's.
        launcher: left out, the one registered under ``prefect``, made when the first run starts.

    Raises:
        StorageError: when the folder cannot be made or written to.
    """

    def __init__(
        self, path: str | Path | None = None, *, settings: Settings | None = None, launcher: Launcher | None = None
    ) -> None:
        self.settings = settings or environment.load()
        self.paths = WorkspacePaths(self.settings.workspace(path))
        try:
            self.paths.runs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, self.paths.root) from error
        url = self.settings.database_url
        self.database = Database.open(self.paths.database, url.get_secret_value() if url else None)
        self.ledger = Ledger(self.paths, self.database)
        self.projects = Projects(self.paths, self.database, self.ledger)
        self.datasets = Datasets(self.paths, self.database, self._readers)
        self.deployments = Deployments(self.paths, self.database)
        self.weights = Weights(self.paths, self.settings)
        self._launcher = launcher

    def __repr__(self) -> str:
        return f"<Workspace {self.paths.root}>"

    @cached_property
    def launcher(self) -> Launcher:
        """What starts runs."""
        return self._launcher or load_launcher(self.settings)

    def run(self, name: str) -> Run:
        """Return a run by its id, the beginning of its id, its name, or ``last``.

        Raises:
            UnknownNameError: when no run, or more than one, fits.
        """
        return Run(self.ledger, lambda: self.launcher, self.ledger.resolve(name))

    def runs(self, kind: str | None = None, project: str | None = None, state: str | None = None) -> list[Run]:
        """Return the runs, newest first."""
        return [Run(self.ledger, lambda: self.launcher, row.id) for row in self.ledger.rows(kind, project, state)]

    def train(
        self,
        config: TrainingConfig,
        *,
        project: str = DEFAULT,
        session: str | None = None,
        name: str = "",
        tags: Sequence[str] = (),
        note: str = "",
        progress: Progress | None = None,
    ) -> Run:
        """Record a training run and start it.

        Args:
            config: what to train; ``data`` names a registered dataset, or a data.yaml that is registered on the way.
            project: an existing project.
            session: its name; left out, the day.
            name: what to call the run.
            tags: words to find it by.
            note: free text.
            progress: gets bytes done and in all when weights are downloaded.

        Raises:
            ConfigError: when no data is chosen, or the model's task is not the dataset's.
            DatasetError: when the dataset cannot be trained on.
            ModelError: when the model is unknown or its weights are not there.
            EngineError: when the run could not be started; it is recorded as failed.
        """
        if not config.data:
            raise ConfigError(
                "The config names no dataset: data is empty.",
                "The name of a registered dataset, or a data.yaml.",
                "Choose one with --data; `workbench datasets list` shows what is registered.",
            )
        model = self.weights.resolve(config.model, progress)
        dataset = self.datasets.resolve(config.data, task=model.task)
        _check_task(model, dataset)
        return self._start(
            "train",
            "train",
            parameters=config.parameters(),
            config=config.model_dump(mode="json"),
            seed=config.seed,
            dataset=_lock(dataset),
            model=model,
            project=project,
            session=session,
            name=name,
            tags=tuple(tags),
            note=note,
        )

    def export(self, source: str | Run, format: str = "onnx", *, data: str = "", **filed: Any) -> Export:  # noqa: A002
        """Record an export run and start it.

        Args:
            source: a training run, or a checkpoint (path or registered name).
            format: see ``workbench.exports.formats``.
            data: the dataset whose unseen images the export is compared on; left out, the run's own.
            filed: ``project``, ``session``, ``name``, ``tags``, ``note``.

        Raises:
            RequestError: when there is no such source, format or dataset.
        """
        model, dataset, run_id = self._source(source, data)
        parameters = {
            "checkpoint": model.path,
            "data_yaml": dataset.data_yaml,
            "format": find_format(format).name,
        }
        run = self._start(
            "export", "export", parameters=parameters, dataset=dataset, model=model, source=run_id, **filed
        )
        return Export(run)

    def evaluate(self, source: str | Run, split: str = "test", *, data: str = "", **filed: Any) -> Run:
        """Record a run that measures a checkpoint on a split, and start it.

        Args:
            source: a training run, or a checkpoint (path or registered name).
            split: train, val or test.
            data: a registered dataset or a data.yaml; left out, the run's own.
            filed: ``project``, ``session``, ``name``, ``tags``, ``note``.

        Raises:
            RequestError: when there is no such source or split.
        """
        model, dataset, run_id = self._source(source, data)
        if not dataset.images.get(split):
            have = ", ".join(f"{name} ({count})" for name, count in dataset.images.items() if count)
            raise DatasetError(
                f"Dataset '{dataset.name}' has no images in split '{split}'.", f"Its splits: {have}.", "Choose with --split."
            )
        parameters = {"checkpoint": model.path, "data_yaml": dataset.data_yaml, "split": split}
        return self._start(
            "notebook", "evaluate", parameters=parameters, dataset=dataset, model=model, source=run_id, **filed
        )

    def exports(self) -> list[Export]:
        """Return the exports, newest first."""
        return [Export(run) for run in self.runs(kind="export")]

    def restart(self, run: Run) -> Run:
        """Start a new run with the spec of an old one."""
        old = run.spec
        kept = ("parameters", "config", "seed", "dataset", "model", "source", "project", "name", "tags", "note")
        return self._start(old.kind, old.notebook, **{key: getattr(old, key) for key in kept})

    def deploy(self, export: str | Export, name: str | None = None, *, port: int = 0) -> Endpoint:
        """Serve an export on this machine until it is stopped.

        Args:
            export: an export, by itself or by name; or a training run, whose last export is meant.
            name: what to call the deployment; left out, the export's id.
            port: left out, a free one.

        Raises:
            RunError: when the export is not complete.
            ConflictError: when the name or the port is in use.
            EndpointError: when the endpoint does not start.
        """
        made = export if isinstance(export, Export) else self.find_export(export)
        return self.deployments.start(made.id, made.folder, name, port=port)

    def find_export(self, name: str) -> Export:
        """Return an export by its id, or the last export of a training run.

        Raises:
            UnknownNameError: when there is none.
        """
        run = self.run(name)
        if run.spec.kind == "export":
            return Export(run)
        for made in self.exports():
            if made.run.spec.source == run.id:
                return made
        raise UnknownNameError(
            f"Run '{run.id}' has no export.", "A training run that was exported.", f"Export it: workbench export {run.id}"
        )

    def predict(self, model: str | Run | Export, source: str | Path, **options: Any) -> list[dict[str, Any]]:
        """Predict on images, in this process.

        Args:
            model: a training run, an export, a ``.pt`` or ``.onnx`` file, or registered weights.
            source: an image, a folder, a glob or a video.
            options: ``conf`` and ``iou`` (0 to 1), ``imgsz``, ``device``.

        Returns:
            One dict per image: ``{"image", "shape", "detections", "speed_ms"}``.
        """
        import tempfile

        from workbench.runs import offline

        with tempfile.TemporaryDirectory() as folder:
            offline.prepare(Path(folder))
            from workbench.runs.checkpoints import predict

            path, task = self._weights_of(model)
            if path.suffix == ".onnx":
                options = {"rect": False, "task": task, **options}
            return predict(path, str(source), **options)

    def add_model(self, path: Path, name: str | None = None) -> str:
        """Register a checkpoint of the user's; it is read weights-only, in this process.

        Raises:
            ModelError: when it is no checkpoint.
            ConflictError: when the name is taken by another file.
        """
        import tempfile

        from workbench.runs import offline

        with tempfile.TemporaryDirectory() as folder:
            offline.prepare(Path(folder))
            return self.weights.add(path, name)

    def delete(self, run: Run) -> None:
        """Delete a run that has ended, with everything it made.

        Raises:
            ConflictError: when it is still going, or a deployment serves what it made.
        """
        for endpoint in self.deployments.alive():
            if Path(endpoint.model_folder).is_relative_to(run.paths.root):
                raise ConflictError(
                    f"Deployment '{endpoint.name}' serves what run '{run.id}' made.",
                    "A run that nothing is served from.",
                    f"Stop it first: workbench deployments stop {endpoint.name}",
                )
        self.ledger.delete(run.id)

    def table(self) -> Table:
        """Return the runs as a table for a notebook, newest first."""
        rows = [
            (row.id, row.state, row.model, row.dataset, row.headline_name, _short(row.headline_value), row.name)
            for row in self.ledger.rows()
        ]
        return Table(("run", "state", "model", "dataset", "headline", "value", "name"), rows, "No runs yet.")

    def picture(self) -> Figure | Table:
        """Return the curves of the newest training run, for a notebook."""
        runs = self.runs(kind="train")
        if not runs:
            return Table((), (), "No training yet: the cells below start one.")
        return curves(runs[0].events(), title=runs[0].id)

    def rebuild(self) -> dict[str, int]:
        """Make every row of the database again from the folders; return the number of rows per table."""
        self.database.replace_all(self.rows_on_disk())
        return self.database.count()

    def drift(self) -> list[str]:
        """Return the tables whose rows differ from what the folders say; empty when the view is true."""
        said = self.database.dump()
        meant: dict[str, list[dict[str, Any]]] = {name: [] for name in said}
        for row in self.rows_on_disk():
            meant[row.__tablename__].append(row.row())
        return [name for name, rows in said.items() if not _same(rows, meant[name])]

    def rows_on_disk(self) -> list[Base]:
        """Return the rows that the folders stand for."""
        rows: list[Base] = []
        for project in self.projects.names_on_disk():
            rows.extend(self.projects.build_rows(project))
        rows.extend(self.datasets.build_row(dataset) for dataset in self.datasets.list())
        for run_id in self.ledger.ids_on_disk():
            rows.extend(self.ledger.build_rows(run_id))
        rows.extend(self.deployments.build_row(endpoint) for endpoint in self.deployments.list())
        return rows

    def _readers(self, dataset: str) -> list[str]:
        """Return the runs that still read a dataset."""
        return [row.id for row in self.ledger.rows() if row.dataset == dataset and not RunState(row.state).ended]

    def _source(self, source: str | Run, data: str) -> tuple[ModelLock, DatasetLock, str | None]:
        """Return the checkpoint, the dataset and the run that an export or evaluation stands on."""
        run = source if isinstance(source, Run) else self._as_run(source)
        if run is None:
            model, locked = self.weights.resolve(str(source)), None
        else:
            spec, path = run.spec, run.checkpoint
            if spec.model is None:
                raise ConflictError(f"Run '{run.id}' trained nothing.", "A training run.", "See `workbench runs list`.")
            locked = spec.dataset
            model = ModelLock(
                ref=run.id, kind="checkpoint", task=spec.model.task, path=str(path), sha256=storage.sha256(path)
            )
        if data:
            locked = _lock(self.datasets.resolve(data, task=model.task))
        if locked is None:
            raise ConfigError(
                f"'{source}' is a checkpoint without a dataset.",
                "The dataset on which the answers are compared or measured.",
                "Name it with --data.",
            )
        return model, locked, run.id if run else None

    def _weights_of(self, model: str | Run | Export) -> tuple[Path, str | None]:
        """Return the file that answers, and its task where the file does not say."""
        if isinstance(model, str) and model.endswith(".onnx") and Path(model).is_file():
            return Path(model), None
        run = model.run if isinstance(model, Export) else self._as_run(model) if isinstance(model, str) else model
        if run is None:
            return Path(self.weights.resolve(str(model)).path), None
        if run.spec.kind == "export":
            task = run.spec.model.task if run.spec.model else None
            return Export(run).folder / "model.onnx", task
        return run.checkpoint, None

    def _as_run(self, name: str) -> Run | None:
        """Return the run of that name; ``None`` when the name is rather a model's or a file's."""
        try:
            return self.run(name)
        except UnknownNameError:
            if name.startswith(("train-", "export-")) or name == "last":
                raise
            return None

    def _start(self, kind: RunKind, notebook: str, *, project: str = DEFAULT, session: str | None = None, **fields: Any) -> Run:
        project = self.projects.ensure(project)
        lock, diff = take_lock()
        spec = RunSpec(
            id=new_run_id(kind if notebook == kind else notebook),
            kind=kind,
            notebook=notebook,
            project=project,
            session=self.projects.open_session(project, session),
            lock=lock,
            **fields,
        )
        self.ledger.record(spec, diff)
        run = Run(self.ledger, lambda: self.launcher, spec.id)
        try:
            launch = self.launcher.start(self.paths.root, spec.id)
        except BaseException as error:  # also Ctrl-C: a run that nobody starts must not wait for ever
            self.ledger.move(spec.id, RunState.FAILED, "ledger", reason=f"It was not started: {error or 'interrupted'}")
            raise
        self.ledger.launched(spec.id, launch)
        return run


def open(path: str | Path | None = None, *, settings: Settings | None = None) -> Workspace:  # noqa: A001
    """Open a workspace, making it when it is new.

    Args:
        path: its folder; left out, WORKBENCH_HOME, else ``./workspace``.
        settings: left out, the environment's.

    Raises:
        StorageError: when the folder cannot be made or written to.
    """
    return Workspace(path, settings=settings)


def _lock(dataset: Dataset) -> DatasetLock:
    return DatasetLock(
        name=dataset.name,
        uri=dataset.uri,
        digest=dataset.digest,
        images=dict(dataset.images),
        data_yaml=str(dataset.data_yaml),
    )


def _check_task(model: ModelLock, dataset: Dataset) -> None:
    if model.task != dataset.task:
        raise ConfigError(
            f"Model '{model.ref}' is for {model.task}, dataset '{dataset.name}' for {dataset.task}.",
            "A model and a dataset of one task.",
            f"`workbench models list --task {dataset.task}` shows the models that fit.",
            model=model.ref,
            dataset=dataset.name,
        )


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _same(said: list[dict[str, Any]], meant: list[dict[str, Any]]) -> bool:
    def ordered(rows: list[dict[str, Any]]) -> list[str]:
        return sorted(repr(sorted(row.items())) for row in rows)

    return ordered(said) == ordered(meant)
