"""The front desk: ``wb.open()`` gives a ``Workspace`` that hands out everything else.

What lives here: how the rooms are put together, and what can be asked for. What does not: what runs are made of
(``starting``), any other work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from workbench import settings as environment
from workbench import starting, storage
from workbench.config.schema import TrainingConfig
from workbench.database import Database
from workbench.datasets.collection import Datasets
from workbench.deployments.collection import Deployments
from workbench.deployments.model import Endpoint
from workbench.errors import ConflictError, UnknownNameError
from workbench.exports.choosing import TRIED, Choice, Limits
from workbench.exports.export import Export
from workbench.exports.request import ExportRequest
from workbench.paths import WorkspacePaths
from workbench.projects import Projects
from workbench.runs.ledger import Ledger
from workbench.runs.model import RunState
from workbench.runs.record import Picture, Table, curves
from workbench.runs.run import Run
from workbench.runs.supervision.dispatcher import Dispatcher
from workbench.runs.supervision.launcher import Launcher, Launchers
from workbench.runs.supervision.onlooker import Onlooker
from workbench.runs.tracking.trackers import Trackers
from workbench.runs.training.weights import Progress, Weights
from workbench.schedules.collection import Schedules
from workbench.settings import Settings
from workbench.sources import weights_of
from workbench.submission import Filing, Submission

if TYPE_CHECKING:
    from workbench.conversations import Answer, Conversations
    from workbench.runs.history import History


class Workspace:
    """One folder with everything in it: projects, datasets, runs, exports, deployments.

    Args:
        path: the folder; made when missing. Left out, WORKBENCH_HOME, else ``./workspace``.
        settings: left out, the environment's.
        launcher: left out, the one registered under ``prefect``, made when the first run starts.
        readonly: see ``open``.

    Raises:
        StorageError: when the folder cannot be made or written to; for reading only, when it is not there.
    """

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        settings: Settings | None = None,
        launcher: Launcher | None = None,
        readonly: bool = False,
    ) -> None:
        self.settings = settings or environment.load()
        self.paths = WorkspacePaths(self.settings.workspace(path))
        if readonly:
            storage.seal(self.paths.root, self.settings.engine.root)
        else:
            storage.make_folder(self.paths.root, self.paths.runs)
        url = self.settings.database_url
        self.database = Database.open(self.paths.database, url.get_secret_value() if url else None, readonly=readonly)
        self.ledger = Ledger(self.paths, self.database)
        self.projects = Projects(self.paths, self.database, self.ledger)
        self.datasets = Datasets(self.paths, self.database, self._readers, self.settings.cache)
        self.deployments = Deployments(self.paths, self.database)
        self.weights = Weights(self.paths, self.settings)
        self.dispatcher = (Onlooker if readonly else Dispatcher)(self.settings, Launchers(self.settings, launcher))
        self.schedules = Schedules(self)
        self.trackers = Trackers(self.ledger, self.settings)
        self.submission = Submission(self.projects, self.ledger, self.dispatcher)
        self._history: History | None = None
        self._conversations: Conversations | None = None

    def __repr__(self) -> str:
        return f"<Workspace {self.paths.root}>"

    def look(self) -> None:
        """Settle what has happened to the runs since somebody last looked; cheap while nothing goes on."""
        self.dispatcher.look(self.ledger)

    @property
    def history(self) -> History:
        """What all runs measured."""
        if self._history is None:
            from workbench.runs.history import History  # pyarrow and duckdb take a moment: only who asks waits for them

            self._history = History(self.ledger)
        return self._history

    @property
    def conversations(self) -> Conversations:
        """What was said about configs, session by session, and what was started by it."""
        if self._conversations is None:
            from workbench.conversations import Conversations  # only who talks needs what understands

            self._conversations = Conversations(self)
        return self._conversations

    def chat(
        self, text: str, session: str | None = None, *, project: str | None = None, engine: str = "auto"
    ) -> Answer:
        """Change the config, ask, or have something done, in English or Korean; an action waits for ``confirm``.

        Args:
            text: what to say.
            session: its id or name; left out, the day's.
            project: of a new session.
            engine: ``auto`` (Gemini with a key, else rules), ``rules`` or ``gemini``.

        Returns:
            The answer; it shows itself in a notebook, and has ``undo()``, ``choose(1)`` and ``confirm()``.

        Raises:
            RequestError: when there is no such engine, or no key for it.
            StorageError: when the session cannot be written.
        """
        return self.conversations.say(text, self.conversations.open(session, project, engine))

    def run(self, name: str) -> Run:
        """Return a run by its id, the beginning of its id, its name, or ``last``.

        Raises:
            UnknownNameError: when no run, or more than one, fits.
        """
        self.look()
        return self._run(self.ledger.resolve(name))

    def runs(self, kind: str | None = None, project: str | None = None, state: str | None = None) -> list[Run]:
        """Return the runs, newest first."""
        self.look()
        return [self._run(row.id) for row in self.ledger.rows(kind, project, state)]

    def train(
        self,
        config: TrainingConfig,
        *,
        progress: Progress | None = None,
        **filing: Unpack[Filing],
    ) -> Run:
        """Record a training run and start it.

        Args:
            config: what to train; ``data`` names a registered dataset, or a data.yaml that is registered on the way.
            progress: gets bytes done and in all when weights are downloaded.
            filing: ``project``, ``session``, ``name``, ``tags``, ``note``.

        Raises:
            ConfigError: when no data is chosen, several GPUs are, or the model's task is not the dataset's.
            DatasetError: when the dataset cannot be trained on.
            ModelError: when the model is unknown or its weights are not there.
            EngineError: when the run could not be started; it is recorded as failed.
        """
        return starting.train(self, config, progress, filing)

    def export(
        self,
        source: str | Run,
        wanted: str | ExportRequest = "onnx",
        *,
        data: str = "",
        fresh: bool = False,
        **filing: Unpack[Filing],
    ) -> Export:
        """Record an export run and start it; an export of the same bytes that is proven already is given back instead.

        Args:
            source: a training run, or a checkpoint (path or registered name).
            wanted: a format, e.g. ``"onnx"``, with a precision, e.g. ``"litert:int8"``, or an ``ExportRequest``.
            data: the dataset whose unseen images the export is compared on, and on whose training images int8 is
                calibrated; left out, the run's own.
            fresh: make a new one in any case. So does a name, a tag or a note.
            filing: ``project``, ``session``, ``name``, ``tags``, ``note``.

        Raises:
            RequestError: when there is no such source, format or dataset, or this machine cannot make it.
        """
        return starting.export(self, source, wanted, data, filing, fresh=fresh)

    def choose_export(
        self,
        source: str | Run,
        tries: Sequence[str | ExportRequest] = TRIED,
        limits: Limits | None = None,
        *,
        data: str = "",
        **filing: Unpack[Filing],
    ) -> Choice:
        """Export to several formats and precisions, wait for all, and say which of them no other one beats.

        What was exported before is taken as it is.

        Args:
            source: a training run, or a checkpoint (path or registered name).
            tries: see ``export``; left out, what needs no further packages.
            limits: what the export may cost and has to keep.
            data: see ``export``.
            filing: ``project``, ``session``, ``name``, ``tags``, ``note``.

        Raises:
            RequestError: when there is no such source or dataset, or a format is not known.
        """
        return starting.choose(self, source, tries, limits or Limits(), data, filing)

    def evaluate(self, source: str | Run, split: str = "test", *, data: str = "", **filing: Unpack[Filing]) -> Run:
        """Record a run that measures a checkpoint on a split, and start it.

        Args:
            source: a training run, or a checkpoint (path or registered name).
            split: train, val or test.
            data: a registered dataset or a data.yaml; left out, the run's own.
            filing: ``project``, ``session``, ``name``, ``tags``, ``note``.

        Raises:
            RequestError: when there is no such source or split.
        """
        return starting.evaluate(self, source, split, data, filing)

    def exports(self) -> list[Export]:
        """Return the exports, newest first."""
        return [Export(run) for run in self.runs(kind="export")]

    def restart(self, run: Run) -> Run:
        """Start a new run, from scratch, with the spec of an old one."""
        return self.submission.restart(run)

    def notebook(self, path: str | Path, parameters: Mapping[str, Any] | None = None, **filing: Unpack[Filing]) -> Run:
        """Record a run of your own notebook, as it is now, and start it.

        Args:
            path: a notebook; its cell tagged ``parameters`` says what it takes.
            parameters: values by name.
            filing: ``project``, ``session``, ``name``, ``tags``, ``note``, ``policy``.

        Raises:
            ParameterError: when it is no notebook, or does not take the parameters.
            EngineError: when the run could not be started; it is recorded as failed.
        """
        return self.submission.notebook(Path(path), parameters or {}, **filing)

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
        """Return an export by its id, or the last export of a training run: of those that are complete, if any is.

        Raises:
            UnknownNameError: when there is none.
        """
        run = self.run(name)
        if run.spec.kind == "export":
            return Export(run)
        made = [each for each in self.exports() if each.run.spec.source == run.id]
        complete = (each for each in made if each.run.state is RunState.COMPLETED)
        if found := next(complete, made[0] if made else None):
            return found
        raise UnknownNameError(
            f"Run '{run.id}' has no export.",
            "A training run that was exported.",
            f"Export it: workbench export {run.id}",
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
        from workbench.runs.training import offline

        with offline.aside():
            from workbench.runs.training.checkpoints import predict

            path, task = weights_of(self, model)
            if path.suffix != ".pt":
                options = {"rect": False, "task": task, **options}
            return predict(path, str(source), **options)

    def add_model(self, path: Path, name: str | None = None) -> str:
        """Register a checkpoint of the user's; it is read weights-only, in this process.

        Raises:
            ModelError: when it is no checkpoint.
            ConflictError: when the name is taken by another file.
        """
        from workbench.runs.training import offline

        with offline.aside():
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
        self.look()
        rows = [
            (row.id, row.state, row.model, row.dataset, row.headline_name, _short(row.headline_value), row.name)
            for row in self.ledger.rows()
        ]
        return Table(("run", "state", "model", "dataset", "headline", "value", "name"), rows, "No runs yet.")

    def picture(self) -> Picture | Table:
        """Return the curves of the newest training run, for a notebook."""
        runs = self.runs(kind="train")
        if not runs:
            return Table((), (), "No training yet: the cells below start one.")
        return curves(runs[0].events(), title=runs[0].id)

    def _readers(self, dataset: str) -> list[str]:
        """Return the runs that still read a dataset."""
        return [row.id for row in self.ledger.rows() if row.dataset == dataset and not RunState(row.state).ended]

    def _run(self, run_id: str) -> Run:
        return Run(self.ledger, self.dispatcher, run_id)


def open(  # noqa: A001
    path: str | Path | None = None, *, settings: Settings | None = None, readonly: bool = False
) -> Workspace:
    """Open a workspace, making it when it is new.

    Args:
        path: its folder; left out, WORKBENCH_HOME, else ``./workspace``.
        settings: left out, the environment's.
        readonly: from then on this process changes nothing in it, by whatever way; it starts and ends no run either.

    Raises:
        StorageError: when the folder cannot be made or written to; for reading only, when it is not there.
    """
    return Workspace(path, settings=settings, readonly=readonly)


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
