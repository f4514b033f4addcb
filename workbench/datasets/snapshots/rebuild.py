"""Getting a snapshot back: the very files that a training was given.

What lives here: finding the bytes of each file, wherever they still lie, and putting them in a folder. What does not:
keeping them (``store``).
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from workbench.datasets import Progress
from workbench.datasets.filenames import to_name
from workbench.datasets.snapshots.manifest import Manifest
from workbench.datasets.tree import link
from workbench.errors import ConflictError, StorageError, storage_error
from workbench.storage import empty_folder, put_text, swap_folder

_THREADS = 4
_SHOWN = 5


@dataclass(frozen=True)
class Source:
    """Where the bytes of one file of a snapshot are: a file, or the content itself; neither when they are lost."""

    path: str
    sha256: bytes
    file: Path | None = None
    content: bytes | None = None

    @property
    def lost(self) -> bool:
        """Whether nobody has these bytes any more."""
        return self.file is None and self.content is None


def locate(manifest: Manifest, places: Mapping[bytes, list[str]], progress: Progress | None = None) -> list[Source]:
    """Find every file of a snapshot: in the manifest, where it lay, or where any other snapshot saw the same bytes.

    Args:
        manifest: of the snapshot.
        places: absolute paths by sha256, see ``datasets.catalogue.places``.
        progress: called with (files found, files in all).
    """
    rows = zip(*(manifest.files[name].to_pylist() for name in ("path", "sha256", "file", "content")), strict=True)
    found: list[Source] = []
    with ThreadPoolExecutor(_THREADS) as pool:
        for source in pool.map(lambda row: _locate(Source(row[0], row[1], None, row[3]), row[2], places), rows):
            found.append(source)
            if progress:
                progress(len(found), len(manifest))
    return found


def _locate(wanted: Source, file: str, places: Mapping[bytes, list[str]]) -> Source:
    if wanted.content is not None:
        return wanted
    others = places.get(wanted.sha256, [])
    for known in [file, *(other for other in others if other != file)]:
        try:
            with open(to_name(known), "rb") as stream:  # noqa: PTH123 - 2x Path
                if hashlib.file_digest(stream, "sha256").digest() == wanted.sha256:
                    return replace(wanted, file=Path(to_name(known)))
        except OSError:  # it is gone, or of another kind now: so it is not there
            continue
    return wanted


def rebuild(manifest: Manifest, sources: list[Source], folder: Path, *, copy: bool = False) -> Path:
    """Put a snapshot in ``folder``, as its training saw it.

    Args:
        manifest: of the snapshot.
        sources: where its files are, see ``locate``.
        folder: new or empty.
        copy: whether the files are copied; otherwise links are put, except for what the manifest itself holds.

    Returns:
        What ultralytics is given as ``data``.

    Raises:
        StorageError: when bytes are lost, or the folder cannot be written.
        ConflictError: when the folder holds something.
    """
    folder = folder.absolute()
    lost = [source.path for source in sources if source.lost]
    if lost:
        raise StorageError(
            f"{len(lost)} of {len(sources)} files of snapshot {manifest.digest[:12]} are nowhere any more, "
            f"first: {', '.join(lost[:_SHOWN])}.",
            "Every file where it lay, in the store, or in another snapshot, with the bytes that it had.",
            "Put the files back, or register where their copies lie.",
            lost=lost[:1000],
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConflictError(f"'{folder}' is no empty folder.", "A new or empty folder.", "Choose another with --to.")
    draft = empty_folder(folder.with_name(f".{folder.name}.building"))
    try:
        planned = manifest.plan
        _fill(sources, planned.folders, draft, copy=copy)
        if planned.data != ".":
            put_text(draft / planned.data, planned.yaml)
        if folder.exists():
            folder.rmdir()
        swap_folder(draft, folder)
    except OSError as error:
        raise storage_error(error, folder) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder if planned.data == "." else folder / planned.data


def _fill(sources: list[Source], folders: set[str], draft: Path, *, copy: bool) -> None:
    for folder in folders:
        (draft / to_name(folder)).mkdir(parents=True, exist_ok=True)
    for source in sources:
        target = draft / to_name(source.path)
        if source.content is not None:
            target.write_bytes(source.content)
        elif copy and source.file is not None:
            shutil.copyfile(source.file, target)
        else:
            link(os.fspath(source.file or ""), os.fspath(target))
