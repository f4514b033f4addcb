"""What an export says of itself, held against the checkpoint that it was made of.

What lives here: the rows about its file, its metadata and its spec. What does not: what it answers (``parity``).
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from workbench.errors import ExportError
from workbench.exports.artifacts import digest
from workbench.exports.checks import Check, attempt, check
from workbench.serving.spec import ModelSpec

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
        said: where it comes from, e.g. the digest of its dataset and the id of its run, by name.
    """

    task: str
    names: tuple[str, ...]
    imgsz: tuple[int, int]
    stride: int
    said: Mapping[str, str] = field(default_factory=dict)

    def spec(self, spec: ModelSpec) -> ModelSpec:
        """Return the spec that an export has to have whose file and head are those of ``spec``."""
        return ModelSpec(
            self.task, self.names, self.imgsz, self.stride, spec.output, sha256=spec.sha256, weights=spec.weights
        )


def origin(checkpoint: Path, imgsz: int | tuple[int, int], said: Mapping[str, str] | None = None) -> Origin:
    """Read what a checkpoint demands; ``imgsz`` is rounded up to its stride, as the exporter does.

    Args:
        checkpoint: an ultralytics checkpoint.
        imgsz: of the input, in pixels.
        said: where it comes from, see ``Provenance.said``.

    Raises:
        ModelError: when it cannot be read.
    """
    from workbench.runs.training.checkpoints import inspect

    info = inspect(checkpoint)
    sides = (imgsz, imgsz) if isinstance(imgsz, int) else imgsz
    height, width = (-(-side // info.stride) * info.stride for side in sides)
    names = tuple(info.names[number] for number in sorted(info.names))
    return Origin(info.task, names, (height, width), 1 if info.task == "classify" else info.stride, said or {})


def inside(weights: Path, spec: ModelSpec, wanted: Origin) -> list[Check]:
    """Return the rows about an export's file, metadata and spec."""
    expected = wanted.spec(spec)
    rows = [attempt("file", "the file that the spec names", lambda: _file(weights, spec))]
    try:
        said = metadata(weights)
    except ExportError as error:
        return [*rows, Check("metadata", "fail", error.happened, error.expected)]
    rows += [
        _same("task", wanted.task, said.get("task"), spec.task),
        _same("class names", list(wanted.names), _names(said), list(spec.names)),
        _same("image size", list(wanted.imgsz), said.get("imgsz"), list(spec.imgsz)),
        _same("stride", wanted.stride, said.get("stride"), spec.stride),
        _fields("preprocessing", _BEFORE, expected, spec),
        _fields("postprocessing", _AFTER, expected, spec),
        *(_same(name, value, said.get(name), value) for name, value in wanted.said.items()),
        _same("licence", "AGPL-3.0", str(said.get("licence", said.get("license", ""))).split(" ")[0], spec.licence),
    ]
    # A class may be called as a folder is
    told = {name: str(value) for name, value in said.items() if name != "names"}
    leaked = [f"{name}: {value[:80]}" for name, value in told.items() if any(path in value for path in _PATHS)]
    return [*rows, check("paths", not leaked, "; ".join(leaked) or "none", "no path of the machine that trained")]


def _file(weights: Path, spec: ModelSpec) -> Check:
    found = digest(weights)
    return check("file", found == spec.sha256, f"sha256 {found[:12]}…", f"sha256 {spec.sha256[:12]}…")


def metadata(weights: Path) -> dict[str, Any]:
    """Return what an exported model says of itself, read without running it.

    Raises:
        ExportError: when it says nothing, or cannot be read.
    """
    from ultralytics.nn.backends.base import BaseBackend

    said = BaseBackend.read_metadata(weights) or (_in_mnn(weights) if weights.suffix == ".mnn" else {})
    if not said:
        raise ExportError(
            "The file cannot be read, or says nothing of itself.",
            "A model with what ultralytics writes into it.",
            "Export the run again.",
            path=str(weights),
        )
    return {str(name): _literal(value) for name, value in said.items()}


def _in_mnn(weights: Path) -> dict[str, Any]:
    """MNN keeps the JSON as a text somewhere in a flatbuffer; its own reader needs its packages."""
    data = weights.read_bytes()
    start = data.find(b'{"description"')
    try:
        found, _ = (
            json.JSONDecoder().raw_decode(data[start:].decode("utf-8", errors="ignore")) if start >= 0 else ({}, 0)
        )
    except ValueError:
        return {}
    return dict(found)


def _names(said: Mapping[str, Any]) -> list[str] | None:
    names = said.get("names")
    if not isinstance(names, dict):
        return None
    by_id = {int(number): str(name) for number, name in names.items()}
    return [by_id[number] for number in sorted(by_id)]


def _literal(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return value


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
