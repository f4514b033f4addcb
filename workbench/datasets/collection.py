"""The datasets of a workspace, as the front desk hands them out.

What lives here: ``ws.datasets``. What does not: reading and keeping a dataset (``registration``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from workbench.database import Database, DatasetRow
from workbench.datasets import Progress, registry
from workbench.datasets.registry import Dataset
from workbench.datasets.samples import build_digit_scenes
from workbench.errors import ConflictError, DatasetError, UnknownNameError
from workbench.paths import WorkspacePaths

if TYPE_CHECKING:
    from workbench.datasets.arrival import Choice
    from workbench.datasets.content import Loss
    from workbench.datasets.packing import Packed
    from workbench.datasets.registration import Reading
    from workbench.datasets.remote import Report
    from workbench.datasets.snapshots.diff import Difference
    from workbench.datasets.splitting import Splitting
    from workbench.datasets.store import Store


class Datasets:
    """Adds, finds, derives and removes datasets.

    Args:
        paths: where the workspace lies.
        database: the view that answers lists.
        in_use: returns the runs that still read a dataset.
        cache: where files from elsewhere are kept, and how many bytes of them.
    """

    def __init__(
        self,
        paths: WorkspacePaths,
        database: Database,
        in_use: Callable[[str], list[str]],
        cache: tuple[Path, int],
    ) -> None:
        self.paths, self.database, self._in_use, self._cache = paths, database, in_use, cache

    @property
    def store(self) -> Store:
        """The store that files from elsewhere go to, shared by all workspaces of this machine."""
        from workbench.datasets.store import Store

        return Store(*self._cache)

    def add(
        self,
        uri: str | Path,
        name: str | None = None,
        *,
        replace: bool = False,
        **reading: Unpack[Reading],
    ) -> Dataset:
        """Register a dataset; see ``registration.register`` for what is refused."""
        from workbench.datasets.registration import register

        opened = partial(getattr, self, "store")
        return self._row(register(self.paths, uri, name, store=opened, replace=replace, **reading))

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
            DatasetError: when it cannot be understood.
            UnknownNameError: when it is neither a name nor a path.
        """
        try:
            return registry.load(self.paths, name_or_path)
        except UnknownNameError:
            path = Path(name_or_path).expanduser()
            if not path.exists() and path.suffix not in {".yaml", ".yml"} and "/" not in name_or_path:
                raise
            return self.add(name_or_path, task=task)

    def accept(self, name: str, rules: Collection[str]) -> Dataset:
        """Let trainings start in spite of these rules' errors, from now on.

        Raises:
            UnknownNameError: when there is no such dataset.
            RequestError: when there is no such rule.
        """
        from workbench.datasets.lint import RULES
        from workbench.datasets.lint.rules import check_names
        from workbench.datasets.registration import judged

        check_names(rules, RULES)
        with registry.locked(self.paths, name):
            dataset = self.show(name)
            dataset = dataset.model_copy(update={"accepted": tuple(dict.fromkeys((*dataset.accepted, *rules)))})
            return registry.save(judged(dataset, dataset.report))

    def keep_view(self, name: str, view: str, text: str | None) -> Dataset:
        """Keep a selection under a name, e.g. ``night`` for ``path:night* AND NOT issue:box-tiny``; None forgets it.

        Raises:
            UnknownNameError: when there is no such dataset.
            RequestError: when the text is no view.
        """
        registry.check_name(view)
        with registry.locked(self.paths, name):
            dataset = self.show(name)
            if text is not None:
                with dataset.index as index:
                    index.count(text)  # a view that cannot be read is refused now, not when it is used
            others = {known: kept for known, kept in dataset.views.items() if known != view}
            views = others if text is None else {**others, view: text}
            return registry.save(dataset.model_copy(update={"views": views}))

    def select(self, name: str, view: str, new_name: str, *, replace: bool = False) -> Dataset:
        """Register the images that a view selects as a dataset of their own.

        Raises:
            UnknownNameError: when there is no such dataset.
            DatasetError: when the view selects nothing.
        """
        from workbench.datasets.derivation import select

        dataset = self.show(name)
        with dataset.index as index:
            content = select(dataset.content, index.select(view))
        return self._derive(dataset, content, new_name, {"view": view}, replace=replace)

    def split(
        self,
        name: str,
        shares: Mapping[str, float],
        new_name: str,
        *,
        replace: bool = False,
        **options: Unpack[Splitting],
    ) -> Dataset:
        """Register the same images with other splits as a dataset of its own.

        Args:
            name: a dataset.
            shares: of each split, 0..1, together 1; e.g. ``{"train": 0.8, "val": 0.2}``.
            new_name: what the result is called.
            replace: whether a dataset of that name gives way.
            options: see ``splitting.Splitting``.

        Raises:
            UnknownNameError: when there is no such dataset.
            DatasetError: when the shares cannot be met.
        """
        from workbench.datasets.splitting import share_out

        dataset = self.show(name)
        with self._held(dataset):
            content = share_out(dataset.content, shares, **options)
        made = {"shares": dict(shares), "seed": options.get("seed", 0), "keep": list(options.get("keep", ()))}
        return self._derive(dataset, content, new_name, made, replace=replace)

    def snapshot(self, name: str, progress: Progress | None = None) -> tuple[str, Dataset]:
        """Register a dataset as it is now, and return the digest that it had before, and the dataset.

        Raises:
            UnknownNameError: when there is no such dataset.
            ConflictError: when it was made from another dataset: its files are that one's.
            DatasetError: when it cannot be understood any more.
        """
        dataset = self.show(name)
        _refuse_made(dataset)
        reading: Reading = {"task": dataset.task, "format": dataset.format, "accept": dataset.accepted}
        reading["progress"] = progress
        if "choice" in dataset.origin:
            from workbench.datasets.arrival import Choice

            reading["choice"] = Choice.of(dataset.origin["choice"])
        return dataset.digest, self.add(dataset.uri, name, replace=True, **reading)

    def diff(self, before: str, after: str) -> Difference:
        """Return what differs between two datasets, or snapshots of them by digest.

        Raises:
            UnknownNameError: when there is no such dataset or snapshot.
        """
        from workbench.datasets import catalogue
        from workbench.datasets.snapshots import diff

        return diff.compare(catalogue.find(self.paths, before), catalogue.find(self.paths, after))

    def rebuild(self, snapshot: str, folder: Path, *, copy: bool = False, progress: Progress | None = None) -> Path:
        """Put what a training was given into a folder, by the digest that its run recorded.

        Args:
            snapshot: a dataset's name, or a digest.
            folder: new or empty.
            copy: whether files are copied; otherwise links are put.
            progress: called with (files found, files in all).

        Returns:
            What ultralytics is given as ``data``.

        Raises:
            UnknownNameError: when there is no such snapshot.
            StorageError: when bytes of it are nowhere any more.
        """
        from workbench.datasets import catalogue
        from workbench.datasets.snapshots import rebuild

        manifest = catalogue.find(self.paths, snapshot)
        places = catalogue.places(self.paths)
        return rebuild.rebuild(manifest, rebuild.locate(manifest, places, progress), folder, copy=copy)

    def export(self, name: str, format: str, folder: Path) -> tuple[Loss, ...]:  # noqa: A002
        """Write a dataset in another format, and return what that format could not hold.

        Raises:
            UnknownNameError: when there is no such dataset or format.
            ConflictError: when the folder holds something.
        """
        from workbench.datasets import formats

        dataset = self.show(name)
        with self._held(dataset):
            return formats.write(dataset.content, format, folder)

    def find_duplicates(self, name: str, progress: Progress | None = None) -> Dataset:
        """Look for images that occur twice, exactly or nearly; see ``registration.look_for_duplicates``.

        Raises:
            UnknownNameError: when there is no such dataset.
        """
        from workbench.datasets.registration import look_for_duplicates

        dataset = self.show(name)
        with self._held(dataset):
            return look_for_duplicates(dataset, progress)

    def decode_images(self, name: str, progress: Progress | None = None) -> Dataset:
        """Decode every image of a dataset; see ``registration.decode_images``.

        Raises:
            UnknownNameError: when there is no such dataset.
        """
        from workbench.datasets.registration import decode_images

        dataset = self.show(name)
        with self._held(dataset):
            return decode_images(dataset, progress)

    def fetch(
        self,
        name: str,
        choice: Choice | None = None,
        *,
        progress: Progress | None = None,
        report: Report | None = None,
    ) -> Dataset:
        """Fetch another part of a dataset that lies elsewhere; without a choice, what was evicted of this one.

        Args:
            name: a dataset.
            choice: which images; what the store has of them is not fetched again.
            progress: called with (files done, files in all) for what follows the fetching.
            report: told how far fetching is.

        Raises:
            UnknownNameError: when there is no such dataset.
            DatasetError: when it lies on this machine, or cannot be reached.
        """
        from workbench.datasets.arrival import is_remote

        dataset = self.show(name)
        _refuse_made(dataset)
        if not is_remote(dataset.uri):
            raise DatasetError(
                f"Dataset '{name}' lies on this machine, at '{dataset.uri}'.",
                "A dataset that was added by an address elsewhere.",
                "There is nothing to fetch.",
            )
        if choice is None:
            self.bring_back(dataset, report)
            return dataset
        reading: Reading = {"task": dataset.task, "format": dataset.format, "choice": choice}
        reading |= {"progress": progress, "report": report}
        return self.add(dataset.uri, name, replace=True, **reading)

    def bring_back(self, dataset: Dataset, report: Report | None = None) -> None:
        """Fetch what was evicted of a dataset that came from elsewhere; any other is left alone.

        Raises:
            DatasetError: when it cannot be reached.
        """
        with self._held(dataset, report):
            pass

    def pack(self, name: str, target: str, *, replace: bool = False, progress: Progress | None = None) -> Packed:
        """Write what a training reads of a dataset as few big shards, to a folder or an address elsewhere.

        Args:
            name: a dataset.
            target: the folder, or its address; ``add`` reads it there.
            replace: whether another pack there gives way.
            progress: called with (files packed, files in all).

        Raises:
            UnknownNameError: when there is no such dataset.
            ConflictError: when there is a pack already.
            DatasetError: when the target cannot be written.
        """
        from workbench.datasets import packing
        from workbench.datasets.tree import MARKER

        dataset = self.show(name)
        dataset.prepare()
        with self._held(dataset):
            files = packing.collect(dataset.paths.tree(dataset.digest))
            files.pop(MARKER, None)
            return packing.pack(files, target, replace=replace, progress=progress)

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

    def _held(self, dataset: Dataset, report: Report | None = None) -> AbstractContextManager[object]:
        """Hold the files of a dataset that came from elsewhere, and bring back what was evicted of them."""
        from workbench.datasets.arrival import is_remote
        from workbench.datasets.holding import hold

        return hold(dataset.manifest, self.store, report) if is_remote(dataset.uri) else nullcontext()

    def _row(self, dataset: Dataset) -> Dataset:
        self.database.put(self.build_row(dataset))
        return dataset

    def _derive(self, parent: Dataset, content: Any, new_name: str, how: dict[str, Any], *, replace: bool) -> Dataset:
        from workbench.datasets.registration import Entry, keep

        registry.check_name(new_name)
        origin = {"dataset": parent.name, "digest": parent.digest, **how}
        entry = Entry(new_name, parent.uri, parent.accepted, origin, replace=replace, before=parent)
        return self._row(keep(self.paths, content, entry))


def _refuse_made(dataset: Dataset) -> None:
    parent = dataset.origin.get("dataset")
    if parent:
        raise ConflictError(
            f"Dataset '{dataset.name}' was made from '{parent}'.",
            "A dataset that was added from files.",
            f"Take that step with '{parent}', then make '{dataset.name}' from it again with --replace.",
        )
