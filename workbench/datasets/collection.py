"""The datasets of a workspace, as the front desk hands them out.

What lives here: ``ws.datasets``. What does not: checking and keeping a dataset (``registry``).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from workbench.database import Database, DatasetRow
from workbench.datasets import Progress, registry
from workbench.datasets.registry import Dataset
from workbench.datasets.samples import build_digit_scenes
from workbench.errors import ConflictError, UnknownNameError
from workbench.paths import WorkspacePaths


class Datasets:
    """Adds, finds and removes datasets.

    Args:
        paths: where the workspace lies.
        database: the view that answers lists.
        in_use: returns the runs that still read a dataset.
    """

    def __init__(self, paths: WorkspacePaths, database: Database, in_use: Callable[[str], list[str]]) -> None:
        self.paths, self.database, self._in_use = paths, database, in_use

    def add(
        self,
        uri: str | Path,
        name: str | None = None,
        *,
        task: str | None = None,
        replace: bool = False,
        progress: Progress | None = None,
    ) -> Dataset:
        """Register a dataset; see ``registry.register`` for what is refused."""
        dataset = registry.register(self.paths, uri, name, task=task, replace=replace, progress=progress)
        self.database.put(self.build_row(dataset))
        return dataset

    def add_sample(self, progress: Progress | None = None) -> Dataset:
        """Build the digit scenes, when they are not there yet, and register them as ``digits``."""
        return self.add(build_digit_scenes(self.paths.samples / "digits", progress=progress), name="digits")

    def list(self) -> list[Dataset]:
        """Return the datasets, sorted by name."""
        return registry.list_datasets(self.paths)

    def show(self, name: str) -> Dataset:
        """Return one dataset.

        Raises:
            UnknownNameError: when there is none of that name.
        """
        return registry.load(self.paths, name)

    def resolve(self, name_or_path: str, task: str | None = None) -> Dataset:
        """Return a registered dataset, or register the one at a path.

        Raises:
            DatasetError: when it cannot be trained on.
            UnknownNameError: when it is neither a name nor a path.
        """
        try:
            return registry.load(self.paths, name_or_path)
        except UnknownNameError:
            path = Path(name_or_path).expanduser()
            if not path.exists() and path.suffix not in {".yaml", ".yml"} and "/" not in name_or_path:
                raise
            return self.add(path, task=task)

    def remove(self, name: str) -> None:
        """Forget a dataset; the user's files stay.

        Raises:
            UnknownNameError: when there is none of that name.
            ConflictError: when a run that has not ended reads it.
        """
        runs = self._in_use(name)
        if runs:
            raise ConflictError(
                f"Dataset '{name}' is read by run '{runs[0]}'.",
                "A dataset that no run in progress reads.",
                f"Wait for it, or cancel it: `workbench runs cancel {runs[0]}`.",
                name=name,
                runs=runs,
            )
        registry.remove(self.paths, name)
        self.database.delete(DatasetRow, name)

    def build_row(self, dataset: Dataset) -> DatasetRow:
        """Return the row that a dataset's record stands for."""
        return DatasetRow(
            name=dataset.name,
            uri=dataset.uri,
            task=dataset.task,
            digest=dataset.digest,
            images=dict(dataset.images),
            created_at=dataset.created_at,
        )
