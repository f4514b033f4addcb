"""The tree of links that ultralytics reads instead of the user's own files.

What lives here: where each file stands in that tree, and its making. What does not: the record beside it
(``registry``).

ultralytics re-encodes some JPEG files in place and writes ``.cache`` files beside the labels. In a tree of links to
files both land here. A linked folder would not do: ultralytics resolves it, and reads the labels beside its target.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from pathlib import Path

import yaml

from workbench.datasets.source import DatasetSource
from workbench.errors import storage_error
from workbench.storage import empty_folder, put_text, swap_folder

MARKER = "tree.json"


def plan(source: DatasetSource) -> dict[str, Path]:
    """Return the file that stands at each posix path of the tree, sorted by path.

    ``images/<split>/<name>`` with ``labels/``, ``masks/`` or ``depth/<split>/<stem>.*``, or for classification
    ``<split>/<class>/<name>``. Two images of one stem would share a label: the later one gets a short suffix.
    """
    planned: dict[str, Path] = {}
    for split, files in source.splits.items():
        taken: set[str] = set()
        for image in files:
            if source.task == "classify":
                folder = f"{split}/{_class_of(source, image)}"
                planned[f"{folder}/{_free_stem(source, image, taken, folder)}{image.suffix}"] = image
                continue
            stem = _free_stem(source, image, taken, split)
            planned[f"images/{split}/{stem}{image.suffix}"] = image
            if label := source.labels.get(image):
                planned[f"{_label_folder(source)}/{split}/{stem}{label.suffix}"] = label
    return dict(sorted(planned.items()))


def _label_folder(source: DatasetSource) -> str:
    return "depth" if source.task == "depth" else "masks" if source.masked else "labels"


def _class_of(source: DatasetSource, image: Path) -> str:
    # <root>/<split>/<class>/…: classes may hold folders of their own
    return image.relative_to(source.root).parts[1]


def _free_stem(source: DatasetSource, image: Path, taken: set[str], folder: str) -> str:
    stem, salt = image.stem, source.short(image)
    # casefold: on a file system that ignores case, A.jpg and a.jpg are one
    while (key := f"{folder}/{stem}".casefold()) in taken:
        salt = hashlib.sha256(salt.encode("utf-8", "surrogateescape")).hexdigest()
        stem = f"{image.stem}-{salt[:8]}"
    taken.add(key)
    return stem


def materialize(source: DatasetSource, folder: Path) -> Path:
    """Make the tree of ``source`` in ``folder``; a tree that fits already is left as it is.

    Returns:
        What ultralytics is given as ``data``: the tree's data.yaml, or for classification the tree itself.

    Raises:
        StorageError: when the disk is full, or the file system has neither symbolic nor hard links.
    """
    folder = folder.absolute()
    links = plan(source)
    marker = json.dumps({"plan": _fingerprint(source, links)}) + "\n"
    target = folder if source.task == "classify" else folder / "data.yaml"
    try:
        if _fits(folder, marker, links):
            return target
        draft = empty_folder(folder.with_name(f".{folder.name}.building"))
        try:
            _link_all(links, draft)
            if source.task != "classify":
                put_text(draft / "data.yaml", _yaml(source))
            put_text(draft / MARKER, marker)
            swap_folder(draft, folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise storage_error(error, folder) from error
    return target


def _fits(folder: Path, marker: str, links: dict[str, Path]) -> bool:
    try:
        if (folder / MARKER).read_text("utf-8") != marker:
            return False
        # A file that ultralytics re-encoded is no link any more
        return all(os.path.samefile(folder / path, file) for path, file in links.items())  # noqa: PTH121 - faster
    except (FileNotFoundError, UnicodeDecodeError):
        return False


def _fingerprint(source: DatasetSource, links: dict[str, Path]) -> str:
    lines = [_yaml(source), *(f"{path}\0{file}\0{file.stat().st_mtime_ns}" for path, file in links.items())]
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _link_all(links: dict[str, Path], draft: Path) -> None:
    for folder in {(draft / path).parent for path in links}:
        folder.mkdir(parents=True, exist_ok=True)
    for path, file in links.items():
        _link(file, draft / path)


def _link(file: Path, path: Path) -> None:
    try:
        path.symlink_to(file)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            raise
        os.link(file, path)  # Windows asks for a privilege for symbolic links, not for hard ones


def _yaml(source: DatasetSource) -> str:
    """Return the tree's data.yaml, without ``path:``: the splits are then relative to the file, wherever it is."""
    content = {
        **{split: f"images/{split}" for split in source.splits},
        "names": source.names,
        **source.options,
        **({"masks_dir": "masks"} if source.masked else {}),
    }
    return yaml.safe_dump(content, allow_unicode=True, sort_keys=False)
