"""An export in the hands of a person, and the work of the export notebook.

What lives here: ``Export``, a view of its run; making and proving one inside a job. What does not: the conversion
(``exporter``), the comparison (``certificate``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workbench import storage
from workbench.datasets.layout import images_of
from workbench.errors import ExportError
from workbench.exports.certificate import CERTIFICATE_NAME, Certificate, certify, write_certificate
from workbench.exports.exporter import ExportedModel, export_onnx
from workbench.runs.job import Job
from workbench.runs.model import Headline, RunState
from workbench.runs.run import Run

IMAGES_COMPARED = 32


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

        Raises:
            RunError: when the export is not complete.
        """
        return storage.get_json(self.folder / CERTIFICATE_NAME)

    def summary(self) -> dict[str, Any]:
        """Return ``{"export", "state", "source", "format", "bytes", "latency_ms", "parity", "folder"}``."""
        spec, state = self.run.spec, self.run.state
        details = self.run.result.details if state is RunState.COMPLETED else {}
        return {
            "export": self.id,
            "state": state.value,
            "source": spec.source or (spec.model.ref if spec.model else ""),
            "format": spec.parameters.get("format"),
            "bytes": details.get("bytes"),
            "latency_ms": details.get("latency_ms"),
            "parity": details.get("parity"),
            "folder": str(self.run.paths.export),
        }


def unseen_images(data_yaml: Path, limit: int = IMAGES_COMPARED) -> list[Path]:
    """Return up to ``limit`` images that the training did not see: of the test split, else of val."""
    return [*images_of(data_yaml, "test"), *images_of(data_yaml, "val")][:limit]


def export_and_prove(job: Job, checkpoint: Path, data_yaml: Path) -> tuple[ExportedModel, Certificate]:
    """Export a checkpoint to ONNX and compare the answers.

    Args:
        job: the open run.
        checkpoint: what is exported, with the image size that it was trained with.
        data_yaml: the dataset whose unseen images are answered by both.

    Raises:
        ExportError: when the conversion fails.
    """
    from workbench.runs.training.checkpoints import inspect

    job.log("log", level="info", message=f"Exporting {checkpoint.name} to ONNX.")
    imgsz = inspect(checkpoint).imgsz
    exported = export_onnx(checkpoint, job.paths.export, imgsz=imgsz)
    images = unseen_images(data_yaml)
    job.log("log", level="info", message=f"Comparing the answers on {len(images)} unseen images.")
    certificate = certify(checkpoint, exported.folder, images, imgsz=imgsz)
    write_certificate(certificate, exported.folder)
    return exported, certificate


def finish(job: Job, exported: ExportedModel, certificate: Certificate, format: str) -> None:  # noqa: A002
    """Write the draft of the export run's result.

    Raises:
        ExportError: when the export does not answer like the checkpoint; the folder and its certificate stay.
    """
    if certificate.differs or certificate.export is None or certificate.serving is None:
        raise ExportError(
            f"The export is not like its checkpoint: {'; '.join(certificate.failures)}.",
            "A certificate in which nothing about the export fails.",
            f"See {exported.folder / CERTIFICATE_NAME}.",
            failures=list(certificate.failures),
        )
    agreement = certificate.export
    job.finish(
        headline=Headline(name="parity/box_px", value=agreement.box_px),
        metrics={"parity/box_px": agreement.box_px, "parity/confidence": agreement.confidence},
        images=certificate.images,
        files=tuple(sorted(path for path in exported.folder.iterdir() if path.is_file())),
        details={
            "format": format,
            "bytes": exported.size_bytes,
            "latency_ms": certificate.latency.p50_ms if certificate.latency else None,
            "parity": {
                "passed": certificate.passed,
                "failures": list(certificate.failures),
                "images": certificate.images,
                "box_px": agreement.box_px,
                "confidence": agreement.confidence,
                "boxes_per_image": certificate.boxes_mean,
                "non_degenerate": certificate.non_degenerate,
                "endpoint_box_px": certificate.serving.box_px,
                "endpoint_confidence": certificate.serving.confidence,
            },
        },
    )
