"""A checkpoint to an ONNX model with its spec file.

What lives here: the conversion by ultralytics, and what makes its result the same bytes every time. What does not: the
proof that the result answers like the checkpoint (``certificate``). It runs in a job's kernel: torch is imported late.
"""

from __future__ import annotations

import ast
import importlib.util
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from workbench.errors import ConflictError, ExportError, ModelError, storage_error
from workbench.serving.spec import SPEC_NAME, WEIGHTS_NAME, ModelSpec, file_sha256, write_spec

PACKAGES = ("onnx", "onnxslim", "onnxruntime")
# ultralytics writes the time of the export, which would make every export another file
DATE = "1970-01-01T00:00:00+00:00"


@dataclass(frozen=True)
class ExportedModel:
    """An export's folder: the model file and its spec.

    Attributes:
        folder: where both lie.
        spec: the exact pre- and post-processing.
        size_bytes: of the model file.
        seconds: that the export took.
    """

    folder: Path
    spec: ModelSpec
    size_bytes: int
    seconds: float

    @property
    def weights(self) -> Path:
        """The model file."""
        return self.folder / self.spec.weights


def export_onnx(
    checkpoint: Path, folder: Path, *, imgsz: int | tuple[int, int], end2end: bool = False, opset: int | None = None
) -> ExportedModel:
    """Export ``checkpoint`` as ONNX into ``folder``: all of it or nothing; the same checkpoint gives the same bytes.

    Args:
        checkpoint: an ultralytics checkpoint; nothing is written beside it.
        folder: holds ``model.onnx`` and ``model.json`` afterwards; an earlier export in it is replaced.
        imgsz: height and width of the input in pixels, or one number for both; rounded up to the model's stride.
        end2end: export the head that needs no NMS, of models that have one. It answers differently from the other head.
        opset: the ONNX operator set; the best one for the installed onnx when None.

    Raises:
        ModelError: when the checkpoint is missing.
        ConflictError: when ``folder`` exists and holds something else than an export.
        ExportError: when a package is missing or the conversion fails.
        StorageError: when ``folder`` cannot be written.
    """
    started = time.monotonic()
    _check_request(checkpoint, folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
            draft = Path(scratch) / "export"
            draft.mkdir()
            converted = _convert(checkpoint, Path(scratch), {"imgsz": imgsz, "end2end": end2end, "opset": opset})
            spec = _finish(converted, draft)
            write_spec(spec, draft)
            _publish(draft, folder, Path(scratch))
    except OSError as error:
        raise storage_error(error, folder) from error
    return ExportedModel(folder, spec, (folder / spec.weights).stat().st_size, time.monotonic() - started)


def _check_request(checkpoint: Path, folder: Path) -> None:
    if folder.exists() and not (folder.is_dir() and ((folder / SPEC_NAME).is_file() or not any(folder.iterdir()))):
        raise ConflictError(
            f"'{folder}' exists and is no export.",
            "A new or empty folder, or an earlier export, which is replaced.",
            "Choose another folder.",
            path=str(folder),
        )
    if not checkpoint.is_file():
        raise ModelError(
            f"There is no checkpoint at '{checkpoint}'.",
            "The best.pt or last.pt of a run that trained at least one epoch.",
            "Choose a completed run.",
            path=str(checkpoint),
        )
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ExportError(
            f"An ONNX export needs {', '.join(missing)}, which this Python does not have.",
            f"Installed: {', '.join(PACKAGES)}.",
            f"Install them where jobs run: `pip install {' '.join(missing)}`.",
            missing=missing,
        )


def _convert(checkpoint: Path, scratch: Path, options: dict[str, Any]) -> Path:
    """Return the ONNX file that ultralytics makes of a private copy: it writes beside what it reads."""
    from ultralytics.models.yolo.model import YOLO
    from ultralytics.utils import checks

    copy = scratch / "model.pt"
    shutil.copyfile(checkpoint, copy)
    # Read once at import, so that setting YOLO_AUTOINSTALL now would come too late
    vars(checks)["AUTOINSTALL"] = False
    # nms=False is how ultralytics selects the end-to-end head; None keeps the other one
    nms = False if options.pop("end2end") else None
    try:
        return Path(YOLO(copy).export(format="onnx", device="cpu", simplify=True, nms=nms, **options))
    except OSError:
        raise
    except Exception as error:
        raise ExportError(
            f"ultralytics does not export '{checkpoint}': {str(error)[:400] or type(error).__name__}.",
            "A checkpoint of an ultralytics model, for the installed version.",
            "Check the message above; `yolo export` on the checkpoint shows the whole log.",
            path=str(checkpoint),
        ) from error


def _finish(converted: Path, draft: Path) -> ModelSpec:
    """Write the model into ``draft`` without paths and dates, and return its spec."""
    import onnx

    model = onnx.load(converted)
    properties = {item.key: item.value for item in model.metadata_props}
    properties["date"] = DATE
    # ultralytics adds "trained on" and the dataset's path on the machine that trained
    properties["description"] = properties.get("description", "").split(" trained on ")[0].strip()
    properties["args"] = str({**_literal(properties, "args"), "data": None})
    del model.metadata_props[:]
    for key in sorted(properties):
        model.metadata_props.add(key=key, value=properties[key])
    weights = draft / WEIGHTS_NAME
    weights.write_bytes(model.SerializeToString(deterministic=True))
    shapes = [[axis.dim_value for axis in value.type.tensor_type.shape.dim] for value in _ends(model)]
    return _spec(properties, shapes, file_sha256(weights))


def _ends(model: Any) -> tuple[Any, Any]:
    return model.graph.input[0], model.graph.output[0]


def _spec(properties: dict[str, str], shapes: list[list[int]], sha256: str) -> ModelSpec:
    names = _literal(properties, "names")
    input_shape, output_shape = shapes
    return ModelSpec(
        task=properties["task"],
        names=tuple(str(names[number]) for number in sorted(names)),
        imgsz=(input_shape[2], input_shape[3]),
        stride=int(properties["stride"]),
        output=_output(properties["task"], output_shape, len(names)),
        sha256=sha256,
    )


def _output(task: str, shape: list[int], classes: int) -> Literal["raw", "end2end"]:
    if len(shape) == 3 and shape[2] == 6:
        return "end2end"
    if task == "detect" and (len(shape) != 3 or shape[1] != 4 + classes):
        raise ExportError(
            f"The exported model answers with shape {shape}.",
            f"(1, {4 + classes}, candidates) or (1, detections, 6).",
            "This model's head is not known here: export it with `yolo export`.",
            shape=shape,
        )
    return "raw"


def _literal(properties: dict[str, str], key: str) -> dict[Any, Any]:
    value = ast.literal_eval(properties.get(key, "{}"))
    return value if isinstance(value, dict) else {}


def _publish(draft: Path, folder: Path, scratch: Path) -> None:
    """Put ``draft`` in the place of ``folder``: a reader never sees half an export."""
    if folder.exists():
        folder.replace(scratch / "replaced")
    draft.replace(folder)
