"""The proof that an export answers like its checkpoint.

What lives here: its rows, its verdict, and ``certificate.json``. What does not: the rows about answers
(``checks_answers``) and about the file (``inside``), the page for people (``page``). It runs in a job's kernel: torch
is imported late.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, Literal

from workbench import storage
from workbench.errors import DatasetError, ExportError, RequestError, did_you_mean
from workbench.exports import answers
from workbench.exports.accuracy import ACCURACY_IMAGES, Accuracy
from workbench.exports.accuracy_truth import truths
from workbench.exports.artifacts import digest, size
from workbench.exports.checks import Check
from workbench.exports.checks_answers import ANSWERS, BOXED, HERE, ROWS, SAMPLE, Looks, Sample, Terms
from workbench.exports.inside import Origin, inside, origin
from workbench.exports.latency import Latency, measure
from workbench.exports.matching import Agreement, Seen
from workbench.exports.memory import extra_mb
from workbench.exports.place import Place
from workbench.serving.spec import file_sha256, read_spec

CERTIFICATE_NAME = "certificate.json"
VERSION: Final = 3
PACKAGES: Final = ("ultralytics", "ultralytics-opencv-headless", "torch", "onnx", "onnxruntime", "numpy")
_DERIVED: Final = ("version", "passed", "failures")
Standing = Literal["yes", "no", "accepted", "unproven", "unverified"]
_TERMS: Final = Terms()


@dataclass(frozen=True)
class Shown:
    """A picture of what the checkpoint and the export see in an image: its file beside the certificate, and words."""

    path: str
    caption: str


@dataclass(frozen=True)
class Certificate:
    """What was looked at, and what was found.

    Attributes:
        checks: the rows.
        accepted: names of rows that may fail: they keep their verdict, and do not count.
        format: of the export.
        precision: of its weights.
        task: of the model.
        images: how many were answered.
        conf: lowest confidence that was compared.
        iou: overlap above which NMS dropped a box.
        export: the exported model against the checkpoint, both by ultralytics with ``rect=False``; None when it does
            not answer.
        serving: the workbench's endpoint against ultralytics, both with the exported model; None likewise, and when the
            endpoint does not serve such exports.
        accuracy: of both on the same images; None without labels.
        boxes_mean: boxes of the checkpoint per image.
        non_degenerate: share of the checkpoint's boxes, 0-1, with an area above 1 px² that touch no edge of the image:
            the others are clipped, and clipping hides differences.
        latency: of the exported model alone, on this machine; None when it does not run.
        memory_mb: what a process needs more at its peak to load the exported model and run it once.
        size_bytes: of the exported model.
        suppressed: boxes that NMS dropped in all images together; None when the model needs no NMS. Zero says that the
            comparison does not prove NMS.
        checkpoint_sha256: of the checkpoint.
        model_sha256: of the exported model.
        versions: of the packages that answered.
        pictures: of some images, beside the certificate.
    """

    checks: tuple[Check, ...]
    accepted: tuple[str, ...]
    format: str
    precision: str
    task: str
    images: int
    conf: float
    iou: float
    export: Agreement | None
    serving: Agreement | None
    accuracy: Accuracy | None
    boxes_mean: float
    non_degenerate: float
    latency: Latency | None
    memory_mb: float | None
    size_bytes: int
    suppressed: int | None
    checkpoint_sha256: str
    model_sha256: str
    versions: dict[str, str]
    pictures: tuple[Shown, ...] = ()

    @property
    def verdict(self) -> Standing:
        """The verdict in a word.

        ``accepted``: something is wrong, and may be. ``unproven``: nothing is, but the images show too little.
        ``unverified``: no answer could be looked at on this machine.
        """
        if not self.passed:
            return "no" if self.differs else "unproven"
        if any(row.verdict == "fail" and row.name not in SAMPLE for row in self.checks):
            return "accepted"
        return "yes" if any(row.verdict == "pass" for row in self.checks if row.name in ANSWERS) else "unverified"

    @property
    def passed(self) -> bool:
        """The export, and the endpoint with it, answer like the checkpoint, on images that can show it."""
        return not self.failures

    @property
    def differs(self) -> bool:
        """Something about the export is wrong; without it, and without ``passed``, the images show too little."""
        return any(row.name not in SAMPLE for row in self._failed())

    @property
    def failures(self) -> tuple[str, ...]:
        """Say for each row that failed, and was not accepted, what it is; empty when none did."""
        return tuple(str(row) for row in self._failed())

    def _failed(self) -> list[Check]:
        return [row for row in self.checks if row.verdict == "fail" and row.name not in self.accepted]


@dataclass(frozen=True)
class Proof:
    """A certificate, and what it was made of.

    Attributes:
        certificate: what was found.
        names: of the classes, by id.
        imgsz: height and width of the model's input in pixels.
        sights: of each image, what the checkpoint and the export see in it; empty when the export does not answer.
    """

    certificate: Certificate
    names: tuple[str, ...]
    imgsz: tuple[int, int]
    sights: tuple[tuple[Path, Seen, Seen], ...]


def certify(
    checkpoint: Path,
    folder: Path,
    images: Sequence[Path],
    *,
    imgsz: int | tuple[int, int],
    terms: Terms = _TERMS,
    place: Place = HERE,
) -> Certificate:
    """Compare the export in ``folder`` with ``checkpoint``, and the endpoint with ultralytics, see ``prove``."""
    return prove(checkpoint, folder, images, imgsz=imgsz, terms=terms, place=place).certificate


def prove(
    checkpoint: Path,
    folder: Path,
    images: Sequence[Path],
    *,
    imgsz: int | tuple[int, int],
    terms: Terms = _TERMS,
    place: Place = HERE,
) -> Proof:
    """Compare the export in ``folder`` with ``checkpoint``, and the endpoint with ultralytics, on ``images``.

    Args:
        checkpoint: that the export was made of.
        folder: with the exported model and ``model.json``.
        images: at least 16 for the certificate to pass; of the run's own validation set. With labels beside them
            accuracy is measured too. More than ``ACCURACY_IMAGES`` are left out.
        imgsz: what the export was asked to take, in pixels.
        terms: what the export is, and what may fail.
        place: where the export can run; the checkpoint is asked in this process.

    Returns:
        The proof. An export that is wrong, even one that cannot be loaded, has rows that say so.

    Raises:
        RequestError: when a row that may fail is not known.
        DatasetError: when there are no images, or one cannot be read.
        ExportError: when ultralytics does not run the checkpoint.
        ModelError: when the checkpoint cannot be read, or ``folder`` holds no readable spec.
    """
    _check_accepted(terms.accept)
    images = images[:ACCURACY_IMAGES]
    if not images:
        raise DatasetError("There are no images to compare with.", "At least one image.", "Add a validation split.")
    answers.readable(images)
    spec, source = read_spec(folder), origin(checkpoint, imgsz, terms.said)
    asking = answers.Asking(source.spec(spec), terms.conf, terms.iou, inside=terms.nms == "inside")
    sample = _sample(checkpoint, images, asking, source)
    looks = Looks(checkpoint, folder, asking, terms, sample, place)
    # The export is asked first: what it takes to ask it is known then
    rows = (*inside(looks.weights, spec, source), *looks.checks(), *sample.checks(source.task, terms.tolerances))
    latency, memory_mb = _costs(looks)
    certificate = Certificate(
        checks=rows,
        accepted=terms.accept,
        format=terms.format,
        precision=terms.precision,
        task=source.task,
        images=len(images),
        conf=terms.conf,
        iou=terms.iou,
        export=looks.export,
        serving=looks.serving,
        accuracy=looks.accuracy,
        boxes_mean=sample.boxes / len(images),
        non_degenerate=sample.whole,
        latency=latency,
        memory_mb=memory_mb,
        size_bytes=size(looks.weights),
        suppressed=looks.suppressed,
        checkpoint_sha256=file_sha256(checkpoint),
        model_sha256=digest(looks.weights),
        versions=versions(),
    )
    others = looks.exported.seen if looks.exported else []
    sights = zip(images[: len(others)], sample.reference.seen[: len(others)], others, strict=True)
    return Proof(certificate, source.names, source.imgsz, tuple(sights))


def _check_accepted(accept: Sequence[str]) -> None:
    for name in accept:
        if name not in ROWS:
            raise RequestError(
                f"A certificate has no row '{name}' that could be accepted.",
                f"One of {', '.join(ROWS)}.",
                did_you_mean(name, ROWS) or "`workbench exports show` lists the rows of a certificate.",
                accept=name,
            )


def _sample(checkpoint: Path, images: Sequence[Path], asking: answers.Asking, source: Origin) -> Sample:
    if source.task not in BOXED and source.task != "classify":
        return Sample(images, (), answers.Answers([]))
    points = answers.keypoints(checkpoint) if source.task == "pose" else (0, 0)
    told = truths(images, source.task, source.names, points)
    return Sample(images, told, answers.predict(checkpoint, images, asking, told))


def _costs(looks: Looks) -> tuple[Latency | None, float | None]:
    """Return how long the export takes, and the memory that it needs; None for what cannot be measured."""
    if looks.terms.unrunnable:
        return None, None
    asked = looks.weights, looks.spec, looks.terms.format, looks.place
    try:
        return measure(*asked), extra_mb(*asked)
    except ExportError:  # rows say so already
        return None, None


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
        for derived in _DERIVED:
            data.pop(derived)
        kinds: dict[str, Any] = {"export": Agreement, "serving": Agreement, "latency": Latency, "accuracy": Accuracy}
        parts: dict[str, Any] = {name: data[name] and kind(**data[name]) for name, kind in kinds.items()}
        parts["checks"] = tuple(Check(**row) for row in data["checks"])
        parts["pictures"] = tuple(Shown(**each) for each in data["pictures"])
        return Certificate(**{**data, **parts, "accepted": tuple(data["accepted"])})
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
