"""What a data.yaml says: its classes, its task, and where its splits are.

What lives here: the meaning of its keys, and the mistakes in them. What does not: the files that it points to
(``layout``). A ``download:`` key is never read: ultralytics would execute it.
"""

from __future__ import annotations

import os
import reprlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from workbench.datasets.source import SPLITS, TASKS, Task
from workbench.errors import DatasetError, did_you_mean

SUFFIXES = (".yaml", ".yml")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # 10,000 class names in 0.1 s instead of 1
_MOST_VALUES = 1_000_000
_MOST_BYTES, _DEEPEST, _MOST_CLASSES = 32 << 20, 50, 1_000_000
VAL_NAMES = ("val", "validation", "valid")
# What training reads beside the splits and the names
_OPTIONS = ("kpt_shape", "flip_idx", "kpt_names", "channels", "masks_dir", "label_mapping", "depth_scale")


class Problem(NamedTuple):
    """What does not stop a training but changes what it sees.

    Attributes:
        rule: its id in the lint catalogue.
        detail: one clause or sentence, with the value.
        path: of the file to look at, as people know it; empty for the dataset.
        line: of that file, from 1; 0 for the whole file.
        split: of the image that it is about; empty when it is about no image.
        effect: what training does with the image because of it.
    """

    rule: str
    detail: str
    path: str = ""
    line: int = 0
    split: str = ""
    effect: str = "none"


@dataclass(frozen=True)
class Sheet:
    """A data.yaml, understood.

    Attributes:
        file: where it is; absolute.
        root: the folder that the splits are relative to.
        task: what its labels are for; ``detect`` when only the label rows can tell.
        sure: whether the task is told by the yaml, its folders or the caller.
        names: class names by class id, 0..n-1.
        options: other keys that training reads.
        splits: the folders, lists and images of each split, as the yaml names them; empty for a split it lacks.
        problems: what it says wrongly.
    """

    file: Path
    root: Path
    task: Task
    sure: bool
    names: dict[int, str]
    options: dict[str, Any]
    splits: dict[str, tuple[str, ...]]
    problems: tuple[Problem, ...] = ()

    @property
    def masked(self) -> bool:
        """Whether the labels are mask images."""
        return self.task == "semantic" and "masks_dir" in self.options


def locate(data: Path, task: str | None) -> Path | None:
    """Return the data.yaml at ``data`` (absolute), itself or in the folder; None for a folder of classes.

    Raises:
        DatasetError: when there is nothing, or nothing of a known layout.
    """
    if not data.exists():
        siblings = [child.name for child in data.parent.iterdir()] if data.parent.is_dir() else []
        raise DatasetError(
            f"There is no dataset at '{data}'.",
            "A data.yaml, or a folder `train/<class>/…` for classification.",
            did_you_mean(data.name, siblings) or "Check the path; it is relative to the working directory.",
            path=str(data),
        )
    if data.is_dir():
        file = None if task == "classify" else find_yaml(data)
        if file is None and task not in (None, "classify"):
            raise DatasetError(
                f"'{data}' holds no data.yaml.",
                f"A data.yaml: the task is {task}.",
                "Name the data.yaml.",
                path=str(data),
            )
        return file
    if data.suffix.lower() not in SUFFIXES:
        raise DatasetError(
            f"'{data.name}' is not a dataset that the workbench reads.",
            "A data.yaml, or a folder `train/<class>/…` for classification.",
            "Name the data.yaml; unpack an archive first.",
            path=str(data),
        )
    return data


def find_yaml(folder: Path) -> Path | None:
    """Return the data.yaml of ``folder``: of that name, of the folder's name, or the only one; None without any."""
    files = sorted(child for child in folder.iterdir() if child.suffix.lower() in SUFFIXES and child.is_file())
    for file in files:
        if file.stem in ("data", "dataset", folder.name):
            return file
    if len(files) > 1:
        raise DatasetError(
            f"'{folder}' holds {len(files)} yaml files: {', '.join(file.name for file in files[:5])}.",
            "One data.yaml.",
            "Name the file instead of the folder.",
        )
    return files[0] if files else None


def read(file: Path, task: str | None) -> Sheet:
    """Read the data.yaml at ``file`` (absolute).

    Raises:
        DatasetError: when it cannot be read, or what it says cannot be trained on.
    """
    content = _parse(file)
    problems: list[Problem] = []
    names = _names(content, file, problems)
    splits = {split: tuple(_entries(content, split, file)) for split in SPLITS}
    root = _root(content, file, splits["train"][0], problems)
    options = {key: content[key] for key in _OPTIONS if content.get(key) is not None}
    sure = _task(content, options, root, task)
    known = sure or "detect"
    if known == "semantic" and (root / "masks").is_dir():
        options.setdefault("masks_dir", "masks")  # ultralytics takes this folder for masks unasked
    if known != "semantic":
        options.pop("masks_dir", None)
    _check_pose(options, known, file)
    return Sheet(file, root, known, sure is not None, names, options, splits, tuple(problems))


def load(file: Path) -> Any:
    """Return what a YAML file holds.

    Raises:
        OSError: when it cannot be read.
        yaml.YAMLError: when it is no YAML, or such that reading it would take the machine's memory.
        ValueError: when it is not UTF-8, or a date or a number in it is none.
    """
    if file.stat().st_size > _MOST_BYTES:
        raise yaml.YAMLError(f"it is larger than {_MOST_BYTES:,} bytes")
    text = file.read_text("utf-8-sig")
    depth = 0
    for event in yaml.parse(text, _LOADER):  # events nest no calls, and the values are not made yet
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise yaml.YAMLError(f"it is nested deeper than {_DEEPEST} levels")
        if isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.implicit[0]:
            raise yaml.YAMLError("it merges keys (`<<`), which a few lines can blow up with")
    return yaml.load(text, _LOADER)  # noqa: S506 - a safe one


def _parse(file: Path) -> dict[str, Any]:
    try:
        content = load(file)
    except (yaml.YAMLError, ValueError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" in line {where.line + 1}" if where else ""
        raise DatasetError(
            f"'{file}' is not valid YAML{line}: {getattr(error, 'problem', None) or error}.",
            "Keys `train`, `val` and `names`, in UTF-8.",
            "Correct the file.",
            path=str(file),
        ) from error
    except OSError as error:
        raise DatasetError(
            f"'{file}' cannot be read: {error.strerror}.", "A readable file.", "Check its rights."
        ) from (error)
    if not isinstance(content, dict):
        raise DatasetError(f"'{file}' holds no keys.", "Keys `train`, `val` and `names`.", "Name a data.yaml.")
    _check_size(content, file)
    return {str(key): value for key, value in content.items()}


def _check_size(content: Any, file: Path) -> None:
    """Refuse what a few lines of aliases can blow up to."""
    open_, count = [content], 0
    while open_:
        value = open_.pop()
        count += 1
        if isinstance(value, dict):
            open_.extend(value.values())
        elif isinstance(value, list):
            open_.extend(value)
        if count > _MOST_VALUES or len(open_) > _MOST_VALUES:
            raise DatasetError(
                f"'{file}' stands for more than {_MOST_VALUES:,} values.",
                "A data.yaml: splits, class names, a few options.",
                "Write it without aliases (`&name`, `*name`).",
            )


def _names(content: dict[str, Any], file: Path, problems: list[Problem]) -> dict[int, str]:
    names, count = content.get("names"), content.get("nc")
    if isinstance(count, int) and count > _MOST_CLASSES:
        raise DatasetError(
            f"'{file}' says nc: {count}.", f"At most {_MOST_CLASSES:,} classes.", "Correct or remove the `nc:` line."
        )
    if names is None and isinstance(count, int) and count > 0:
        return {index: f"class_{index}" for index in range(count)}
    by_id: dict[int, Any] = {}
    if isinstance(names, list):
        by_id = dict(enumerate(names))
    elif isinstance(names, dict):
        by_id = {int(key): name for key, name in names.items() if str(key).isdecimal()}
    if not by_id or len(by_id) != len(names or ()):
        raise DatasetError(
            f"'{file}' has no class names: names is {reprlib.repr(names)}.",
            "A list of names, or a mapping from class id to name.",
            "Add `names:` to the yaml.",
        )
    if sorted(by_id) != list(range(len(by_id))):
        raise DatasetError(
            f"The class ids of '{file}' are {', '.join(map(str, sorted(by_id)[:12]))}.",
            f"0..{len(by_id) - 1} without a gap, for {len(by_id)} names.",
            "Number the names anew, and the labels with them.",
        )
    if count is not None and str(count) != str(len(by_id)):
        raise DatasetError(
            f"'{file}' says nc: {count} but names {len(by_id)} classes.", "The same number.", "Remove the `nc:` line."
        )
    nested = [value for value in by_id.values() if isinstance(value, list | dict)]
    if nested:
        raise DatasetError(
            f"A class name of '{file}' is {reprlib.repr(nested[0])}.", "A text for each class.", "Correct `names:`."
        )
    odd = [value for value in by_id.values() if isinstance(value, bool) or value is None]
    if odd:
        said = f"A class name reads as {odd[0]}: YAML takes yes, no and null so; put the name in quotes."
        problems.append(Problem("yaml-name-not-text", said, file.name))
    return {index: str(by_id[index]) for index in sorted(by_id)}


def _root(content: dict[str, Any], file: Path, first: str, problems: list[Problem]) -> Path:
    """Return the folder that the splits are relative to: the first candidate where the train entry exists."""
    stated = content.get("path")
    if not stated:
        return file.parent
    beside = Path(os.path.abspath(file.parent / str(stated)))  # noqa: PTH100 - resolve() would follow links
    for root in (beside, Path(str(stated)).absolute()):
        if entry(root, first).exists():
            return root
    if entry(file.parent, first).exists():
        said = f"`path: {stated}` does not exist here: the yaml's own folder was taken instead."
        problems.append(Problem("yaml-path-missing", said, file.name))
        return file.parent
    return beside


def _entries(content: dict[str, Any], split: str, file: Path) -> list[str]:
    keys = VAL_NAMES if split == "val" else (split,)
    value = next((content[key] for key in keys if content.get(key)), None)
    if value is None:
        strange = did_you_mean(split, sorted(set(content) - {"names", "path", "nc"}))
        if split == "train" or (split == "val" and strange):
            raise DatasetError(
                f"'{file}' has no `{split}:` key.",
                "Both `train:` and `val:`: folders of images, or lists of image paths (.txt).",
                strange or f"Add `{split}:` to the yaml.",
                key=split,
            )
        return []
    return [str(each) for each in (value if isinstance(value, list) else [value])]


def entry(root: Path, named: str) -> Path:
    """Return what a split's entry ``named`` means, absolute."""
    path = root / named
    if not path.exists() and named.startswith("../"):
        path = root / named[3:]  # Roboflow writes ../train/images for a folder beside the yaml
    return Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow a link away from its labels


def _task(content: dict[str, Any], options: dict[str, Any], root: Path, task: str | None) -> Task | None:
    """Tell the task from the yaml and the folders; None when only the label rows can."""
    named = task or content.get("task")
    for known in TASKS:
        if named == known:
            return known
    if "kpt_shape" in options:
        return "pose"
    bare = not (root / "labels").is_dir()
    if "masks_dir" in options or (bare and (root / "masks").is_dir()):
        return "semantic"
    return "depth" if "depth_scale" in options or (bare and (root / "depth").is_dir()) else None


def _check_pose(options: dict[str, Any], task: Task, file: Path) -> None:
    shape = options.get("kpt_shape")
    valid = isinstance(shape, list) and len(shape) == 2 and all(isinstance(n, int) for n in shape)
    valid = valid and shape is not None and shape[0] > 0 and shape[1] in (2, 3)
    if (shape is not None or task == "pose") and not valid:
        raise DatasetError(
            f"'{file}' has kpt_shape: {shape}.",
            "[number of keypoints, 2 or 3 values each], such as [17, 3].",
            "Correct `kpt_shape:` in the yaml.",
        )
    flips = options.get("flip_idx")
    if flips is not None and shape and not _is_order(flips, shape[0]):
        raise DatasetError(
            f"'{file}' has flip_idx: {flips}.", f"Each of 0..{shape[0] - 1} once.", "Correct or remove `flip_idx:`."
        )


def _is_order(flips: Any, points: int) -> bool:
    """Return whether ``flips`` has each of 0..points-1 once."""
    if not isinstance(flips, list) or len(flips) != points or not all(type(place) is int for place in flips):
        return False
    return sorted(flips) == list(range(points))
