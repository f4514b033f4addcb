"""The spec file beside an exported model: the exact pre- and post-processing.

What lives here: ``ModelSpec`` and the reading and writing of ``model.json``. What does not: the processing itself
(``preprocess``, ``postprocess``). Certificate, endpoint and edge runner all read this file: none of them guesses.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from workbench.errors import ModelError, storage_error

SPEC_NAME = "model.json"
WEIGHTS_NAME = "model.onnx"
SPEC_VERSION = 1
OUTPUTS = ("raw", "end2end")


@dataclass(frozen=True)
class Letterbox:
    """How an image is fitted into the model's input without changing its proportions.

    Attributes:
        pad_value: grey level of the border, 0-255.
        center: the image lies in the middle; otherwise at the top left.
        scaleup: a smaller image is enlarged.
        interpolation: how it is resized.
    """

    pad_value: int = 114
    center: bool = True
    scaleup: bool = True
    interpolation: Literal["bilinear"] = "bilinear"


@dataclass(frozen=True)
class ModelSpec:
    """Everything that is needed to get from an image to detections with the model file alone.

    Attributes:
        task: what the model answers, e.g. ``detect``.
        names: class names; a class id is an index into it.
        imgsz: height and width of the input in pixels.
        stride: both sides of the input are multiples of it.
        output: ``raw`` is (1, 4 + classes, candidates), centre-size boxes and scores, which need NMS;
            ``end2end`` is (1, detections, 6), corner boxes, confidence and class, which does not.
        sha256: of the model file, hexadecimal.
        weights: name of the model file, in the spec's folder.
        letterbox: how an image is fitted into the input.
        channels: order of the colour channels of the input.
        layout: order of the input's axes.
        divisor: 8-bit levels are divided by it.
        conf: default for the lowest confidence that is answered, 0-1.
        iou: default for the overlap above which NMS drops the weaker box, 0-1.
        max_det: most detections in one image.
        agnostic: NMS lets boxes of different classes suppress each other.
        licence: of the weights, which are derived from ultralytics.
        version: of this file's format.
    """

    task: str
    names: tuple[str, ...]
    imgsz: tuple[int, int]
    stride: int
    output: Literal["raw", "end2end"]
    sha256: str
    weights: str = WEIGHTS_NAME
    letterbox: Letterbox = field(default_factory=Letterbox)
    channels: Literal["RGB", "BGR"] = "RGB"
    layout: Literal["NCHW"] = "NCHW"
    divisor: float = 255.0
    conf: float = 0.25
    iou: float = 0.7
    max_det: int = 300
    agnostic: bool = False
    licence: str = "AGPL-3.0"
    version: int = SPEC_VERSION


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file, hexadecimal.

    Raises:
        ModelError: when the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(
            f"The model file '{path}' cannot be read: {error.strerror}.",
            f"The model file beside its {SPEC_NAME}.",
            "Export the run again.",
            path=str(path),
        ) from error


def write_spec(spec: ModelSpec, folder: Path) -> Path:
    """Write ``model.json`` into ``folder`` and return its path; equal specs give equal bytes.

    Raises:
        StorageError: when the file cannot be written.
    """
    path = folder / SPEC_NAME
    try:
        path.write_text(json.dumps(asdict(spec), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise storage_error(error, path) from error
    return path


def read_spec(folder: Path) -> ModelSpec:
    """Read ``model.json`` of ``folder``.

    Raises:
        ModelError: when it is missing, damaged, of a newer version, or has a value that is not valid.
    """
    path = folder / SPEC_NAME
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(
            f"'{folder}' has no readable {SPEC_NAME}: {error.strerror}.",
            f"A folder with a model file and its {SPEC_NAME}, as an export writes it.",
            "Give the folder of an export.",
            path=str(path),
        ) from error
    except ValueError as error:
        raise _invalid(path, f"it is not JSON ({error})", "JSON") from error
    return parse_spec(data, path)


def parse_spec(data: object, path: Path) -> ModelSpec:
    """Return the spec that ``data``, read from ``path``, describes.

    Raises:
        ModelError: when a field is missing, unknown or not valid.
    """
    if not isinstance(data, dict):
        raise _invalid(path, f"it holds a {type(data).__name__}", "a JSON object")
    version = data.get("version")
    if version != SPEC_VERSION:
        raise _invalid(path, f"its version is {version!r}", f"version {SPEC_VERSION}")
    try:
        letterbox = Letterbox(**data.get("letterbox", {}))
    except TypeError as error:
        raise _invalid(path, f"its letterbox does not fit ({error})", "the fields that an export writes") from error
    lists = {name: tuple(data[name]) if isinstance(data.get(name), list) else () for name in ("names", "imgsz")}
    try:
        spec = ModelSpec(**{**data, **lists, "letterbox": letterbox})
    except TypeError as error:
        raise _invalid(path, f"its fields do not fit ({error})", "the fields that an export writes") from error
    for name, (fits, expected) in _rules(spec).items():
        if not fits:
            raise _invalid(path, f"{name} is {_shown(data, name)}", f"{name}: {expected}", field=name)
    return spec


def _rules(spec: ModelSpec) -> Mapping[str, tuple[bool, str]]:
    positive = _integers(spec.stride) and spec.stride > 0
    letterbox = spec.letterbox
    return {
        "task": (isinstance(spec.task, str) and bool(spec.task), "the name of a task"),
        "names": (bool(spec.names) and all(isinstance(name, str) for name in spec.names), "a list of class names"),
        "stride": (positive, "a positive integer"),
        "imgsz": (
            positive and len(spec.imgsz) == 2 and _integers(*spec.imgsz) and all(_fits(s, spec) for s in spec.imgsz),
            f"height and width in pixels, multiples of {spec.stride}",
        ),
        "output": (spec.output in OUTPUTS, " or ".join(OUTPUTS)),
        "sha256": (isinstance(spec.sha256, str) and len(spec.sha256) == 64, "64 hexadecimal digits"),
        "weights": (
            isinstance(spec.weights, str) and bool(spec.weights) and Path(spec.weights).name == spec.weights,
            "a file name without a folder",
        ),
        "letterbox": (
            _integers(letterbox.pad_value)
            and 0 <= letterbox.pad_value <= 255
            and isinstance(letterbox.center, bool)
            and isinstance(letterbox.scaleup, bool)
            and letterbox.interpolation == "bilinear",
            "pad_value 0-255, center, scaleup, and interpolation bilinear",
        ),
        "channels": (spec.channels in {"RGB", "BGR"}, "RGB or BGR"),
        "layout": (spec.layout == "NCHW", "NCHW"),
        "divisor": (_number(spec.divisor) and spec.divisor > 0, "a positive number"),
        "conf": (_share(spec.conf), "a number from 0 to 1"),
        "iou": (_share(spec.iou), "a number from 0 to 1"),
        "max_det": (_integers(spec.max_det) and spec.max_det > 0, "a positive integer"),
        "agnostic": (isinstance(spec.agnostic, bool), "true or false"),
    }


def _fits(side: int, spec: ModelSpec) -> bool:
    return side > 0 and side % spec.stride == 0


def _integers(*values: object) -> bool:
    return all(isinstance(value, int) and not isinstance(value, bool) for value in values)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _share(value: float) -> bool:
    return _number(value) and 0 <= value <= 1


def _shown(data: Mapping[str, Any], name: str) -> str:
    return json.dumps(data.get(name), ensure_ascii=False)[:80]


def _invalid(path: Path, happened: str, expected: str, **fields: Any) -> ModelError:
    return ModelError(
        f"'{path}' is not a spec that this version reads: {happened}.",
        f"Expected {expected}.",
        "Export the run again with this version of the workbench.",
        path=str(path),
        **fields,
    )
