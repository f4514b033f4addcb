"""The proof that an export answers like its checkpoint.

What lives here: the comparison, its verdict, and ``certificate.json``. What does not: the export (``exporter``).
It runs in a job's kernel: torch is imported late.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench import storage
from workbench.errors import DatasetError, ExportError
from workbench.serving.spec import ModelSpec, file_sha256, read_spec

if TYPE_CHECKING:
    from workbench.serving.model import Detection

CERTIFICATE_NAME = "certificate.json"
BOX_TOLERANCE_PX = 0.01
CONFIDENCE_TOLERANCE = 1e-4
IMAGES_MIN = 16
NON_DEGENERATE_MIN = 0.9
PACKAGES = ("ultralytics", "ultralytics-opencv-headless", "torch", "onnx", "onnxruntime", "numpy")

Rows = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """How alike two ways of answering are, over the same images.

    Attributes:
        boxes: that the reference answers, in all images together.
        matched: of these, how many the other answers too: same class, the nearest box that is not taken yet.
        images_differing: images in which one of the two has a box that the other lacks.
        box_px: largest difference of a coordinate among matched boxes, in pixels of the original image.
        confidence: largest difference of confidence among matched boxes.
    """

    boxes: int
    matched: int
    images_differing: int
    box_px: float
    confidence: float

    @property
    def within_tolerance(self) -> bool:
        """Every box is matched, to 0.01 px and 0.0001 of confidence."""
        return (
            self.images_differing == 0 and self.box_px <= BOX_TOLERANCE_PX and self.confidence <= CONFIDENCE_TOLERANCE
        )


@dataclass(frozen=True)
class Parity:
    """What the comparison found.

    Attributes:
        images: how many were compared.
        conf: lowest confidence that was asked for.
        iou: overlap above which NMS dropped a box.
        export: the exported model against the checkpoint, both by ultralytics with ``rect=False``.
        serving: the workbench's endpoint against ultralytics, both with the exported model.
        boxes_mean: boxes of the checkpoint per image.
        non_degenerate: share of the checkpoint's boxes, 0-1, with an area above 1 px² that touch no edge of the image:
            the others are clipped, and clipping hides differences.
        suppressed: boxes that NMS dropped in all images together; None when the model needs no NMS. Zero says that the
            comparison does not prove NMS.
        checkpoint_sha256: of the checkpoint.
        model_sha256: of the exported model.
        versions: of the packages that answered.
    """

    images: int
    conf: float
    iou: float
    export: Agreement
    serving: Agreement
    boxes_mean: float
    non_degenerate: float
    suppressed: int | None
    checkpoint_sha256: str
    model_sha256: str
    versions: dict[str, str]

    @property
    def passed(self) -> bool:
        """The export, and the endpoint with it, answer like the checkpoint, on images that can show it."""
        return not self.failures

    @property
    def differs(self) -> bool:
        """An answer of the export, or of the endpoint with it, is another than the checkpoint's.

        Neither ``passed`` nor ``differs`` means that the images show too little for a proof.
        """
        return not (self.export.within_tolerance and self.serving.within_tolerance)

    @property
    def failures(self) -> tuple[str, ...]:
        """Say for each condition that is not met what it is; empty when all are."""
        checks = (
            (self.images >= IMAGES_MIN, f"{self.images} images were compared, at least {IMAGES_MIN} are needed"),
            (self.export.boxes > 0, "the checkpoint sees nothing in the images"),
            (self.export.within_tolerance, f"the export differs from the checkpoint: {_said(self.export)}"),
            (self.serving.within_tolerance, f"the endpoint differs from ultralytics: {_said(self.serving)}"),
            (
                self.non_degenerate > NON_DEGENERATE_MIN,
                f"{self.non_degenerate:.0%} of the boxes are whole, more than {NON_DEGENERATE_MIN:.0%} are needed",
            ),
        )
        return tuple(failure for met, failure in checks if not met)


@dataclass(frozen=True)
class _Seen:
    """Detections of one image, rows of x1, y1, x2, y2, confidence, class: float64, shape (N, 6)."""

    rows: Rows
    shape: tuple[int, int]


def compare(checkpoint: Path, folder: Path, images: Sequence[Path], *, conf: float = 0.25, iou: float = 0.7) -> Parity:
    """Compare the export in ``folder`` with ``checkpoint``, and the endpoint with ultralytics, on ``images``.

    Args:
        checkpoint: that the export was made of.
        folder: with ``model.onnx`` and ``model.json``.
        images: at least 16 for the certificate to pass; of the run's own validation set.
        conf: lowest confidence, 0-1.
        iou: overlap above which NMS drops a box, 0-1.

    Raises:
        DatasetError: when there are no images, or one cannot be read.
        ExportError: when ultralytics does not load or run one of the models.
        ModelError: when ``folder`` holds no export of a task that is served.
    """
    if not images:
        raise DatasetError("There are no images to compare with.", "At least one image.", "Add a validation split.")
    spec = read_spec(folder)
    weights = folder / spec.weights
    served, suppressed = _serve(folder, images, conf, iou)
    reference = _predict(checkpoint, images, spec, conf, iou)
    exported = _predict(weights, images, spec, conf, iou)
    boxes = sum(len(seen.rows) for seen in reference)
    return Parity(
        images=len(images),
        conf=conf,
        iou=iou,
        export=agreement(zip(reference, exported, strict=True)),
        serving=agreement(zip(exported, served, strict=True)),
        boxes_mean=boxes / len(images),
        non_degenerate=sum(_whole(seen) for seen in reference) / boxes if boxes else 0.0,
        suppressed=suppressed,
        checkpoint_sha256=file_sha256(checkpoint),
        model_sha256=spec.sha256,
        versions=dict(_versions()),
    )


def write_certificate(parity: Parity, folder: Path) -> Path:
    """Write ``certificate.json`` into ``folder``, whole or not at all, and return its path.

    Raises:
        StorageError: when it cannot be written.
    """
    path = folder / CERTIFICATE_NAME
    data = {"version": 1, "passed": parity.passed, "failures": parity.failures, **asdict(parity)}
    storage.put_json(path, data)
    return path


def read_certificate(folder: Path) -> Parity:
    """Read ``certificate.json`` of ``folder``.

    Raises:
        ExportError: when it is missing or damaged.
    """
    path = folder / CERTIFICATE_NAME
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        for derived in ("version", "passed", "failures"):
            data.pop(derived)
        return Parity(**{**data, "export": Agreement(**data["export"]), "serving": Agreement(**data["serving"])})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ExportError(
            f"'{path}' is not a certificate that can be read ({error}).",
            "The certificate that an export run writes.",
            "Run the export again.",
            path=str(path),
        ) from error


def agreement(pairs: Iterable[tuple[_Seen, _Seen]]) -> Agreement:
    """Return how alike the second of each pair is to the first."""
    boxes = matched = differing = 0
    box_px = confidence = 0.0
    for reference, other in pairs:
        matches = _match(reference.rows, other.rows)
        boxes += len(reference.rows)
        matched += len(matches)
        differing += not len(reference.rows) == len(other.rows) == len(matches)
        for left, right in matches:
            difference = np.abs(reference.rows[left, :5] - other.rows[right, :5])
            box_px, confidence = max(box_px, difference[:4].max()), max(confidence, difference[4])
    return Agreement(boxes, matched, differing, float(box_px), float(confidence))


def _match(reference: Rows, other: Rows) -> list[tuple[int, int]]:
    free, matches = set(range(len(other))), []
    for left, row in enumerate(reference):
        same = [right for right in free if other[right, 5] == row[5]]
        if same:
            # The confidence settles which of two boxes in the same place is meant
            right = min(same, key=lambda index: float(np.abs(other[index, :5] - row[:5]).max()))
            free.remove(right)
            matches.append((left, right))
    return matches


def _whole(seen: _Seen) -> int:
    """Return how many boxes touch no edge of the image and have an area above 1 px²."""
    x1, y1, x2, y2 = seen.rows[:, :4].T
    height, width = seen.shape
    inside = (x1 > 0) & (y1 > 0) & (x2 < width) & (y2 < height)
    return int((inside & ((x2 - x1) * (y2 - y1) > 1)).sum())


def _predict(weights: Path, images: Sequence[Path], spec: ModelSpec, conf: float, iou: float) -> list[_Seen]:
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
    return [_Seen(result.boxes.data.double().numpy(), tuple(result.orig_shape)) for result in found]


def _serve(folder: Path, images: Sequence[Path], conf: float, iou: float) -> tuple[list[_Seen], int | None]:
    from workbench.serving.model import load_model

    model = load_model(folder)
    answers, suppressed = [], 0
    for image in _decoded(images):
        answer = model.answer(image, conf, iou)
        answers.append(_Seen(_rows(answer.detections), answer.shape))
        if len(answer.detections) < model.spec.max_det:
            suppressed += model.candidates(image, conf) - len(answer.detections)
    return answers, suppressed if model.spec.output == "raw" else None


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


def _said(agreement: Agreement) -> str:
    return (
        f"{agreement.matched} of {agreement.boxes} boxes matched, {agreement.images_differing} images differ, "
        f"{agreement.box_px:.3g} px, {agreement.confidence:.2g} of confidence"
    )


def _versions() -> Iterator[tuple[str, str]]:
    for name in PACKAGES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue
