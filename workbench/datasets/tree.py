"""The tree of links that ultralytics reads instead of the user's own files.

What lives here: where each file stands in that tree, and its making. What does not: the record beside it
(``registry``), the text of labels that were written in another format (``formats.labels``).

ultralytics re-encodes some JPEG files in place and writes ``.cache`` files beside the labels. In a tree of links to
files both land here. A linked folder would not do: ultralytics resolves it, and reads the labels beside its target.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from workbench.datasets.content import Content
from workbench.datasets.filenames import to_name
from workbench.datasets.source import SPLITS
from workbench.errors import storage_error
from workbench.storage import empty_folder, put_text, swap_folder

MARKER = "tree.json"
_OWN_LABELS = frozenset({"yolo", "classes"})  # formats whose label files training reads as they are
_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\]")


@dataclass(frozen=True)
class Plan:
    """What stands where in a tree, in columns of one length, sorted by path.

    Attributes:
        task: what the labels are for.
        names: class names by class id.
        options: what else training reads.
        splits: the splits that have images, in the order train, val, test.
        paths: posix, relative to the tree; texts, as ``files`` are (``filenames``).
        files: absolute path of the file that is linked there; empty where there is a text instead.
        texts: what is written there, by place; labels that were read from another format.
        image_ids: of the image that stands there, or whose label it is.
    """

    task: str
    names: dict[int, str]
    options: dict[str, Any]
    splits: tuple[str, ...]
    paths: list[str]
    files: list[str]
    texts: dict[int, bytes] = field(default_factory=dict)
    image_ids: list[int] = field(default_factory=list)

    @property
    def yaml(self) -> str:
        """The tree's data.yaml, without ``path:``: the splits are then relative to the file, wherever it is."""
        content = {
            **{split: f"images/{split}" for split in self.splits},
            "names": self.names,
            **self.options,
        }
        return yaml.safe_dump(content, allow_unicode=True, sort_keys=False)

    @property
    def folders(self) -> set[str]:
        """The folders of the tree; a class without images has one too, since class ids are places in that list."""
        found = {path.rpartition("/")[0] for path in self.paths}
        return found | {f"train/{name}" for name in class_folders(self.names).values() if self.task == "classify"}

    @property
    def data(self) -> str:
        """What ultralytics is given as ``data``, relative to the tree: its data.yaml; for classify the tree itself."""
        return "." if self.task == "classify" else "data.yaml"


def plan(content: Content) -> Plan:
    """Say which file stands where.

    ``images/<split>/<name>`` with ``labels/``, ``masks/`` or ``depth/<split>/<stem>.*``, or for classification
    ``<split>/<class>/<name>``. Two images of one stem would share a label: the later one gets a short suffix. Images
    in no split, images that are not there, and for classification those without a class, are left out.
    """
    rows = sorted(_rows(content))
    counted = content.counts
    return Plan(
        content.task,
        content.names,
        {**content.options, **({"masks_dir": "masks"} if "masks_dir" in content.options else {})},
        tuple(split for split in SPLITS if counted.get(split)),
        [path for path, _, _, _ in rows],
        [file for _, file, _, _ in rows],
        {place: text for place, (_, _, _, text) in enumerate(rows) if text is not None},
        [image_id for _, _, image_id, _ in rows],
    )


def _rows(content: Content) -> Iterator[tuple[str, str, int, bytes | None]]:
    columns = content.images.select(["image_id", "split", "path", "file", "label", "bytes"]).to_pydict()
    texts = _texts(content)
    classes = _class_folders(content) if content.task == "classify" else {}
    taken: set[str] = set()
    for image_id, split, path, file, label, size in zip(*columns.values(), strict=True):
        if split not in SPLITS or size is None:
            continue
        stem, suffix = os.path.splitext(path.rpartition("/")[2])  # noqa: PTH122 - 10x Path
        if content.task == "classify":
            folder = classes.get(image_id)
            if folder is not None:
                yield f"{split}/{folder}/{_free(stem, path, taken, f'{split}/{folder}')}{suffix}", file, image_id, None
            continue
        free = _free(stem, path, taken, split)
        yield f"images/{split}/{free}{suffix}", file, image_id, None
        if texts is not None:
            if image_id in texts:
                yield f"labels/{split}/{free}.txt", "", image_id, texts[image_id]
        elif label:
            yield f"{_label_folder(content)}/{split}/{free}{Path(label).suffix}", label, image_id, None


def _texts(content: Content) -> dict[int, bytes] | None:
    """Return the label rows by image; None where training reads the user's own label files."""
    if content.format in _OWN_LABELS or content.task == "classify":
        return None
    from workbench.datasets.formats import labels

    return {image_id: text.encode() for image_id, text in labels.rows(content)}


def _class_folders(content: Content) -> dict[int, str]:
    names = class_folders(content.names)
    objects = content.objects.select(["image_id", "cls"]).to_pydict()
    return {image: names[cls] for image, cls in zip(objects["image_id"], objects["cls"], strict=True) if cls in names}


def class_folders(names: dict[int, str]) -> dict[int, str]:
    """Return the folder of each class: its name, without what no folder may be called, and no two the same."""
    taken: set[str] = set()
    return {cls: _free(_UNSAFE.sub("_", name).strip(".") or "_", name, taken, "") for cls, name in names.items()}


def _label_folder(content: Content) -> str:
    return "depth" if content.task == "depth" else "masks" if "masks_dir" in content.options else "labels"


def _free(stem: str, salt: str, taken: set[str], folder: str) -> str:
    free = stem
    # casefold: on a file system that ignores case, A.jpg and a.jpg are one
    while (key := f"{folder}/{free}".casefold()) in taken:
        salt = hashlib.sha256(salt.encode("utf-8", "surrogateescape")).hexdigest()
        free = f"{stem}-{salt[:8]}"
    taken.add(key)
    return free


def materialize(planned: Plan, folder: Path) -> Path:
    """Make the tree in ``folder``; one that fits already is left as it is.

    Returns:
        What ultralytics is given as ``data``: the tree's data.yaml, or for classification the tree itself.

    Raises:
        StorageError: when the disk is full, or the file system has neither symbolic nor hard links.
    """
    folder = folder.absolute()
    marker = f'{{"plan": "{_fingerprint(planned)}"}}\n'
    target = folder if planned.data == "." else folder / planned.data
    try:
        if _fits(folder, marker, planned):
            return target
        draft = empty_folder(folder.with_name(f".{folder.name}.building"))
        try:
            _fill(planned, draft)
            if planned.data != ".":
                put_text(draft / planned.data, planned.yaml)
            put_text(draft / MARKER, marker)
            swap_folder(draft, folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise storage_error(error, folder) from error
    return target


def _fits(folder: Path, marker: str, planned: Plan) -> bool:
    try:
        if (folder / MARKER).read_text("utf-8") != marker:
            return False
        # A file that ultralytics re-encoded is no link any more
        for place, (path, file) in enumerate(zip(planned.paths, planned.files, strict=True)):
            if place in planned.texts:
                if (folder / to_name(path)).read_bytes() != planned.texts[place]:
                    return False
            elif not _links_to(f"{folder}/{to_name(path)}", to_name(file)):
                return False
    except (FileNotFoundError, UnicodeDecodeError):
        return False
    return True


def _links_to(path: str, file: str) -> bool:
    try:
        return os.readlink(path) == file  # noqa: PTH115 - 10x Path, for every file of a dataset
    except OSError:
        return os.path.samefile(path, file)  # noqa: PTH121


def _fingerprint(planned: Plan) -> str:
    digest = hashlib.sha256(planned.yaml.encode("utf-8", "surrogateescape"))
    for place, (path, file) in enumerate(zip(planned.paths, planned.files, strict=True)):
        digest.update(f"\n{path}\0{file}\0".encode("utf-8", "surrogateescape") + planned.texts.get(place, b""))
    return digest.hexdigest()


def _fill(planned: Plan, draft: Path) -> None:
    for folder in planned.folders:
        (draft / to_name(folder)).mkdir(parents=True, exist_ok=True)
    for place, (path, file) in enumerate(zip(planned.paths, planned.files, strict=True)):
        if place in planned.texts:
            (draft / to_name(path)).write_bytes(planned.texts[place])
        else:
            link(to_name(file), f"{draft}/{to_name(path)}")


def link(file: str, path: str) -> None:
    """Put a link to ``file`` at ``path``: symbolic, or hard where that needs a privilege (Windows)."""
    try:
        os.symlink(file, path)  # noqa: PTH211 - 10x Path
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            raise
        os.link(file, path)
