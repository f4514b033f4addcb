"""The formats that datasets come in, and those that they are written in.

What lives here: the list of formats, ``read``, ``sniff``, ``write``. What does not: any one format; each has a module
of its name, with a function ``read``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from workbench.datasets import Progress
from workbench.datasets.content import Content, Loss
from workbench.datasets.formats import archive
from workbench.datasets.formats.draft import Tally
from workbench.datasets.formats.placing import How, fresh, names, put_files
from workbench.datasets.formats.sniff import sniff
from workbench.datasets.source import TASKS
from workbench.errors import DatasetError, did_you_mean

__all__ = ["FORMATS", "WRITTEN", "Format", "read", "sniff", "write"]


@dataclass(frozen=True)
class Format:
    """A format that is read.

    Attributes:
        name: what ``--format`` calls it; also the module that reads it.
        title: what people call it.
        looks: what it looks like on disk.
        extracts: whether image files are made from it, in a folder that the caller gives.
    """

    name: str
    title: str
    looks: str
    extracts: bool = False


FORMATS = {
    each.name: each
    for each in (
        Format("yolo", "YOLO", "a data.yaml with train, val and names"),
        Format("classes", "folders of classes", "train/<class>/ and val/<class>/ with images"),
        Format("coco", "COCO JSON", "a .json file with images, annotations and categories"),
        Format("voc", "Pascal VOC", "one .xml file an image, with <annotation> as its root"),
        Format("ndjson", "Ultralytics NDJSON", "a .ndjson file whose first line says the task and class_names"),
        Format("labelstudio", "Label Studio JSON", "a .json file with a list of tasks"),
        Format("cvat", "CVAT XML 1.1", "an .xml file with <annotations> as its root"),
        Format("labelme", "LabelMe", "one .json file an image, with shapes"),
        Format("kitti", "KITTI", "label_2/*.txt with 15 columns beside image_2/"),
        Format("openimages", "Open Images CSV", "a .csv file with ImageID, LabelName, XMin ..."),
        Format("parquet", "Hugging Face Parquet", "a .parquet file with image and objects or label", extracts=True),
    )
}
WRITTEN = ("yolo", "coco", "ndjson")


class _Reader(Protocol):
    def read(self, data: Path, task: str | None, progress: Progress | None, **before: Content) -> Content: ...


def read(
    data: Path,
    format: str | None = None,  # noqa: A002 - what the command line calls it
    task: str | None = None,
    progress: Progress | None = None,
    folder: Path | None = None,
    before: Content | None = None,
) -> Content:
    """Read the dataset at ``data``.

    Args:
        data: absolute path of a file or a folder; an archive is unpacked first.
        format: one of ``FORMATS``; told from what is there when left out.
        task: one of ``source.TASKS``; told from the labels when left out.
        progress: called with (done, in all): files or bytes.
        folder: where files go that are made from the source: what an archive holds, the images in Parquet. It must
            last as long as what was read from it is used.
        before: the same dataset as it was read last time: YOLO label files that did not change are not opened again.

    Raises:
        DatasetError: when there is no dataset, its format is not known, or it cannot be understood as a whole.
        StorageError: when an archive or images do not fit on the disk.
    """
    _check("format", format, FORMATS)
    _check("task", task, TASKS)
    losses: tuple[Loss, ...] = ()
    if data.is_file() and archive.is_archive(data):
        data, losses = archive.unpack(data, _given(folder, data) / "unpacked", progress)
    known = FORMATS[format or sniff(data)]
    module = import_module(f"{__name__}.{known.name}")
    if known.extracts:
        content = cast("Content", module.read(data, task, progress, _given(folder, data) / "images"))
    else:
        again = {"before": before} if known.name == "yolo" and before is not None else {}
        content = cast("_Reader", module).read(data, task, progress, **again)
    return replace(content, losses=losses + content.losses) if losses else content


def _check(what: str, given: str | None, known: Any) -> None:
    if given is not None and given not in known:
        todo = did_you_mean(given, known) or f"Leave the {what} out to have it told from the files."
        raise DatasetError(f"No {what} is called '{given}'.", f"One of {', '.join(known)}.", todo, **{what: given})


def _given(folder: Path | None, data: Path) -> Path:
    if folder is None:
        raise DatasetError(
            f"'{data.name}' has to be unpacked to be read, and no folder was given for it.",
            "A folder for what is unpacked.",
            "Unpack it yourself and name the folder.",
        )
    return folder


def write(
    content: Content,
    format: str,  # noqa: A002
    folder: Path,
    how: How = "hardlink",
    progress: Progress | None = None,
) -> tuple[Loss, ...]:
    """Write ``content`` into a new folder.

    Args:
        content: what was read, with the sizes of images looked up (``scan.probe``) where its format has none.
        format: one of ``WRITTEN``.
        folder: a folder that is not there, or is empty.
        how: whether image files are hard links (copies where there are none), symbolic links or copies; ``none`` leaves
            them out.
        progress: called with (files put, files in all).

    Returns:
        What the format cannot hold, most first.

    Raises:
        DatasetError: when the format cannot hold the task at all.
        ConflictError: when ``folder`` is not empty.
        StorageError: when the disk is full or the folder may not be written.
    """
    _check("format", format, WRITTEN)
    fresh(folder)
    tally = Tally()
    placed = names(content, tally, flat=format == "ndjson")
    module = import_module(f"{__name__}.write_{format}")
    made = module.write(content, folder, placed, tally)
    put_files(made, folder, how, progress)
    return tally.losses
