"""YOLO trees: a data.yaml, images, and a label file, mask or depth map for each.

What lives here: the columns of such a tree, for every task but ``classify``. What does not: finding the files
(``layout``, ``listing``), reading label files (``yolo_labels``), the verdict on image files and masks (``scan``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workbench.datasets import Progress, datayaml, layout
from workbench.datasets.content import CLASSES, IMAGES, ISSUES, OBJECTS, Content, table
from workbench.datasets.datayaml import Problem, Sheet
from workbench.datasets.filenames import to_text, to_texts
from workbench.datasets.formats import yolo_labels
from workbench.datasets.images import SUFFIXES
from workbench.datasets.labels import Rules
from workbench.datasets.listing import Finder, Placed
from workbench.datasets.scan.threads import stamps
from workbench.datasets.source import TASKS, Task
from workbench.errors import DatasetError, did_you_mean

_MISSING = {"depth": "depth-missing", "semantic": "mask-missing"}


@dataclass(frozen=True)
class Tree:
    """The files of a dataset, before any of them is opened.

    Attributes:
        uri: the yaml or the folder.
        root: what paths are relative to.
        images: sorted by (split, path).
        problems: what was met while they were found.
    """

    uri: Path
    root: Path
    images: Sequence[Placed]
    problems: Sequence[Problem]


def read(
    data: Path, task: str | None = None, progress: Progress | None = None, before: Content | None = None
) -> Content:
    """Read the YOLO tree at ``data``. Label files are parsed, images are only listed: ``scan.probe`` looks into them.

    Args:
        data: a data.yaml, or a folder with one; absolute.
        task: one of ``TASKS``; told from the yaml, the folders and the label rows when left out.
        progress: called with (label files read, label files in all).
        before: what was read there last time: label files that did not change since are not opened.

    Raises:
        DatasetError: when there is no such tree, or its yaml cannot be understood.
    """
    sheet, tree = find(data, task)
    content = outline(tree, sheet)
    if sheet.task == "depth" or sheet.masked:
        return _without_rows(content, sheet)
    found = yolo_labels.read(content, rules_of(sheet), progress, _comparable(before, sheet))
    task = sheet.task if sheet.sure else _told(found.lengths)
    effects = np.full(content.images.num_rows, "keep", object)
    effects[found.dropped] = "drop"
    images = _set(content.images, "effect", pa.array(effects, pa.string()))
    images = _stamped(images, *found.spread_to(images.num_rows))
    objects = _objects(found.rows, task)
    issues = pa.concat_tables([content.issues, found.issues, _unlabelled(images, found.empty)])
    return replace(content, task=task, images=images, objects=objects, issues=issues)


def unchanged(before: Content, data: Path, task: str | None = None) -> bool:
    """Return whether reading ``data`` again would give the same content: by names, sizes and times of change.

    Args:
        before: what was read and probed there last time.
        data: a data.yaml, or a folder with one; absolute.
        task: as it was asked for then.

    Raises:
        DatasetError: as ``read``.
    """
    sheet, tree = find(data, task)
    if before.format != "yolo" or _shape(before) != _shape_of(sheet) or (sheet.sure and sheet.task != before.task):
        return False
    now = outline(tree, sheet)
    sizes, times = stamps([each.label for each in tree.images])
    return same_files(before, replace(now, images=_stamped(now.images, sizes, times)))


def same_files(before: Content, now: Content) -> bool:
    """Return whether both are made of the same files, by names, sizes and times of change."""
    keys = ["split", "path", "file", "label", "bytes", "mtime_ns", "label_bytes", "label_mtime_ns"]
    rules = pa.array(sorted({*_FOUND, *now.issues["rule"].to_pylist()}))
    listed = [_issues_of(content, rules) for content in (before, now)]
    same = before.root == now.root and before.classes["name"].equals(now.classes["name"])
    return same and listed[0] == listed[1] and before.images.select(keys).equals(now.images.select(keys))


# What is met while files are found
_FOUND = (
    "image-ignored",
    "image-twice",
    "label-orphan",
    "yaml-listed-missing",
    "yaml-listed-twice",
    "yaml-name-not-text",
    "yaml-path-missing",
)


def _issues_of(content: Content, rules: pa.Array) -> list[tuple[str, str, int, str]]:
    chosen = content.issues.filter(pc.is_in(content.issues["rule"], rules))
    columns = [chosen[name].to_pylist() for name in ("rule", "path", "line", "detail")]
    return sorted(
        (rule, path or "", line or 0, detail or "") for rule, path, line, detail in zip(*columns, strict=True)
    )


def find(data: Path, task: str | None) -> tuple[Sheet, Tree]:
    """Read the yaml at ``data`` and find its files.

    Raises:
        DatasetError: when the yaml cannot be understood, or means no images.
    """
    check_task(task)
    file = datayaml.locate(data, task)
    if file is None:
        raise DatasetError(
            f"'{data}' holds no data.yaml.", "A YOLO tree has one.", "Name the data.yaml.", path=str(data)
        )
    sheet = datayaml.read(file, task)
    finder = Finder(str(sheet.root), layout.companions(sheet))
    images = [each for split in sheet.splits for each in finder.split(split, layout.entries(sheet, split))]
    images.sort()
    check_some(images, file)
    orphans = [] if sheet.masked else list(finder.orphans())
    return sheet, Tree(file, sheet.root, images, (*sheet.problems, *finder.problems, *orphans))


def check_task(task: str | None) -> None:
    """Raise a DatasetError unless ``task`` is one of ``TASKS``, or left out."""
    if task is not None and task not in TASKS:
        todo = did_you_mean(task, TASKS) or "Leave the task out to have it told from the labels."
        raise DatasetError(f"No task is called '{task}'.", f"Tasks: {', '.join(TASKS)}.", todo, task=task)


def check_some(images: Sequence[Placed], uri: Path) -> None:
    """Raise a DatasetError when there are no images."""
    if not images:
        raise DatasetError(
            f"The splits of '{uri}' have no images.",
            f"At least one of {', '.join(sorted(suffix[1:] for suffix in SUFFIXES))}.",
            "Check the `train:` key, or put images there.",
            path=str(uri),
        )


def outline(tree: Tree, sheet: Sheet | None = None, names: Sequence[str] = ()) -> Content:
    """Return the columns of ``tree`` that need no file to be opened; issues are what was met while it was found."""
    images = tree.images
    sizes, times = stamps([each.file for each in images])
    columns = {
        "image_id": np.arange(len(images)),
        "split": [each.split for each in images],
        "path": to_texts([each.path for each in images]),
        "file": to_texts([each.file for each in images]),
        "label": [each.label and to_text(each.label) for each in images],
        "bytes": _known(sizes),
        "mtime_ns": _known(times),
        "effect": pa.repeat(pa.scalar("keep"), len(images)),
    }
    known = list(sheet.names.values()) if sheet else list(names)
    return Content(
        format="yolo" if sheet else "classes",
        task=sheet.task if sheet else "classify",
        root=to_text(str(tree.root)),
        images=table(IMAGES, columns),
        objects=OBJECTS.empty_table(),
        classes=table(CLASSES, {"cls": np.arange(len(known)), "name": to_texts(known)}),
        issues=_issues(tree),
        options=dict(sheet.options) if sheet else {},
    )


def _issues(tree: Tree) -> pa.Table:
    wanted = {(problem.split, problem.path) for problem in tree.problems if problem.split}
    ids = {(each.split, each.path): at for at, each in enumerate(tree.images) if (each.split, each.path) in wanted}
    columns = {
        "rule": [problem.rule for problem in tree.problems],
        "image_id": [ids.get((problem.split, problem.path)) for problem in tree.problems],
        "path": [to_text(problem.path) for problem in tree.problems],
        "line": [problem.line for problem in tree.problems],
        "detail": [to_text(problem.detail) for problem in tree.problems],
        "effect": [problem.effect for problem in tree.problems],
    }
    return table(ISSUES, columns)


def rules_of(sheet: Sheet) -> Rules:
    """Return what the label rows of ``sheet`` have to look like."""
    points, dimensions = sheet.options.get("kpt_shape", (0, 0))
    return Rules(len(sheet.names), points * dimensions, sheet.task == "pose", dimensions)


def _comparable(before: Content | None, sheet: Sheet) -> Content | None:
    """Return ``before`` when its label files were judged by the rules of ``sheet``."""
    if before is None or before.format != "yolo" or _shape(before) != _shape_of(sheet):
        return None
    return before if (before.task == "pose") == (sheet.task == "pose") else None


def _shape(content: Content) -> tuple[object, ...]:
    options = {key: value for key, value in content.options.items() if value is not None}
    return content.classes.num_rows, repr(sorted(options.items()))


def _shape_of(sheet: Sheet) -> tuple[object, ...]:
    return len(sheet.names), repr(sorted(sheet.options.items()))


def _without_rows(content: Content, sheet: Sheet) -> Content:
    """Return the columns of a dataset whose labels are pictures: without one, an image is dropped."""
    labels = content.images["label"]
    sizes, times = stamps(yolo_labels.names(labels))
    images = _stamped(content.images, sizes, times)
    missing = np.flatnonzero(labels.is_null().to_numpy())
    effects = np.where(labels.is_null().to_numpy(), "drop", "keep")
    images = _set(images, "effect", pa.array(effects, pa.string()))
    what = "its depth map is missing" if sheet.task == "depth" else "its mask is missing"
    issues = _about(images, _MISSING[sheet.task], missing, what, "drop")
    return replace(content, images=images, issues=pa.concat_tables([content.issues, issues]))


def _unlabelled(images: pa.Table, empty: np.ndarray) -> pa.Table:
    missing = np.flatnonzero(images["label"].is_null().to_numpy())
    return pa.concat_tables(
        [
            _about(images, "label-missing", missing, "it has no label file", "keep"),
            _about(images, "label-empty", empty, "its label file has no rows", "keep"),
        ]
    )


def _about(images: pa.Table, rule: str, ids: np.ndarray, detail: str, effect: str) -> pa.Table:
    texts = {"rule": rule, "detail": detail, "effect": effect}
    columns = {name: pa.repeat(pa.scalar(text), len(ids)) for name, text in texts.items()}
    paths = images["path"].take(pa.array(ids, pa.int64()))
    return table(ISSUES, {**columns, "image_id": ids, "path": paths, "line": np.zeros(len(ids), np.int32)}, len(ids))


def _told(lengths: frozenset[int]) -> Task:
    """Tell the task from the row lengths: 9 columns only are oriented boxes, other long ones polygons."""
    if lengths == {9}:
        return "obb"
    return "segment" if lengths and min(lengths) > 6 else "detect"


def _objects(rows: pa.Table, task: str) -> pa.Table:
    """Return the rows of label files as objects."""
    count = rows.num_rows
    kind = pa.repeat(pa.scalar("pose" if task == "pose" else "box"), count)
    if task != "pose" and rows["rings"].null_count < count:
        boxes = rows["rings"].is_null()
        outlines: object = "polygon"
        if task == "obb":
            outlines = pc.if_else(pc.equal(rows["columns"], 9), "obb", "polygon")
        kind = pc.if_else(boxes, "box", outlines)
    columns = {name: rows[name] for name in ("image_id", "cls", "cx", "cy", "w", "h", "rings", "keypoints", "line")}
    flags = {"crowd": pa.repeat(pa.scalar(value=False), count), "area": pa.repeat(pa.scalar(0.0), count)}
    return table(OBJECTS, {**columns, **flags, "object_id": np.arange(count), "kind": kind}, count)


def _known(values: np.ndarray) -> pa.Array:
    """Return ``values`` with null for -1."""
    return pa.array(values, pa.int64(), mask=values < 0)


def _stamped(images: pa.Table, sizes: np.ndarray, times: np.ndarray) -> pa.Table:
    return _set(_set(images, "label_bytes", _known(sizes)), "label_mtime_ns", _known(times))


def _set(rows: pa.Table, name: str, values: pa.Array) -> pa.Table:
    at = rows.schema.get_field_index(name)
    return rows.set_column(at, rows.schema.field(at), values)
