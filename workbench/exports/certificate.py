"""The proof that an export answers like its checkpoint.

What lives here: its rows, its verdict, and ``certificate.json``. What does not: the answers (``answers``), how alike
they are (``matching``), what the file says of itself (``inside``). It runs in a job's kernel: torch is imported late.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from workbench import storage
from workbench.errors import DatasetError, ExportError
from workbench.exports import answers
from workbench.exports.checks import Check, attempt, check
from workbench.exports.inside import inside, origin
from workbench.exports.latency import Latency, measure
from workbench.exports.matching import (
    BOX_TOLERANCE_PX,
    CONFIDENCE_TOLERANCE,
    Agreement,
    Seen,
    agreement,
    whole,
)
from workbench.serving.spec import ModelSpec, file_sha256, read_spec

CERTIFICATE_NAME = "certificate.json"
VERSION: Final = 2
IMAGES_MIN: Final = 16
NON_DEGENERATE_MIN: Final = 0.9
RAW_IMAGES: Final = 4
PACKAGES: Final = ("ultralytics", "ultralytics-opencv-headless", "torch", "onnx", "onnxruntime", "numpy")
SAMPLE: Final = ("images", "boxes", "whole boxes")
"""Rows about the images: when they fail, the export may be right, but nothing is proven."""
_ALIKE: Final = f"every box, to {BOX_TOLERANCE_PX} px and {CONFIDENCE_TOLERANCE} of confidence"


@dataclass(frozen=True)
class Certificate:
    """What was looked at, and what was found.

    Attributes:
        checks: the rows.
        images: how many were answered.
        conf: lowest confidence that was asked for.
        iou: overlap above which NMS dropped a box.
        export: the exported model against the checkpoint, both by ultralytics with ``rect=False``; None when it does
            not answer.
        serving: the workbench's endpoint against ultralytics, both with the exported model; None likewise.
        boxes_mean: boxes of the checkpoint per image.
        non_degenerate: share of the checkpoint's boxes, 0-1, with an area above 1 px² that touch no edge of the image:
            the others are clipped, and clipping hides differences.
        latency: of the exported model alone, on this machine; None when it does not run.
        suppressed: boxes that NMS dropped in all images together; None when the model needs no NMS. Zero says that the
            comparison does not prove NMS.
        checkpoint_sha256: of the checkpoint.
        model_sha256: of the exported model.
        versions: of the packages that answered.
    """

    checks: tuple[Check, ...]
    images: int
    conf: float
    iou: float
    export: Agreement | None
    serving: Agreement | None
    latency: Latency | None
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
        """Something about the export is wrong; without it, and without ``passed``, the images show too little."""
        return any(row.verdict == "fail" and row.name not in SAMPLE for row in self.checks)

    @property
    def failures(self) -> tuple[str, ...]:
        """Say for each row that failed what it is; empty when none did."""
        return tuple(str(row) for row in self.checks if row.verdict == "fail")


def certify(
    checkpoint: Path,
    folder: Path,
    images: Sequence[Path],
    *,
    imgsz: int | tuple[int, int],
    conf: float = 0.25,
    iou: float = 0.7,
) -> Certificate:
    """Compare the export in ``folder`` with ``checkpoint``, and the endpoint with ultralytics, on ``images``.

    Args:
        checkpoint: that the export was made of.
        folder: with ``model.onnx`` and ``model.json``.
        images: at least 16 for the certificate to pass; of the run's own validation set.
        imgsz: what the export was asked to take, in pixels.
        conf: lowest confidence, 0-1.
        iou: overlap above which NMS drops a box, 0-1.

    Returns:
        The certificate. An export that is wrong, even one that cannot be loaded, has rows that say so.

    Raises:
        DatasetError: when there are no images, or one cannot be read.
        ExportError: when ultralytics does not run the checkpoint.
        ModelError: when the checkpoint cannot be read, or ``folder`` holds no readable spec.
    """
    if not images:
        raise DatasetError("There are no images to compare with.", "At least one image.", "Add a validation split.")
    answers.readable(images)
    spec, source = read_spec(folder), origin(checkpoint, imgsz)
    weights, wanted = folder / spec.weights, source.spec(spec)
    sample = _Sample(images, answers.predict(checkpoint, images, wanted, conf, iou))
    asked = _Asked(checkpoint, folder, sample, wanted, conf, iou)
    return Certificate(
        checks=(*inside(weights, spec, source), *asked.checks(), *sample.checks()),
        images=len(images),
        conf=conf,
        iou=iou,
        export=asked.export,
        serving=asked.serving,
        latency=_latency(weights, wanted),
        boxes_mean=sample.boxes / len(images),
        non_degenerate=sample.whole,
        suppressed=asked.suppressed,
        checkpoint_sha256=file_sha256(checkpoint),
        model_sha256=file_sha256(weights),
        versions=versions(),
    )


def _latency(weights: Path, spec: ModelSpec) -> Latency | None:
    try:
        return measure(weights, spec)
    except ExportError:  # rows say so already
        return None


@dataclass(frozen=True)
class _Sample:
    """The images, and what the checkpoint sees in them: whether they can show that an export is wrong."""

    images: Sequence[Path]
    reference: list[Seen]

    @property
    def boxes(self) -> int:
        return sum(len(seen.rows) for seen in self.reference)

    @property
    def whole(self) -> float:
        return sum(whole(seen) for seen in self.reference) / self.boxes if self.boxes else 0.0

    def checks(self) -> list[Check]:
        count, share = len(self.images), self.whole
        wanted = f"more than {NON_DEGENERATE_MIN:.0%}"
        return [
            check("images", count >= IMAGES_MIN, f"{count} were compared", f"at least {IMAGES_MIN}"),
            check("boxes", self.boxes, f"the checkpoint sees {self.boxes}", "at least one"),
            check("whole boxes", share > NON_DEGENERATE_MIN, f"{share:.0%} of the boxes touch no edge", wanted),
        ]


@dataclass
class _Asked:
    """What is asked of an export, and what came of it: what fails leaves None."""

    checkpoint: Path
    folder: Path
    sample: _Sample
    wanted: ModelSpec
    conf: float
    iou: float
    exported: list[Seen] | None = None
    export: Agreement | None = None
    serving: Agreement | None = None
    suppressed: int | None = None

    def checks(self) -> list[Check]:
        looks = {"raw output": self.raw, "detections": self.detections, "endpoint": self.endpoint}
        return [attempt(name, _ALIKE, look) for name, look in looks.items()]

    def raw(self) -> Check:
        if self.wanted.output != "raw":
            return Check("raw output", "unverified", "the head selects its boxes itself", _ALIKE)
        box, score = answers.raw(self.checkpoint, self.weights, self.sample.images[:RAW_IMAGES], self.wanted)
        met = box <= BOX_TOLERANCE_PX and score <= CONFIDENCE_TOLERANCE
        return check("raw output", met, f"{box:.3g} px, {score:.2g} of score", _ALIKE)

    def detections(self) -> Check:
        self.exported = answers.predict(self.weights, self.sample.images, self.wanted, self.conf, self.iou)
        self.export = agreement(zip(self.sample.reference, self.exported, strict=True))
        return check("detections", self.export.within_tolerance, self.export, _ALIKE)

    def endpoint(self) -> Check:
        served, self.suppressed = answers.serve(self.folder, self.sample.images, self.conf, self.iou)
        if self.exported is None:
            return Check("endpoint", "fail", "ultralytics does not answer with the export", _ALIKE)
        self.serving = agreement(zip(self.exported, served, strict=True))
        return check("endpoint", self.serving.within_tolerance, self.serving, _ALIKE)

    @property
    def weights(self) -> Path:
        return self.folder / self.wanted.weights


def write_certificate(certificate: Certificate, folder: Path) -> Path:
    """Write ``certificate.json`` into ``folder``, whole or not at all, and return its path.

    Raises:
        StorageError: when it cannot be written.
    """
    path = folder / CERTIFICATE_NAME
    verdict = {"version": VERSION, "passed": certificate.passed, "failures": certificate.failures}
    storage.put_json(path, {**verdict, **asdict(certificate)})
    return path


def read_certificate(folder: Path) -> Certificate:
    """Read ``certificate.json`` of ``folder``.

    Raises:
        ExportError: when it is missing, damaged, or of an older version.
    """
    path = folder / CERTIFICATE_NAME
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        for derived in ("version", "passed", "failures"):
            data.pop(derived)
        parts: dict[str, Any] = {name: data[name] and Agreement(**data[name]) for name in ("export", "serving")}
        parts["latency"] = data["latency"] and Latency(**data["latency"])
        return Certificate(**{**data, **parts, "checks": tuple(Check(**row) for row in data["checks"])})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ExportError(
            f"'{path}' is not a certificate that can be read ({error}).",
            "The certificate that an export run writes.",
            "Run the export again.",
            path=str(path),
        ) from error


def versions() -> dict[str, str]:
    """Return the versions of the packages that make and answer exports."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
