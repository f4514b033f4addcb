"""From what a person names to a dataset that can be read here: a path, an archive, or an address elsewhere.

What lives here: fetching what was chosen, and reading the rest of it. What does not: how bytes come (``remote``), what
is done with what was read (``registration``).
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from workbench.datasets import Progress, derivation, formats, index, remote, scan
from workbench.datasets.content import Content
from workbench.datasets.formats import classes, yolo
from workbench.datasets.remote import Report, Selection
from workbench.errors import DatasetError
from workbench.paths import WorkspacePaths

if TYPE_CHECKING:
    from workbench.datasets.store import Store


@dataclass(frozen=True)
class Choice:
    """Which images of a dataset elsewhere are fetched.

    Attributes:
        selection: splits, classes, a fraction.
        view: see ``index.views``; empty for all.
    """

    selection: Selection = field(default_factory=Selection)
    view: str = ""

    @property
    def record(self) -> dict[str, Any]:
        """What a dataset's origin keeps of it."""
        return {**asdict(self.selection), "view": self.view}

    @classmethod
    def of(cls, record: dict[str, Any]) -> Choice:
        """Return the choice that ``record`` was made of."""
        names = {"splits": tuple(record["splits"]), "classes": tuple(record["classes"])}
        return cls(Selection(**names, fraction=record["fraction"], seed=record["seed"]), record["view"])


@dataclass(frozen=True)
class Way:
    """How a dataset is read, and who is told.

    Attributes:
        format: see ``formats.read``.
        task: see ``formats.read``.
        choice: of a dataset elsewhere.
        progress: called with (files done, files in all).
        report: told how far fetching is.
        before: what was read there last time: what did not change since is not opened again.
    """

    format: str | None = None
    task: str | None = None
    choice: Choice = field(default_factory=Choice)
    progress: Progress | None = None
    report: Report | None = None
    before: Content | None = None


def is_remote(uri: str) -> bool:
    """Return whether ``uri`` is an address, and no path of this machine."""
    scheme, found, _ = uri.partition("://")
    return bool(found) and scheme.isalnum() and scheme != "file"


def local(uri: str) -> Path:
    """Return the absolute path that ``uri`` names on this machine."""
    return Path(uri.removeprefix("file://")).expanduser().absolute()


def source_folder(paths: WorkspacePaths, uri: str) -> Path:
    """Return where the files go that are made from what ``uri`` names; another state of an archive has another."""
    key = uri
    if not is_remote(uri) and local(uri).is_file():
        stat = local(uri).stat()
        key = f"{local(uri)}\0{stat.st_size}\0{stat.st_mtime_ns}"
    stem = uri.rstrip("/").rpartition("/")[2].partition(".")[0]
    plain = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in stem.lower()).strip("-")
    return paths.sources / f"{plain[:40] or 'source'}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"


def read(paths: WorkspacePaths, uri: str, store: Callable[[], Store], way: Way) -> Content:
    """Read and look into the dataset that ``uri`` names; from elsewhere, what was chosen of it is fetched first.

    Raises:
        DatasetError: when there is none, it cannot be understood, or it cannot be reached.
        StorageError: when it does not fit on the disk.
    """
    if not is_remote(uri):
        if way.choice != Choice():
            raise DatasetError(
                f"'{uri}' lies on this machine: there is nothing to fetch of it.",
                "A part is chosen when a dataset comes from elsewhere.",
                "Add it whole, then `workbench datasets select NAME VIEW --name PART`.",
            )
        if way.before is not None and _is_as_before(way.before, local(uri), way):
            return way.before
        return scan.probe(_read(local(uri), paths, uri, way), progress=way.progress, before=way.before)
    folder = source_folder(paths, uri)
    opened = store()
    opened.sweep()
    with opened.lease() as lease:
        found = remote.open(uri, lease)
        found.fetch_metadata(folder, way.report)
        data = folder / found.named if found.named else folder
        chosen = _choose(_read(data, paths, uri, way), folder, way.choice)
        found.fetch(chosen, folder, way.report)
        content = _read(data, paths, uri, way)
        return scan.probe(_only(content, folder, chosen), progress=way.progress, before=way.before)


def _is_as_before(before: Content, data: Path, way: Way) -> bool:
    """Return whether the files are those of last time, told by names, sizes and times alone."""
    reader = {"yolo": yolo, "classes": classes}.get(before.format)
    packed = data.is_file() and formats.archive.is_archive(data)
    if reader is None or packed or (way.format or formats.sniff(data)) != before.format:
        return False
    return bool(reader.unchanged(before, data, way.task))


def _read(data: Path, paths: WorkspacePaths, uri: str, way: Way) -> Content:
    made = source_folder(paths, uri).with_suffix(".made")
    return formats.read(data, way.format, way.task, way.progress, made, way.before)


def _choose(content: Content, folder: Path, choice: Choice) -> list[str]:
    ids: pa.Array | None = None
    if choice.view:
        with tempfile.TemporaryDirectory() as draft:
            index.write(content, Path(draft))
            with index.Index(Path(draft)) as opened:
                ids = opened.select(choice.view)
    return choice.selection.paths(content, folder, ids)


def _only(content: Content, folder: Path, chosen: list[str]) -> Content:
    """Return the images that were fetched, and those whose bytes came with the metadata."""
    fetched = {str(folder / path) for path in chosen}
    base = f"{folder}/"
    here = [file in fetched or not file.startswith(base) for file in content.images["file"].to_pylist()]
    if all(here):
        return content
    kept = derivation.select(content, content.images["image_id"].filter(pa.array(here)).combine_chunks())
    left = pc.is_in(kept.issues["image_id"], value_set=kept.images["image_id"].combine_chunks())
    return replace(kept, issues=kept.issues.filter(pc.or_(left, pc.is_null(kept.issues["image_id"]))))
