"""From a model's name to the file that a run starts from.

What lives here: scratch yaml, the user's own checkpoint, another run's checkpoint, official pretrained weights (with a
folder for sites without internet). What does not: downloading (``download``), reading checkpoints (``checkpoints``).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import FileLock

from workbench import storage
from workbench.config import catalogue
from workbench.errors import ConflictError, ModelError, storage_error
from workbench.metrics.encode import number
from workbench.paths import WorkspacePaths
from workbench.runs.model import ModelLock, now
from workbench.settings import Settings

Progress = Callable[[int, int], None]
_INDEX = "weights.json"


class Weights:
    """The checkpoints of a workspace that no run made.

    Args:
        paths: where the workspace lies.
        settings: the folder for sites without internet, and the address that official weights come from.
    """

    def __init__(self, paths: WorkspacePaths, settings: Settings) -> None:
        self.folder, self.settings = paths.weights, settings

    def list(self) -> dict[str, dict[str, Any]]:
        """Return what is registered: name to ``{"sha256", "bytes", "source", "task", "added_at"}``."""
        path = self.folder / _INDEX
        return storage.get_json(path) if path.is_file() else {}

    def add(self, path: Path, name: str | None = None, task: str | None = None) -> str:
        """Register a checkpoint of the user's: it is read weights-only, copied and hashed.

        Args:
            path: a ``.pt`` file.
            name: what to call it; the file's own name when left out.
            task: left out, it is read from the file.

        Returns:
            The name, usable wherever a model is asked for.

        Raises:
            ModelError: when the file is missing or no checkpoint.
            ConflictError: when another file is registered under that name.
        """
        if not path.is_file():
            raise ModelError(f"No file '{path}'.", "A .pt checkpoint.", "Check the path.", path=str(path))
        if task is None:
            from workbench.runs.training.checkpoints import inspect

            task = inspect(path).task
        name = (name or path.stem).removesuffix(".pt") + ".pt"
        known, digest = self.list().get(name), storage.sha256(path)
        if known and known["sha256"] != digest:
            raise ConflictError(
                f"Other weights are registered as '{name}'.",
                "A free name, or the same file again.",
                "Choose another name with --name.",
                name=name,
            )
        storage.copy(path, self.folder / name)
        self._register(name, digest, str(path.absolute()), task)
        return name

    def resolve(self, ref: str, progress: Progress | None = None) -> ModelLock:
        """Return the file that ``ref`` stands for, downloading official weights when they are not here yet.

        Args:
            ref: ``yolo26n.yaml`` (from scratch), ``yolo26n`` or ``yolo26n.pt`` (pretrained), the path or the
                registered name of a checkpoint.
            progress: gets bytes done and bytes in all of a download.

        Raises:
            ModelError: when the model is unknown, or its weights can neither be found nor downloaded.
        """
        own = Path(ref).expanduser()
        if own.suffix == ".pt" and own.is_file() and len(own.parts) > 1:
            return self._checkpoint(ref, own)
        path = self.folder / f"{ref.removesuffix('.pt')}.pt"
        if (found := self.list().get(path.name)) is not None and path.is_file():
            kind = "pretrained" if found["source"].startswith("http") else "checkpoint"
            return ModelLock(ref=ref, kind=kind, task=found["task"], path=str(path), sha256=found["sha256"])
        if own.suffix == ".pt" and own.is_file():
            return self._checkpoint(ref, own)
        entry = catalogue.find(ref)
        if ref.endswith((".yaml", ".yml")):
            return ModelLock(ref=ref, kind="scratch", task=entry.task, path=entry.yaml)
        if entry.weights is None:
            raise ModelError(
                f"Model '{ref}' has no official pretrained weights.",
                f"'{entry.yaml}' to train from scratch, or a checkpoint of your own.",
                f"Try --model {entry.yaml}.",
                model=ref,
            )
        path = self._pretrained(entry.weights, entry.yaml, progress)
        digest = storage.sha256(path)
        self._register(entry.weights, digest, f"{self.settings.workbench_weights_url}/{entry.weights}", entry.task)
        return ModelLock(ref=ref, kind="pretrained", task=entry.task, path=str(path), sha256=digest)

    def _checkpoint(self, ref: str, path: Path) -> ModelLock:
        from workbench.runs.training.checkpoints import inspect

        info = inspect(path)
        return ModelLock(
            ref=ref, kind="checkpoint", task=info.task, path=str(path.absolute()), sha256=storage.sha256(path)
        )

    def _pretrained(self, name: str, yaml: str, progress: Progress | None) -> Path:
        target = self.folder / name
        with self._locked(name):
            return target if target.is_file() else self._fetch(target, yaml, progress)

    def _fetch(self, target: Path, yaml: str, progress: Progress | None) -> Path:
        name = target.name
        site = self.settings.workbench_weights
        if site is not None and (site / name).is_file():
            storage.copy(site / name, target)
            return target
        from workbench.runs.training import download  # late: whoever only opens a workspace downloads nothing

        url = f"{self.settings.workbench_weights_url}/{name}"
        try:
            download.download(url, target, progress)
        except download.FAILURES as error:
            raise ModelError(
                f"The pretrained weights '{name}' are not here and could not be downloaded from {url}: "
                f"{str(error) or type(error).__name__}.",
                f"'{name}' in {self.folder} or in the folder that WORKBENCH_WEIGHTS names, or access to that address.",
                f"Put the file there, or train from scratch with --model {yaml}.",
                model=name,
                url=url,
            ) from error
        return target

    def _register(self, name: str, digest: str, source: str, task: str) -> None:
        path = self.folder / name
        entry = {
            "sha256": digest,
            "bytes": number(path.stat().st_size),
            "source": source,
            "task": task,
            "added_at": now(),
        }
        with self._locked(_INDEX):
            storage.put_json(self.folder / _INDEX, {**self.list(), name: entry})

    def _locked(self, name: str) -> FileLock:
        """Return a lock on one file of the folder: two runs that start at once want the same weights."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, self.folder) from error
        return FileLock(self.folder / f".{name}.lock")
