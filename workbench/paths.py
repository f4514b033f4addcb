"""The layout of a workspace on disk: the only place that decides a path.

What lives here: names of files and folders. What does not: reading or writing them.

    <workspace>/
      workbench.db                 a view, rebuilt from the folders by `workbench doctor --rebuild`
      projects/<project>/          project.json, sessions/<session>.json and <session>.conversation.jsonl
      datasets/<name>/             dataset.json, index/ (columns), trees/<digest>/ (links that ultralytics reads)
      snapshots/<digest>.parquet   which bytes a training was given
      sources/<name>-<key>/        what was unpacked from archives, or fetched from elsewhere
      thumbnails/                  small pictures of images, by content
      weights/                     pretrained and registered checkpoints, with weights.json
      environments/<name>-<key>/   private Python environments of export formats
      runs/<run>/                  run.json, events/, attempts/N/, checkpoints/, metrics/, media/, trackers/, export/,
                                   result.json
      schedules/<name>.json        what is run again and again, and when
      deployments/<name>/          deployment.json and the endpoint's log
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path


@dataclass(frozen=True)
class AttemptPaths:
    """One execution of a run's notebook."""

    root: Path

    @property
    def notebook(self) -> Path:
        """The executed notebook: the lab record."""
        return self.root / "output.ipynb"

    @property
    def log(self) -> Path:
        """What the job's kernel wrote to stdout and stderr."""
        return self.root / "log.txt"

    @property
    def result(self) -> Path:
        """The draft that the notebook's last cell writes; published as the run's result.json."""
        return self.root / "result.json"

    @property
    def heartbeat(self) -> Path:
        """The last sign of life of the kernel, written over and over."""
        return self.root / "heartbeat.json"

    @property
    def scratch(self) -> Path:
        """Where libraries may write what nobody keeps; removed when the attempt ends."""
        return self.root / "scratch"


@dataclass(frozen=True)
class RunPaths:
    """The folder of one run: what it is and what happened."""

    root: Path

    @property
    def spec(self) -> Path:
        """What the run is: config, dataset lock, code and environment lock."""
        return self.root / "run.json"

    @property
    def events(self) -> Path:
        """One append-only file per writer."""
        return self.root / "events"

    @property
    def checkpoints(self) -> Path:
        """``best.pt``, ``last.pt``, the last two epochs' files, and ``checkpoints.json`` with their sha256."""
        return self.root / "checkpoints"

    @property
    def metrics(self) -> Path:
        """What the event logs say of metrics, sorted for queries: a view that can be made again from them."""
        return self.root / "metrics"

    @property
    def media(self) -> Path:
        """Images, plots, confusion matrices and curves that the run made."""
        return self.root / "media"

    @property
    def trackers(self) -> Path:
        """How far each tracker was told, and the private folder of each."""
        return self.root / "trackers"

    @property
    def export(self) -> Path:
        """The exported model, its spec file and its certificate (runs of kind ``export``)."""
        return self.root / "export"

    @property
    def code(self) -> Path:
        """The uncommitted changes of the code that ran, as a diff; absent when there were none."""
        return self.root / "code.diff"

    @property
    def lease(self) -> Path:
        """Locked (flock) by the one process that may write this run."""
        return self.root / "lease"

    @property
    def gate(self) -> Path:
        """Locked (flock) for the moment in which a step from one state to the next is checked and written."""
        return self.root / "gate"

    @property
    def stop(self) -> Path:
        """There while somebody wants the attempt in hand to save and end; says who, and why."""
        return self.root / "stop.json"

    @property
    def notebook(self) -> Path:
        """The notebook as it was when the run was recorded; absent when it is one of the workbench's own."""
        return self.root / "notebook.ipynb"

    @property
    def result(self) -> Path:
        """Written last: its existence means complete."""
        return self.root / "result.json"

    def attempt(self, number: int) -> AttemptPaths:
        """Return the paths of attempt ``number`` (>= 1)."""
        return AttemptPaths(self.root / "attempts" / str(number))

    def attempts(self) -> list[int]:
        """Return the numbers of the attempts that exist, ascending."""
        folder = self.root / "attempts"
        if not folder.is_dir():
            return []
        return sorted(int(child.name) for child in folder.iterdir() if child.name.isdigit())


def attempt_of(folder: Path) -> tuple[RunPaths, int]:
    """Return the run and the number of the attempt whose folder this is."""
    return RunPaths(folder.parents[1]), int(folder.name)


@dataclass(frozen=True)
class DatasetPaths:
    """The folder of one registered dataset."""

    root: Path

    @property
    def spec(self) -> Path:
        """Name, source, task, classes, counts and root digest."""
        return self.root / "dataset.json"

    @property
    def index(self) -> Path:
        """Its images, objects, classes and issues in columns, for browsing and queries."""
        return self.root / "index"

    def tree(self, digest: str) -> Path:
        """Return the links that ultralytics is given for one state of the dataset, so that it changes no original."""
        return self.trees / digest[:16]

    @property
    def trees(self) -> Path:
        """One folder of links per state of the dataset that is registered, or that a run reads."""
        return self.root / "trees"


@dataclass(frozen=True)
class WorkspacePaths:
    """The folders of one workspace."""

    root: Path

    @property
    def database(self) -> Path:
        """The SQLite file of the embedded default."""
        return self.root / "workbench.db"

    @property
    def projects(self) -> Path:
        """One folder per project, with its sessions."""
        return self.root / "projects"

    def project(self, name: str) -> Path:
        """Return the file of one project."""
        return self.projects / name / "project.json"

    def session(self, project: str, session: str) -> Path:
        """Return the file of one session."""
        return self.projects / project / "sessions" / f"{session}.json"

    def conversation(self, project: str, session: str) -> Path:
        """Return the log of what was said in one session; absent until something was."""
        return self.projects / project / "sessions" / f"{session}.conversation.jsonl"

    @property
    def runs(self) -> Path:
        """One folder per run."""
        return self.root / "runs"

    @property
    def datasets(self) -> Path:
        """One folder per registered dataset."""
        return self.root / "datasets"

    @property
    def snapshots(self) -> Path:
        """One manifest per state of a dataset that was registered or trained on."""
        return self.root / "snapshots"

    def snapshot(self, digest: str) -> Path:
        """Return the manifest of one state of a dataset."""
        return self.snapshots / f"{digest}.parquet"

    @property
    def sources(self) -> Path:
        """One folder per dataset that was unpacked from an archive, or fetched from elsewhere."""
        return self.root / "sources"

    @property
    def thumbnails(self) -> Path:
        """Small pictures of images, by content; they can be made again."""
        return self.root / "thumbnails"

    @property
    def samples(self) -> Path:
        """Sample datasets that the workbench builds itself."""
        return self.root / "samples"

    @property
    def weights(self) -> Path:
        """Pretrained and registered checkpoints."""
        return self.root / "weights"

    @property
    def environments(self) -> Path:
        """Private Python environments of export formats; they can be made again."""
        return self.root / "environments"

    @property
    def deployments(self) -> Path:
        """One folder per deployment."""
        return self.root / "deployments"

    @property
    def schedules(self) -> Path:
        """One file per schedule."""
        return self.root / "schedules"

    def run(self, run_id: str) -> RunPaths:
        """Return the paths of one run."""
        return RunPaths(self.runs / run_id)

    def dataset(self, name: str) -> DatasetPaths:
        """Return the paths of one registered dataset."""
        return DatasetPaths(self.datasets / name)


@dataclass(frozen=True)
class EnginePaths:
    """The folder of the local Prefect server, worker and watcher: one per user and machine."""

    root: Path

    @property
    def prefect_home(self) -> Path:
        """A private PREFECT_HOME, apart from any the user has."""
        return self.root / "prefect"

    @property
    def lock(self) -> Path:
        """Held while the engine is started or stopped."""
        return self.root / "engine.lock"

    @property
    def state(self) -> Path:
        """Port, pids and versions of what runs."""
        return self.root / "engine.json"

    @property
    def queue(self) -> Path:
        """One ticket per run that has not ended, over all workspaces of the user."""
        return self.root / "queue"

    @property
    def queue_lock(self) -> Path:
        """Held (flock) by the one process that settles and starts runs."""
        return self.root / "queue.lock"

    @property
    def watcher(self) -> Path:
        """Held (flock) by the watcher as long as it lives."""
        return self.root / "watcher.lock"

    def log(self, process: str) -> Path:
        """Return the log file of ``server``, ``worker``, ``watcher`` or ``job``."""
        return self.root / f"{process}.log"


def notebook(folder: str, name: str) -> Path:
    """Return a notebook that travels with the workbench, e.g. ``notebook("jobs", "train")``.

    In a wheel the notebooks lie inside the package; in a checkout they lie beside it.
    """
    package = Path(str(resources.files("workbench")))
    for root in (package / "notebooks", package.parent / "notebooks"):
        path = root / folder / f"{name}.ipynb"
        if path.is_file():
            return path
    return package / "notebooks" / folder / f"{name}.ipynb"
