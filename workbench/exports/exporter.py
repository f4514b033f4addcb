"""A checkpoint to a model in another format, with its spec file.

What lives here: the conversion by ultralytics, and what makes its result the same bytes every time. What does not: the
proof that the result answers like the checkpoint (``certificate``). It runs in a job's kernel: torch is imported late.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from workbench.errors import ConflictError, ExportError, ModelError, storage_error
from workbench.exports.artifacts import accompany, digest, size
from workbench.exports.place import Apart, Here, Place
from workbench.exports.repeatable import rewrite
from workbench.exports.request import CALIBRATED, ExportRequest
from workbench.serving.spec import SPEC_NAME, ModelSpec, write_spec

DATE: Final = "1970-01-01T00:00:00+00:00"
"""ultralytics writes the time of the export, which would make every export another file."""
LICENCE: Final = "AGPL-3.0"
"""Of all that is made of ultralytics' models."""
_SAMPLED: Final = frozenset({"saved_model"})
CALIBRATION_IMAGES: Final = 512
"""At most so many are looked at to find the ranges of the activations; ultralytics recommends 300 and more."""


@dataclass(frozen=True)
class Provenance:
    """Where a checkpoint comes from, as its exports say it.

    Attributes:
        dataset: the digest of what it was trained on, hexadecimal; empty when that is not known.
        run: the id of the run that trained it; empty when it came from elsewhere.
        data_yaml: the dataset, for int8; None when there is none.
        train_images: how many images it has to train on.
    """

    dataset: str = ""
    run: str = ""
    data_yaml: Path | None = None
    train_images: int = 0

    def said(self) -> dict[str, str]:
        """Return what is written into the export's metadata."""
        there = {"dataset": self.dataset and f"sha256:{self.dataset}", "run": self.run}
        return {name: value for name, value in there.items() if value}


@dataclass(frozen=True)
class Converted:
    """What ultralytics made: where it lies, what it says of itself, and the shapes of what it takes and answers."""

    path: Path
    metadata: dict[str, Any]
    takes: tuple[int, ...]
    answers: tuple[Any, ...]


@dataclass(frozen=True)
class ExportedModel:
    """An export's folder: the model, which is a file or a folder, and its spec.

    Attributes:
        folder: where both lie.
        spec: the exact pre- and post-processing.
        size_bytes: of the model.
        seconds: that the export took.
    """

    folder: Path
    spec: ModelSpec
    size_bytes: int
    seconds: float

    @property
    def weights(self) -> Path:
        """The model."""
        return self.folder / self.spec.weights


def export_model(
    checkpoint: Path,
    folder: Path,
    wanted: ExportRequest,
    provenance: Provenance | None = None,
    place: Place | None = None,
) -> ExportedModel:
    """Export ``checkpoint`` into ``folder``: all of it or nothing.

    The same checkpoint gives the same bytes of ONNX and of TorchScript, wherever and whenever.

    Args:
        checkpoint: an ultralytics checkpoint; nothing is written beside it.
        folder: holds the model, ``model.json``, the licence and ``SHA256SUMS`` afterwards; an earlier export in it is
            replaced.
        wanted: the format and its options.
        provenance: of the checkpoint, for the export's metadata and for int8.
        place: where the conversion runs; in this process when None.

    Raises:
        ModelError: when the checkpoint is missing, or is no checkpoint.
        RequestError: when what is wanted does not fit the format or the model.
        ConflictError: when ``folder`` exists and holds something else than an export.
        ExportError: when the conversion fails.
        StorageError: when ``folder`` cannot be written.
    """
    from workbench.runs.training.checkpoints import inspect

    started = time.monotonic()
    # The conversion changes into another folder, from which relative paths would lead elsewhere
    checkpoint, folder = checkpoint.absolute(), folder.absolute()
    origin = provenance or Provenance()
    _check_paths(checkpoint, folder)
    info = inspect(checkpoint)
    sides = (info.imgsz, info.imgsz) if isinstance(info.imgsz, int) else info.imgsz
    wanted = wanted.checked()
    wanted = replace(wanted, imgsz=wanted.sides(sides, info.stride))
    arguments = wanted.arguments() | _calibration(wanted, origin)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
            draft = Path(scratch) / "export"
            draft.mkdir()
            # A private copy: ultralytics writes beside what it reads
            copy = Path(shutil.copyfile(checkpoint, Path(scratch) / "model.pt"))
            converted = _place(place, wanted).call(convert, copy, arguments, origin.said())
            spec = _keep(converted, draft, wanted)
            write_spec(spec, draft)
            accompany(draft)
            _publish(draft, folder, Path(scratch))
    except OSError as error:
        raise storage_error(error, folder) from error
    return ExportedModel(folder, spec, size(folder / spec.weights), time.monotonic() - started)


def _place(place: Place | None, wanted: ExportRequest) -> Place:
    if place is None or isinstance(place, Here):
        # TorchScript numbers its modules through a whole process: in an old one it would not be the same file again
        return Apart() if wanted.format == "torchscript" else Here()
    return place


def _check_paths(checkpoint: Path, folder: Path) -> None:
    if folder.exists() and not (folder.is_dir() and ((folder / SPEC_NAME).is_file() or not any(folder.iterdir()))):
        raise ConflictError(
            f"'{folder}' exists and is no export.",
            "A new or empty folder, or an earlier export, which is replaced.",
            "Choose another folder.",
            path=str(folder),
        )
    if not checkpoint.is_file():
        raise ModelError(
            f"There is no checkpoint at '{checkpoint}'.",
            "The best.pt or last.pt of a run that trained at least one epoch.",
            "Choose a completed run.",
            path=str(checkpoint),
        )


def _calibration(wanted: ExportRequest, origin: Provenance) -> dict[str, Any]:
    """Return what ultralytics is told of the images on which it finds the ranges of the activations.

    They are of the training images: the certificate asks about others.
    """
    if wanted.precision not in CALIBRATED:
        return {}
    if origin.data_yaml is None:
        raise ExportError(
            f"An export in {wanted.precision} is calibrated on images, and no dataset is known.",
            "The dataset that the checkpoint was trained on.",
            "Export a run, or name the dataset with --data.",
            precision=wanted.precision,
        )
    share = min(1.0, CALIBRATION_IMAGES / max(origin.train_images, 1))
    return {"data": str(origin.data_yaml.absolute()), "split": "train", "fraction": share}


def convert(checkpoint: Path, arguments: Mapping[str, Any], said: Mapping[str, str]) -> Converted:
    """Return what ultralytics makes of ``checkpoint``, beside it.

    Args:
        checkpoint: a copy that nobody else uses, in a folder that may be filled.
        arguments: of ultralytics' ``export``.
        said: is written into the metadata, beside what ultralytics says.

    Raises:
        ExportError: when it does not succeed.
        OSError: when a file cannot be written.
    """
    import torchvision  # noqa: F401  as in the process that asks the export
    from ultralytics.models.yolo.model import YOLO
    from ultralytics.utils import checks

    # Read once at import, so that setting YOLO_AUTOINSTALL now would come too late
    vars(checks)["AUTOINSTALL"] = False
    found: dict[str, Any] = {}
    home = Path.cwd()
    try:
        os.chdir(checkpoint.parent)  # some converters write where they are
        if arguments["format"] in _SAMPLED:
            _lay_out_sample()
        model: Any = YOLO(checkpoint)
        model.add_callback("on_export_start", lambda exporter: found.update(_told(exporter, said)))
        path = Path(model.export(device="cpu", **arguments)).resolve()
    except OSError:
        raise
    except Exception as error:
        raise ExportError(
            f"ultralytics does not export this checkpoint as {arguments['format']}: "
            f"{str(error)[:400] or type(error).__name__}.",
            "A checkpoint of an ultralytics model, for the installed version.",
            "Check the message above; `yolo export` on the checkpoint shows the whole log.",
            format=arguments["format"],
        ) from error
    finally:
        os.chdir(home)
    return Converted(path, found["metadata"], found["takes"], found["answers"])


def _lay_out_sample() -> None:
    """Write the pictures that onnx2tf would fetch from the internet, even where nothing is calibrated on them."""
    import numpy as np

    pictures = np.random.default_rng(0).random((20, 128, 128, 3), dtype=np.float32)
    np.save("calibration_image_sample_data_20x128x128x3_float32.npy", pictures)


def _told(exporter: Any, said: Mapping[str, str]) -> dict[str, Any]:
    """Take the machine and the moment out of an exporter's metadata, and put in where the model comes from."""
    metadata = exporter.metadata
    metadata["date"] = DATE
    # ultralytics adds "trained on" and the dataset's path on the machine that trained
    metadata["description"] = str(metadata["description"]).split(" trained on ")[0].strip()
    metadata["args"] = {**metadata["args"], "data": None}
    # CoreML keeps ultralytics' own "license" where no other reader looks
    metadata.update({**said, "licence": LICENCE})
    return {"metadata": dict(metadata), "takes": tuple(exporter.im.shape), "answers": exporter.output_shape}


def _keep(converted: Converted, draft: Path, wanted: ExportRequest) -> ModelSpec:
    """Move the model into ``draft`` and return its spec."""
    rewrite(converted.path, wanted.format)
    weights = draft / converted.path.name
    shutil.move(converted.path, weights)
    metadata, names = converted.metadata, converted.metadata["names"]
    _check_head(converted, wanted, len(names))
    return ModelSpec(
        task=metadata["task"],
        names=tuple(str(names[number]) for number in sorted(names)),
        imgsz=(converted.takes[2], converted.takes[3]),
        stride=int(metadata["stride"]),
        output="raw" if wanted.nms == "outside" else "end2end",
        sha256=digest(weights),
        weights=weights.name,
    )


def _check_head(converted: Converted, wanted: ExportRequest, classes: int) -> None:
    if wanted.nms == "outside" and converted.metadata["task"] == "detect" and converted.answers[1:2] != (4 + classes,):
        raise ExportError(
            f"The exported model answers with shape {list(converted.answers)}.",
            f"(1, {4 + classes}, candidates).",
            "This model's head is not known here: export it with `yolo export`.",
            shape=list(converted.answers),
        )


def _publish(draft: Path, folder: Path, scratch: Path) -> None:
    """Put ``draft`` in the place of ``folder``: a reader never sees half an export."""
    if folder.exists():
        folder.replace(scratch / "replaced")
    draft.replace(folder)
