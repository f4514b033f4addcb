"""Ultralytics NDJSON: a line for the dataset, then a line for each image.

What lives here: its reading. What does not: its writing (``write_ndjson``).

    {"type": "dataset", "task": "detect", "class_names": {"0": "cat"}, "path": "pets", "kpt_shape": [17, 3]}
    {"type": "image", "file": "a.jpg", "split": "train", "width": 640, "height": 480,
     "annotations": {"boxes": [[0, 0.5, 0.5, 0.2, 0.2]]}}

Annotations are ``boxes``, ``segments``, ``pose``, ``obb`` or ``classification``, each row as in a YOLO label file. Of
an image with several kinds ultralytics takes the first only; so does this reader, and counts the others as a loss.
Images are looked for where ``path`` says, then by their name; those that only have a URL are missing until they are
fetched.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from workbench.datasets import Progress
from workbench.datasets.content import Content
from workbench.datasets.formats import ndjson_rows as rows
from workbench.datasets.formats.draft import Draft, packed
from workbench.datasets.formats.places import Places
from workbench.datasets.source import SPLITS, TASKS
from workbench.errors import DatasetError

OPTIONS = ("kpt_shape", "flip_idx", "kpt_names", "channels", "depth_scale")
_TASKS = {"boxes": "detect", "segments": "segment", "pose": "pose", "obb": "obb", "classification": "classify"}
_IMAGE = {"type", "file", "split", "width", "height", "annotations"}


def read(data: Path, task: str | None = None, progress: Progress | None = None) -> Content:
    """Read an NDJSON file, or the only one of a folder.

    Args:
        data: absolute path.
        task: what it is read for; the file says it when left out.
        progress: called with (bytes read, bytes in all).

    Raises:
        DatasetError: when a line is no JSON, ends early, or no image is there.
    """
    file = data if data.is_file() else _only(data)
    draft = Draft("ndjson", Places.below(file.parent))
    reader = _Reader(draft, file)
    total, done = file.stat().st_size, 0
    with file.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            done += len(line)
            if line.strip():
                reader.line(number, _parsed(file, number, line, done - len(line)))
            if progress:
                progress(done, total)
    return reader.content(data, task)


def _only(folder: Path) -> Path:
    files = sorted(child for child in folder.iterdir() if child.suffix.lower() in (".ndjson", ".jsonl"))
    if len(files) != 1:
        raise DatasetError(
            f"'{folder}' holds {len(files)} .ndjson files.",
            "One.",
            "Name the file instead of the folder.",
            path=str(folder),
        )
    return files[0]


def _parsed(file: Path, number: int, line: bytes, before: int) -> dict[str, Any]:
    try:
        found = orjson.loads(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line)
    except orjson.JSONDecodeError as error:
        early = not line.endswith(b"\n")
        raise DatasetError(
            f"Line {number} of '{file.name}' "
            + (f"ends early, at byte {before + len(line):,}." if early else f"is no JSON: {error.msg}."),
            "One JSON object a line.",
            "Download or export it again." if early else "Correct the line, or export it again.",
            path=str(file),
            line=number,
        ) from error
    if not isinstance(found, dict):
        raise DatasetError(
            f"Line {number} of '{file.name}' is no JSON object.",
            "One JSON object a line.",
            "Export it again.",
            line=number,
        )
    return found


class _Reader:
    def __init__(self, draft: Draft, file: Path) -> None:
        self.draft, self.file = draft, file
        self.header: dict[str, Any] = {}
        self.names: dict[int, str] = {}
        self.keys: dict[str, int] = {}  # objects by the kind of annotation

    def line(self, number: int, record: dict[str, Any]) -> None:
        """Read one line."""
        if record.get("type") == "dataset" or (number == 1 and "file" not in record):
            self.header = record
            given = record.get("class_names") or {}
            pairs = given.items() if isinstance(given, dict) else enumerate(given)
            self.names = {int(key): str(name) for key, name in pairs if str(key).isdecimal()}
        else:
            self._image(number, record)

    def _image(self, number: int, record: dict[str, Any]) -> None:
        split = str(record.get("split") or "")
        extras = {key: record[key] for key in record if key not in _IMAGE}
        name = str(record.get("file") or "")
        near = [f"{self.header['path']}/images/{split}"] if isinstance(self.header.get("path"), str) else []
        near = [folder.removeprefix("./") for folder in near]
        found = self.draft.places.find(name, [*near, f"images/{split}", split, "images"], split)
        size = tuple(
            side if isinstance(side, int) and side > 0 else 0 for side in (record.get("width"), record.get("height"))
        )
        image = self.draft.image(
            found,
            (size[0], size[1]),
            split={"valid": "val", "validation": "val"}.get(split, split),
            source_id=name if name != found.path.rpartition("/")[2] else None,
            attributes=packed(extras),
        )
        if split and split not in SPLITS:
            self.draft.tally.add("splits that no training knows", f"'{split}' of {name}")
        annotations = record.get("annotations")
        if isinstance(annotations, dict) and annotations:
            self._annotations(number, image, annotations)

    def _annotations(self, number: int, image: int, annotations: dict[str, Any]) -> None:
        key, *others = annotations
        for other in others:
            count = len(annotations[other] or ())
            self.draft.tally.add(f"{other} of images that have {key} too", self._path(image), count)
        if key not in _TASKS:
            self.draft.tally.add(f"annotations called {key}", self._path(image))
            return
        width, height = (self.draft.images.columns[side][image] for side in ("width", "height"))
        for row in annotations[key] or ():
            values = row if isinstance(row, list) else [row]
            fault = rows.fault(key, values, self.kpt_shape)
            if fault is not None:
                detail = f"{key}: {fault.detail}"
                self.draft.issue(fault.rule, image, detail, path=self.file.name, line=number, effect="drop")
                continue
            cls = int(values[0])
            if cls not in self.names:
                detail = f"class {cls} has no name in class_names"
                self.draft.issue("label-class-unknown", image, detail, path=self.file.name, line=number)
                self.names[cls] = f"class{cls}"  # as ultralytics calls it
            self.keys[key] = self.keys.get(key, 0) + 1
            self.draft.add(image, cls, rows.shape(key, values, (width, height), self.kpt_shape), line=number)

    def _path(self, image: int) -> str:
        return str(self.draft.images.columns["path"][image])

    @property
    def kpt_shape(self) -> tuple[int, int]:
        """How many key points a row of ``pose`` has and how many values each; (0, 3) when the file does not say."""
        given = self.header.get("kpt_shape")
        if isinstance(given, list) and len(given) == 2 and all(isinstance(value, int) for value in given):
            return given[0], given[1]
        return 0, 3

    def content(self, data: Path, task: str | None) -> Content:
        """Return what was read."""
        if self.header.get("task") == "depth":
            self.draft.tally.add("depth maps, which the file names by URL", count=len(self.draft))
        last = max(self.names, default=-1)
        self.draft.name_classes([self.names.get(cls, f"class{cls}") for cls in range(last + 1)])
        stated = self.header.get("task")
        most = max(self.keys, key=lambda key: self.keys[key], default="boxes")
        told = task or (stated if stated in TASKS else _TASKS[most])
        options = {key: self.header[key] for key in OPTIONS if self.header.get(key) is not None}
        return self.draft.content(data, told, options)
