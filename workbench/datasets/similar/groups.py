"""Which images belong together, so that a split does not tear them apart.

What lives here: groups told from names, folders and columns, and their union with near duplicates. What does not:
splitting (``splits``).

Names are believed where they say it: Roboflow's copies (``cat_jpg.rf.<hash>.jpg``), copies named for how they were made
(``cat_aug3``, ``cat_flip``), and numbered frames of something named a clip, a video, a sequence, .... A number alone
says nothing: ``IMG_0001`` and ``cat_001`` are photographs of their own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from workbench.errors import DatasetError

By = Literal["column", "names", "folders"]
BY: tuple[By, ...] = ("column", "names", "folders")

_NAME_MOST, _PATH_MOST = 255, 4096  # longer ones no file has, and the patterns would take long over them
_ROBOFLOW = re.compile(r"(?:_(?:jpe?g|png|bmp|tiff?|webp))?\.rf\.[0-9A-Za-z]{8,}$", re.IGNORECASE)
_MADE = re.compile(
    r"(?:[_\-. ]+(?:aug(?:ment(?:ed|ation)?)?|copy|[hv]?flip(?:ped)?|mirror(?:ed)?|rot(?:ate|ated|ation)?|crop(?:ped)?"
    r"|blur(?:red)?|noise|noisy|bright(?:er|ness)?|dark(?:er)?|contrast|gr[ae]y(?:scale)?|resized|scaled|shift(?:ed)?"
    r"|jitter|original|orig)(?:[_\-]?\d{1,4})?|[ _]?\(\d{1,3}\))+$",
    re.IGNORECASE,
)
_FRAME = re.compile(r"^(.*?)[_\-. ]*(\d+)$", re.DOTALL)
_FILMED = re.compile(
    r"(?<![a-z])(?:clips?|videos?|vids?|frames?|seqs?|sequences?|movies?|films?|scenes?|shots?|takes?|tracks?|cams?"
    r"|cameras?|episodes?|mov|mp4|avi|mkv)(?![a-z])",
    re.IGNORECASE,
)
_SPLITS = frozenset({"train", "training", "val", "valid", "validation", "test", "testing", "images", "image", "img"})


def keys(images: pa.Table, by: Sequence[By] = ("column", "names"), pattern: str | None = None) -> pa.Array:
    """Return what each image belongs to: string, null for an image of its own.

    Args:
        images: schema ``content.IMAGES``.
        by: what to go by, the first that says something wins: ``column`` is the column ``group``, ``names`` as this
            module's docstring says, ``folders`` the folder that an image lies in, splits aside.
        pattern: a regular expression that is searched in the path; its first group, or all of it, is the key. It goes
            before ``by``.

    Raises:
        DatasetError: when ``by`` or ``pattern`` is not understood.
    """
    _check(by)
    searched = _compile(pattern) if pattern else None
    columns = []
    paths = images["path"].to_pylist()
    if searched:
        columns.append([_searched(searched, path) for path in paths])
    for way in by:
        if way == "column":
            columns.append(images["group"].to_pylist())
        elif way == "names":
            columns.append(_named(paths))
        else:
            columns.append([_folder(path) for path in paths])
    return pa.array([next((key for key in row if key), None) for row in zip(*columns, strict=True)], pa.string())


def join(images: pa.Table, groups: pa.Array, pairs: pa.Table) -> pa.Array:
    """Return ``groups`` with the images of a pair in one group; a group that was joined bears the first of its names.

    Args:
        images: schema ``content.IMAGES``.
        groups: string, one per image, null for an image of its own.
        pairs: schema ``pairs.PAIRS``.

    Returns:
        string, one per image, null for an image of its own. The order of the images and pairs does not matter.
    """
    ids = images["image_id"].to_numpy()
    given = groups.dictionary_encode()
    codes = given.indices.fill_null(-1).to_numpy().astype(np.int64)
    grouped = np.flatnonzero(codes >= 0)
    # A group is a node beside its images: so one pass joins images with images and with groups
    first = np.concatenate([np.searchsorted(ids, pairs["a"].to_numpy()), grouped])
    second = np.concatenate([np.searchsorted(ids, pairs["b"].to_numpy()), len(ids) + codes[grouped]])
    parts = components(len(ids) + len(given.dictionary), first, second)
    names = np.array([*images["path"].to_pylist(), *given.dictionary.to_pylist()], object)
    rank = np.argsort(np.argsort(names, kind="stable"), kind="stable")
    rank[: len(ids)] += len(names)  # a group's own name goes before a path
    best: dict[int, int] = {}
    sizes = np.bincount(parts[: len(ids)], minlength=len(names))
    for node in np.argsort(rank, kind="stable"):
        best.setdefault(int(parts[node]), int(node))
    return pa.array(
        [
            str(names[best[part]]) if sizes[part] > 1 or codes[row] >= 0 else None
            for row, part in enumerate(parts[: len(ids)].tolist())
        ],
        pa.string(),
    )


def components(count: int, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the lowest node that each of ``count`` nodes is connected with by the edges ``first`` to ``second``."""
    parent = np.arange(count)
    while len(first):
        # Each round hooks every root to the lowest root that it meets, then flattens: few rounds even for long chains
        low, high = np.minimum(parent[first], parent[second]), np.maximum(parent[first], parent[second])
        open_ = low != high
        first, second, low, high = first[open_], second[open_], low[open_], high[open_]
        np.minimum.at(parent, high, low)
        while not np.array_equal(flat := parent[parent], parent):
            parent = flat
    return parent


def _check(by: Sequence[str]) -> None:
    for way in by:
        if way not in BY:
            raise DatasetError(
                f"Images cannot be grouped by '{way}'.", f"One of {', '.join(BY)}.", "Choose one of them."
            )


def _compile(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise DatasetError(
            f"'{pattern}' is not a regular expression: {error}.",
            r"One whose first group is the key, such as '(clip\d+)_'.",
            "Correct it.",
        ) from error


def _searched(pattern: re.Pattern[str], path: str) -> str | None:
    match = pattern.search(path)
    return (match.group(1) if pattern.groups else match.group()) if match else None


def _folder(path: str) -> str | None:
    return "/".join(part for part in path.split("/")[:-1] if part.lower() not in _SPLITS) or None


def _named(paths: list[str]) -> list[str | None]:
    """Return the key that each path's name says, None where it says none."""
    told = [_copy_of(path) for path in paths]
    originals = {bare for bare, marked in told if marked}
    frames = [_film_of(bare) for bare, _ in told]
    counted = Counter(frames)
    # One film that is most of the dataset cannot be kept on one side: then the word was but a name
    films = {film for film, count in counted.items() if film and 2 * count <= len(paths)}
    return [
        film if film in films else bare if marked or bare in originals else None
        for film, (bare, marked) in zip(frames, told, strict=True)
    ]


def _copy_of(path: str) -> tuple[str, bool]:
    """Return the name without what marks a copy, its folder before it, and whether anything did."""
    stem = path.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    if len(stem) > _NAME_MOST:
        return path, False
    bare = _ROBOFLOW.sub("", stem)
    bare = _MADE.sub("", bare) or bare
    folder = _folder(path)
    return f"{folder}/{bare}" if folder else bare, bare != stem


def _film_of(bare: str) -> str | None:
    frame = _FRAME.match(bare) if len(bare) <= _PATH_MOST else None
    return frame[1] if frame and _FILMED.search(frame[1].replace("_", " ")) else None
