"""What a checkpoint, an export and the endpoint answer to the same images.

What lives here: asking each of them. What does not: comparing (``matching``). torch is imported late.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import DatasetError, ExportError
from workbench.exports.matching import Rows, Seen
from workbench.serving.spec import ModelSpec

if TYPE_CHECKING:
    from workbench.serving.model import Detection


def readable(images: Sequence[Path]) -> None:
    """Decode all images once.

    Raises:
        DatasetError: when one cannot be read.
    """
    for _image in _decoded(images):
        pass


def predict(weights: Path, images: Sequence[Path], spec: ModelSpec, conf: float, iou: float) -> list[Seen]:
    """Return what ultralytics answers with a checkpoint or an export.

    Args:
        weights: the checkpoint, or the exported model.
        images: are asked one by one.
        spec: of what has to be answered like: its input size, and how boxes are suppressed.
        conf: lowest confidence, 0-1.
        iou: overlap above which NMS drops a box, 0-1.

    Raises:
        ExportError: when ultralytics does not load or run it.
    """
    # Its import makes ultralytics use torchvision's NMS instead of its own, in every process alike
    import torchvision  # noqa: F401
    from ultralytics.models.yolo.model import YOLO

    options: dict[str, Any] = {"imgsz": spec.imgsz, "conf": conf, "iou": iou, "max_det": spec.max_det}
    if spec.output == "end2end":
        options["nms"] = False
    try:
        model: Any = YOLO(weights, task=spec.task)
        # rect=True, the default, would give the checkpoint another input than a model with a fixed one can take
        found = [
            model.predict(str(image), rect=False, device="cpu", agnostic_nms=spec.agnostic, verbose=False, **options)[0]
            for image in images
        ]
    except Exception as error:
        raise ExportError(
            f"ultralytics does not predict with '{weights}': {str(error)[:400] or type(error).__name__}.",
            "A checkpoint, or an export, that the installed ultralytics runs.",
            "Check the message above.",
            path=str(weights),
        ) from error
    return [Seen(result.boxes.data.double().numpy(), tuple(result.orig_shape)) for result in found]


def serve(folder: Path, images: Sequence[Path], conf: float, iou: float) -> tuple[list[Seen], int | None]:
    """Return what the workbench's endpoint answers with an export, and how many boxes NMS dropped; None without NMS.

    Raises:
        DatasetError: when an image cannot be read.
        ModelError: when the endpoint does not take the export.
    """
    from workbench.serving.model import load_model

    model = load_model(folder)
    answers, suppressed = [], 0
    for image in _decoded(images):
        answer = model.answer(image, conf, iou)
        answers.append(Seen(_rows(answer.detections), answer.shape))
        if len(answer.detections) < model.spec.max_det:
            suppressed += model.candidates(image, conf) - len(answer.detections)
    return answers, suppressed if model.spec.output == "raw" else None


def raw(checkpoint: Path, weights: Path, images: Sequence[Path], spec: ModelSpec) -> tuple[float, float]:
    """Return how far the outputs before NMS are apart at most: of the box, in pixels of the input, and of a score.

    Args:
        checkpoint: that the export was made of; its output is asked for in one piece, with its layers fused.
        weights: the exported model.
        images: what both are given, prepared as ``spec`` says.
        spec: of an export whose ``output`` is raw.

    Raises:
        ExportError: when one of the two does not run, or they answer with another number of values.
    """
    import onnxruntime
    import torch
    from ultralytics.models.yolo.model import YOLO

    from workbench.serving import preprocess

    loaded: Any = YOLO(checkpoint)
    module = loaded.model.float().eval()
    try:
        session = onnxruntime.InferenceSession(str(weights), providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        box = score = 0.0
        for image in _decoded(images):
            tensor = preprocess.new_tensor(spec)
            preprocess.fill(tensor, image, spec)
            with torch.inference_mode():
                answer = module(torch.from_numpy(tensor))
            wanted = (answer[0] if isinstance(answer, list | tuple) else answer).numpy()
            found = session.run(None, {name: tensor})[0]
            apart = np.abs(wanted - found).max(axis=(0, 2))
            box, score = max(box, float(apart[:4].max())), max(score, float(apart[4:].max()))
    except Exception as error:
        raise ExportError(
            f"The outputs cannot be compared: {str(error)[:400] or type(error).__name__}.",
            "An export that takes what the checkpoint takes.",
            "Export the run again.",
            path=str(weights),
        ) from error
    return box, score


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
