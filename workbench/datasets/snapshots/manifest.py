"""The manifest of a dataset: every file that a training reads, by its content, and one digest over all of them.

What lives here: taking, writing and reading a manifest. What does not: where the files are put (``tree``).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from workbench.datasets import Progress
from workbench.datasets.filenames import to_name
from workbench.datasets.snapshots.hashing import Stamp, stamp_all
from workbench.datasets.source import SPLITS
from workbench.datasets.tree import Plan
from workbench.errors import StorageError
from workbench.storage import replacing

_FORMAT = "workbench-manifest-1"
_THREADS = 4
_BATCH = 8192  # files that are Python objects at once: memory stays low

FILES = pa.schema(
    [
        ("path", pa.string()),  # posix, in the tree; ascending; this and `file` are texts (``filenames``)
        ("sha256", pa.binary(32)),
        ("bytes", pa.int64()),
        ("file", pa.string()),  # where it lay when the snapshot was taken; "" when its text was made here
        ("mtime_ns", pa.int64()),
        ("inode", pa.uint64()),  # 0 when size and time alone must not be trusted
        ("image_id", pa.int64()),
        ("content", pa.binary()),  # the bytes themselves, for labels; null for images
    ]
)


@dataclass(frozen=True)
class Manifest:
    """The files of a dataset, sorted by path, and what their labels mean.

    The root digest is the sha256 of these UTF-8 lines, each ended by a line feed:

    1. the header: JSON of ``format``, ``task``, ``names`` and ``options``, keys sorted, no spaces, nothing escaped
       that need not be;
    2. for each file, by path: ``<sha256> <bytes> <path>``.

    Paths are those of the tree (``images/train/a.jpg``), so the digest does not depend on where the files lie, nor on
    the order in which they were found. Names and options are in it because the same rows with other names are another
    dataset.

    Attributes:
        task: the task that the labels are read for.
        names: class names by class id.
        options: other keys that training reads (``kpt_shape``, …); JSON-able.
        files: images and labels, schema ``FILES``.
    """

    task: str
    names: dict[int, str]
    options: dict[str, Any]
    files: pa.Table

    @cached_property
    def digest(self) -> str:
        """The root digest, 64 hexadecimal digits."""
        root = hashlib.sha256(_line(self._header))
        for batch in self.files.select(["sha256", "bytes", "path"]).to_batches(max_chunksize=_BATCH):
            rows = zip(*(column.to_pylist() for column in batch.columns), strict=True)
            root.update("".join(f"{sha256.hex()} {size} {path}\n" for sha256, size, path in rows).encode())
        return root.hexdigest()

    @cached_property
    def bytes_total(self) -> int:
        """The size of all files in bytes."""
        return int(pc.sum(self.files["bytes"]).as_py() or 0)

    def __len__(self) -> int:
        return int(self.files.num_rows)

    @property
    def plan(self) -> Plan:
        """The tree that training reads, as it was planned when the snapshot was taken."""
        paths, files = self.files["path"].to_pylist(), self.files["file"].to_pylist()
        made = [place for place, file in enumerate(files) if not file]
        texts = dict(zip(made, self.files["content"].take(made).to_pylist(), strict=True)) if made else {}
        there = {tuple(path.split("/", 2)[:2]) for path in paths}
        splits = tuple(split for split in SPLITS if ("images", split) in there)
        ids = self.files["image_id"].to_pylist()
        return Plan(self.task, self.names, self.options, splits, paths, files, texts, ids)

    @property
    def _header(self) -> dict[str, Any]:
        names = {str(index): name for index, name in self.names.items()}
        options = json.loads(json.dumps(self.options))  # with keys as text before they are sorted
        return {"format": _FORMAT, "task": self.task, "names": names, "options": options}

    @property
    def stamps(self) -> dict[str, Stamp]:
        """What is known of the files where they lay, by absolute path."""
        return stamps_of(self.files)

    def write(self, path: Path) -> Path:
        """Write Parquet at once, with the header and the digest in its metadata.

        Raises:
            StorageError: when the disk is full or the folder may not be written.
        """
        import pyarrow.parquet as pq

        header = json.dumps({**self._header, "digest": self.digest}, ensure_ascii=False)
        with replacing(path) as temporary, temporary.open("wb") as file:
            pq.write_table(self.files.replace_schema_metadata({"workbench": header}), file, compression="zstd")
        return path

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read what ``write`` wrote.

        Raises:
            StorageError: when the file is missing, damaged or does not fit its own digest.
        """
        import pyarrow.parquet as pq

        try:
            with path.open("rb") as file:
                table = pq.read_table(file)
            header = json.loads(table.schema.metadata[b"workbench"])
            names = {int(index): str(name) for index, name in header["names"].items()}
            manifest = cls(header["task"], names, _numbered(header["options"]), table.replace_schema_metadata(None))
            intact = header["format"] == _FORMAT and header["digest"] == manifest.digest
        except (OSError, ValueError, TypeError, KeyError, pa.ArrowException) as error:
            raise _damaged(path, str(error)) from error
        if not intact:
            raise _damaged(path, "the digest does not fit the files")
        return manifest

    def verify(self, tree: Path) -> Iterator[tuple[str, str]]:
        """Hash the files below ``tree`` anew and yield what differs: (path, ``missing`` or ``changed``)."""
        paths, digests = self.files["path"].to_pylist(), self.files["sha256"].to_pylist()
        with ThreadPoolExecutor(_THREADS) as pool:
            states = pool.map(_state, (tree / to_name(path) for path in paths), digests)
            for path, state in zip(paths, states, strict=True):
                if state:
                    yield path, state


def take(planned: Plan, known: Mapping[str, Stamp] | None = None, progress: Progress | None = None) -> Manifest:
    """Hash every file of a planned tree, but those that ``known`` describes as they are now.

    Args:
        planned: what stands where.
        known: earlier stamps by absolute path, see ``Manifest.stamps``.
        progress: called with (files hashed, files in all).

    Raises:
        DatasetError: when a file cannot be read, or changes while it is.
    """
    total = len(planned.paths)
    batches = []
    for first in range(0, total, _BATCH):
        places = range(first, min(first + _BATCH, total))
        batches.append(_batch(planned, places, known or {}))
        if progress:
            progress(places.stop, total)
    return Manifest(planned.task, planned.names, planned.options, pa.Table.from_batches(batches, schema=FILES))


def _batch(planned: Plan, places: range, known: Mapping[str, Stamp]) -> pa.RecordBatch:
    linked = [place for place in places if place not in planned.texts]
    # Whoever corrects a label must not take away what an earlier run saw: labels are kept themselves
    kept = [planned.paths[place].startswith("labels/") for place in linked]
    found = dict(zip(linked, stamp_all([planned.files[place] for place in linked], known, kept), strict=True))
    for place in places:
        if place in planned.texts:
            text = planned.texts[place]
            found[place] = Stamp(len(text), 0, 0, hashlib.sha256(text).digest(), text)
    stamps = [found[place] for place in places]
    columns = {
        "path": planned.paths[places.start : places.stop],
        "sha256": [stamp.sha256 for stamp in stamps],
        "bytes": [stamp.size for stamp in stamps],
        "file": planned.files[places.start : places.stop],
        "mtime_ns": [stamp.mtime_ns for stamp in stamps],
        "inode": [stamp.inode for stamp in stamps],
        "image_id": planned.image_ids[places.start : places.stop],
        "content": [stamp.content for stamp in stamps],
    }
    return pa.RecordBatch.from_pydict(columns, schema=FILES)


def stamps_of(files: pa.Table) -> dict[str, Stamp]:
    """Return what is known of ``files``, by absolute path: schema ``FILES``, or without ``content``."""
    names = [name for name in ("file", "bytes", "mtime_ns", "inode", "sha256", "content") if name in files.column_names]
    columns = [files[name].to_pylist() for name in names]
    return {file: Stamp(*rest) for file, *rest in zip(*columns, strict=True) if file}


def changed(manifest: Manifest, *, racy: bool = False) -> list[str]:
    """Return the files that are gone, or have other bytes than they had; only those whose stamp differs are read.

    Files that were made here, such as labels of other formats, are none of them.

    Args:
        manifest: what they were.
        racy: whether only those are looked at whose size and time must not be trusted.
    """
    files = manifest.files.drop_columns(["content"])
    stamps = stamps_of(files.filter(pc.equal(files["inode"], 0)) if racy else files)
    there = [file for file in stamps if os.path.isfile(to_name(file))]  # noqa: PTH113 - 10x Path
    now = stamp_all(there, stamps)
    same = {file for file, stamp in zip(there, now, strict=True) if stamp.sha256 == stamps[file].sha256}
    return [file for file in stamps if file not in same]


def _numbered(value: Any) -> Any:
    """Return ``value`` with keys that are numbers again: JSON knows text only."""
    if isinstance(value, dict):
        numbers = all(key.isdecimal() for key in value)
        return {int(key) if numbers else key: _numbered(item) for key, item in value.items()}
    return value


def _line(header: dict[str, Any]) -> bytes:
    text = json.dumps(header, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return f"{text}\n".encode()


def _state(path: Path, sha256: bytes) -> str:
    try:
        with path.open("rb") as file:
            return "" if hashlib.file_digest(file, "sha256").digest() == sha256 else "changed"
    except OSError:
        return "missing"


def _damaged(path: Path, reason: str) -> StorageError:
    return StorageError(
        f"The manifest '{path}' is damaged: {reason}.",
        "A file as the workbench wrote it.",
        "Register the dataset again (`workbench datasets add`).",
        path=str(path),
    )
