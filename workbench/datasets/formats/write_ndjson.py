"""Ultralytics NDJSON, written from columns.

What lives here: its lines. What does not: its reading (``ndjson``), where images stand (``placing``).

The images stand in ``images/<split>/`` beside the file, where ultralytics' own converter looks for them. For
classification that converter reads URLs only: this package reads such a file, ultralytics does not.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

import orjson

from workbench.datasets.content import Content
from workbench.datasets.formats import labels
from workbench.datasets.formats.draft import Tally
from workbench.datasets.formats.ndjson import OPTIONS
from workbench.datasets.formats.placing import UNSPLIT, check_objects
from workbench.storage import replacing

_KEYS = {
    "detect": "boxes",
    "segment": "segments",
    "semantic": "segments",
    "pose": "pose",
    "obb": "obb",
    "classify": "classification",
}


def write(content: Content, folder: Path, names: list[str | None], tally: Tally) -> list[tuple[str, str]]:
    """Write ``dataset.ndjson`` in ``folder``.

    Args:
        content: what is written.
        folder: where.
        names: ``<split>/<name>`` of each image, without folders; None for those left out.
        tally: takes what NDJSON cannot hold.

    Returns:
        The images to be put beside it, as (absolute path, place).

    Raises:
        DatasetError: when the labels are masks or depth maps.
        StorageError: when the disk is full or the folder may not be written.
    """
    check_objects(content, "NDJSON")
    key = _KEYS[content.task]
    images = zip(*(content.images[name].to_pylist() for name in ("width", "height", "attributes", "file")), strict=True)
    rows = labels.values(content, tally) if content.task != "classify" else _classes(content, tally)
    by_image = groupby(rows, key=lambda row: row[0])
    waiting = next(by_image, None)
    files = []
    with replacing(folder / "dataset.ndjson") as path, path.open("wb") as file:
        file.write(orjson.dumps(_header(content)) + b"\n")
        for image_id, (name, (width, height, attributes, source)) in enumerate(zip(names, images, strict=True)):
            objects = []
            if waiting is not None and waiting[0] == image_id:
                objects = [values for _, values in waiting[1]]
                waiting = next(by_image, None)
            if name is None:
                tally.add("objects of images that are missing", count=len(objects))
                continue
            split, _, base = name.partition("/")
            if split == UNSPLIT:
                tally.add("images in no split, written as train", base)
                split = "train"
            files.append((source, f"images/{split}/{base}"))
            record = {"type": "image", "file": base, "split": split, "width": width, "height": height}
            extras = {k: v for k, v in orjson.loads(attributes or b"{}").items() if k not in (*record, "size")}
            file.write(orjson.dumps({**record, "annotations": {key: objects}, **extras}) + b"\n")
    if content.task == "classify":
        tally.add("images that ultralytics' own converter would fetch by URL only", count=len(files))
    return files


def _header(content: Content) -> dict[str, Any]:
    names = {str(cls): name for cls, name in content.names.items()}
    options = {key: content.options[key] for key in OPTIONS if key in content.options}
    return {"type": "dataset", "task": content.task, "class_names": names, "path": ".", **options}


def _classes(content: Content, tally: Tally) -> Any:
    columns = content.objects.select(["image_id", "cls", "kind"]).to_pydict()
    for image_id, cls, kind in zip(*columns.values(), strict=True):
        if kind == "class":
            yield image_id, [cls]
        else:
            tally.add("objects in images: only the class of an image is written")
