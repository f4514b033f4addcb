"""A dataset while it is read: images, objects, classes and issues in the order in which a format has them.

What lives here: ``Draft`` for formats that are read object by object, ``arrange`` for those read in columns, the
telling of the task, ``Tally`` of what is lost. What does not: any format.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from workbench.datasets.content import CLASSES, IMAGES, ISSUES, OBJECTS, Content, Loss, table
from workbench.datasets.filenames import to_text
from workbench.datasets.formats.places import Found, Places, nothing_found, sizes
from workbench.datasets.formats.shapes import Frame, Shape

_TASKS = {"box": "detect", "polygon": "segment", "rle": "segment", "obb": "obb", "pose": "pose", "class": "classify"}
_SIDE = re.compile(r"(?<![a-z])(left|right|l|r)(?![a-z])", re.IGNORECASE)


class Tally:
    """Counts what is lost."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def add(self, what: str, first: str = "", count: int = 1) -> None:
        """Count ``count`` more of ``what``; ``first`` says where the first of them are."""
        if count:
            self._counts[what] += count
            self._first.setdefault(what, first)

    @property
    def losses(self) -> tuple[Loss, ...]:
        """What was counted, most first."""
        return tuple(Loss(what, count, self._first[what]) for what, count in self._counts.most_common())


class Rows:
    """Rows of one table, kept as columns."""

    def __init__(self, schema: pa.Schema) -> None:
        self.schema = schema
        self.columns: dict[str, list[Any]] = {name: [] for name in schema.names}

    def add(self, **values: Any) -> int:
        """Add a row, null where nothing is given; return its number."""
        for name, column in self.columns.items():
            column.append(values.get(name))
        return len(next(iter(self.columns.values()))) - 1

    def table(self) -> pa.Table:
        """Return the rows."""
        return table(self.schema, self.columns)


def packed(attributes: Mapping[str, Any]) -> str | None:
    """Return attributes as the JSON of a column; None when there are none."""
    return orjson.dumps(attributes, default=str, option=orjson.OPT_NON_STR_KEYS).decode() if attributes else None


@dataclass
class Draft:
    """What was read so far.

    Attributes:
        format: the format it is read as.
        places: the files of the dataset.
    """

    format: str
    places: Places
    images: Rows = field(default_factory=lambda: Rows(IMAGES))
    objects: Rows = field(default_factory=lambda: Rows(OBJECTS))
    issues: Rows = field(default_factory=lambda: Rows(ISSUES))
    names: list[str] = field(default_factory=list)  # of classes
    attributes: dict[int, dict[str, Any]] = field(default_factory=dict)  # of classes
    tally: Tally = field(default_factory=Tally)
    sources: dict[int, str] = field(default_factory=dict)  # ids of classes in the source
    _by_name: dict[str, int] = field(default_factory=dict)
    _placed: dict[tuple[str, str], int] = field(default_factory=dict)  # images by split and path

    def cls(self, name: str) -> int:
        """Return the number of the class ``name``, a new one when it was not met before."""
        known = self._by_name.setdefault(name, len(self.names))
        if known == len(self.names):
            self.names.append(name)
        return known

    def name_classes(self, names: Sequence[str]) -> None:
        """Name all classes at once, where the source numbers them; two may have one name."""
        self.names = list(names)

    def image(self, found: Found, size: tuple[int, int] = (0, 0), **columns: Any) -> int:
        """Add an image and return its number here; one that is missing becomes an issue too.

        An image that the split has already counts once, with all that is marked on it, and becomes an issue.

        Args:
            found: where it is.
            size: width and height in pixels, (0, 0) when the source does not say.
            columns: others of ``IMAGES``: split, label, group, source_id, attributes.
        """
        again = self._placed.setdefault((columns.get("split", ""), found.path), len(self))
        if again < len(self):
            self.issue("image-twice", again, "it is listed twice in its split, and counts once")
            return again
        given = {
            "split": "",
            "width": size[0],
            "height": size[1],
            "format": "",
            "mode": "",
            "orientation": 1,
            **columns,
        }
        known = {"path": found.path, "file": found.file, "bytes": found.bytes, "mtime_ns": found.mtime_ns}
        number = self.images.add(image_id=len(self), effect="drop" if found.fault else "keep", **known, **given)
        if found.fault:
            self.issue("image-missing", number, found.fault, effect="drop")
        return number

    def __len__(self) -> int:
        return len(self.images.columns["image_id"])

    def frame(self, image: int) -> Frame:
        """Return the size of an image, read from its header when the source did not say it; 0 when it has none."""
        width, height = (self.images.columns[name][image] for name in ("width", "height"))
        if not width or not height:
            file = self.images.columns["file"][image]
            width, height = sizes([file])[0] if file else (0, 0)
            self.images.columns["width"][image], self.images.columns["height"][image] = width, height
        return Frame(width, height)

    def add(self, image: int, cls: int, shape: Shape, **columns: Any) -> int:
        """Add an object; return its number.

        Args:
            image: its number here.
            cls: its class.
            shape: what is marked.
            columns: others of ``OBJECTS``: crowd, line, source_id, attributes.
        """
        given = {"crowd": False, "line": 0, **columns}
        cx, cy, w, h = shape.box
        return self.objects.add(
            image_id=image,
            object_id=len(self.objects.columns["object_id"]),
            cls=cls,
            kind=shape.kind,
            cx=cx,
            cy=cy,
            w=w,
            h=h,
            area=shape.area,
            rings=shape.rings,
            rle=shape.rle,
            keypoints=shape.keypoints,
            **given,
        )

    def issue(self, rule: str, image: int | None, detail: str, **columns: Any) -> None:
        """Add an issue; ``columns`` are others of ``ISSUES``: object_id, path, line, effect."""
        path = self.images.columns["path"][image] if image is not None else ""
        self.issues.add(
            **{"path": path, "line": 0, "effect": "keep", **columns}, rule=rule, image_id=image, detail=detail
        )

    def content(self, data: Path, task: str | None, options: dict[str, Any] | None = None) -> Content:
        """Return what was read.

        Raises:
            DatasetError: when there are no images, or none of them is there.
        """
        check_images(data, self.images.columns["path"], self.images.columns["file"])
        self.count_unused()
        images, objects, issues = arrange(self.images.table(), self.objects.table(), self.issues.table())
        names = self.names
        classes = table(
            CLASSES,
            {
                "cls": list(range(len(names))),
                "name": names,
                "source_id": [self.sources.get(cls) for cls in range(len(names))],
                "attributes": [packed(self.attributes.get(cls, {})) for cls in range(len(names))],
            },
        )
        told = task or told_task(objects)
        found = dict(options or {})
        if told == "pose" and "kpt_shape" not in found:
            found |= pose_options([""] * most_keypoints(objects))
        root = to_text(str(self.places.root))
        return Content(self.format, told, root, images, objects, classes, issues, found, self.tally.losses)

    def count_unused(self) -> None:
        """Count the images in the folder that nothing named."""
        unused = self.places.unused()
        self.tally.add("images that the annotations do not name", unused[0] if unused else "", len(unused))


def pose_options(names: Sequence[str]) -> dict[str, Any]:
    """Return what training on key points of these names reads: their shape, and which ones change sides in a mirror.

    Without a left and a right among the names nothing is known of mirrors, and ultralytics does not mirror then.
    """
    swaps = {"left": "right", "right": "left", "Left": "Right", "Right": "Left", "l": "r", "r": "l"}
    mirrored = ["".join(swaps.get(word, word) for word in _SIDE.split(name)) for name in names]
    shape = {"kpt_shape": [max(1, len(names)), 3]}
    if not any(names) or mirrored == list(names) or sorted(mirrored) != sorted(names):
        return shape
    return {**shape, "flip_idx": [list(names).index(name) for name in mirrored]}


def check_images(data: Path, paths: Sequence[str], files: Sequence[str]) -> None:
    """Raise a DatasetError when there is no image, or none that is there."""
    if not any(files):
        raise nothing_found(data, len(paths), paths[0] if paths else "")


def told_task(objects: pa.Table) -> str:
    """Return the task that most objects are for; any rotated box among boxes makes it ``obb``."""
    counted = {row["values"]: row["counts"] for row in objects["kind"].value_counts().to_pylist()}
    tasks: Counter[str] = Counter()
    for kind, count in counted.items():
        tasks[_TASKS.get(kind, "detect")] += count
    if len(tasks) > 1:
        del tasks["classify"]  # what is said of the whole image beside its objects
    if set(tasks) == {"obb", "detect"}:
        return "obb"
    return tasks.most_common(1)[0][0] if tasks else "detect"


def most_keypoints(objects: pa.Table) -> int:
    """Return the largest number of key points of an object, at least 1."""
    longest = pc.max(pc.list_value_length(objects["keypoints"])).as_py() if len(objects) else None
    return max(1, (longest or 0) // 3)


def arrange(images: pa.Table, objects: pa.Table, issues: pa.Table) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Number images in the order of (split, path), and objects in that of their images.

    Args:
        images: schema ``IMAGES``; ``image_id`` is the row.
        objects: schema ``OBJECTS``; ``image_id`` is a row of ``images``, ``object_id`` the row.
        issues: schema ``ISSUES``, with the same ids.

    Returns:
        The three with their ids as ``content`` defines them.
    """
    order = pc.sort_indices(images, [("split", "ascending"), ("path", "ascending")]).to_numpy()
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    images = _with_ids(_taken(images, order), "image_id", np.arange(len(order)))
    owners = rank[objects["image_id"].to_numpy()]
    place = np.argsort(owners, kind="stable")
    number = np.empty(len(place), np.int64)
    number[place] = np.arange(len(place))
    objects = _with_ids(_taken(objects, place), "image_id", owners[place])
    objects = _with_ids(objects, "object_id", np.arange(len(place)))
    issues = _with_ids(issues, "image_id", _mapped(issues["image_id"], rank))
    return images, objects, _with_ids(issues, "object_id", _mapped(issues["object_id"], number))


def _taken(rows: pa.Table, order: Any) -> pa.Table:
    if len(order) == 0 or bool(np.all(order[1:] > order[:-1])):
        return rows
    return rows.take(pa.array(order))


def _mapped(ids: pa.ChunkedArray, new: Any) -> pa.ChunkedArray:
    return pc.take(pa.array(new, pa.int64()), ids)


def _with_ids(rows: pa.Table, name: str, ids: Any) -> pa.Table:
    values = ids if isinstance(ids, pa.Array | pa.ChunkedArray) else pa.array(ids, pa.int64())
    return rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), values)
