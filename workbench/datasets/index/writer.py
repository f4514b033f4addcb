"""Writing an index, and reading it back whole.

What lives here: a ``Content`` to files and back, in one go or batch by batch. What does not: their layout
(``tables``), what is counted on the way (``counting``), publishing them (``generation``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from workbench.datasets.content import CLASSES, IMAGES, ISSUES, OBJECTS, Content, Loss
from workbench.datasets.index import tables
from workbench.datasets.index.counting import Marks, Splits, columns_of, size_of
from workbench.datasets.index.generation import About, Generation, damaged, publishing
from workbench.errors import DatasetError

_BATCH = tables.IMAGE_GROUP * 128


def write(content: Content, folder: Path) -> None:
    """Write ``content`` as an index and publish it; who reads the former one goes on with that.

    Issues are sorted by image, those of no image first.

    Raises:
        DatasetError: when the tables are not sorted as ``content`` says.
        StorageError: when the disk is full or the folder read-only; a former index is then as it was.
    """
    import yaml

    about = About(
        format=content.format,
        task=content.task,
        root=content.root,
        options=yaml.safe_dump(_plain(content.options), allow_unicode=True, sort_keys=False),
        losses=tuple((loss.what, loss.count, loss.first) for loss in content.losses),
    )
    stored = tables.present(content.images), tables.present(content.objects)
    with writing(folder, about, stored) as writer:
        begins = range(0, len(content.images), _BATCH)
        places = np.searchsorted(content.objects["image_id"].to_numpy(), begins)
        # All objects are handed on: one of an image that is not there is refused and not lost
        ends = [0, *places[1:].tolist(), len(content.objects)]
        for number, begin in enumerate(begins):
            objects = content.objects.slice(ends[number], ends[number + 1] - ends[number])
            writer.add(content.images.slice(begin, _BATCH), objects)
        writer.finish(content.classes, content.issues)


@contextmanager
def writing(folder: Path, about: About, stored: tuple[pa.Schema, pa.Schema] = (IMAGES, OBJECTS)) -> Iterator[Writer]:
    """Give a writer of a new index; it counts from the moment that ``finish`` has been called on.

    Args:
        folder: of the index.
        about: what is known beforehand; the numbers are counted here.
        stored: the columns of images and of objects that are not null throughout.

    Raises:
        StorageError: as ``write``.
    """
    with publishing(folder) as (draft, publish):
        writer = Writer(draft, stored)
        try:
            yield writer
        finally:
            writer.close()
        if writer.done is not None:
            publish(replace(about, **writer.done))


class Writer:
    """Writes the files of one generation.

    Args:
        folder: where they go; it exists.
        stored: the columns of images and of objects that are not null throughout.
    """

    def __init__(self, folder: Path, stored: tuple[pa.Schema, pa.Schema]) -> None:
        self.done: dict[str, Any] | None = None
        self._folder = folder
        images = pa.schema([field for field in tables.INDEXED_IMAGES if field.name in _indexed(stored[0])])
        self._columns: dict[str, list[str]] = {}
        self._images = _Rows(folder / tables.IMAGES_FILE, images)
        self._objects = _Rows(folder / tables.OBJECTS_FILE, stored[1])
        self._marks, self._splits = Marks(), Splits()

    def add(self, images: pa.Table, objects: pa.Table) -> None:
        """Write some images, with all of their objects.

        Args:
            images: schema ``IMAGES``; their ids go on where the last ones ended.
            objects: schema ``OBJECTS``, sorted by image; their ids go on too.

        Raises:
            DatasetError: when the ids do not.
        """
        first, count = self._images.rows, len(images)
        _check_dense("image_id", images, first)
        _check_dense("object_id", objects, self._objects.rows)
        place = objects["image_id"].to_numpy() - first
        if len(place) and (place[0] < 0 or place[-1] >= count or (np.diff(place) < 0).any()):
            raise _unsorted("image_id of the objects", "other images, or not in their order")
        sizes = size_of(objects["area"].fill_null(0.0).to_numpy())
        counts = columns_of(place, sizes, count)
        self._marks.add(objects["cls"].to_numpy().astype(np.int64), place + first, sizes)
        self._splits.add(first, images, counts)
        starts = self._objects.rows + np.cumsum(counts["objects"], dtype=np.int64) - counts["objects"]
        for name, column in {**counts, "first_object": starts}.items():
            images = images.append_column(name, pa.array(column))
        self._images.add(images)
        self._objects.add(objects)

    def finish(self, classes: pa.Table, issues: pa.Table) -> None:
        """Write what is left: classes (schema ``CLASSES``), issues (schema ``ISSUES``) and what was counted.

        Raises:
            DatasetError: when an object is of a class that is not among them.
        """
        marks = self._marks.table()
        if len(marks) and not 0 <= marks["cls"][0].as_py() <= marks["cls"][-1].as_py() < len(classes):
            raise _unsorted("cls of the objects", f"not among the {len(classes)} classes")
        stats = self._splits.stats(marks, len(classes))
        self.close()
        self._put(tables.MARKS_FILE, marks)
        self._put(tables.STATS_FILE, stats)
        self._put(tables.CLASSES_FILE, _count_classes(classes, marks))
        self._put(tables.ISSUES_FILE, _sorted(issues))
        files = {path.name: path.stat().st_size for path in sorted(self._folder.glob("*.parquet"))}
        numbers = {"images": self._images.rows, "objects": self._objects.rows}
        self.done = {**numbers, "runs": tuple(self._splits.runs), "files": files}
        self.done["columns"] = {**self._columns, **{rows.name: rows.names for rows in (self._images, self._objects)}}

    def close(self) -> None:
        """Let go of the files."""
        self._images.close()
        self._objects.close()

    def _put(self, name: str, table: pa.Table) -> None:
        self._columns[name] = table.column_names
        with tables.open_writer(self._folder / name, table.schema) as file:
            file.write_table(table, row_group_size=tables.group_rows(name))


class _Rows:
    """Writes a table in row groups of one size."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.rows, self.name, self.names = 0, path.name, schema.names
        self._schema, self._group = schema, tables.group_rows(path.name)
        self._file: Any = tables.open_writer(path, schema)
        self._waiting: list[pa.Table] = []

    def add(self, table: pa.Table) -> None:
        self.rows += len(table)
        self._waiting.append(table.select(self.names))
        waiting = sum(map(len, self._waiting))
        if waiting >= self._group:
            whole = pa.concat_tables(self._waiting)
            ready = waiting // self._group * self._group
            self._file.write_table(whole.slice(0, ready).cast(self._schema), row_group_size=self._group)
            self._waiting = [whole.slice(ready)]

    def close(self) -> None:
        if self._file is None:
            return
        file, self._file = self._file, None
        try:
            if sum(map(len, self._waiting)):
                file.write_table(pa.concat_tables(self._waiting).cast(self._schema), row_group_size=self._group)
        finally:
            file.close()


def read(folder: Path) -> Content:
    """Return the content that an index was written from; its issues are sorted by image.

    Raises:
        DatasetError: when there is no index.
        StorageError: when it is damaged.
    """
    import pyarrow.parquet as pq
    import yaml

    generation = Generation(folder)
    about = generation.about

    def load(name: str, schema: pa.Schema) -> pa.Table:
        names = [column for column in schema.names if column in about.columns[name]]
        with pq.ParquetFile(generation.path(name), page_checksum_verification=True) as file:
            return tables.whole(file.read(columns=names, use_threads=False), schema)

    try:
        return Content(
            format=about.format,
            task=about.task,
            root=about.root,
            images=load(tables.IMAGES_FILE, IMAGES),
            objects=load(tables.OBJECTS_FILE, OBJECTS),
            classes=load(tables.CLASSES_FILE, CLASSES),
            issues=load(tables.ISSUES_FILE, ISSUES),
            options=yaml.safe_load(about.options),
            losses=tuple(Loss(*loss) for loss in about.losses),
        )
    except (pa.ArrowException, OSError, yaml.YAMLError) as error:
        raise damaged(folder, str(error)) from error
    finally:
        generation.close()


def _indexed(stored: pa.Schema) -> set[str]:
    return {*stored.names, *(name for name, _ in tables.COUNTS), "first_object"}


def _count_classes(classes: pa.Table, marks: pa.Table) -> pa.Table:
    cls = marks["cls"].to_numpy()
    starts = np.searchsorted(cls, np.arange(len(classes) + 1))
    images = np.diff(starts)
    objects = np.bincount(cls, marks["objects"].to_numpy(), minlength=len(classes)).astype(np.int64)
    counted = {"objects": objects, "images": images, "first_mark": starts[:-1]}
    for name, column in counted.items():
        classes = classes.append_column(name, pa.array(column.astype(np.int64)))
    return classes.cast(tables.INDEXED_CLASSES)


def _sorted(issues: pa.Table) -> pa.Table:
    return issues.take(np.argsort(issues["image_id"].fill_null(-1).to_numpy(), kind="stable"))


def _plain(value: Any) -> Any:
    """Return ``value`` as YAML takes it: lists for tuples."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value


def _check_dense(name: str, table: pa.Table, first: int) -> None:
    found = table[name].to_numpy()
    if len(found) and (found[0] != first or found[-1] != first + len(found) - 1 or (np.diff(found) != 1).any()):
        raise _unsorted(name, f"not {first} to {first + len(found) - 1} one after the other")


def _unsorted(what: str, why: str) -> DatasetError:
    return DatasetError(
        f"The tables cannot be indexed: {what} is {why}.",
        "Tables as workbench.datasets.content describes them.",
        "Number the images anew, in the order of their split and path, and the objects in the order of the images.",
    )
