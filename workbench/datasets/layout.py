"""The layouts a dataset may have: a data.yaml with its splits, or a folder of classes.

What lives here: which files belong to which split, and which label belongs to which image. What does not: the content
of those files (``labels``, ``images``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from workbench.datasets.images import SUFFIXES
from workbench.datasets.source import SPLITS, TASKS, DatasetSource, Task
from workbench.errors import DatasetError, did_you_mean

_YAMLS = (".yaml", ".yml")
# What training reads beside the splits and the names. `download` is not among them: ultralytics would execute it
_OPTIONS = ("kpt_shape", "flip_idx", "kpt_names", "channels", "masks_dir", "label_mapping", "depth_scale")
_VAL_NAMES = ("val", "validation", "valid")


def read(data: Path, task: str | None) -> tuple[DatasetSource, bool]:
    """Read the yaml or the folder at ``data`` (absolute) and find its files; nothing is opened but yaml and lists.

    Returns:
        The source, unchecked, and whether its task is sure; otherwise the label rows have to tell it.

    Raises:
        DatasetError: when there is no dataset of a known layout.
    """
    if not data.exists():
        raise _missing(data)
    if data.is_dir():
        file = None if task == "classify" else find_yaml(data)
        return read_yaml(file, task) if file else (read_classes(data, task), True)
    if data.suffix.lower() not in _YAMLS:
        raise DatasetError(
            f"'{data.name}' is not a dataset that the workbench reads.",
            "A data.yaml, or a folder `train/<class>/…` for classification.",
            "Name the data.yaml; unpack an archive first.",
            path=str(data),
        )
    return read_yaml(data, task)


def _missing(data: Path) -> DatasetError:
    siblings = [child.name for child in data.parent.iterdir()] if data.parent.is_dir() else []
    return DatasetError(
        f"There is no dataset at '{data}'.",
        "A data.yaml, or a folder `train/<class>/…` for classification.",
        did_you_mean(data.name, siblings) or "Check the path; it is relative to the working directory.",
        path=str(data),
    )


def find_yaml(folder: Path) -> Path | None:
    """Return the data.yaml of ``folder``: of that name, of the folder's name, or the only one; None without any."""
    files = sorted(child for child in folder.iterdir() if child.suffix.lower() in _YAMLS and child.is_file())
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


def read_yaml(file: Path, task: str | None) -> tuple[DatasetSource, bool]:
    """Read a data.yaml and find the images and labels of its splits."""
    content = _parse(file)
    problems: list[str] = []
    names = _names(content, file, problems)
    root = _root(content, file, problems)
    options = {key: content[key] for key in _OPTIONS if content.get(key) is not None}
    sure = _task(content, options, root, task)
    known = sure or "detect"
    if known == "semantic" and (root / "masks").is_dir():
        options.setdefault("masks_dir", "masks")  # ultralytics takes this folder for masks unasked
    if known != "semantic":
        options.pop("masks_dir", None)
    _check_pose(options, known, file)
    splits, labels = {}, {}
    for split in SPLITS:
        folders = _entries(content, split, file)
        splits[split] = tuple(_images(folders, root, split, problems))
        labels.update(_labels(splits[split], known, options))
    if not splits["test"]:
        del splits["test"]
    return DatasetSource(file, root, known, names, splits, labels, options, tuple(problems)), sure is not None


def _parse(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text("utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
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
    return {str(key): value for key, value in content.items()}


def _names(content: dict[str, Any], file: Path, problems: list[str]) -> dict[int, str]:
    names, count = content.get("names"), content.get("nc")
    if names is None and isinstance(count, int) and count > 0:
        return {index: f"class_{index}" for index in range(count)}
    by_id: dict[int, Any] = {}
    if isinstance(names, list):
        by_id = dict(enumerate(names))
    elif isinstance(names, dict):
        by_id = {int(key): name for key, name in names.items() if str(key).isdecimal()}
    if not by_id or len(by_id) != len(names or ()):
        raise DatasetError(
            f"'{file}' has no class names: names is {names!r}.",
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
    odd = [value for value in by_id.values() if isinstance(value, bool) or value is None]
    if odd:
        problems.append(f"A class name reads as {odd[0]}: YAML takes yes, no and null so; put the name in quotes.")
    return {index: str(by_id[index]) for index in sorted(by_id)}


def _root(content: dict[str, Any], file: Path, problems: list[str]) -> Path:
    """Return the folder that the splits are relative to: the first candidate where the train entry exists."""
    stated = content.get("path")
    if not stated:
        return file.parent
    first = next(iter(_entries(content, "train", file)))
    beside = Path(os.path.abspath(file.parent / str(stated)))  # noqa: PTH100 - resolve() would follow links
    for root in (beside, Path(str(stated)).absolute()):
        if _entry(root, first).exists():
            return root
    if _entry(file.parent, first).exists():
        problems.append(f"`path: {stated}` does not exist here: the yaml's own folder was taken instead.")
        return file.parent
    return beside


def _entries(content: dict[str, Any], split: str, file: Path) -> list[str]:
    keys = _VAL_NAMES if split == "val" else (split,)
    value = next((content[key] for key in keys if content.get(key)), None)
    if value is None and split != "test":
        raise DatasetError(
            f"'{file}' has no `{split}:` key.",
            "Both `train:` and `val:`: folders of images, or lists of image paths (.txt).",
            did_you_mean(split, content) or f"Add `{split}:` to the yaml.",
            key=split,
        )
    return [str(entry) for entry in (value if isinstance(value, list) else [value] if value else [])]


def _entry(root: Path, entry: str) -> Path:
    path = root / entry
    if not path.exists() and entry.startswith("../"):
        path = root / entry[3:]  # Roboflow writes ../train/images for a folder beside the yaml
    return Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow a link away from its labels


def _images(entries: list[str], root: Path, split: str, problems: list[str]) -> list[Path]:
    found: list[Path] = []
    for entry in entries:
        path = _entry(root, entry)
        if path.is_dir():
            found += walk(path)
        elif path.is_file() and path.suffix.lower() == ".txt":
            found += _listed(path, root, problems)
        elif path.is_file() and path.suffix.lower() in SUFFIXES:
            found.append(path)
        else:
            raise DatasetError(
                f"The {split} split '{entry}' is not at '{path}'.",
                "A folder of images, or a .txt of image paths.",
                did_you_mean(path.name, [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else [])
                or "Check `path:` and the split's key in the yaml.",
                path=str(path),
            )
    single = sorted(set(found))
    if len(single) < len(found):
        problems.append(f"{len(found) - len(single)} images are listed twice in the {split} split; each counts once.")
    return single


def walk(folder: Path) -> Iterator[Path]:
    """Yield the images below ``folder``; hidden files and folders are left out, links to folders are followed once."""
    seen = set()
    for base, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(base)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES:  # noqa: PTH122 - 10x Path
                yield Path(base, name)


def _listed(file: Path, root: Path, problems: list[str]) -> list[Path]:
    """Return the images that a .txt names, one path a line."""
    found, missing = [], []
    for line in file.read_text("utf-8-sig").splitlines():
        entry = line.strip()
        if not entry or os.path.splitext(entry)[1].lower() not in SUFFIXES:  # noqa: PTH122
            continue
        places = [base / entry for base in (file.parent, root, Path.cwd())]
        path = next((place for place in places if place.is_file()), None)
        if path is None:
            missing.append(entry)
        else:
            found.append(Path(os.path.abspath(path)))  # noqa: PTH100
    if missing:
        problems.append(f"{len(missing)} images listed in {file.name} are not there, first: {missing[0]}.")
    return found


def label_path(image: Path, folder: str = "labels", suffix: str = ".txt") -> Path:
    """Return where training looks for the label of ``image``: the last ``/images/`` becomes ``/<folder>/``."""
    here, there = f"{os.sep}images{os.sep}", f"{os.sep}{folder}{os.sep}"
    return Path(there.join(str(image).rsplit(here, 1)).rpartition(".")[0] + suffix)


def _labels(images: tuple[Path, ...], task: Task, options: dict[str, Any]) -> dict[Path, Path]:
    found = {}
    for image in images:
        candidates = _companions(image, task, options)
        # A linked folder of images may have its labels beside the link, or beside what it points to
        label = next((path for path in candidates if path.is_file()), None)
        if label is None and (real := image.resolve()) != image:
            label = next((path for path in _companions(real, task, options) if path.is_file()), None)
        if label:
            found[image] = label
    return found


def _companions(image: Path, task: Task, options: dict[str, Any]) -> tuple[Path, ...]:
    if task == "depth":
        return label_path(image, "depth", ".png"), label_path(image, "depth", ".npy")
    if "masks_dir" in options:
        return tuple(label_path(image, str(options["masks_dir"]), s) for s in (".png", *sorted(SUFFIXES - {".png"})))
    return (label_path(image),)


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
    if flips is not None and shape and sorted(flips) != list(range(shape[0])):
        raise DatasetError(
            f"'{file}' has flip_idx: {flips}.", f"Each of 0..{shape[0] - 1} once.", "Correct or remove `flip_idx:`."
        )


def read_classes(folder: Path, task: str | None) -> DatasetSource:
    """Read a folder ``train/<class>/…`` with ``val`` (or ``test``) beside it."""
    train = folder / "train"
    names = sorted(child.name for child in train.iterdir() if child.is_dir()) if train.is_dir() else []
    if not names or task not in (None, "classify"):
        raise DatasetError(
            f"'{folder}' holds no data.yaml" + ("." if names else " and no `train/<class>/` folders."),
            "A data.yaml, or for classification one folder of images for each class.",
            "Name the data.yaml, or sort the images into such folders.",
            path=str(folder),
        )
    problems: list[str] = []
    splits = {}
    for split, keys in (("train", ("train",)), ("val", (*_VAL_NAMES, "test")), ("test", ("test",))):
        base = next((folder / key for key in keys if (folder / key).is_dir()), None)
        if base is not None:
            _check_classes(base, names, problems)
            splits[split] = tuple(sorted(image for name in names for image in walk_class(base / name)))
    return DatasetSource(folder, folder, "classify", dict(enumerate(names)), splits, problems=tuple(problems))


def walk_class(folder: Path) -> Iterator[Path]:
    """Yield the images of one class; a split may lack the class."""
    if folder.is_dir():
        yield from walk(folder)


def _check_classes(base: Path, names: list[str], problems: list[str]) -> None:
    there = {child.name for child in base.iterdir() if child.is_dir() and not child.name.startswith(".")}
    strange, absent = sorted(there - set(names)), sorted(set(names) - there)
    if strange:
        raise DatasetError(
            f"'{base.name}' has the class '{strange[0]}', which train has not.",
            f"Classes of train: {', '.join(names[:10])}.",
            did_you_mean(strange[0], names) or "Move these images, or add the class to train.",
        )
    if absent:
        problems.append(f"{len(absent)} classes have no folder in '{base.name}', first '{absent[0]}'.")
