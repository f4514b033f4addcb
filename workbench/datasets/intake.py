"""The way in: a user's dataset found, read and checked, never changed.

What lives here: ``load`` and its verdict over the whole dataset. What does not: where the files are (``layout``), the
rules of one label or image file (``labels``, ``images``), copies of any kind (``tree``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from workbench.datasets import Progress, images, labels, layout
from workbench.datasets.labels import Rules, Verdict
from workbench.datasets.source import TASKS, DatasetSource, Task
from workbench.errors import DatasetError, did_you_mean

_T = TypeVar("_T")
_THREADS = 4


def load(data: str | Path, *, task: str | None = None, progress: Progress | None = None) -> DatasetSource:
    """Read and check the dataset at ``data``.

    A ``download:`` key is never followed. Every label file is parsed and every image's header is read: some
    5,000 images a second.

    Args:
        data: a data.yaml, a folder with one, or a folder ``train/<class>/…`` for classification.
        task: one of ``TASKS``; told from the layout and the labels when left out.
        progress: called with (files checked, files in all).

    Raises:
        DatasetError: when it is not there, or a training on it could not start or would learn other classes.
    """
    if task is not None and task not in TASKS:
        todo = did_you_mean(task, TASKS) or "Leave the task out to have it told from the labels."
        raise DatasetError(f"No task is called '{task}'.", f"Tasks: {', '.join(TASKS)}.", todo, task=task)
    source, stated = layout.read(Path(data).expanduser().absolute(), task)
    for split in ("train", "val"):
        if not source.splits.get(split):
            raise _no_images(source, split)
    found = _look(source, progress)
    if not stated:
        found = replace(found, source=replace(source, task=_told(found.verdicts.values())))
    _refuse(found)
    return replace(found.source, problems=found.source.problems + tuple(_problems(found)))


def _no_images(source: DatasetSource, split: str) -> DatasetError:
    return DatasetError(
        f"The {split} split of '{source.uri}' has no images.",
        f"At least one of {', '.join(sorted(suffix[1:] for suffix in images.SUFFIXES))}.",
        f"Check the `{split}:` key, or put images there.",
        split=split,
    )


@dataclass(frozen=True)
class _Findings:
    """What the files of a dataset are like: ``faults`` by image, ``verdicts`` by label file."""

    source: DatasetSource
    faults: dict[Path, str | None]
    verdicts: dict[Path, Verdict]

    def dropped(self, image: Path) -> str | None:
        """Return why a training drops ``image``, or None when it keeps it."""
        fault = self.faults[image]
        if fault and fault != images.RESTORED:
            return fault
        label = self.source.labels.get(image)
        if label is None:
            if self.source.task == "depth":
                return "its depth map is missing"
            return "its mask is missing" if self.source.masked else None
        verdict = self.verdicts.get(label)
        if verdict is None or verdict.fault is None:
            return None
        return f"{self.source.short(label)}{verdict.where}: {verdict.fault}"

    def objects(self, files: Iterable[Path]) -> int:
        """Return the number of labelled objects in the images ``files``."""
        labels_of = self.source.labels
        return sum(self.verdicts[labels_of[image]].objects for image in files if image in labels_of)


def _look(source: DatasetSource, progress: Progress | None) -> _Findings:
    every = sorted({image for files in source.splits.values() for image in files})
    files = sorted(set(source.labels.values())) if source.rows else []
    tick = _Ticker(len(every) + len(files), progress)
    with ThreadPoolExecutor(_THREADS) as pool:
        faults = dict(zip(every, tick.each(pool.map(images.check, every)), strict=True))
    rules = rules_of(source)
    return _Findings(source, faults, {file: labels.check(file, rules) for file in tick.each(files)})


class _Ticker:
    """Counts what passes and tells ``progress``."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self.done, self.total, self.progress = 0, total, progress

    def each(self, values: Iterable[_T]) -> Iterator[_T]:
        for value in values:
            yield value
            self.done += 1
            if self.progress:
                self.progress(self.done, self.total)


def rules_of(source: DatasetSource) -> Rules:
    """Return what the label rows of ``source`` have to look like."""
    points, dimensions = source.options.get("kpt_shape", (0, 0))
    return Rules(len(source.names), points * dimensions, source.task == "pose", dimensions)


def _told(verdicts: Iterable[Verdict]) -> Task:
    """Tell the task from the row lengths: 9 columns only are oriented boxes, other long ones polygons."""
    lengths = {length for verdict in verdicts if verdict.fault is None for length in verdict.columns}
    if lengths == {9}:
        return "obb"
    return "segment" if lengths and min(lengths) > 6 else "detect"


def _refuse(found: _Findings) -> None:
    """Raise for what would make a training fail, or learn other classes than the user means."""
    _refuse_classes(found)
    _refuse_boxes(found)
    train = found.source.splits["train"]
    kept = [image for image in train if not found.dropped(image)]
    if not kept:
        raise DatasetError(
            f"Training would drop all {len(train)} images of the train split, first "
            f"{found.source.short(train[0])}: {found.dropped(train[0])}.",
            "Images that can be read, with label files of the form that the task asks for.",
            "Correct them, or name another dataset.",
        )
    if found.source.rows and not found.objects(kept):
        wanted = found.source.short(layout.label_path(kept[0]))
        raise DatasetError(
            f"None of the {len(kept)} images of the train split has a labelled object.",
            f"Label files beside the images, such as '{wanted}' for '{found.source.short(kept[0])}'.",
            "Put the label files there: the last folder `images` of an image's path becomes `labels`.",
        )


def _refuse_classes(found: _Findings) -> None:
    source = found.source
    wrong = [(file, verdict) for file, verdict in found.verdicts.items() if verdict.kind == "class"]
    if wrong:
        file, verdict = wrong[0]
        raise DatasetError(
            f"{len(wrong)} of {len(found.faults)} images would be dropped by training, first: "
            f"{source.short(file)}{verdict.where}: {verdict.fault}.",
            f"Classes 0 to {len(source.names) - 1}: {', '.join(list(source.names.values())[:10])}.",
            "Correct these labels, or add the missing names to the yaml.",
            file=str(file),
            line=verdict.line,
            count=len(wrong),
        )


def _refuse_boxes(found: _Findings) -> None:
    source = found.source
    boxes = [file for file, verdict in found.verdicts.items() if verdict.objects and 5 in verdict.columns]
    if boxes and source.task in ("segment", "obb", "semantic"):
        raise DatasetError(
            f"{len(boxes)} label files hold boxes, first {source.short(boxes[0])}.",
            f"Polygons in every file: the task is {source.task}.",
            "Train with the task detect, or take these files out.",
        )


def _problems(found: _Findings) -> Iterator[str]:
    """Yield one sentence for each kind of thing that a training would do silently."""
    source, total = found.source, len(found.faults)
    dropped = [(image, why) for image in found.faults if (why := found.dropped(image))]
    if dropped:
        image, why = dropped[0]
        yield f"{len(dropped)} of {total} images would be dropped by training, first {source.short(image)}: {why}."
    restored = [image for image, fault in found.faults.items() if fault == images.RESTORED]
    if restored:
        yield f"{len(restored)} of {total} images, first {source.short(restored[0])}: {images.RESTORED}."
    repeated = {file: verdict.duplicates for file, verdict in found.verdicts.items() if verdict.duplicates}
    if repeated:
        first = source.short(next(iter(repeated)))
        yield f"{sum(repeated.values())} repeated label rows would be removed, first in {first}."
    twice = [name for name, count in Counter(source.names.values()).items() if count > 1]
    if twice:
        yield f"{len(twice)} class names occur twice, first '{twice[0]}'."
    if source.rows:
        yield from _unlabelled(found)


def _unlabelled(found: _Findings) -> Iterator[str]:
    for split, files in found.source.splits.items():
        if not found.objects(files):
            yield f"The {split} split has no labelled object: its metrics mean nothing."
        missing = sum(image not in found.source.labels for image in files)
        if missing:
            yield f"{missing} of {len(files)} {split} images have no label file and count as background."
