"""Gives each image of a dataset a split.

What lives here: what is asked for, which images stay together, and the new tables. What does not: who goes where
(``stratification``).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from workbench.datasets.content import Content
from workbench.datasets.derivation import with_splits
from workbench.datasets.similar.groups import components
from workbench.datasets.source import SPLITS
from workbench.datasets.splits.stratification import Unit, distribute
from workbench.errors import DatasetError, did_you_mean

LEARNER = "train"

Ints = NDArray[np.int64]


def assign(
    content: Content,
    shares: dict[str, float],
    seed: int = 0,
    *,
    groups: pa.Array | None = None,
    stratify: bool = True,
    keep: Collection[str] = (),
) -> Content:
    """Return ``content`` with its images shared out to splits.

    Images of one group, and a file that is listed twice, stay on one side. The same images, shares and seed give the
    same splits on any machine, in whatever order the images are listed. Every split gets a group, and every class that
    has images at all gets one in train.

    Args:
        content: what is split; the splits that it has count only for ``keep``.
        shares: of ``train``, ``val`` and ``test``, > 0, together 1; of the images that are not kept.
        seed: of what is left to chance.
        groups: string, one per image, null for an image of its own; see ``similar.join``. Left out, it is the column
            ``group``.
        stratify: whether to share out each class evenly, by the images that it is in.
        keep: splits that stay as they are. Images of a group that a kept split has images of would leak into it: they
            end in no split.

    Raises:
        DatasetError: when the shares cannot be had.
    """
    _check_shares(shares)
    _check_keep(content, shares, keep)
    pool = _pool(content, groups, keep)
    _check_count(pool, len(shares), "splits")
    names = sorted(shares, key=SPLITS.index)
    learner = names.index(LEARNER) if LEARNER in names else None
    units = pool.units(content, seed, stratify=stratify)
    placed = distribute(units, [shares[name] for name in names], learner)
    return _placed(content, pool, [names[share] for share in placed])


def folds(
    content: Content,
    count: int,
    seed: int = 0,
    *,
    groups: pa.Array | None = None,
    stratify: bool = True,
    keep: Collection[str] = (),
) -> Iterator[Content]:
    """Yield ``count`` times the same images; each time another fold is val, and the others are train.

    Args:
        content: what is split.
        count: of folds, >= 2.
        seed: as for ``assign``.
        groups: as for ``assign``.
        stratify: as for ``assign``.
        keep: as for ``assign``, e.g. ``("test",)``.

    Raises:
        DatasetError: when there are fewer groups than folds.
    """
    if count < 2:
        raise DatasetError(f"{count} folds are too few.", "A whole number >= 2.", "Ask for more folds.", folds=count)
    _check_keep(content, {LEARNER: 1.0, "val": 1.0}, keep)
    pool = _pool(content, groups, keep)
    _check_count(pool, count, "folds")
    placed = distribute(pool.units(content, seed, stratify=stratify), [1 / count] * count)
    for fold in range(count):
        yield _placed(content, pool, ["val" if share == fold else LEARNER for share in placed])


@dataclass(frozen=True)
class _Pool:
    """The images that are shared out.

    Attributes:
        rows: int64: their rows in the table of images.
        unit: int64: the unit of each of them, 0..count-1.
        count: of units.
        kept: bool, one per image of the table: whether it stays in its split.
    """

    rows: Ints
    unit: Ints
    count: int
    kept: NDArray[np.bool_]

    def units(self, content: Content, seed: int, *, stratify: bool) -> list[Unit]:
        images = content.images
        used = pc.not_equal(pc.fill_null(images["effect"], "keep"), "drop").to_numpy()[self.rows]
        sizes = np.bincount(self.unit[used], minlength=self.count).tolist()
        classes: list[dict[int, int]] = [{} for _ in range(self.count)]
        if stratify and content.objects.num_rows:
            for unit, cls, count in _classes(content, self.rows[used], self.unit[used]):
                classes[unit][cls] = count
        first: list[str] = [""] * self.count
        paths = images["path"].take(pa.array(self.rows)).to_pylist()
        for unit, path in zip(self.unit.tolist(), paths, strict=True):
            if not first[unit] or path < first[unit]:
                first[unit] = path
        return [Unit(sizes[index], classes[index], _order(seed, first[index])) for index in range(self.count)]


def _order(seed: int, path: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{path}".encode("utf-8", "surrogatepass")).digest()


def _pool(content: Content, groups: pa.Array | None, keep: Collection[str]) -> _Pool:
    images = content.images
    count = len(images)
    kept = pc.is_in(images["split"], value_set=pa.array(sorted(keep), pa.string())).to_numpy().copy()
    first, second, nodes = [], [], count
    for column in (images["group"] if groups is None else groups, images["file"]):
        given = (column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column).dictionary_encode()
        codes = given.indices.fill_null(-1).to_numpy().astype(np.int64)
        there = np.flatnonzero(codes >= 0)
        first.append(there)
        second.append(nodes + codes[there])
        nodes += len(given.dictionary)
    parts = components(nodes, np.concatenate(first), np.concatenate(second))[:count]
    touched = np.isin(parts, parts[kept])
    rows = np.flatnonzero(~touched)
    _, unit = np.unique(parts[rows], return_inverse=True)
    return _Pool(rows, unit.astype(np.int64), int(unit.max(initial=-1)) + 1, kept)


def _classes(content: Content, rows: Ints, unit: Ints) -> Iterator[tuple[int, int, int]]:
    """Yield (unit, class, images of the unit with the class); images with no object are a class of their own."""
    places = np.full(len(content.images), -1, np.int64)
    places[rows] = unit
    ids = content.images["image_id"].to_numpy()
    of_objects = np.searchsorted(ids, content.objects["image_id"].to_numpy())
    classes = content.objects["cls"].to_numpy().astype(np.int64)
    empty = np.setdiff1d(np.arange(len(ids)), of_objects)
    seen = np.unique(
        np.stack([np.concatenate([of_objects, empty]), np.concatenate([classes, np.full(len(empty), -1)])], axis=1),
        axis=0,
    )
    seen = seen[places[seen[:, 0]] >= 0]
    pairs, counts = np.unique(np.stack([places[seen[:, 0]], seen[:, 1]], axis=1), axis=0, return_counts=True)
    for (group, cls), count in zip(pairs.tolist(), counts.tolist(), strict=True):
        yield group, cls, count


def _placed(content: Content, pool: _Pool, names: list[str]) -> Content:
    splits = np.full(len(content.images), "", object)
    splits[pool.kept] = np.array(content.images["split"].to_pylist(), object)[pool.kept]
    splits[pool.rows] = np.array(names, object)[pool.unit]
    fresh = with_splits(content, pa.array(splits, pa.string()))
    return _once(fresh)


def _once(content: Content) -> Content:
    """Leave out an image that is in the same split already."""
    rows = zip(content.images["split"].to_pylist(), content.images["file"].to_pylist(), strict=True)
    first: dict[tuple[str, str | int], int] = {}
    for row, (split, file) in enumerate(rows):
        first.setdefault((split, file or row), row)
    if len(first) == len(content.images):
        return content
    images = content.images.take(pa.array(first.values()))
    return with_splits(replace(content, images=images), images["split"])


def _check_shares(shares: dict[str, float]) -> None:
    for name, share in shares.items():
        if name not in SPLITS:
            known = f"One of {', '.join(SPLITS)}."
            raise DatasetError(f"'{name}' is not a split.", known, did_you_mean(name, SPLITS), split=name)
        if not (math.isfinite(share) and 0 < share <= 1):
            raise DatasetError(
                f"The share of {name} is {share:g}.",
                "A share greater than 0, at most 1.",
                "Leave out a split that should get nothing.",
                split=name,
                share=share,
            )
    total = math.fsum(shares.values())
    if abs(total - 1) > 1e-6:
        listed = " + ".join(f"{name} {share:g}" for name, share in shares.items()) or "no shares"
        raise DatasetError(
            f"The shares sum to {total:g} ({listed}).", "A sum of 1.", "Change one of them.", total=total
        )


def _check_keep(content: Content, shares: dict[str, float], keep: Collection[str]) -> None:
    for name in keep:
        if name in shares:
            raise DatasetError(
                f"'{name}' is to be kept, and to get a share.",
                "Shares of the splits that are not kept; they sum to 1 without it.",
                f"Leave {name} out of one of both.",
                split=name,
            )
        if name not in content.counts:
            there = ", ".join(split for split in content.counts if split) or "none"
            raise DatasetError(
                f"There is no split '{name}' to keep.", f"One of those that are there: {there}.", "Keep one of these."
            )


def _check_count(pool: _Pool, wanted: int, what: str) -> None:
    if pool.count < wanted:
        raise DatasetError(
            f"{len(pool.rows):,} images in {pool.count:,} groups cannot fill {wanted} {what}.",
            f"At least {wanted} groups: images of one group stay together.",
            f"Ask for fewer {what}, or group the images by something smaller.",
            groups=pool.count,
        )
