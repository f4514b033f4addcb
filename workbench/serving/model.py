"""An exported model, ready to answer.

What lives here: the ONNX session and the way from an image to detections. What does not: HTTP (``app``).
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from workbench.errors import ModelError
from workbench.serving import postprocess, preprocess
from workbench.serving.spec import ModelSpec, file_sha256, read_spec

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Detection:
    """One object that the model sees.

    Attributes:
        class_id: index into the model's class names.
        name: the class's name.
        confidence: 0-1.
        box: x1, y1, x2, y2 in pixels of the original image, not rounded.
    """

    class_id: int
    name: str
    confidence: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Answer:
    """What the model says about one image.

    Attributes:
        shape: height and width of the image in pixels.
        detections: strongest first.
        speed_ms: milliseconds of ``preprocess``, ``inference`` and ``postprocess``.
    """

    shape: tuple[int, int]
    detections: list[Detection]
    speed_ms: dict[str, float]


class Model:
    """A detection model in an ONNX session. Any number of threads may use one.

    Args:
        weights: the ONNX file.
        spec: its spec.
        threads: threads of one run. One, and several runs at a time, costs the least processor time per image.

    Raises:
        ModelError: when the file is missing, not the one of the spec, or of a task that is not served.
    """

    def __init__(self, weights: Path, spec: ModelSpec, *, threads: int = 1) -> None:
        _check_task(spec)
        _check_digest(weights, spec)
        self.spec = spec
        self._session = _open(weights, threads)
        self._input = self._session.get_inputs()[0].name
        _check_shapes(self._session, spec, weights)
        self._local = threading.local()

    def predict(
        self, image: npt.NDArray[np.uint8], conf: float | None = None, iou: float | None = None
    ) -> list[Detection]:
        """Return what the model sees in ``image`` (uint8, shape (height, width, 3), blue, green, red)."""
        return self.answer(image, conf, iou).detections

    def answer(self, image: npt.NDArray[np.uint8], conf: float | None = None, iou: float | None = None) -> Answer:
        """Return what the model sees in ``image``, and how long each step took.

        Args:
            image: uint8, shape (height, width, 3), channels blue, green, red.
            conf: lowest confidence, 0-1; the spec's default when None.
            iou: overlap above which NMS drops a box, 0-1; the spec's default when None.
        """
        started = time.perf_counter()
        tensor, placement = self._prepare(image)
        prepared = time.perf_counter()
        output = self._run(tensor)
        ran = time.perf_counter()
        boxes = postprocess.candidates(output, self.spec, self.spec.conf if conf is None else conf)
        boxes = postprocess.suppress(boxes, self.spec, self.spec.iou if iou is None else iou)
        detections = self._detections(postprocess.scale(boxes, placement))
        times = (prepared - started, ran - prepared, time.perf_counter() - ran)
        speed = dict(zip(("preprocess", "inference", "postprocess"), (1000 * t for t in times), strict=True))
        return Answer(placement.shape, detections, speed)

    def candidates(self, image: npt.NDArray[np.uint8], conf: float | None = None) -> int:
        """Return how many boxes are above ``conf`` before NMS."""
        output = self._run(self._prepare(image)[0])
        return len(postprocess.candidates(output, self.spec, self.spec.conf if conf is None else conf))

    def warm_up(self) -> None:
        """Run once, so that the first request does not pay for allocations."""
        self.predict(np.full((*self.spec.imgsz, 3), self.spec.letterbox.pad_value, dtype=np.uint8))

    def _prepare(self, image: npt.NDArray[np.uint8]) -> tuple[Floats, preprocess.Placement]:
        tensor: Floats | None = getattr(self._local, "tensor", None)
        if tensor is None:
            tensor = self._local.tensor = preprocess.new_tensor(self.spec)
        return tensor, preprocess.fill(tensor, image, self.spec)

    def _run(self, tensor: Floats) -> Floats:
        output: Floats = self._session.run(None, {self._input: tensor})[0][0]
        return output

    def _detections(self, boxes: postprocess.Boxes) -> list[Detection]:
        names = self.spec.names
        rows = zip(boxes.class_id.tolist(), boxes.confidence.tolist(), boxes.xyxy.tolist(), strict=True)
        return [Detection(number, names[number], confidence, tuple(box)) for number, confidence, box in rows]


def load_model(folder: Path, *, threads: int = 1) -> Model:
    """Return the model of an export's folder, which holds ``model.json`` and the model file.

    Raises:
        ModelError: when the folder holds no model that can be served.
    """
    spec = read_spec(folder)
    return Model(folder / spec.weights, spec, threads=threads)


def _open(weights: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Spinning threads double the processor time per image on a machine that runs several sessions at a time
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(
            f"onnxruntime {onnxruntime.__version__} does not load '{weights}': {str(error)[:300]}.",
            "An ONNX model that this onnxruntime knows.",
            "Export the run again, or update onnxruntime.",
            path=str(weights),
        ) from error


def _check_task(spec: ModelSpec) -> None:
    if spec.task != "detect":
        raise ModelError(
            f"The model is of task '{spec.task}'.",
            "The endpoint answers detect models.",
            "Export a detect run, or use the checkpoint with ultralytics.",
            task=spec.task,
        )


def _check_digest(weights: Path, spec: ModelSpec) -> None:
    found = file_sha256(weights)
    if found != spec.sha256:
        raise ModelError(
            f"'{weights}' has sha256 {found[:12]}….",
            f"The spec beside it names {spec.sha256[:12]}….",
            "The file was changed or is incomplete: export the run again.",
            path=str(weights),
        )


def _check_shapes(session: onnxruntime.InferenceSession, spec: ModelSpec, weights: Path) -> None:
    wanted = [1, 3, *spec.imgsz]
    found, output = session.get_inputs()[0].shape, session.get_outputs()[0].shape
    width = 6 if spec.output == "end2end" else 4 + len(spec.names)
    if found != wanted or len(output) != 3 or output[2 if spec.output == "end2end" else 1] != width:
        raise ModelError(
            f"'{weights}' takes {found} and gives {output}.",
            f"Its spec says that it takes {wanted} and gives {len(spec.names)} classes as '{spec.output}'.",
            "Export the run again.",
            path=str(weights),
        )
