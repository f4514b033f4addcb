"""An export in the hands of a person, and the work of the export notebook.

What lives here: ``Export``, a view of its run; making and proving one inside a job. What does not: the conversion
(``exporter``), the comparison (``certificate``).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from workbench import storage
from workbench.datasets.layout import images_of
from workbench.errors import ExportError, RequestError
from workbench.exports.abilities import Ability, ability
from workbench.exports.accuracy import ACCURACY_IMAGES
from workbench.exports.artifacts import accompany, bundle, files
from workbench.exports.certificate import CERTIFICATE_NAME, Certificate, prove
from workbench.exports.checks_answers import Terms
from workbench.exports.environments import make
from workbench.exports.exporter import ExportedModel, Provenance, export_model
from workbench.exports.formats import find_format
from workbench.exports.page import write_proof
from workbench.exports.place import Apart, Here, Place
from workbench.exports.request import ExportRequest
from workbench.paths import WorkspacePaths
from workbench.runs.job import Job
from workbench.runs.model import Headline, RunState
from workbench.runs.run import Run


class Export:
    """An exported model and its proof; ``run`` is the export run that made it.

    Args:
        run: the export run.
        reused: whether it was there already when it was asked for.
    """

    def __init__(self, run: Run, *, reused: bool = False) -> None:
        self.run, self.reused = run, reused
        self.id = run.id

    def __repr__(self) -> str:
        return f"<Export {self.id} {self.run.state}>"

    @property
    def folder(self) -> Path:
        """The exported model, its spec file and its certificate.

        Raises:
            RunError: when the export is not complete.
        """
        self.run.result  # noqa: B018  says why there is none yet
        return self.run.paths.export

    def wait(self) -> Export:
        """Wait until the export is complete.

        Raises:
            RunError: when it failed.
        """
        self.run.wait()
        return self

    @property
    def certificate(self) -> dict[str, Any]:
        """The proof: what was compared, how far apart the answers are, and the verdict.

        An export that failed for what its certificate says has it, too.

        Raises:
            RunError: when the export is not complete, and there is none.
        """
        there = self.run.paths.export / CERTIFICATE_NAME
        return storage.get_json(there if there.is_file() else self.folder / CERTIFICATE_NAME)

    def bundle(self, target: Path) -> Path:
        """Write the whole export, with its certificate and licence, as one zip file, and return its path.

        The same export gives the same bytes.

        Raises:
            RunError: when the export is not complete.
            StorageError: when the file cannot be written.
        """
        return bundle(self.folder, target)

    def summary(self) -> dict[str, Any]:
        """Return the export's id, state, source, format, precision, bytes, latency in ms, parity and folder."""
        spec, state = self.run.spec, self.run.state
        details = self.run.result.details if state is RunState.COMPLETED else {}
        return {
            "export": self.id,
            "state": state.value,
            "source": spec.source or (spec.model.ref if spec.model else ""),
            "format": spec.parameters.get("format"),
            "precision": spec.parameters.get("precision", "fp32"),
            "bytes": details.get("bytes"),
            "latency_ms": details.get("latency_ms"),
            "parity": details.get("parity"),
            "folder": str(self.run.paths.export),
        }


def unseen_images(data_yaml: Path, limit: int = ACCURACY_IMAGES) -> list[Path]:
    """Return up to ``limit`` images that the training did not see: of the test split, else of val."""
    return [*images_of(data_yaml, "test"), *images_of(data_yaml, "val")][:limit]


def export_and_prove(
    job: Job, checkpoint: Path, data_yaml: Path, wanted: ExportRequest
) -> tuple[ExportedModel, Certificate]:
    """Export a checkpoint and compare the answers.

    Args:
        job: the open run.
        checkpoint: what is exported.
        data_yaml: the dataset whose unseen images both answer; int8 is calibrated on its training images.
        wanted: the format and its options.

    Raises:
        ExportError: when the conversion fails, or the environment that it needs cannot be made.
        RequestError: when what is wanted does not fit the model.
    """
    wanted, imgsz = fit(wanted.checked(), checkpoint)
    able = refuse_impossible(wanted.format, WorkspacePaths(job.paths.root.parent.parent).environments)
    place = place_of(job, able)
    origin = _provenance(job, data_yaml)
    _say(job, f"Exporting {checkpoint.name} as {wanted}.")
    exported = export_model(checkpoint, job.paths.export, wanted, origin, place)
    images = unseen_images(data_yaml, ACCURACY_IMAGES)
    _say(job, f"Comparing the answers on {len(images)} unseen images.")
    terms = Terms(
        format=wanted.format,
        precision=wanted.precision,
        nms=wanted.nms,
        dynamic=wanted.dynamic,
        said=origin.said(),
        unrunnable=able.reason if able.can == "make" else "",
        accept=wanted.accept,
    )
    proof = prove(checkpoint, exported.folder, images, imgsz=imgsz, terms=terms, place=place)
    certificate = write_proof(proof, exported.folder)
    accompany(exported.folder)
    return exported, certificate


def fit(wanted: ExportRequest, checkpoint: Path) -> tuple[ExportRequest, tuple[int, int]]:
    """Return a request with the image size that it means for a checkpoint, and that size: height and width in pixels.

    Raises:
        ModelError: when the checkpoint cannot be read.
        RequestError: when the image size does not fit its stride.
    """
    from workbench.runs.training.checkpoints import inspect

    info = inspect(checkpoint)
    sides = wanted.sides((info.imgsz, info.imgsz), info.stride)
    return replace(wanted, imgsz=sides), sides


def refuse_impossible(format: str, home: Path) -> Ability:  # noqa: A002
    """Return what this machine can do with a format.

    Args:
        format: its name.
        home: where private environments lie.

    Raises:
        RequestError: when it cannot make it.
    """
    able = ability(find_format(format), home)
    if able.can == "refused":
        raise RequestError(
            able.reason, "A format that this machine can make.", "See `workbench exports formats`.", format=format
        )
    return able


def place_of(job: Job, able: Ability) -> Place:
    """Return where an export is made and asked; an environment that is missing is made, which may take minutes.

    Raises:
        ExportError: when the environment cannot be made.
        StorageError: when there is no room for it.
    """
    if able.environment is None:
        return Here()
    if not able.environment.ready:
        _say(job, f"Making the environment for {able.format.title}: about {able.needs_mb} MB.")
        make(able.environment, lambda line: _say(job, line), lambda share: job.beat("environment", int(100 * share)))
    return Apart(able.environment.python, told=lambda line: _say(job, line))


def _say(job: Job, message: str) -> None:
    job.log("log", level="info", message=message)


def _provenance(job: Job, data_yaml: Path) -> Provenance:
    locked = job.spec.dataset
    return Provenance(
        dataset=locked.digest if locked else "",
        run=job.spec.source or "",
        data_yaml=data_yaml,
        train_images=(locked.images.get("train") or 0) if locked else 0,
    )


def finish(job: Job, exported: ExportedModel, certificate: Certificate, wanted: ExportRequest) -> None:
    """Write the draft of the export run's result.

    Raises:
        ExportError: when the export does not answer like the checkpoint; the folder and its certificate stay.
    """
    if certificate.differs:
        accepting = " ".join(f"--accept '{each.partition(':')[0]}'" for each in certificate.failures)
        raise ExportError(
            f"The export is not like its checkpoint: {'; '.join(certificate.failures)}.",
            "A certificate in which nothing about the export fails.",
            f"See {exported.folder / CERTIFICATE_NAME}. Who wants it all the same exports with {accepting}.",
            failures=list(certificate.failures),
        )
    agreement, accuracy = certificate.export, certificate.accuracy
    metrics = {"parity/box_px": agreement.box_px, "parity/confidence": agreement.confidence} if agreement else {}
    if accuracy:
        metrics |= {"accuracy/export": accuracy.export, "accuracy/drop": accuracy.drop}
    job.finish(
        headline=next((Headline(name=name, value=value) for name, value in metrics.items()), None),
        metrics=metrics,
        images=certificate.images,
        files=tuple(files(exported.folder)),
        details={
            "format": wanted.format,
            "precision": wanted.precision,
            "bytes": exported.size_bytes,
            "latency_ms": certificate.latency.p50_ms if certificate.latency else None,
            "parity": _parity(certificate),
        },
    )


def _parity(certificate: Certificate) -> dict[str, Any]:
    agreement, served = certificate.export, certificate.serving
    return {
        "passed": certificate.passed,
        "unverified": [row.name for row in certificate.checks if row.verdict == "unverified"],
        "accepted": list(certificate.accepted),
        "failures": list(certificate.failures),
        "images": certificate.images,
        "box_px": agreement.box_px if agreement else None,
        "confidence": agreement.confidence if agreement else None,
        "boxes_per_image": certificate.boxes_mean,
        "non_degenerate": certificate.non_degenerate,
        "endpoint_box_px": served.box_px if served else None,
        "endpoint_confidence": served.confidence if served else None,
    }
