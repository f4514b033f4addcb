"""Bytes on disk: atomic writes, hashes, sizes, removal; and folders that a process may only read.

What lives here: how a file is put so that a reader never sees half of it. What does not: where it lies (``paths``).
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, cast

import orjson

from workbench.errors import StorageError, storage_error

_CHUNK_BYTES = 1 << 20
_WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# What Python announces before it does it, and which of the arguments are the paths that it changes.
_CHANGES: Final = {
    **dict.fromkeys(("os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.chmod", "os.chown", "os.utime"), (0,)),
    **dict.fromkeys(("os.setxattr", "os.removexattr", "shutil.rmtree"), (0,)),
    **dict.fromkeys(("os.rename", "shutil.move"), (0, 1)),
    **dict.fromkeys(("os.link", "os.symlink"), (1,)),
}
_sealed: tuple[str, ...] = ()
_JSON = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY


def put(path: Path, data: bytes) -> Path:
    """Write ``data`` to ``path`` so that readers see the old file or the new one, never a part; return ``path``.

    Raises:
        StorageError: when the disk is full or the folder is read-only; the old file is then still there.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(data)
    return path


def put_text(path: Path, text: str) -> Path:
    """Write ``text`` as UTF-8, atomically; file names in it that are not UTF-8 keep their bytes.

    Raises:
        StorageError: as ``put``.
    """
    return put(path, text.encode("utf-8", errors="surrogateescape"))


def put_json(path: Path, value: Any) -> Path:
    """Write ``value`` as indented JSON, atomically.

    Raises:
        StorageError: as ``put``.
    """
    return put(
        path, orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY)
    )


def get_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in ``path``.

    Raises:
        StorageError: when the file is missing or damaged.
    """
    try:
        return cast("dict[str, Any]", orjson.loads(path.read_bytes()))
    except (OSError, orjson.JSONDecodeError) as error:
        raise StorageError(
            f"Could not read '{path}': {error}.",
            "A JSON file written by the workbench.",
            "Restore the file from a backup, or delete its folder when nobody needs it.",
            path=str(path),
        ) from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; on leaving without an error it takes the place of ``path``.

    Raises:
        StorageError: for an ``OSError`` inside the block or while replacing; nothing half-written stays.
    """
    # Two threads may put the same file, and a draft that a killed process left may be a link to a file in use.
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise storage_error(error, path) from error
    finally:
        with suppress(OSError):  # on a read-only disk even removing what is not there fails
            temporary.unlink(missing_ok=True)


def copy(source: Path, target: Path) -> None:
    """Copy a file atomically.

    Raises:
        StorageError: as ``put``.
    """
    with replacing(target) as temporary:
        shutil.copyfile(source, temporary)


def link(source: Path, target: Path) -> None:
    """Put a hard link to ``source`` at ``target``, atomically; a copy where the file system has no links.

    Raises:
        StorageError: as ``put``.
    """
    with replacing(target) as temporary:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)


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


def sha256(path: Path, progress: Callable[[int], None] | None = None) -> str:
    """Return the sha256 of a file as 64 hexadecimal digits; ``progress`` gets the bytes of each chunk."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            if progress is not None:
                progress(len(chunk))
    return digest.hexdigest()


def bytes_total(path: Path) -> int:
    """Return the bytes of a file, or of all files below a folder; links count as themselves."""
    if path.is_file() or path.is_symlink():
        return path.lstat().st_size
    return sum(
        _size(Path(root, name)) for root, folders, files in os.walk(path) for name in (*files, *_links(root, folders))
    )


def remove(path: Path) -> None:
    """Remove a folder so that no reader sees half of it: it is renamed first, then deleted.

    Raises:
        StorageError: when the folder cannot be renamed or deleted.
    """
    try:
        # A new name in the same folder takes no space: a full disk is when things are removed.
        gone = path.rename(path.with_name(f".removed-{secrets.token_hex(4)}-{path.name}"))
        shutil.rmtree(gone)
    except OSError as error:
        raise storage_error(error, path) from error


def _links(root: str, folders: list[str]) -> list[str]:
    return [name for name in folders if Path(root, name).is_symlink()]


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:  # a run in progress removes its scratch while it is counted
        return 0


def make_folder(path: Path, *below: Path) -> None:
    """Make a folder, those above it, and those ``below`` it, where they are missing; errors name the first.

    Raises:
        StorageError: when that cannot be, or this process may only read there.
    """
    check_changeable(path)
    try:
        for folder in (path, *below):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, path) from error


def check_changeable(path: Path) -> None:
    """Do nothing, unless this process may only read there.

    Raises:
        StorageError: when it may.
    """
    try:
        _refuse("os.mkdir", (path,))
    except OSError as error:
        raise storage_error(error, path) from error


def seal(*folders: Path) -> None:
    """Let this process only read what lies below ``folders``, for good: to all code in it the disk is read-only.

    Whatever opens, makes, renames or removes a file there through Python gets ``EROFS``: read-only disks are dealt with
    anyway. What a library in C writes by itself is not seen; the database has a lock of its own.

    Raises:
        StorageError: when the first folder is not there; the others need not be.
    """
    global _sealed  # noqa: PLW0603  an audit hook is the process' own, and stays
    if not folders[0].is_dir():
        raise StorageError(
            f"There is no folder '{folders[0]}'.",
            "A folder that is there, to read it.",
            "Name a workspace with --workspace or WORKBENCH_HOME; `workbench init` makes one.",
            path=str(folders[0]),
        )
    if not _sealed:
        sys.addaudithook(_refuse)
    named = (str(path) for folder in folders for path in (folder.absolute(), folder.resolve()))
    _sealed = tuple(dict.fromkeys((*_sealed, *named)))


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if not _sealed:
        return
    if event == "open":
        paths = arguments[:1] if (arguments[2] or 0) & _WRITES else ()
    else:
        paths = tuple(arguments[place] for place in _CHANGES.get(event, ()))
    for path in paths:
        if not isinstance(path, int) and _lies_below(os.path.abspath(os.fsdecode(path))):  # noqa: PTH100  no Path: it is hot
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)


def _lies_below(path: str) -> bool:
    return any(path == folder or path.startswith(f"{folder}{os.sep}") for folder in _sealed)
