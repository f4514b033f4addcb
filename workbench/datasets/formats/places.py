"""Where the image files are that a format names.

What lives here: the listing of a dataset's folder, the finding of a named file in it, the split that a name tells, and
the size of an image from its header. What does not: the verdict on image files (``scan``).

A name in a JSON, XML or CSV file was written by somebody else: nothing outside the dataset's folder is ever opened
for it. What is found is one of the files that were listed there.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from workbench.datasets.filenames import to_name, to_text
from workbench.datasets.images import SUFFIXES
from workbench.errors import DatasetError
from workbench.pillow import opener

_NAME_MOST = 4096  # characters; what is longer names no file
_SPLITS = {
    **dict.fromkeys(("train", "training", "trainset"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "valset"), "val"),
    **dict.fromkeys(("test", "testing", "testset"), "test"),
}
_WORD = re.compile(r"[a-z]+")
_DIGITS = "0123456789"
_THREADS = 4


@dataclass(frozen=True)
class Found:
    """A named image.

    Attributes:
        path: posix, relative to the root; of a missing one, what was asked for.
        file: absolute; empty when it is missing.
        bytes: its size; None when it is missing.
        mtime_ns: when it was changed; None when it is missing.
        fault: why it is missing.
    """

    path: str
    file: str = ""
    bytes: int | None = None
    mtime_ns: int | None = None
    fault: str = ""


@dataclass
class Places:
    """The files below a folder. Hidden ones are left out; a linked folder is followed once.

    Attributes:
        root: the folder.
        files: posix paths relative to it.
        used: those that were asked for and found.
    """

    root: Path
    files: dict[str, None] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    _by_name: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def below(cls, root: Path) -> Places:
        """List ``root``."""
        return cls(root, dict.fromkeys(walk(root)))

    def find(self, name: str, near: Sequence[str] = (), split: str = "") -> Found:
        """Return the file that ``name`` means.

        It is looked for below the folders ``near`` (relative to the root), then below the root, then anywhere by the
        end of its path, as long as only one file ends so and it is in no other split's folder.
        """
        wanted = _plain(name)
        path = self._place(wanted, near, split) if wanted else None
        if path is None:
            return Found(_shown(wanted or name), fault=_fault(name, wanted))
        file = self.text(path)
        try:
            stat = os.stat(to_name(file))  # noqa: PTH116 - 10x Path
        except OSError as error:
            return Found(path, fault=f"it cannot be read ({error.strerror})")
        self.used.add(path)
        return Found(path, file, stat.st_size, stat.st_mtime_ns)

    def path(self, name: str) -> Path:
        """Return the file of the listing that ``name`` is, as it can be opened."""
        return self.root / to_name(name)

    def text(self, name: str) -> str:
        """Return the absolute path of a file of the listing, as columns hold it."""
        return f"{to_text(str(self.root))}/{name}"

    def _place(self, wanted: str, near: Sequence[str], split: str) -> str | None:
        for folder in (*near, ""):
            path = f"{folder}/{wanted}" if folder else wanted
            if path in self.files:
                return path
        return self._ending(wanted, split)

    def _ending(self, wanted: str, split: str) -> str | None:
        if not self._by_name:
            for path in self.files:
                self._by_name.setdefault(path.rpartition("/")[2], []).append(path)
        parts = wanted.split("/")
        # Names such as 0001.jpg are in every split: a missing one is not the other split's
        same = [path for path in self._by_name.get(parts[-1], ()) if not split or folder_split(path) in (split, "")]
        for length in range(len(parts), 0, -1):
            end = "/".join(parts[-length:])
            fitting = [path for path in same if path == end or path.endswith(f"/{end}")]
            if fitting:
                return fitting[0] if len(fitting) == 1 else None
        return None

    def unused(self) -> list[str]:
        """Return the images that nothing asked for, sorted."""
        return sorted(path for path in self.files if path not in self.used and is_image(path))


def walk(root: Path) -> Iterator[str]:
    """Yield the files below ``root``, relative and posix, as ``filenames.to_text`` writes them."""
    seen = set()
    cut = len(str(root).rstrip("/")) + 1
    for base, folders, files in os.walk(root, followlinks=True):
        real = os.path.realpath(base)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        prefix = base[cut:].replace(os.sep, "/")
        for name in files:
            if not name.startswith("."):
                yield to_text(f"{prefix}/{name}" if prefix else name)


def is_image(path: str) -> bool:
    """Return whether ``path`` has the suffix of an image that training reads."""
    return os.path.splitext(path)[1].lower() in SUFFIXES  # noqa: PTH122 - 10x Path


def _plain(name: str) -> str:
    """Return ``name`` as a relative posix path without steps up; only the path of a URL."""
    text = name.replace("\\", "/")[:_NAME_MOST]
    if "://" in text:
        text = unquote(re.sub(r"^[^:]*://[^/]*|[?#].*$", "", text))
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if ".." in parts:
        parts = parts[len(parts) - parts[::-1].index("..") :]
    if parts and re.fullmatch(r"[A-Za-z]:", parts[0]):
        parts = parts[1:]
    return "/".join(parts)


def _shown(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()


def _fault(name: str, wanted: str) -> str:
    if not wanted:
        return "it has no name"
    if "://" in name:
        return "it is a URL, and no file of that name is here"
    if name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/"):
        return "its path leads out of the dataset, and no file of that name is here"
    return "it is not there"


def split_of(*names: str) -> str:
    """Return the split that the first telling one of ``names`` (file stems, folders) means; empty when none does."""
    for name in names:
        for word in _WORD.findall(name.lower()):
            if word in _SPLITS:
                return _SPLITS[word]
    return ""


def folder_split(path: str) -> str:
    """Return the split that a folder of ``path`` is named after, such as val or val2017; empty when none is."""
    folders = (part.lower().rstrip(_DIGITS) for part in path.split("/")[:-1])
    return next((_SPLITS[part] for part in folders if part in _SPLITS), "")


def root_of(data: Path, inner: Sequence[str] = ("annotations", "labels", "ann")) -> Path:
    """Return the dataset's folder for what the user named: itself, or where the file, or its folder of labels, is."""
    if data.is_dir():
        return data
    return data.parent.parent if data.parent.name.lower() in inner else data.parent


def sizes(files: Sequence[str]) -> list[tuple[int, int]]:
    """Return width and height of each image as training sees it, from its header; (0, 0) where it has none."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(_size, files))


def _size(file: str) -> tuple[int, int]:
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of huge images: their headers are all that is read
            with open(to_name(file), "rb") as stream, opener()(stream) as image:  # noqa: PTH123
                width, height = image.size
                turned = image.getexif().get(274) in {5, 6, 7, 8}
    except (OSError, SyntaxError, ValueError, MemoryError, NotImplementedError, Image.DecompressionBombError):
        return 0, 0
    return (height, width) if turned else (width, height)


def nothing_found(data: Path, named: int, first: str) -> DatasetError:
    """Return the error for a dataset none of whose images is there."""
    return DatasetError(
        f"None of the {named:,} images that '{data.name}' names is there, first '{first}'.",
        "The image files beside the annotations, or in a folder beside them.",
        "Name the folder that holds both, or fetch the images first.",
        path=str(data),
    )
