"""Checkpoints: read without executing what is in them.

What lives here: looking into one; loading, evaluating and predicting with one. What does not: making one
(``trainer``), publishing one (``checkpoint_files``), finding or downloading one (``weights``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workbench.errors import ModelError

_LEAST_STRIDE = 32  # what ultralytics rounds to at least
STATE = "workbench"  # under this key lies what our trainer adds to ultralytics' own checkpoint


@dataclass(frozen=True)
class CheckpointInfo:
    """What a checkpoint says of itself.

    Attributes:
        task: the model's task.
        names: class names by id.
        imgsz: the image size it was trained with, in pixels.
        stride: both sides of an image are multiples of it, in pixels.
        epoch: the last finished epoch, from 1; 0 when unknown or stripped.
        resumable: whether a run of the workbench can go on from it; a checkpoint of a training that has ended is
            stripped of what that needs.
        parameters: number of weights.
    """

    task: str
    names: dict[int, str]
    imgsz: int
    stride: int
    epoch: int
    resumable: bool
    parameters: int


def inspect(path: Path) -> CheckpointInfo:
    """Read a checkpoint without executing anything in it.

    Raises:
        ModelError: when the file is damaged, holds code, or is no ultralytics checkpoint.
    """
    try:
        loaded = _read(path)
        model = loaded.get("ema") or loaded["model"]
        own = getattr(model, "args", {})
        arguments = {**loaded.get("train_args", {}), **(own if isinstance(own, dict) else vars(own))}
        return CheckpointInfo(
            task=str(getattr(model, "task", None) or arguments["task"]),
            names={int(key): str(value) for key, value in model.names.items()},
            imgsz=int(arguments.get("imgsz", 640)),
            stride=max(int(max(getattr(model, "stride", [0]))), _LEAST_STRIDE),
            epoch=max(int(loaded.get("epoch", -1)), -1) + 1,
            resumable=loaded.get("optimizer") is not None and STATE in loaded,
            parameters=sum(weight.numel() for weight in model.parameters()),
        )
    except Exception as error:  # torch and pickle raise whatever the file's bytes lead them to
        raise _unreadable(path, error) from error


def read(path: Path) -> dict[str, Any]:
    """Return what is in a checkpoint, its tensors on the CPU, without executing anything in it.

    Raises:
        ModelError: when the file is damaged or holds code.
    """
    try:
        return _read(path)
    except Exception as error:  # as above
        raise _unreadable(path, error) from error


def _read(path: Path) -> dict[str, Any]:
    from ultralytics.nn import tasks

    load_safely: Any = tasks.torch_safe_load
    loaded, _ = load_safely(str(path), safe_only=True)
    return dict(loaded)


def _unreadable(path: Path, error: Exception) -> ModelError:
    return ModelError(
        f"'{path}' could not be read as a checkpoint: {_first_line(error)}.",
        "A .pt file that ultralytics wrote, holding weights and known layers only.",
        "Save it again with a current ultralytics; a file that holds code of its own is never executed.",
        path=str(path),
    )


def load(path: Path, task: str | None = None) -> Any:
    """Return an ``ultralytics.YOLO`` for a checkpoint or an exported model, ready to predict.

    Raises:
        ModelError: as ``inspect``.
    """
    if path.suffix == ".pt":
        task = inspect(path).task
    from ultralytics.utils import LOGGER

    LOGGER.setLevel("ERROR")
    return build(str(path), task)


def build(path: str, task: str | None) -> Any:
    """Return the ultralytics model class for a yaml, checkpoint or exported model, loaded."""
    from ultralytics.models import RTDETR, YOLO

    # RT-DETR has a trainer and a predictor of its own, which the YOLO class does not find.
    return RTDETR(path) if "rtdetr" in Path(path).name.lower() else YOLO(path, task=task)


def evaluate(
    path: Path,
    data_yaml: Path,
    split: str,
    folder: Path,
    progress: Callable[[int], None] | None = None,
    **options: Any,
) -> tuple[dict[str, float], int]:
    """Measure a checkpoint on a split.

    Args:
        path: the checkpoint.
        data_yaml: the dataset's yaml; for classify, its folder.
        split: train, val or test.
        folder: where ultralytics may write.
        progress: gets the number of batches done; what it raises ends the measurement.
        options: ``imgsz``, ``batch``, ``device``, ``conf``, ``iou``.

    Returns:
        ultralytics' own metrics, and the number of images.
    """
    model, images = load(path), [0]
    model.add_callback("on_val_end", lambda validator: images.append(len(validator.dataloader.dataset)))
    if progress is not None:
        model.add_callback("on_val_batch_end", lambda validator: progress(validator.batch_i + 1))
    found = model.val(
        data=str(data_yaml), split=split, project=str(folder), name="val", exist_ok=True, plots=False, **options
    )
    metrics = {name: float(value) for name, value in found.results_dict.items()}
    speed = {f"speed/{name}_ms": float(value) for name, value in found.speed.items()}
    return {**metrics, **speed}, images[-1]


def predict(
    path: Path, source: str, progress: Callable[[int], None] | None = None, **options: Any
) -> list[dict[str, Any]]:
    """Predict on images.

    Args:
        path: a checkpoint or an ONNX file.
        source: an image, a folder, a glob or a video.
        progress: gets the number of images done.
        options: ``conf``, ``iou``, ``imgsz``, ``device``, ``save``, ``project``.

    Returns:
        One dict per image: ``{"image", "shape": [height, width], "detections": [...], "speed_ms"}``; boxes are
        ``x1 y1 x2 y2`` in pixels of the image.
    """
    model = load(path, task=options.pop("task", None))
    found = []
    for number, result in enumerate(_results(model, source, options), start=1):
        found.append(
            {
                "image": str(result.path),
                "shape": list(result.orig_shape),
                "detections": result.summary(decimals=5),
                "speed_ms": {name: round(float(value or 0.0), 3) for name, value in result.speed.items()},
            }
        )
        if progress is not None:
            progress(number)
    return found


def _results(model: Any, source: str, options: dict[str, Any]) -> Iterator[Any]:
    try:
        yield from model.predict(source, stream=True, verbose=False, **options)
    except FileNotFoundError as error:
        raise ModelError(
            f"Nothing to predict on at '{source}'.",
            "An image, a folder of images, a glob or a video.",
            "Check the path.",
            source=source,
        ) from error


def describe(info: CheckpointInfo) -> dict[str, Any]:
    """Return the info as JSON-able data."""
    return asdict(info)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
