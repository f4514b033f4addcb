"""Which files a data.yaml or a folder of classes means.

What lives here: the folders of each split and of its labels. What does not: what the yaml says (``datayaml``), what
lies in the folders (``listing``), the content of the files (``labels``, ``images``, ``scan``).
"""

from __future__ import annotations

from pathlib import Path

from workbench.datasets import datayaml
from workbench.datasets.datayaml import VAL_NAMES, Sheet
from workbench.datasets.images import SUFFIXES
from workbench.datasets.listing import Companions, Finder
from workbench.errors import DatasetError, did_you_mean


def companions(sheet: Sheet) -> Companions:
    """Return where the labels of ``sheet`` are."""
    if sheet.task == "depth":
        return Companions("depth", (".png", ".npy"))
    if sheet.masked:
        return Companions(str(sheet.options["masks_dir"]), (".png", *sorted(SUFFIXES - {".png"})))
    return Companions("labels", (".txt",))


def entries(sheet: Sheet, split: str) -> list[str]:
    """Return the folders, lists and images of a split, absolute.

    Raises:
        DatasetError: when one is not there.
    """
    found = []
    for named in sheet.splits[split]:
        path = datayaml.entry(sheet.root, named)
        if not (path.is_dir() or (path.is_file() and path.suffix.lower() in (".txt", *SUFFIXES))):
            siblings = [child.name for child in path.parent.iterdir()] if path.parent.is_dir() else []
            raise DatasetError(
                f"The {split} split '{named}' is not at '{path}'.",
                "A folder of images, or a .txt of image paths.",
                did_you_mean(path.name, siblings) or "Check `path:` and the split's key in the yaml.",
                path=str(path),
            )
        found.append(str(path))
    return found


def images_of(data_yaml: Path, split: str) -> list[Path]:
    """Return the images of a split, sorted; empty when the yaml has no such split.

    Nothing is opened but yaml and lists.

    Raises:
        DatasetError: when the yaml or the split cannot be read.
    """
    sheet = datayaml.read(data_yaml, None)
    placed = Finder(str(sheet.root)).split(split, entries(sheet, split))
    return [Path(each.file) for each in placed]


def class_folders(root: Path) -> dict[str, Path]:
    """Return the folder of each split of a folder of classes; without ``val``, ``test`` takes its place."""
    found: dict[str, Path] = {}
    for split, keys in (("train", ("train",)), ("val", (*VAL_NAMES, "test")), ("test", ("test",))):
        base = next((root / key for key in keys if (root / key).is_dir()), None)
        if base is not None and base not in found.values():
            found[split] = base
    return found


def classes(root: Path) -> tuple[list[str], dict[str, Path]]:
    """Return the classes of a folder ``train/<class>/…``, sorted, and the folder of each split.

    Raises:
        DatasetError: when it is no such folder, or a split has a class that train has not.
    """
    folders = class_folders(root)
    names = _folders_in(folders["train"]) if "train" in folders else []
    if not names:
        raise DatasetError(
            f"'{root}' holds no data.yaml and no `train/<class>/` folders.",
            "A data.yaml, or for classification one folder of images for each class.",
            "Name the data.yaml, or sort the images into such folders.",
            path=str(root),
        )
    for base in folders.values():
        strange = sorted(set(_folders_in(base)) - set(names))
        if strange:
            raise DatasetError(
                f"'{base.name}' has the class '{strange[0]}', which train has not.",
                f"Classes of train: {', '.join(names[:10])}.",
                did_you_mean(strange[0], names) or "Move these images, or add the class to train.",
            )
    return names, folders


def _folders_in(base: Path) -> list[str]:
    return sorted(child.name for child in base.iterdir() if child.is_dir() and not child.name.startswith("."))
