"""A YOLO dataset, written from columns.

What lives here: data.yaml, label files, masks and depth maps of every task, and for classification a folder for each
class. What does not: the rows of a label file (``labels``), where images stand (``placing``).
"""

from __future__ import annotations

from pathlib import Path

import yaml

from workbench.datasets.content import Content
from workbench.datasets.formats import labels
from workbench.datasets.formats.draft import Tally
from workbench.datasets.formats.placing import UNSPLIT
from workbench.datasets.source import SPLITS
from workbench.errors import storage_error
from workbench.storage import put_text

Files = list[tuple[str, str]]
_UNSAFE = str.maketrans(dict.fromkeys("/\\\0", "_"))


def write(content: Content, folder: Path, names: list[str | None], tally: Tally) -> Files:
    """Write labels and data.yaml below ``folder``.

    Args:
        content: what is written.
        folder: where.
        names: ``<split>/<name>`` of each image; None for those left out.
        tally: takes what YOLO cannot hold.

    Returns:
        The files to be put beside them: images, masks, depth maps, as (absolute path, place).

    Raises:
        StorageError: when the disk is full or the folder may not be written.
    """
    stray = [name for name in names if name is not None and name.startswith(f"{UNSPLIT}/")]
    tally.add("images in no split: no training sees them", stray[0] if stray else "", len(stray))
    if content.task == "classify":
        return _classes(content, names, tally)
    rows = content.images["file"].to_pylist()
    files = [(file, f"images/{name}") for file, name in zip(rows, names, strict=True) if name is not None]
    companion = "depth" if content.task == "depth" else "masks" if "masks_dir" in content.options else None
    if companion:
        files += _companions(content, names, companion)
    _label_files(content, folder, names, tally)
    put_text(folder / "data.yaml", data_yaml(content))
    return files


def data_yaml(content: Content) -> str:
    """Return the data.yaml, without ``path:``: the splits are relative to the file, wherever it is."""
    options = {**content.options, **({"masks_dir": "masks"} if "masks_dir" in content.options else {})}
    splits = {split: f"images/{split}" for split in SPLITS if content.counts.get(split)}
    told = {"task": content.task} if content.task in ("semantic", "depth", "obb", "segment", "pose") else {}
    return yaml.safe_dump({**splits, "names": content.names, **told, **options}, allow_unicode=True, sort_keys=False)


def _companions(content: Content, names: list[str | None], folder: str) -> Files:
    found = []
    for name, label in zip(names, content.images["label"].to_pylist(), strict=True):
        if name is not None and label:
            found.append((label, f"{folder}/{name.rpartition('.')[0]}.{label.rpartition('.')[2]}"))
    return found


def _label_files(content: Content, folder: Path, names: list[str | None], tally: Tally) -> None:
    made: set[Path] = set()
    for image_id, text in labels.rows(content, tally):
        name = names[image_id]
        if name is None:
            tally.add("labels of images that are missing")
            continue
        path = folder / "labels" / f"{name.rpartition('.')[0]}.txt"
        try:
            if path.parent not in made:
                path.parent.mkdir(parents=True, exist_ok=True)
                made.add(path.parent)
            path.write_text(text, "utf-8")
        except OSError as error:
            raise storage_error(error, path) from error


def _classes(content: Content, names: list[str | None], tally: Tally) -> Files:
    """Return ``<split>/<class>/<name>`` of each image; one without a class has no place there."""
    folders = _class_folders(content.names)
    class_of: dict[int, int] = {}
    columns = content.objects.select(["image_id", "cls", "kind"]).to_pydict()
    for image_id, cls, kind in zip(*columns.values(), strict=True):
        if kind != "class":
            tally.add("objects in images: only the class of an image is written")
        elif image_id in class_of:
            tally.add("second classes of images")
        else:
            class_of[image_id] = cls
    files = []
    for image_id, (file, name) in enumerate(zip(content.images["file"].to_pylist(), names, strict=True)):
        if name is None:
            continue
        if image_id not in class_of:
            tally.add("images without a class", name)
            continue
        split, _, rest = name.partition("/")
        folder = folders[class_of[image_id]]
        files.append((file, f"{split}/{folder}/{rest.removeprefix(f'{folder}/')}"))
    return files


def _class_folders(names: dict[int, str]) -> dict[int, str]:
    """Return a folder for each class: one name inside the split, and no two alike."""
    taken: set[str] = set()
    folders = {}
    for cls, name in names.items():
        wanted = name.translate(_UNSAFE).strip(". ") or "_"
        free, number = wanted, 1
        while free.casefold() in taken:
            number += 1
            free = f"{wanted}_{number}"
        taken.add(free.casefold())
        folders[cls] = free
    return folders
