"""Files and folders that appear whole or not at all.

What lives here: one write and one folder swap. What does not: what is written.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from workbench.errors import storage_error


def write_text(path: Path, text: str) -> Path:
    """Write ``text`` (UTF-8) so that readers see the old file or the new one, never a part.

    Raises:
        StorageError: when the disk is full or the folder may not be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            # surrogateescape: file names that are not UTF-8 keep their bytes
            with draft.open("w", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(error, path) from error
    return path


def empty_folder(folder: Path) -> Path:
    """Make ``folder`` anew, without what an interrupted build may have left there."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    return folder


def swap_folder(built: Path, folder: Path) -> None:
    """Put ``built`` in the place of ``folder``; both lie on one file system. A former ``folder`` is removed."""
    former = folder.with_name(f".{folder.name}.former")
    if former.exists():
        shutil.rmtree(former)
    if folder.exists():
        folder.replace(former)
    built.replace(folder)
    if former.exists():
        shutil.rmtree(former)
