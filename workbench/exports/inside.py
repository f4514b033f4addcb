"""What an export says of itself, held against the checkpoint that it was made of.

What lives here: the rows about its file, its metadata and its spec. What does not: what it answers (``parity``).
"""

from __future__ import annotations

import ast
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from workbench.errors import ExportError
from workbench.exports.checks import Check, attempt, check
from workbench.serving.spec import ModelSpec, file_sha256

_BEFORE: Final = ("letterbox", "channels", "layout", "divisor")
_AFTER: Final = ("conf", "iou", "max_det", "agnostic")
_PATHS: Final = ("/home", "/root", "/Users", "/tmp", "/mnt", ":\\")  # noqa: S108  what a path of a machine begins with


@dataclass(frozen=True)
class Origin:
    """What a checkpoint demands of its exports.

    Attributes:
        task: that it answers.
        names: of its classes, by id.
        imgsz: height and width of the input in pixels.
        stride: both are multiples of it.
    """

    task: str
    names: tuple[str, ...]
    imgsz: tuple[int, int]
    stride: int

    def spec(self, spec: ModelSpec) -> ModelSpec:
        """Return the spec that an export has to have whose file and head are those of ``spec``."""
        return ModelSpec(
            self.task, self.names, self.imgsz, self.stride, spec.output, sha256=spec.sha256, weights=spec.weights
        )


def origin(checkpoint: Path, imgsz: int | tuple[int, int]) -> Origin:
    """Read what a checkpoint demands; ``imgsz`` is rounded up to its stride, as the exporter does.

    Raises:
        ModelError: when it cannot be read.
    """
    from workbench.runs.training.checkpoints import inspect

    info = inspect(checkpoint)
    sides = (imgsz, imgsz) if isinstance(imgsz, int) else imgsz
    height, width = (-(-side // info.stride) * info.stride for side in sides)
    return Origin(info.task, tuple(info.names[number] for number in sorted(info.names)), (height, width), info.stride)


def inside(weights: Path, spec: ModelSpec, wanted: Origin) -> list[Check]:
    """Return the rows about an export's file, metadata and spec."""
    expected = wanted.spec(spec)
    rows = [attempt("file", "the file that the spec names", lambda: _file(weights, spec))]
    try:
        said = _properties(weights)
    except ExportError as error:
        return [*rows, Check("metadata", "fail", error.happened, error.expected)]
    rows += [
        _same("task", wanted.task, said.get("task"), spec.task),
        _same("class names", list(wanted.names), _names(said), list(spec.names)),
        _same("image size", list(wanted.imgsz), _literal(said, "imgsz"), list(spec.imgsz)),
        _same("stride", wanted.stride, _literal(said, "stride"), spec.stride),
        _fields("preprocessing", _BEFORE, expected, spec),
        _fields("postprocessing", _AFTER, expected, spec),
        _same("licence", "AGPL-3.0", said.get("license", "").split(" ")[0], spec.licence),
    ]
    # A class may be called as a folder is
    told = {name: value for name, value in said.items() if name != "names"}
    leaked = [f"{name}: {value[:80]}" for name, value in told.items() if any(path in value for path in _PATHS)]
    return [*rows, check("paths", not leaked, "; ".join(leaked) or "none", "no path of the machine that trained")]


def _file(weights: Path, spec: ModelSpec) -> Check:
    found = file_sha256(weights)
    return check("file", found == spec.sha256, f"sha256 {found[:12]}…", f"sha256 {spec.sha256[:12]}…")


def _properties(weights: Path) -> dict[str, str]:
    import onnx

    try:
        model = onnx.load(weights)
    except Exception as error:  # whatever the bytes of a torn file lead protobuf to
        raise ExportError(
            f"The file cannot be read: {str(error)[:200] or type(error).__name__}.",
            "An ONNX model with what ultralytics writes into it.",
            "Export the run again.",
            path=str(weights),
        ) from error
    return {item.key: item.value for item in model.metadata_props}


def _names(said: dict[str, str]) -> list[str] | None:
    names = _literal(said, "names")
    return [str(names[number]) for number in sorted(names)] if isinstance(names, dict) else None


def _literal(said: dict[str, str], name: str) -> Any:
    try:
        return ast.literal_eval(said.get(name, ""))
    except (ValueError, SyntaxError):
        return None


def _same(name: str, wanted: Any, in_file: Any, in_spec: Any) -> Check:
    if in_file == in_spec:
        return check(name, in_file == wanted, _short(in_file), _short(wanted))
    return check(name, False, f"{_short(in_file)} in the file, {_short(in_spec)} in the spec", _short(wanted))


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


def _fields(name: str, fields: tuple[str, ...], wanted: ModelSpec, found: ModelSpec) -> Check:
    there, expected = asdict(found), asdict(wanted)
    differing = [field for field in fields if there[field] != expected[field]]
    return check(
        name,
        not differing,
        ", ".join(f"{field} {there[field]}" for field in differing) or "as ultralytics does it",
        ", ".join(f"{field} {expected[field]}" for field in differing) or "as ultralytics does it",
    )
