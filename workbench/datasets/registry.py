"""The datasets of a workspace, by name.

What lives here: the record of one dataset, finding it and forgetting it. What does not: how it came in
(``registration``), its database row (``collection``), its training.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workbench.datasets.source import Task
from workbench.errors import DatasetError, RequestError, StorageError, UnknownNameError, did_you_mean, storage_error
from workbench.paths import DatasetPaths, WorkspacePaths
from workbench.storage import put_text

if TYPE_CHECKING:
    from workbench.datasets.content import Content
    from workbench.datasets.index import Index
    from workbench.datasets.lint import Report
    from workbench.datasets.snapshots.manifest import Manifest

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class Dataset(BaseModel):
    """A registered dataset.

    Attributes:
        name: its name in the workspace.
        uri: what was registered: an absolute path, or a URI.
        format: what it was read as.
        task: what its labels are for.
        names: class names by class id.
        images: number of images by split; ``unsplit`` counts those in none.
        digest: root digest of its snapshot; it changes with any byte that a training reads.
        bytes_total: size of images and labels.
        created_at: when it was registered, UTC, ISO 8601.
        problems: what a training would do silently, one sentence each.
        blocking: errors that keep a training from starting: a sentence by rule id.
        accepted: rules whose errors were accepted by name.
        views: selections by name, see ``index.views``.
        origin: how it came from another dataset, or from elsewhere; empty for files that lie where they lay.
        folder: where its record lies; not part of the record.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    uri: str
    format: str = "yolo"
    task: Task
    names: dict[int, str]
    images: dict[str, int]
    digest: str
    bytes_total: int
    created_at: str
    problems: tuple[str, ...] = ()
    blocking: dict[str, str] = Field(default_factory=dict)
    accepted: tuple[str, ...] = ()
    views: dict[str, str] = Field(default_factory=dict)
    origin: dict[str, Any] = Field(default_factory=dict)
    folder: Path = Field(exclude=True)

    @property
    def paths(self) -> DatasetPaths:
        """Its own folder."""
        return DatasetPaths(self.folder)

    @property
    def workspace(self) -> WorkspacePaths:
        """The workspace that it is registered in."""
        return WorkspacePaths(self.folder.parents[1])

    @property
    def data_yaml(self) -> Path:
        """What ultralytics is given as ``data``: the tree's data.yaml, or for classification the tree itself."""
        tree = self.paths.tree(self.digest)
        return tree if self.task == "classify" else tree / "data.yaml"

    @property
    def manifest(self) -> Manifest:
        """Its files, read from disk."""
        from workbench.datasets.snapshots.manifest import Manifest

        return Manifest.read(self.workspace.snapshot(self.digest))

    @property
    def index(self) -> Index:
        """Its images and objects, for pages and queries."""
        from workbench.datasets.index import Index
        from workbench.datasets.lint import RULES

        return Index(self.paths.index, views=self.views, rules=RULES)

    def sheet(self, view: str = "", *, after: int | None = None, limit: int = 20, size: int = 256) -> bytes:
        """Return images of a view with what is marked on them, as one PNG.

        Args:
            view: see ``index.views``; empty for all.
            after: the last image of the sheet before, by its id.
            limit: how many images at most.
            size: of each, one of ``thumbs.SIZES``.

        Raises:
            RequestError: when the view is wrong, or a number out of its range.
        """
        from workbench.datasets.pictures.sheet import sheet
        from workbench.datasets.pictures.thumbs import Thumbs

        with self.index as index:
            page = index.page(view, after=after, limit=limit)
            return sheet(page, index, Thumbs(self.workspace.thumbnails), size=size)

    @property
    def content(self) -> Content:
        """All that it says, in columns, read from disk."""
        from workbench.datasets import index

        return index.read(self.paths.index)

    @property
    def report(self) -> Report:
        """What is wrong with it, and what a training would do about that."""
        from workbench.datasets import lint

        return lint.check(self.content)

    def is_as_registered(self) -> bool:
        """Return whether its files, whose names, sizes and times are known to be as they were, still hold the same.

        Only those are read that were written while they were registered: their times do not tell. The tree is put in
        order.
        """
        from workbench.datasets.snapshots.manifest import changed

        try:
            manifest = self.manifest
            if changed(manifest, racy=True):
                return False
        except (DatasetError, StorageError):  # then it is registered anew
            return False
        self.prepare()
        return True

    def changed(self) -> list[str]:
        """Return the files that are not as they were registered, as absolute paths; what is gone is among them."""
        from workbench.datasets.snapshots.manifest import changed

        return changed(self.manifest)

    def prepare(self) -> None:
        """Put back what a training changed in the tree: ultralytics replaces links by images that it encoded anew.

        Raises:
            StorageError: when the workspace cannot be written.
        """
        from workbench.datasets.tree import materialize

        with locked(self.workspace, self.name):  # another process may want to train on it too
            materialize(self.manifest.plan, self.paths.tree(self.digest))


def load(paths: WorkspacePaths, name: str) -> Dataset:
    """Return the dataset called ``name``.

    Raises:
        UnknownNameError: when there is none.
        StorageError: when its record is damaged.
    """
    folder = paths.dataset(name)
    if not NAME.fullmatch(name) or not folder.spec.is_file():
        known = names(paths)
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


def save(dataset: Dataset) -> Dataset:
    """Write the record of a dataset.

    Raises:
        StorageError: when the disk is full or the folder may not be written.
    """
    put_text(dataset.paths.spec, dataset.model_dump_json(indent=2) + "\n")
    return dataset


def list_datasets(paths: WorkspacePaths) -> list[Dataset]:
    """Return the datasets of the workspace, sorted by name.

    Raises:
        StorageError: when a record is damaged.
    """
    return [load(paths, name) for name in names(paths)]


def remove(paths: WorkspacePaths, name: str) -> None:
    """Forget the dataset called ``name``: its record and its links go; the user's files and its snapshots stay.

    Raises:
        UnknownNameError: when there is none.
        StorageError: when the folder may not be written.
    """
    if name not in names(paths):
        load(paths, name)
    folder = paths.dataset(name)
    with locked(paths, name):
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


def slug(text: str) -> str:
    """Return ``text`` as a name, or an empty string when nothing of it can stay (Korean, say)."""
    return re.sub(r"[^a-z0-9._]+", "-", text.lower()).strip("-._")[:64].rstrip("-._")


def names(paths: WorkspacePaths) -> list[str]:
    """Return the names of the datasets of the workspace, sorted."""
    if not paths.datasets.is_dir():
        return []
    found = (child.name for child in paths.datasets.iterdir())
    return sorted(name for name in found if NAME.fullmatch(name) and paths.dataset(name).spec.is_file())


@contextmanager
def locked(paths: WorkspacePaths, name: str) -> Iterator[None]:
    """Hold the right to change the dataset called ``name``.

    Raises:
        StorageError: when the workspace cannot be written.
    """
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
