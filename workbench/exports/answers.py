"""What a checkpoint, an export and the endpoint answer to the same images.

What lives here: asking each of them. What does not: comparing (``matching``), counting what is right (``accuracy``).
torch is imported late. An export is asked where it can run, so what asks it can be pickled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from workbench.errors import DatasetError, ExportError, WorkbenchError
from workbench.exports.accuracy_hits import Hits, Truth, hits
from workbench.exports.matching import Rows, Seen
from workbench.exports.runtimes import unrounded
from workbench.serving.spec import ModelSpec

if TYPE_CHECKING:
    from workbench.serving.model import Detection

LOWEST: Final = 0.001
"""Accuracy is measured with all that a model sees down to this confidence, as ultralytics does."""
RAW: Final = ("onnx", "torchscript")
"""Formats whose outputs before NMS can be had."""


@dataclass(frozen=True)
class Asking:
    """How a model is asked.

    Attributes:
        spec: of what has to be answered like: its task, its input size, and how boxes are suppressed.
        conf: lowest confidence that is compared, 0-1.
        iou: overlap above which NMS drops a box, 0-1.
        inside: the export has NMS in its graph, and with it a lowest confidence of its own.
    """

    spec: ModelSpec
    conf: float = 0.25
    iou: float = 0.7
    inside: bool = False

    def options(self, lowest: float) -> dict[str, Any]:
        """Return what ultralytics' ``predict`` is told."""
        told = {"imgsz": self.spec.imgsz, "conf": lowest, "iou": self.iou, "max_det": self.spec.max_det}
        free = self.spec.output == "end2end" and not self.inside
        # rect=True, the default, would give the checkpoint another input than a model with a fixed one can take
        told |= {"rect": False, "device": "cpu", "agnostic_nms": self.spec.agnostic, "verbose": False}
        return told | ({"nms": False} if free else {})


@dataclass(frozen=True)
class Answers:
    """What a model answers.

    Attributes:
        seen: in each image, above the confidence that is compared.
        hits: what of it is right, down to ``LOWEST``; empty when the truth was not told.
    """

    seen: list[Seen]
    hits: list[Hits] = field(default_factory=list)


def readable(images: Sequence[Path]) -> None:
    """Decode all images once.

    Raises:
        DatasetError: when one cannot be read.
    """
    for _image in _decoded(images):
        pass


def predict(weights: Path, images: Sequence[Path], asking: Asking, truths: Sequence[Truth | None] = ()) -> Answers:
    """Return what ultralytics answers with a checkpoint or an export.

    Args:
        weights: the checkpoint, or the exported model.
        images: are asked one by one.
        asking: how.
        truths: what is in each image, or nothing.

    Raises:
        ExportError: when ultralytics does not load or run it.
    """
    # Its import makes ultralytics use torchvision's NMS instead of its own, in every process alike
    import torchvision  # noqa: F401
    from ultralytics.models.yolo.model import YOLO

    lowest = LOWEST if truths and not asking.inside else asking.conf
    answers = Answers([])
    try:
        with unrounded(weights):
            model: Any = YOLO(weights, task=asking.spec.task)
            for number, image in enumerate(images):
                result = model.predict(str(image), **asking.options(lowest))[0]
                answers.seen.append(seen(result, asking.conf))
                if truths:
                    answers.hits.append(hits(result, truths[number], asking.spec.imgsz))
    except Exception as error:
        raise ExportError(
            f"ultralytics does not predict with '{weights}': {str(error)[:400] or type(error).__name__}.",
            "A checkpoint, or an export, that the installed ultralytics runs.",
            "Check the message above.",
            path=str(weights),
        ) from error
    return answers


def seen(result: Any, conf: float) -> Seen:
    """Return what of ultralytics' result for one image is above a confidence."""
    shape = (int(result.orig_shape[0]), int(result.orig_shape[1]))
    if result.probs is not None:
        return Seen(np.zeros((0, 6)), shape, scores=result.probs.data.double().numpy())
    found = result.boxes if result.obb is None else result.obb
    kept = found.conf > conf
    found = found[kept]
    columns = [found.xyxy.double().numpy(), *(column.double().numpy()[:, None] for column in (found.conf, found.cls))]
    extras: dict[str, Any] = {}
    if result.obb is not None:
        extras["corners"] = found.xyxyxyxy.double().numpy().reshape(-1, 4, 2)
    if result.masks is not None:
        masks = result.masks.data[kept].numpy().astype(bool)
        extras["masks"] = np.packbits(masks.reshape(len(masks), masks.shape[1] * masks.shape[2]), axis=1)
    if result.keypoints is not None:
        points = result.keypoints.data[kept].double().numpy()
        extras["keypoints"] = points if points.shape[2] == 3 else np.pad(points, ((0, 0), (0, 0), (0, 1)))
    return Seen(np.concatenate(columns, axis=1).reshape(-1, 6), shape, **extras)


def keypoints(checkpoint: Path) -> tuple[int, int]:
    """Return the number and the values (2 or 3) of the keypoints that a checkpoint answers.

    Raises:
        ModelError: when it cannot be read.
    """
    from workbench.runs.training.checkpoints import load

    count, values = load(checkpoint).model.yaml["kpt_shape"]
    return int(count), int(values)


def serve(
    folder: Path, images: Sequence[Path], conf: float, iou: float, *, threads: int = 1
) -> tuple[list[Seen], int | None]:
    """Return what the workbench's endpoint answers with an export, and how many boxes NMS dropped; None without NMS.

    Args:
        folder: of the export.
        images: are asked one by one.
        conf: lowest confidence, 0-1.
        iou: overlap above which NMS drops a box, 0-1.
        threads: of one run; 0 for as many as ultralytics takes.

    Raises:
        DatasetError: when an image cannot be read.
        ModelError: when the endpoint does not take the export.
        ExportError: when it takes it, and does not answer.
    """
    from workbench.serving.model import load_model

    model = load_model(folder, threads=threads)
    answers, suppressed = [], 0
    try:
        for image in _decoded(images):
            answer = model.answer(image, conf, iou)
            answers.append(Seen(_rows(answer.detections), answer.shape))
            if len(answer.detections) < model.spec.max_det:
                suppressed += model.candidates(image, conf) - len(answer.detections)
    except WorkbenchError:
        raise
    except Exception as error:  # onnxruntime has no common error
        raise ExportError(
            f"The endpoint does not answer: {str(error)[:300] or type(error).__name__}.",
            "An export that takes what its spec says.",
            "Export the run again.",
            path=str(folder),
        ) from error
    return answers, suppressed if model.spec.output == "raw" else None


def raw(weights: Path, format: str, images: Sequence[Path], spec: ModelSpec) -> list[Rows]:  # noqa: A002
    """Return the first output of a model for each image, before NMS.

    Args:
        weights: the checkpoint, which answers in one piece, with its layers unfused, or the exported model.
        format: ``pt`` for a checkpoint, or one of ``RAW``.
        images: are prepared as ``spec`` says.
        spec: of the export.

    Raises:
        ExportError: when it does not run.
    """
    from workbench.serving import preprocess

    try:
        run = _RUNNERS[format](weights)
        found = []
        for image in _decoded(images):
            tensor = preprocess.new_tensor(spec)
            preprocess.fill(tensor, image, spec)
            found.append(np.asarray(run(tensor), dtype=np.float64)[0])
    except Exception as error:
        raise ExportError(
            f"The outputs cannot be compared: {str(error)[:400] or type(error).__name__}.",
            "An export that takes what the checkpoint takes.",
            "Export the run again.",
            path=str(weights),
        ) from error
    return found


def _run_checkpoint(weights: Path) -> Any:
    import torch
    from ultralytics.models.yolo.model import YOLO

    loaded: Any = YOLO(weights)
    return _of_torch(loaded.model.float().eval(), torch)


def _run_torchscript(weights: Path) -> Any:
    import torch
    import torchvision  # noqa: F401  its operators may be in the graph

    return _of_torch(torch.jit.load(str(weights), map_location="cpu"), torch)  # type: ignore[no-untyped-call]


def _of_torch(module: Any, torch: Any) -> Any:
    def run(tensor: Any) -> Any:
        with torch.inference_mode():
            answer = module(torch.from_numpy(tensor))
        while isinstance(answer, list | tuple):
            answer = answer[0]
        return answer.numpy()

    return run


def _run_onnx(weights: Path) -> Any:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(weights), providers=["CPUExecutionProvider"])
    wanted = session.get_inputs()[0]
    kind = np.float16 if wanted.type == "tensor(float16)" else np.float32
    return lambda tensor: session.run(None, {wanted.name: tensor.astype(kind)})[0]


_RUNNERS: Final[Mapping[str, Any]] = {"pt": _run_checkpoint, "onnx": _run_onnx, "torchscript": _run_torchscript}


def _decoded(images: Sequence[Path]) -> Iterator[npt.NDArray[np.uint8]]:
    from workbench.serving.decode import ImageLimits, decode
    from workbench.serving.refusals import RefusalError

    for path in images:
        try:
            data = path.read_bytes()
            yield decode(data, ImageLimits(bytes_max=max(len(data), 1)))
        except (OSError, RefusalError) as error:
            raise DatasetError(
                f"'{path}' cannot be read: {error}",
                "Images of the validation split.",
                "Lint the dataset.",
                path=str(path),
            ) from error


def _rows(detections: Sequence[Detection]) -> Rows:
    rows = [(*found.box, found.confidence, found.class_id) for found in detections]
    return np.asarray(rows, dtype=np.float64).reshape(-1, 6)
