"""Finding image files and the label of each, by listing folders, each once.

What lives here: what lies in a folder, and which label belongs to which image. What does not: which folders
(``layout``), the content of the files (``labels``, ``images``, ``scan``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from workbench.datasets.datayaml import Problem
from workbench.datasets.images import SUFFIXES
from workbench.errors import DatasetError

_TUPLE = tuple(SUFFIXES)
# Image files to a person that training does not look for
_IGNORED = (".gif", ".jfif", ".jpe", ".jxl", ".pbm", ".pgm", ".pnm", ".ppm", ".psd", ".svg", ".tga", ".ico", ".exr")
_NO_LABELS = frozenset({"classes.txt", "readme.txt", "notes.txt", "train.txt", "val.txt", "test.txt"})


class Placed(NamedTuple):
    """An image of a split.

    Attributes:
        split: ``train``, ``val`` or ``test``.
        path: posix, relative to the root where it lies below; else absolute.
        file: absolute.
        label: the file of its label, mask or depth map; None without one.
    """

    split: str
    path: str
    file: str
    label: str | None


@dataclass(frozen=True)
class Companions:
    """Where the labels of a task are.

    Attributes:
        folder: what the last folder ``images`` of an image's path becomes; empty when a task has no label files.
        suffixes: of the files, the preferred one first.
    """

    folder: str = ""
    suffixes: tuple[str, ...] = ()


@dataclass
class Folders:
    """Listings of folders, kept. One listing of a folder of labels costs less than asking for a thousand of them."""

    _listed: dict[str, frozenset[str]] = field(default_factory=dict)

    def files(self, folder: str) -> frozenset[str]:
        """Return the names of the files in ``folder`` that can be opened; nothing when there is no such folder."""
        if folder not in self._listed:
            self._listed[folder] = frozenset(_files(folder))
        return self._listed[folder]


def _files(folder: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_file():
                    yield entry.name
    except OSError:  # not there, or not ours to see: then there are no labels for a training either
        return


@dataclass
class Finder:
    """Finds the images of splits and their labels.

    Attributes:
        root: what paths are told relative to.
        wanted: where labels are.
        folders: listings of the folders of labels.
        problems: what was met on the way.
    """

    root: str
    wanted: Companions = field(default_factory=Companions)
    folders: Folders = field(default_factory=Folders)
    problems: list[Problem] = field(default_factory=list)
    _pictured: dict[str, set[str]] = field(default_factory=dict)  # stems of the images that a folder of labels is for

    def short(self, file: str) -> str:
        """Return ``file`` as people know it: posix, relative to the root where it lies below."""
        prefix = self.root if self.root.endswith(os.sep) else self.root + os.sep
        return file.removeprefix(prefix).replace(os.sep, "/")

    def split(self, split: str, entries: Sequence[str]) -> list[Placed]:
        """Return the images of ``split``, sorted by path.

        Args:
            split: its name.
            entries: absolute folders, lists (.txt) and images.
        """
        found: dict[str, Placed] = {}
        for entry in entries:
            groups = self._below(entry) if os.path.isdir(entry) else self._named(entry, split, found)  # noqa: PTH112
            for folder, names in groups:
                self._add(split, folder, names, found)
        return sorted(found.values())

    def _add(self, split: str, folder: str, names: Sequence[str], found: dict[str, Placed]) -> None:
        before, labels = len(found), self.labels(folder, names)
        prefix = f"{folder.rstrip(os.sep)}{os.sep}"
        short = self.short(prefix)
        twice = [name for name in names if prefix + name in found] if found else []
        found.update(
            (file := prefix + name, Placed(split, short + name, file, label))
            for name, label in zip(names, labels, strict=True)
        )
        if len(found) - before < len(names):
            said = f"listed more than once in {split}"
            self.problems += [Problem("image-twice", said, short + name, split=split) for name in twice]

    def _below(self, folder: str) -> Iterator[tuple[str, list[str]]]:
        for base, images, ignored in walk(folder, self._unreadable):
            prefix = self.short(f"{base}{os.sep}")
            for name in ignored:
                suffix = os.path.splitext(name)[1]  # noqa: PTH122
                self.problems.append(
                    Problem("image-ignored", f"training does not look for {suffix} files", prefix + name)
                )
            yield base, images

    def _unreadable(self, error: OSError) -> None:
        path = self.short(os.fspath(error.filename or ""))
        self.problems.append(Problem("image-unreadable", f"the folder cannot be read ({error.strerror})", path))

    def _named(self, entry: str, split: str, found: dict[str, Placed]) -> Iterator[tuple[str, list[str]]]:
        """Yield the images that a .txt names, or the one image ``entry``, by folder."""
        if not entry.lower().endswith(".txt"):
            folder, name = os.path.split(entry)
            yield folder, [name]
            return
        grouped: dict[str, list[str]] = {}
        seen = set(found)
        short = self.short(entry)
        for line, named in _lines(entry):
            file = self._listed(named, os.path.dirname(entry))  # noqa: PTH120
            if file is None:
                self.problems.append(Problem("yaml-listed-missing", named, short, line, effect="drop"))
            elif file in seen:
                self.problems.append(Problem("yaml-listed-twice", named, short, line, split))
            else:
                seen.add(file)
                folder, name = os.path.split(file)
                grouped.setdefault(folder, []).append(name)
        yield from grouped.items()

    def _listed(self, named: str, beside: str) -> str | None:
        for base in (beside, self.root, os.getcwd()):  # noqa: PTH109
            file = os.path.abspath(os.path.join(base, named))  # noqa: PTH100, PTH118
            folder, name = os.path.split(file)
            if name in self.folders.files(folder):
                return file
        return None

    def pictures(self, folder: str) -> list[str]:
        """Return the names of the images in ``folder`` itself."""
        return [name for name in self.folders.files(folder) if name[0] != "." and is_image(name)]

    def labels(self, folder: str, names: Sequence[str]) -> list[str | None]:
        """Return the label file of each image of ``folder``, None where there is none."""
        if not self.wanted.folder:
            return [None] * len(names)
        found = self._beside(folder, names)
        if None in found:
            # A linked folder of images may have its labels beside the link, or beside what it points to
            self._behind(folder, names, found)
        return found

    def _beside(self, folder: str, names: Iterable[str]) -> list[str | None]:
        there = label_folder(folder, self.wanted.folder)
        listed = self.folders.files(there)
        prefix = f"{there.rstrip(os.sep)}{os.sep}"
        stems = [name.rpartition(".")[0] for name in names]
        if there != folder:
            self._pictured.setdefault(there, set()).update(stems)
        if len(self.wanted.suffixes) == 1:
            suffix = self.wanted.suffixes[0]
            return [prefix + name if (name := stem + suffix) in listed else None for stem in stems]
        return [
            next((prefix + stem + suffix for suffix in self.wanted.suffixes if stem + suffix in listed), None)
            for stem in stems
        ]

    def _behind(self, folder: str, names: Sequence[str], found: list[str | None]) -> None:
        real = os.path.realpath(folder)
        if real != folder:
            for at, label in enumerate(self._beside(real, names)):
                found[at] = found[at] or label
        for at, name in enumerate(names):
            file = f"{folder.rstrip(os.sep)}{os.sep}{name}"
            if found[at] is None and os.path.islink(file):  # noqa: PTH114 - 10x Path
                base, target = os.path.split(os.path.realpath(file))
                found[at] = self._beside(base, [target])[0]

    def orphans(self) -> Iterator[Problem]:
        """Yield the label files that belong to no image on disk."""
        for folder, stems in sorted(self._pictured.items()):
            if self.wanted.suffixes != (".txt",):
                return
            prefix = self.short(f"{folder}{os.sep}")
            for name in sorted(self.folders.files(folder)):
                stem, dot, suffix = name.rpartition(".")
                label = dot and suffix == "txt" and name.lower() not in _NO_LABELS
                if label and stem not in stems and not self._pictures(folder, stem):
                    yield Problem("label-orphan", "no image has this name", prefix + name)

    def _pictures(self, labels: str, stem: str) -> bool:
        """Return whether an image of that stem lies where the labels of ``labels`` have theirs, listed or not."""
        here, there = f"{os.sep}{self.wanted.folder}{os.sep}", f"{os.sep}images{os.sep}"
        folder = there.join(f"{labels}{os.sep}".rsplit(here, 1))[: -len(os.sep)]
        listed = self.folders.files(folder)
        return any(stem + suffix in listed for suffix in _TUPLE)


def _lines(file: str) -> Iterator[tuple[int, str]]:
    """Yield the image paths in a .txt, with their lines from 1."""
    try:
        text = Path(file).read_text("utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise DatasetError(
            f"The list '{file}' cannot be read: {error.strerror}.", "A text of image paths.", "Check its rights."
        ) from error
    for line, entry in enumerate(text.splitlines(), 1):
        named = entry.strip()
        if named and is_image(named):
            yield line, named


def is_image(name: str) -> bool:
    """Return whether ``name`` has the suffix of an image that training reads."""
    return name.lower().endswith(_TUPLE)


def walk(
    folder: str, unreadable: Callable[[OSError], None] | None = None
) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield every folder below ``folder`` that holds files: its path, its images, and its images of other formats.

    Hidden files and folders are left out, links to folders are followed once.
    """
    seen = set()
    for base, folders, files in os.walk(folder, onerror=unreadable, followlinks=True):
        real = os.path.realpath(base)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if name[0] != ".")
        images = [name for name in files if name[0] != "." and is_image(name)]
        ignored = [name for name in files if name[0] != "." and name.lower().endswith(_IGNORED)]
        yield base, images, sorted(ignored)


def label_folder(folder: str, becomes: str = "labels") -> str:
    """Return where training looks for the labels of the images in ``folder``: its last ``images`` becomes another."""
    here, there = f"{os.sep}images{os.sep}", f"{os.sep}{becomes}{os.sep}"
    return there.join(f"{folder}{os.sep}".rsplit(here, 1))[: -len(os.sep)]
