"""Which format a dataset is in, told by looking into its files.

What lives here: the looking. What does not: any reading.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import yaml

from workbench.datasets import datayaml
from workbench.datasets.formats import jsonfile, places, xmlfile
from workbench.datasets.formats.coco_files import is_coco
from workbench.datasets.formats.xmlfile import XmlError
from workbench.errors import DatasetError, did_you_mean

_YAML = (".yaml", ".yml")
_HEAD_BYTES = 1 << 16
_LOOKED_INTO = 20  # files of one kind: a folder may hold a readme, a log, a settings file beside the labels
_KITTI_COLUMNS = (15, 16)


def sniff(data: Path) -> str:
    """Return the format of the file or folder at ``data``: a name of ``FORMATS``.

    Raises:
        DatasetError: when it is of no known format, or looks like several; says what was looked for.
    """
    if not data.exists():
        siblings = [child.name for child in data.parent.iterdir()] if data.parent.is_dir() else []
        raise DatasetError(
            f"There is no dataset at '{data}'.",
            "A folder or a file of a dataset.",
            did_you_mean(data.name, siblings) or "Check the path; it is relative to the working directory.",
            path=str(data),
        )
    if data.is_file():
        found = _of_file(data)
        if found is None:
            raise _unknown(data, f"'{data.name}' is of no format that is read.")
        return found
    return _of_folder(data)


def _of_folder(data: Path) -> str:
    census = _Census(data)
    met = {name: first for name, test in _FOLDER_TESTS.items() if (first := test(census))}
    if "yolo" in met:
        # A data.yaml says which files are meant: others beside it are sources or exports of the same labels
        return "yolo"
    if len(met) > 1:
        listed = ", ".join(f"{name} ('{first}')" for name, first in met.items())
        raise DatasetError(
            f"'{data}' looks like several formats: {listed}.",
            "One format, or the name of the file that is meant.",
            f"Say which one with --format {next(iter(met))}, or name the file.",
            path=str(data),
        )
    if met:
        return next(iter(met))
    if census.classes():
        return "classes"
    if not any(map(places.is_image, census.files)):
        raise DatasetError(
            f"'{data}' holds no images and no labels of a known format.",
            "A folder with image files and their labels.",
            "Name the folder that holds both.",
            path=str(data),
        )
    raise _unknown(data, f"'{data}' holds images, but no labels of a known format.")


def _unknown(data: Path, happened: str) -> DatasetError:
    from workbench.datasets.formats import FORMATS

    looked = "; ".join(f"{each.title}: {each.looks}" for each in FORMATS.values())
    return DatasetError(happened, f"One of these. {looked}.", "Say which one with --format.", path=str(data))


@dataclass
class _Census:
    """The files of a folder by suffix."""

    root: Path
    files: list[str] = field(default_factory=list)
    by_suffix: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.files = list(places.walk(self.root))
        # Nearest the top first: what describes a dataset stands there
        for name in sorted(self.files, key=lambda name: (name.count("/"), name)):
            self.by_suffix.setdefault(name.rpartition(".")[2].lower(), []).append(name)

    def first(self, suffix: str, test: Callable[[Path], bool]) -> str:
        """Return the first file of this suffix that passes ``test``, among the first few; empty when none does."""
        names = self.by_suffix.get(suffix, [])[:_LOOKED_INTO]
        return next((name for name in names if _passes(test, self.root / name)), "")

    def classes(self) -> bool:
        """Return whether there are folders ``train/<class>/`` with images."""
        return any(name.startswith("train/") and name.count("/") >= 2 and places.is_image(name) for name in self.files)


def _passes(test: Callable[[Path], bool], path: Path) -> bool:
    try:
        return test(path)
    except (OSError, ValueError):  # what cannot be read is of no format
        return False


def is_data_yaml(path: Path) -> bool:
    """Return whether a yaml has the keys of a data.yaml."""
    try:
        content = datayaml.load(path)
    except (yaml.YAMLError, ValueError):
        return path.stem in ("data", "dataset")  # broken, but meant: the reader says the line
    return isinstance(content, dict) and "train" in content and bool(content.keys() & {"names", "nc"})


def _is_labelme(path: Path) -> bool:
    found = jsonfile.first_keys(path)
    return found is not None and found[0] == "{" and "shapes" in found[1] and "images" not in found[1]


def _is_labelstudio(path: Path) -> bool:
    found = jsonfile.first_keys(path)
    if found is None or found[0] != "[":
        return False
    full = "data" in found[1] and bool(found[1] & {"annotations", "completions", "predictions"})
    return full or {"annotation_id", "annotator"} <= found[1]  # JSON-MIN


def _is_ndjson(path: Path) -> bool:
    with path.open("rb") as file:
        line = file.readline(_HEAD_BYTES << 8)
    try:
        first = orjson.loads(line.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        return False
    return isinstance(first, dict) and (first.get("type") in ("dataset", "image") or "class_names" in first)


def _xml_root(path: Path) -> str:
    with path.open("rb") as file:
        return xmlfile.root_tag(file.read(_HEAD_BYTES))


def _is_voc(path: Path) -> bool:
    return _xml_root(path) == "annotation"


def _is_cvat(path: Path) -> bool:
    return _xml_root(path) == "annotations"


def _is_openimages(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.readline(_HEAD_BYTES)
    return {b"ImageID", b"LabelName", b"XMin", b"YMax"} <= {
        word.strip(b'" \r\n\xef\xbb\xbf') for word in head.split(b",")
    }


def _is_parquet(path: Path) -> bool:
    import pyarrow.lib
    import pyarrow.parquet as pq

    try:
        schema: Any = pq.read_schema(path)
    except pyarrow.lib.ArrowInvalid:
        return False
    return "image" in schema.names


def _is_kitti(path: Path) -> bool:
    with path.open("rb") as file:
        words = file.readline(_HEAD_BYTES).split()
    if len(words) not in _KITTI_COLUMNS:
        return False
    try:
        [float(word) for word in words[1:]]
    except ValueError:
        return False
    return not words[0].replace(b".", b"").isdigit()


_FILE_TESTS: dict[str, tuple[tuple[str, Callable[[Path], bool]], ...]] = {
    "json": (("coco", is_coco), ("labelme", _is_labelme), ("labelstudio", _is_labelstudio)),
    "xml": (("cvat", _is_cvat), ("voc", _is_voc)),
    "ndjson": (("ndjson", _is_ndjson),),
    "jsonl": (("ndjson", _is_ndjson),),
    "csv": (("openimages", _is_openimages),),
    "parquet": (("parquet", _is_parquet),),
    "txt": (("kitti", _is_kitti),),
}


def _of_file(data: Path) -> str | None:
    if data.suffix.lower() in _YAML:
        return "yolo"
    tests = _FILE_TESTS.get(data.suffix.lower().removeprefix("."), ())
    for name, test in tests:
        if name != "kitti" and _passes(test, data):
            return name
    if data.suffix.lower() == ".json":
        _damaged_json(data)
    if data.suffix.lower() == ".xml":
        _damaged_xml(data)
    return None


def _damaged_json(data: Path) -> None:
    """Raise what is wrong with a JSON file that looks like nothing known, if it is damaged."""
    for _ in jsonfile.elements(data, ()):
        pass


def _damaged_xml(data: Path) -> None:
    try:
        _xml_root(data)
    except XmlError as error:
        raise DatasetError(
            f"'{data.name}' cannot be read: {error}.",
            "An XML file of Pascal VOC or CVAT.",
            "Export it again.",
            path=str(data),
        ) from error


def _of_kind(name: str) -> Callable[[_Census], str]:
    tests = [(suffix, test) for suffix, tests in _FILE_TESTS.items() for kind, test in tests if kind == name]
    return lambda census: next((found for suffix, test in tests if (found := census.first(suffix, test))), "")


def _yolo(census: _Census) -> str:
    top = [name for suffix in _YAML for name in census.by_suffix.get(suffix[1:], ()) if "/" not in name]
    return next((name for name in top if _passes(is_data_yaml, census.root / name)), "")


_FOLDER_TESTS: dict[str, Callable[[_Census], str]] = {
    "yolo": _yolo,
    **{
        name: _of_kind(name)
        for name in ("coco", "voc", "ndjson", "labelstudio", "cvat", "labelme", "kitti", "openimages", "parquet")
    },
}
