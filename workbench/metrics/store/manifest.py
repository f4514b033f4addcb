"""What a compacted run consists of: ``manifest.json``, which is put last.

What lives here: its form on disk. What does not: the Parquet files that it names (``generation``, ``sorted_files``).

The file is ``{"crc32": <of the object that follows>, "manifest": {…}}``. Its series are columns, so that the manifests
of a thousand runs are read in a tenth of a second; numbers that JSON has not are words, as in the logs.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from workbench import storage
from workbench.metrics.encode import number
from workbench.metrics.store.logs import Covered
from workbench.metrics.store.points import Key
from workbench.metrics.store.summary import FIELDS, FLOATS, Summary

NAME = "manifest.json"
POINTS, PYRAMID = "points.parquet", "pyramid.parquet"
VERSION = 1
_BETWEEN = b',"manifest":'
_WORDS = ("scope", "name")


class DamagedError(Exception):
    """A file of a compacted run is not what was written."""


@dataclass(frozen=True)
class Sealed:
    """A Parquet file as it was written.

    Attributes:
        rows: how many it has.
        group: rows in each row group, save the last.
        bytes: how long it is.
        footer: bytes of its end that say where everything lies.
        crc32: of these bytes; the pages have checksums of their own.
    """

    rows: int
    group: int
    bytes: int
    footer: int
    crc32: int


@dataclass(frozen=True)
class Place:
    """Where a series lies: its first row in each of the two files."""

    row: int
    bucket: int


@dataclass(frozen=True)
class Manifest:
    """A compacted run.

    Attributes:
        generation: the folder of its files.
        covered: by writer, the part of the logs that is compacted; the numbers of the writers go by this order.
        kept: by attempt that resumed, the epochs that it kept of those before it.
        hides: whether points were left out that count again when an attempt resumes, see ``rule.Rule``: then all is
            to be read from the logs.
        points: every point that counts, by scope, name and step.
        pyramid: the buckets of every series, its coarsest level first.
        series: columns by name: ``row`` and ``bucket`` (where a series lies) and the fields of its summary. Numbers are
            arrays, which the garbage collector does not look at: a thousand manifests may be held.
    """

    generation: str
    covered: Mapping[str, Covered]
    kept: Mapping[int, int]
    hides: bool
    points: Sealed
    pyramid: Sealed
    series: Mapping[str, Any]

    @cached_property
    def index(self) -> dict[Key, int]:
        """Where a series stands in the columns."""
        pairs = zip(self.series["scope"], self.series["name"], strict=True)
        return {Key(scope, name): at for at, (scope, name) in enumerate(pairs)}

    def place(self, key: Key) -> Place:
        """Return where a series lies."""
        at = self.index[key]
        return Place(int(self.series["row"][at]), int(self.series["bucket"][at]))

    def summary(self, key: Key) -> Summary:
        """Return the summary of a series."""
        at = self.index[key]
        found = (self.series[field][at] for field in FIELDS)
        return Summary(*(value.item() if isinstance(value, np.generic) else value for value in found))


def columns(found: Sequence[tuple[Place, Summary]]) -> dict[str, list[Any]]:
    """Return series as the columns of a manifest."""
    placed = {name: [getattr(place, name) for place, _ in found] for name in ("row", "bucket")}
    return placed | {name: [getattr(summary, name) for _, summary in found] for name in FIELDS}


def dump(manifest: Manifest) -> bytes:
    """Return the bytes of ``manifest.json``."""
    series = {name: list(column) for name, column in manifest.series.items()}
    series |= {name: [number(value) for value in series[name]] for name in FLOATS}
    covered = {
        writer: {"bytes": found.bytes, "written": number(found.written)} for writer, found in manifest.covered.items()
    }
    body = orjson.dumps(
        {
            "version": VERSION,
            "generation": manifest.generation,
            "covered": covered,
            "kept": {str(attempt): epoch for attempt, epoch in manifest.kept.items()},
            "hides": manifest.hides,
            "points": asdict(manifest.points),
            "pyramid": asdict(manifest.pyramid),
            "series": series,
        },
        option=orjson.OPT_SERIALIZE_NUMPY,
    )
    return b'{"crc32":' + str(zlib.crc32(body)).encode() + _BETWEEN + body + b"}\n"


def parse(data: bytes) -> Manifest:
    """Return what ``dump`` wrote.

    Raises:
        DamagedError: when these are other bytes, or those of a later version.
    """
    head, _, body = data.removesuffix(b"}\n").partition(_BETWEEN)
    try:
        if int(head.removeprefix(b'{"crc32":')) != zlib.crc32(body):
            raise DamagedError("its checksum is another one")
        found = orjson.loads(body)
        if found["version"] != VERSION:
            raise DamagedError(f"it is of version {found['version']}, and this is version {VERSION}")
        return _manifest(found)
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedError(f"it is no manifest: {error}") from error


def put(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of a run's ``metrics`` folder, atomically.

    Raises:
        StorageError: when the disk is full or the folder is read-only.
    """
    storage.put(folder / NAME, dump(manifest))


def _manifest(found: dict[str, Any]) -> Manifest:
    series = {
        name: tuple(column) if name in _WORDS else np.array(column, "f8" if name in FLOATS else "i8")
        for name, column in found["series"].items()
    }
    return Manifest(
        generation=found["generation"],
        covered={writer: Covered(part["bytes"], float(part["written"])) for writer, part in found["covered"].items()},
        kept={int(attempt): epoch for attempt, epoch in found["kept"].items()},
        hides=bool(found["hides"]),
        points=Sealed(**found["points"]),
        pyramid=Sealed(**found["pyramid"]),
        series=series,
    )
