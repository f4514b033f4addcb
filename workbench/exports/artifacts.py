"""The files of an exported model: their digest, their size, and what travels with them.

What lives here: a model's file or folder as one thing; the licence and the list of digests beside it. What does not:
what is in them (``inside``).
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from workbench.errors import storage_error
from workbench.serving.spec import file_sha256

SUMS_NAME: Final = "SHA256SUMS"
LICENCE_NAME: Final = "LICENSE"
_DATE: Final = (1980, 1, 1, 0, 0, 0)


def files(path: Path) -> Iterator[Path]:
    """Yield a file itself, or all files of a folder, in the order of their names."""
    if path.is_dir():
        yield from sorted(each for each in path.rglob("*") if each.is_file())
    else:
        yield path


def digest(path: Path) -> str:
    """Return the sha256 of a file, hexadecimal; of a folder, that of the names and digests of its files.

    Raises:
        ModelError: when a file cannot be read.
    """
    if not path.is_dir():
        return file_sha256(path)
    lines = (f"{file_sha256(each)}  {each.relative_to(path).as_posix()}\n" for each in files(path))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def size(path: Path) -> int:
    """Return how many bytes a file, or all files of a folder, have."""
    return sum(each.stat().st_size for each in files(path))


def accompany(folder: Path) -> None:
    """Write the licence and ``SHA256SUMS`` into an export's folder: ``sha256sum --check`` reads it."""
    (folder / LICENCE_NAME).write_text(_licence(), encoding="utf-8")
    there = [each for each in files(folder) if each.name != SUMS_NAME]
    lines = [f"{file_sha256(each)}  {each.relative_to(folder).as_posix()}\n" for each in there]
    (folder / SUMS_NAME).write_text("".join(lines), encoding="utf-8")


def bundle(folder: Path, target: Path) -> Path:
    """Write an export's folder as a zip file, whole or not at all, and return its path; equal folders, equal bytes.

    Raises:
        StorageError: when it cannot be written.
    """
    draft = target.with_name(f".{target.name}.draft")
    try:
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive:
            for each in files(folder):
                entry = zipfile.ZipInfo(each.relative_to(folder).as_posix(), _DATE)
                entry.external_attr, entry.compress_type = 0o644 << 16, zipfile.ZIP_DEFLATED
                archive.writestr(entry, each.read_bytes())
        return draft.replace(target)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise storage_error(error, target) from error


@cache
def _licence() -> str:
    name = "AGPL-3.0-or-later, see https://www.gnu.org/licenses/agpl-3.0.txt\n"
    try:
        return distribution("vision-workbench").read_text("licenses/LICENSE") or name
    except PackageNotFoundError:  # run from its sources
        return name
