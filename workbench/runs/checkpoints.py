"""Checkpoint files: written atomically, hashed, read without executing what is in them.

What lives here: publishing a run's checkpoints; loading, evaluating and predicting with one. What does not: making
one (``train``), finding or downloading one (``weights``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path, PosixPath
from typing import Any

from workbench import storage
from workbench.errors import ModelError
from workbench.paths import RunPaths


class AtomicPath(PosixPath):
    """A path whose ``write_bytes`` replaces the file at once: ultralytics' trainer writes checkpoints in place."""

    def write_bytes(self, data: Any) -> int:
        """Write ``data`` beside the file, then take its place."""
        storage.put(Path(self), bytes(data))
        return len(data)


@dataclass(frozen=True)
class CheckpointInfo:
    """What a checkpoint says of itself.

    Attributes:
        task: the model's task.
        names: class names by id.
        imgsz: the image size it was trained with, in pixels.
        epoch: the last finished epoch, from 1; 0 when unknown or stripped.
        resumable: whether optimizer state is there.
        parameters: number of weights.
    """

    task: str
    names: dict[int, str]
    imgsz: int
    epoch: int
    resumable: bool
    parameters: int


def publish(run: RunPaths, last: Path, best: Path, *, epoch: int, final: bool) -> None:
    """Put the trainer's files into the run's ``checkpoints`` folder, and their sha256 into checkpoints.json.

    The files are hard links to what ``AtomicPath`` wrote, whose bytes nobody changes afterwards.

    Raises:
        StorageError: when the disk is full.
    """
    record: dict[str, Any] = {"epoch": epoch, "final": final, "files": {}}
    for name, source in (("last.pt", last), ("best.pt", best)):
        if source.exists():
            target = run.checkpoints / name
            storage.link(source, target)
            record["files"][name] = {"bytes": target.stat().st_size, "sha256": storage.sha256(target)}
    storage.put_json(run.checkpoints / "checkpoints.json", record)


def inspect(path: Path) -> CheckpointInfo:
    """Read a checkpoint without executing anything in it.

    Raises:
        ModelError: when the file is damaged, holds code, or is no ultralytics checkpoint.
    """
    from ultralytics.nn import tasks

    read: Any = tasks.torch_safe_load
    try:
        loaded, _ = read(str(path), safe_only=True)
        model = loaded.get("ema") or loaded["model"]
        arguments = {**loaded.get("train_args", {}), **getattr(model, "args", {})}
        return CheckpointInfo(
            task=str(getattr(model, "task", None) or arguments["task"]),
            names={int(key): str(value) for key, value in model.names.items()},
            imgsz=int(arguments.get("imgsz", 640)),
            epoch=max(int(loaded.get("epoch", -1)), -1) + 1,
            resumable=loaded.get("optimizer") is not None and int(loaded.get("epoch", -1)) >= 0,
            parameters=sum(weight.numel() for weight in model.parameters()),
        )
    except Exception as error:  # torch and pickle raise whatever the file's bytes lead them to
        raise ModelError(
            f"'{path}' could not be read as a checkpoint: {_first_line(error)}.",
            "A .pt file that ultralytics wrote, holding weights and known layers only.",
            "Save it again with a current ultralytics; a file that holds code of its own is never executed.",
            path=str(path),
        ) from error


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


def evaluate(path: Path, data_yaml: Path, split: str, folder: Path, **options: Any) -> tuple[dict[str, float], int]:
    """Measure a checkpoint on a split.

    Args:
        path: the checkpoint.
        data_yaml: the dataset's yaml; for classify, its folder.
        split: train, val or test.
        folder: where ultralytics may write.
        options: ``imgsz``, ``batch``, ``device``, ``conf``, ``iou``.

    Returns:
        ultralytics' own metrics, and the number of images.
    """
    model, images = load(path), [0]
    model.add_callback("on_val_end", lambda validator: images.append(len(validator.dataloader.dataset)))
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
