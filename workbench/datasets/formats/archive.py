"""Archives: zip, tar and compressed tar, unpacked without trusting them.

What lives here: whether a file is an archive, and its unpacking. What does not: what is inside (``sniff``).

A member may not leave the folder, be named twice or be a device; a link becomes a hard link when it leads to a member,
and is left out otherwise. An archive that grows out of proportion is a bomb and is refused before the disk is full.
"""

from __future__ import annotations

import lzma
import os
import posixpath
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

from workbench.datasets import Progress
from workbench.datasets.content import Loss
from workbench.datasets.filenames import to_text
from workbench.datasets.formats.draft import Tally
from workbench.errors import DatasetError, StorageError, storage_error
from workbench.storage import empty_folder, swap_folder

MEMBERS_MAX = 5_000_000
RATIO_MAX = 200  # label files compress tenfold, JSON up to thirtyfold
FREE_BYTES = 64 << 20  # below this much unpacked nothing is a bomb
_CHUNK_BYTES = 1 << 20
_NAME_MOST, _DEEPEST, _ENTRY_BYTES = 4096, 100, 4096
_LONG_NAMES = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE)
_DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError),
    *(EOFError, NotImplementedError, UnicodeDecodeError),
)
_IGNORED = ("__MACOSX/", ".DS_Store")


def is_archive(path: Path) -> bool:
    """Return whether the file at ``path`` is a zip or a tar, by its bytes."""
    with path.open("rb") as file:
        head = file.read(512)
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06") or head[257:262] == b"ustar":
        return True
    packed = head[:2] == b"\x1f\x8b" or head[:3] == b"BZh" or head[:6] == b"\xfd7zXZ\x00"
    return packed and (path.name.lower().endswith((".tgz", ".tbz2", ".txz")) or ".tar." in path.name.lower())


def unpack(path: Path, folder: Path, progress: Progress | None = None) -> tuple[Path, tuple[Loss, ...]]:
    """Unpack the archive at ``path`` into ``folder``, whole or not at all.

    Args:
        path: of a zip or tar.
        folder: what was there before is replaced.
        progress: called with (bytes of the archive read, bytes in all).

    Returns:
        The folder to read: ``folder``, or the only folder in it; and what was left out.

    Raises:
        DatasetError: when the archive is damaged, encrypted, a bomb, or has a member that leads out of it.
        StorageError: when the disk is full.
    """
    draft = folder.with_name(f".{folder.name}.building")
    writer = _Writer(path, draft, progress)
    try:
        empty_folder(draft)
        try:
            writer.put_all(_zip_members(path) if zipfile.is_zipfile(path) else _tar_members(path))
            swap_folder(draft, folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except _DAMAGED as error:
        raise _refused(path, f"is damaged ({error})", "Download it again.") from error
    except OSError as error:
        raise storage_error(error, folder) from error
    inside = [child for child in folder.iterdir() if not child.name.startswith(".")]
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder, writer.tally.losses


@dataclass(frozen=True)
class _Member:
    """A file or a link of an archive. ``read`` counts the bytes of the archive that were read so far."""

    name: str
    open: Callable[[], IO[bytes] | None]
    link: str = ""
    read: int = 0


@dataclass
class _Writer:
    path: Path
    folder: Path
    progress: Progress | None
    tally: Tally = field(default_factory=Tally)
    written: int = 0
    names: dict[str, str] = field(default_factory=dict)  # casefolded: as in the archive
    links: list[tuple[str, str]] = field(default_factory=list)
    folders: set[Path] = field(default_factory=set)

    def put_all(self, members: Iterator[_Member]) -> None:
        self.size = self.path.stat().st_size
        for member in members:
            name = self._safe(member.name)
            if name.startswith(_IGNORED[0]) or name.endswith(_IGNORED[1]):
                continue
            self._count(name)
            if member.link:
                self.links.append((name, member.link))
            else:
                self._put(name, member)
            if self.progress:
                self.progress(min(member.read, self.size), self.size)
        for name, target in self.links:
            self._put_link(name, target)

    def _safe(self, name: str) -> str:
        plain = posixpath.normpath(name.replace("\\", "/"))
        if len(plain) > _NAME_MOST or plain.count("/") > _DEEPEST:
            raise _refused(self.path, f"has a member whose name has {len(plain):,} characters", "Do not trust it.")
        if plain.startswith(("/", "../")) or plain == ".." or plain[1:2] == ":" or "\0" in plain:
            raise _refused(self.path, f"has the member {name!r}, which leads out of it", "Do not trust it.")
        return plain

    def _count(self, name: str) -> None:
        if (other := self.names.setdefault(name.casefold(), name)) is not name:
            raise _refused(self.path, f"has '{name}' twice (as {other!r})", "Pack it again without the second one.")
        if len(self.names) > MEMBERS_MAX:
            raise _refused(self.path, f"has more than {MEMBERS_MAX:,} members", "Unpack it yourself.")

    def _put(self, name: str, member: _Member) -> None:
        source = member.open()
        if source is None:
            return
        target = self.folder / name
        for parent in {target.parent, *target.parents} - self.folders:
            self.folders.add(parent)
            self.written += _ENTRY_BYTES
        self.written += _ENTRY_BYTES  # an empty file takes room too
        self._check_size()
        target.parent.mkdir(parents=True, exist_ok=True)
        with source, target.open("xb") as file:
            while chunk := source.read(_CHUNK_BYTES):
                self.written += len(chunk)
                self._check_size()
                file.write(chunk)

    def _check_size(self) -> None:
        if self.written > FREE_BYTES and self.written > RATIO_MAX * self.size:
            raise _refused(
                self.path,
                f"of {self.size:,} bytes unpacks to more than {self.written:,}: it is a bomb",
                "Do not trust it.",
            )
        if self.written % (FREE_BYTES) < _CHUNK_BYTES and shutil.disk_usage(self.folder).free < FREE_BYTES:
            raise StorageError(
                f"The disk is nearly full after unpacking {self.written:,} bytes of '{self.path.name}'.",
                "Room for the unpacked archive.",
                "Free some space, or choose another folder with --workspace.",
                path=str(self.folder),
            )

    def _put_link(self, name: str, target: str) -> None:
        source, place = self.folder / self._target(target), self.folder / name
        # A link to a folder, or out of the archive, could lead anywhere
        if not source.is_file() or source.is_symlink():
            self.tally.add("links of the archive that lead to no file in it", to_text(name))
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        os.link(source, place)

    def _target(self, target: str) -> str:
        plain = posixpath.normpath(target.replace("\\", "/"))
        return "" if plain.startswith(("/", "..")) else plain


def _zip_members(path: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(path) as packed:
        done = 0
        for info in packed.infolist():
            if info.flag_bits & 1:
                raise _refused(path, f"is encrypted ('{info.filename}')", "Unpack it with its password first.")
            done += info.compress_size
            if info.is_dir():
                continue
            if (info.external_attr >> 28) == 0o12:  # a symbolic link, as Unix packs it
                target = packed.read(info).decode("utf-8", "replace") if info.file_size < 4096 else ""
                yield _Member(info.filename, lambda: None, _beside(info.filename, target), done)
            else:
                yield _Member(info.filename, partial(packed.open, info), read=done)


class _Header(tarfile.TarInfo):
    """A header whose name is read into memory whole: so its length is looked at before."""

    def _proc_member(self, packed: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in _LONG_NAMES and self.size > _NAME_MOST * 16:
            raise tarfile.HeaderError(f"a name of {self.size:,} bytes")
        return super()._proc_member(packed)  # type: ignore[misc,no-any-return]


def _tar_members(path: Path) -> Iterator[_Member]:
    with path.open("rb") as raw, tarfile.open(fileobj=raw, mode="r|*", tarinfo=_Header) as packed:
        for info in packed:
            if info.isfile():
                yield _Member(info.name, partial(packed.extractfile, info), read=raw.tell())
            elif info.issym():
                yield _Member(info.name, lambda: None, _beside(info.name, info.linkname), raw.tell())
            elif info.islnk():
                yield _Member(info.name, lambda: None, info.linkname, raw.tell())
            elif not info.isdir():
                raise _refused(path, f"has the member {info.name!r}, which is no file", "Do not trust it.")


def _beside(name: str, target: str) -> str:
    """Return what a symbolic link means as a path from the top of the archive."""
    return target if target.startswith("/") else posixpath.join(posixpath.dirname(name), target) or "."


def _refused(path: Path, what: str, todo: str) -> DatasetError:
    return DatasetError(
        f"The archive '{path.name}' {what}.", "A zip or tar with the files of a dataset.", todo, path=str(path)
    )
