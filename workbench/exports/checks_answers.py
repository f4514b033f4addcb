"""The rows about what an export answers.

What lives here: asking the export, where it can run, and judging its answers by the tolerances of its format. What does
not: the answers themselves (``answers``), what the file says of itself (``inside``), the certificate (``certificate``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from workbench.errors import ExportError, ModelError
from workbench.exports import answers
from workbench.exports.accuracy import Accuracy, compare
from workbench.exports.accuracy_hits import Truth
from workbench.exports.answers import Answers, Asking
from workbench.exports.checks import Check, attempt, check
from workbench.exports.formats import SERVED
from workbench.exports.matching import Agreement, Rows, agreement, whole
from workbench.exports.place import Here, Place
from workbench.exports.tolerances import EXACT, Tolerances, tolerances
from workbench.serving.spec import ModelSpec

IMAGES_MIN: Final = 16
NON_DEGENERATE_MIN: Final = 0.9
RAW_IMAGES: Final = 4
ENDPOINT_IMAGES: Final = 32
HERE: Final = Here()
BOXED: Final = MappingProxyType({"detect": "", "segment": "masks", "pose": "keypoints", "obb": "angles"})
"""Tasks whose answers are objects, with the row of what they have beside a box."""
SAMPLE: Final = ("images", "boxes", "whole boxes", "classes", "accuracy images")
"""Rows about the images: when they fail, the export may be right, but nothing is proven."""
ANSWERS: Final = ("raw output", "detections", "masks", "keypoints", "angles", "class scores", "endpoint", "accuracy")
FILE: Final = (
    *("file", "metadata", "task", "class names", "image size", "stride", "preprocessing", "postprocessing"),
    *("dataset", "run", "licence", "paths"),
)
ROWS: Final = (*FILE, *ANSWERS, *SAMPLE)
"""Names of all rows that a certificate can have."""
_BY_ACCURACY: Final = "judged by its accuracy"


@dataclass(frozen=True)
class Terms:
    """What is certified, and on which terms.

    Attributes:
        format: of the export, as ultralytics calls it.
        precision: ``fp32``, ``fp16``, ``int8``, ``w8a16`` or ``w8a32``.
        nms: where its NMS is: ``outside``, ``inside`` or ``free``.
        dynamic: it takes images of any size.
        said: what it has to say of where it comes from, by name.
        unrunnable: why it cannot be run on this machine; empty when it can.
        accept: names of rows that may fail.
        conf: lowest confidence of the boxes that are compared, 0-1.
        iou: overlap above which NMS drops a box, 0-1.
    """

    format: str = "onnx"
    precision: str = "fp32"
    nms: str = "outside"
    dynamic: bool = False
    said: Mapping[str, str] = field(default_factory=dict)
    unrunnable: str = ""
    accept: tuple[str, ...] = ()
    conf: float = 0.25
    iou: float = 0.7

    @property
    def tolerances(self) -> Tolerances:
        """How far the export may be from its checkpoint."""
        return tolerances(self.format, self.precision)


@dataclass(frozen=True)
class Sample:
    """The images, and what the checkpoint sees in them: whether they can show that an export is wrong."""

    images: Sequence[Path]
    truths: Sequence[Truth | None]
    reference: Answers

    @property
    def boxes(self) -> int:
        """Boxes that the checkpoint sees in all images together."""
        return sum(len(seen.rows) for seen in self.reference.seen)

    @property
    def whole(self) -> float:
        """Share of these that touch no edge of their image, 0-1."""
        return sum(whole(seen) for seen in self.reference.seen) / self.boxes if self.boxes else 0.0

    @property
    def labelled(self) -> int:
        """Images whose truth is known."""
        return sum(truth is not None for truth in self.truths)

    def checks(self, task: str, tolerated: Tolerances) -> list[Check]:
        """Return the rows about the images."""
        count = len(self.images)
        rows = [check("images", count >= IMAGES_MIN, f"{count} were compared", f"at least {IMAGES_MIN}")]
        if task in BOXED:
            share, wanted = self.whole, f"more than {NON_DEGENERATE_MIN:.0%}"
            rows.append(check("boxes", self.boxes, f"the checkpoint sees {self.boxes}", "at least one"))
            rows.append(
                check("whole boxes", share > NON_DEGENERATE_MIN, f"{share:.0%} of the boxes touch no edge", wanted)
            )
        if task == "classify":
            classes = {int(seen.scores.argmax()) for seen in self.reference.seen if seen.scores is not None}
            rows.append(check("classes", len(classes) > 1, f"the checkpoint sees {len(classes)}", "more than one"))
        if tolerated.images:
            labelled, least = self.labelled, tolerated.images
            rows.append(
                check("accuracy images", labelled >= least, f"{labelled} have labels", f"at least {least} with labels")
            )
        return rows


@dataclass
class Looks:
    """What is asked of an export, and what came of it: what fails leaves None."""

    checkpoint: Path
    folder: Path
    asking: Asking
    terms: Terms
    sample: Sample
    place: Place = HERE
    exported: Answers | None = None
    export: Agreement | None = None
    serving: Agreement | None = None
    suppressed: int | None = None
    accuracy: Accuracy | None = None

    def checks(self) -> list[Check]:
        """Return the rows, in their order."""
        task, tolerated = self.spec.task, self.terms.tolerances
        looks: dict[str, tuple[str, Callable[[str], Check]]] = {"raw output": (_alike(tolerated), self._raw)}
        if task in BOXED:
            looks["detections"] = (_alike(tolerated), self._detections)
        if extra := BOXED.get(task):
            looks[extra] = (_extra_wanted(extra, tolerated), partial(self._extra, extra))
        if task == "classify":
            wanted = f"every class, to {tolerated.scores} of probability, and the same likeliest one"
            looks["class scores"] = (wanted, self._scores)
        if task not in BOXED and task != "classify":
            looks["detections"] = (_alike(tolerated), self._uncompared)
        looks["endpoint"] = (_alike(EXACT), self._endpoint)
        looks["accuracy"] = (f"a drop of at most {tolerated.drop} points", self._accuracy)
        if self.terms.unrunnable:
            return [Check(name, "unverified", self.terms.unrunnable, wanted) for name, (wanted, _) in looks.items()]
        return [attempt(name, wanted, partial(look, wanted)) for name, (wanted, look) in looks.items()]

    def _raw(self, wanted: str) -> Check:
        tolerated, images = self.terms.tolerances, self.sample.images[:RAW_IMAGES]
        if reason := self._raw_refusal():
            return Check("raw output", "unverified", reason, wanted)
        before = answers.raw(self.checkpoint, "pt", images, self.spec)
        after = self.place.call(answers.raw, self.weights, self.terms.format, images, self.spec)
        px, score = apart(before, after, self.spec)
        met = px <= tolerated.px and score <= tolerated.confidence
        return check("raw output", met, f"{px:.3g} px, {score:.2g} of score", wanted)

    def _raw_refusal(self) -> str:
        if self.spec.output != "raw":
            return "the head selects its boxes itself"
        if self.terms.format not in answers.RAW:
            return f"outputs are compared for {' and '.join(answers.RAW)}"
        return _BY_ACCURACY if self.terms.tolerances.by_accuracy else ""

    def _ask(self) -> Agreement:
        images, truths = self.sample.images, self.sample.truths
        self.exported = self.place.call(answers.predict, self.weights, images, self.asking, truths)
        tolerated = self.terms.tolerances
        slack = tolerated.scores if self.spec.task == "classify" else tolerated.confidence
        pairs = zip(self.sample.reference.seen, self.exported.seen, strict=True)
        self.export = agreement(pairs, conf=self.asking.conf, slack=slack, px=tolerated.px)
        return self.export

    def _detections(self, wanted: str) -> Check:
        found, tolerated = self._ask(), self.terms.tolerances
        if tolerated.by_accuracy:
            return Check("detections", "unverified", f"{found}; {_BY_ACCURACY}", wanted)
        return check("detections", alike(found, tolerated), found, wanted)

    def _extra(self, name: str, wanted: str) -> Check:
        found, tolerated = self.export, self.terms.tolerances
        values = (found.mask_iou, found.keypoint_px, found.angle) if found else ()
        if found is None or all(value is None for value in values):
            return Check(name, "unverified", "no matched boxes", wanted)
        met, told = beside(name, found, tolerated)
        if tolerated.by_accuracy:
            return Check(name, "unverified", f"{told}; {_BY_ACCURACY}", wanted)
        return check(name, met, told, wanted)

    def _scores(self, wanted: str) -> Check:
        found, tolerated = self._ask(), self.terms.tolerances
        if tolerated.by_accuracy:
            return Check("class scores", "unverified", f"{found}; {_BY_ACCURACY}", wanted)
        met = found.scores is not None and found.scores <= tolerated.scores and not found.images_differing
        return check("class scores", met, found, wanted)

    def _uncompared(self, wanted: str) -> Check:
        return Check("detections", "unverified", f"answers of the task {self.spec.task} are not compared", wanted)

    def _endpoint(self, wanted: str) -> Check:
        if self.terms.format not in SERVED or self.spec.task != "detect":
            why = f"the endpoint does not serve {self.terms.format} of the task {self.spec.task}"
            return Check("endpoint", "unverified", why, wanted)
        images, asking = self.sample.images[:ENDPOINT_IMAGES], self.asking
        # Threads share out sums differently, and what then rounds to another integer is no error of the endpoint
        threads = 0 if self.terms.tolerances.by_accuracy else 1
        try:
            served, self.suppressed = answers.serve(self.folder, images, asking.conf, asking.iou, threads=threads)
        except (ModelError, ExportError) as error:
            usual = self.terms.precision == "fp32" and not self.terms.dynamic
            return Check("endpoint", "fail" if usual else "unverified", error.happened, wanted)
        if self.exported is None:
            return Check("endpoint", "fail", "ultralytics does not answer with the export", wanted)
        pairs = zip(self.exported.seen[:ENDPOINT_IMAGES], served, strict=True)
        self.serving = agreement(pairs, conf=self.asking.conf, slack=EXACT.confidence, px=EXACT.px)
        return check("endpoint", alike(self.serving, EXACT), self.serving, wanted)

    def _accuracy(self, wanted: str) -> Check:
        if not self.sample.truths:
            return Check("accuracy", "unverified", "no labels", wanted)
        if self.exported is None:
            return Check("accuracy", "unverified", "the export does not answer", wanted)
        before, after = self.sample.reference.hits, self.exported.hits
        self.accuracy = compare(self.spec.task, before, after, self.sample.labelled)
        met = self.accuracy.drop <= self.terms.tolerances.drop
        return check("accuracy", met, self.accuracy, wanted)

    @property
    def spec(self) -> ModelSpec:
        """What the export has to be."""
        return self.asking.spec

    @property
    def weights(self) -> Path:
        """The exported model."""
        return self.folder / self.spec.weights


def alike(found: Agreement, tolerated: Tolerances) -> bool:
    """Return whether all boxes but those that may differ are matched, as near as they have to be."""
    return found.differing <= tolerated.differing * found.boxes


def apart(before: Sequence[Rows], after: Sequence[Rows], spec: ModelSpec) -> tuple[float, float]:
    """Return how far the outputs before NMS are apart at most: in pixels of the input, and in all that is no place.

    Raises:
        ExportError: when they answer with another number of values.
    """
    px = score = 0.0
    for first, second in zip(before, after, strict=True):
        if first.shape != second.shape:
            raise ExportError(
                f"The outputs have the shapes {second.shape} and {first.shape}.",
                "Those of the checkpoint.",
                "Export the run again.",
            )
        rows = np.abs(first - second).reshape(len(first), -1).max(axis=1)
        places = _places(len(rows), spec)
        px, score = max(px, float(rows[places].max(initial=0.0))), max(score, float(rows[~places].max(initial=0.0)))
    return px, score


def _places(rows: int, spec: ModelSpec) -> npt.NDArray[np.bool_]:
    """Return which rows of an output are pixels."""
    found = np.zeros(rows, dtype=bool)
    if spec.task == "classify":
        return found
    found[:4] = True
    if spec.task == "pose":
        points = rows - 4 - len(spec.names)
        values = 3 if points % 3 == 0 else 2
        found[4 + len(spec.names) :] = np.arange(points) % values < 2
    return found


def _alike(tolerated: Tolerances) -> str:
    boxes = f"{1 - tolerated.differing:.1%} of the boxes" if tolerated.differing else "every box"
    return f"{boxes}, to {tolerated.px} px and {tolerated.confidence} of confidence"


def _extra_wanted(name: str, tolerated: Tolerances) -> str:
    return {
        "masks": f"an overlap of at least {tolerated.mask_iou}",
        "keypoints": f"every point, to {tolerated.px} px and {tolerated.confidence} of visibility",
        "angles": f"every angle, to {tolerated.angle} rad",
    }[name]


def beside(name: str, found: Agreement, tolerated: Tolerances) -> tuple[bool, str]:
    """Return whether what objects have beside their boxes is as near as it has to be, and how near it is."""
    if name == "masks":
        overlap = found.mask_iou or 0.0
        return overlap >= tolerated.mask_iou, f"an overlap of {overlap:.4g} or more"
    if name == "keypoints":
        px, visibility = found.keypoint_px or 0.0, found.visibility or 0.0
        met = px <= tolerated.px and visibility <= tolerated.confidence
        return met, f"{px:.5g} px, {visibility:.2g} of visibility"
    angle = found.angle or 0.0
    return angle <= tolerated.angle, f"{angle:.2g} rad"
