"""The datasets of a workspace.

What lives here: adding, finding and removing a registered dataset. What does not: their database rows, their training.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workbench.datasets import Progress
from workbench.datasets.intake import load as load_source
from workbench.datasets.manifest import Manifest
from workbench.datasets.source import DatasetSource, Task
from workbench.datasets.tree import materialize
from workbench.errors import ConflictError, RequestError, StorageError, UnknownNameError, did_you_mean, storage_error
from workbench.paths import DatasetPaths, WorkspacePaths
from workbench.storage import put_text

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class Dataset(BaseModel):
    """A registered dataset.

    Attributes:
        name: its name in the workspace.
        uri: what was registered: an absolute path.
        task: what its labels are for.
        names: class names by class id.
        images: number of images by split.
        digest: root digest of its manifest; it changes with any byte that a training reads.
        bytes_total: size of images and labels.
        created_at: when it was registered, UTC, ISO 8601.
        problems: what a training would do silently, one sentence each.
        folder: where its record lies; not part of the record.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    uri: str
    task: Task
    names: dict[int, str]
    images: dict[str, int]
    digest: str
    bytes_total: int
    created_at: str
    problems: tuple[str, ...] = ()
    folder: Path = Field(exclude=True)

    @property
    def data_yaml(self) -> Path:
        """What ultralytics is given as ``data``: the tree's data.yaml, or for classification the tree itself."""
        tree = DatasetPaths(self.folder).tree
        return tree if self.task == "classify" else tree / "data.yaml"

    @property
    def manifest(self) -> Manifest:
        """Its files, read from disk."""
        return Manifest.read(DatasetPaths(self.folder).manifest)


def register(
    paths: WorkspacePaths,
    uri: str | Path,
    name: str | None = None,
    *,
    task: str | None = None,
    replace: bool = False,
    progress: Progress | None = None,
) -> Dataset:
    """Check the dataset at ``uri``, hash it, and keep it under ``name``. The user's files stay where they are.

    Registering the same content under the same name again returns what is there.

    Args:
        paths: of the workspace.
        uri: a data.yaml, or a folder.
        name: letters a-z, digits and ``._-``, at most 64; made from the folder's name when left out.
        task: told from the data when left out.
        replace: whether a dataset of that name with other content gives way.
        progress: called with (files done, files in all), first for the check, then for the hashes.

    Raises:
        DatasetError: when it cannot be trained on.
        RequestError: when the name is not valid.
        ConflictError: when the name is taken by other content.
        StorageError: when the workspace cannot be written.
    """
    if name is not None:
        check_name(name)
    source = load_source(uri, task=task, progress=progress)
    manifest = Manifest.build(source, progress)
    name = name or suggest_name(source, manifest.digest)
    with _locked(paths, name):
        existing = _existing(paths, name, replace=replace)
        if existing and existing.digest != manifest.digest and not replace:
            raise _taken(existing, source)
        return _keep(paths.dataset(name), source, manifest, existing)


def _existing(paths: WorkspacePaths, name: str, *, replace: bool) -> Dataset | None:
    if not paths.dataset(name).spec.exists():
        return None
    try:
        return load(paths, name)
    except StorageError:
        if replace:  # a damaged record is worth as much as none
            return None
        raise


def _keep(folder: DatasetPaths, source: DatasetSource, manifest: Manifest, existing: Dataset | None) -> Dataset:
    same = existing is not None and existing.digest == manifest.digest
    dataset = Dataset(
        name=folder.root.name,
        uri=str(source.uri),
        task=source.task,
        names=source.names,
        images=source.images,
        digest=manifest.digest,
        bytes_total=manifest.bytes_total,
        created_at=existing.created_at if existing and same else datetime.now(UTC).isoformat(timespec="seconds"),
        problems=source.problems,
        folder=folder.root,
    )
    try:
        if not same:
            folder.spec.unlink(missing_ok=True)  # its existence means complete
        materialize(source, folder.tree)
        manifest.write(folder.manifest)
    except OSError as error:
        raise storage_error(error, folder.root) from error
    if dataset != existing:
        put_text(folder.spec, dataset.model_dump_json(indent=2) + "\n")
    return dataset


def load(paths: WorkspacePaths, name: str) -> Dataset:
    """Return the dataset called ``name``.

    Raises:
        UnknownNameError: when there is none.
        StorageError: when its record is damaged.
    """
    folder = paths.dataset(name)
    if not NAME.fullmatch(name) or not folder.spec.is_file():
        known = _names(paths)
        raise UnknownNameError(
            f"No dataset is called '{name}'.",
            f"Datasets here: {', '.join(known)}." if known else "This workspace has no dataset yet.",
            did_you_mean(name, known) or "`workbench datasets add PATH` registers one.",
            name=name,
        )
    try:
        return Dataset.model_validate({**_json(folder.spec), "folder": folder.root})
    except (OSError, ValidationError, ValueError) as error:
        raise StorageError(
            f"The record '{folder.spec}' is damaged.",
            "A file as the workbench wrote it.",
            f"Register the dataset again with its name and --replace, or delete '{folder.root}'.",
            path=str(folder.spec),
        ) from error


def _json(path: Path) -> dict[str, object]:
    content = json.loads(path.read_text("utf-8"))
    if not isinstance(content, dict):
        raise ValueError(f"{path.name} holds no object")  # noqa: TRY004 - a damaged file, not a wrong call
    return content


def list_datasets(paths: WorkspacePaths) -> list[Dataset]:
    """Return the datasets of the workspace, sorted by name.

    Raises:
        StorageError: when a record is damaged.
    """
    return [load(paths, name) for name in _names(paths)]


def remove(paths: WorkspacePaths, name: str) -> None:
    """Forget the dataset called ``name``: its record and its links go, the user's files stay.

    Raises:
        UnknownNameError: when there is none.
        StorageError: when the folder may not be written.
    """
    if name not in _names(paths):
        load(paths, name)
    folder = paths.dataset(name)
    with _locked(paths, name):
        try:
            folder.spec.unlink(missing_ok=True)
            shutil.rmtree(folder.root)
        except OSError as error:
            raise storage_error(error, folder.root) from error


def check_name(name: str) -> None:
    """Raise a RequestError unless ``name`` may name a dataset."""
    if not NAME.fullmatch(name):
        raise RequestError(
            f"'{name}' cannot name a dataset.",
            "Letters a-z, digits, and . _ - inside; at most 64.",
            f"For example '{slug(name) or 'dataset'}'.",
            name=name,
        )


def suggest_name(source: DatasetSource, digest: str) -> str:
    """Return a name for ``source``: of its folder, or of its yaml when that says more."""
    plain = source.uri.is_dir() or source.uri.stem in ("data", "dataset")
    own = source.uri if source.uri.is_dir() else source.uri.parent if plain else source.uri.with_suffix("")
    return slug(own.name) or f"dataset-{digest[:8]}"


def slug(text: str) -> str:
    """Return ``text`` as a name, or an empty string when nothing of it can stay (Korean, say)."""
    return re.sub(r"[^a-z0-9._]+", "-", text.lower()).strip("-._")[:64].rstrip("-._")


def _names(paths: WorkspacePaths) -> list[str]:
    if not paths.datasets.is_dir():
        return []
    return sorted(child.name for child in paths.datasets.iterdir() if paths.dataset(child.name).spec.is_file())


def _taken(existing: Dataset, source: DatasetSource) -> ConflictError:
    return ConflictError(
        f"The name '{existing.name}' is taken by other content, from '{existing.uri}'.",
        f"The same content, or a free name for '{source.uri}'.",
        "Give another --name, or --replace to put it in its place.",
        name=existing.name,
        digest=existing.digest,
    )


@contextmanager
def _locked(paths: WorkspacePaths, name: str) -> Iterator[None]:
    from filelock import FileLock

    try:
        paths.datasets.mkdir(parents=True, exist_ok=True)
        lock = FileLock(paths.datasets / f".{name}.lock")
        lock.acquire()
    except OSError as error:
        raise storage_error(error, paths.datasets) from error
    try:
        yield
    finally:
        lock.release()
