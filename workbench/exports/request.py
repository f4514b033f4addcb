"""What somebody wants exported: the format with its options, checked before any work is begun.

What lives here: ``ExportRequest``, its rules, and what ultralytics is told. What does not: the table of formats
(``formats``), what this machine can do with them (``abilities``), the conversion (``exporter``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

from workbench.errors import RequestError, did_you_mean
from workbench.exports.formats import Format, find_format

Nms = Literal["outside", "inside", "free"]
SIDE_MAX: Final = 8192
OPSETS: Final = range(9, 24)
_QUANTIZE: Final = MappingProxyType({"fp32": None, "fp16": 16, "int8": 8, "w8a16": "w8a16", "w8a32": "w8a32"})
_WORDS: Final = MappingProxyType(
    {"half": "fp16", "float16": "fp16", "16": "fp16", "full": "fp32", "float32": "fp32", "float": "fp32", "32": "fp32"}
    | {"quantized": "int8", "8": "int8"}
)
CALIBRATED: Final = frozenset({"int8", "w8a16"})
"""Precisions for which the ranges of the activations are measured on images."""


@dataclass(frozen=True)
class ExportRequest:
    """What is wanted.

    Attributes:
        format: ultralytics' name of the format, or a word that people use for it.
        precision: ``fp32``, ``fp16``, ``int8``, or what else the format comes in. ``int8`` is calibrated on the
            training images of the run's own dataset.
        imgsz: height and width of the input in pixels, or one number for both, multiples of the model's stride; None
            for what the model was trained with.
        dynamic: the export takes images of any size and number.
        nms: ``outside`` leaves NMS to whoever asks the export; ``inside`` puts it into the graph, with a confidence of
            0.25 and an overlap of 0.7; ``free`` exports the head that needs none, of models that have one: it answers
            differently from the other head.
        opset: the ONNX operator set; None for the best one of the installed onnx.
        simplify: the graph is simplified.
        accept: names of rows of the certificate that may fail.
    """

    format: str = "onnx"
    precision: str = "fp32"
    imgsz: int | tuple[int, int] | None = None
    dynamic: bool = False
    nms: Nms = "outside"
    opset: int | None = None
    simplify: bool = True
    accept: tuple[str, ...] = ()

    def checked(self) -> ExportRequest:
        """Return it with the names that ultralytics uses.

        Raises:
            RequestError: when a value is not known, or the format does not come so.
        """
        known = find_format(self.format)
        precision = _WORDS.get(self.precision.strip().lower(), self.precision.strip().lower())
        found = replace(self, format=known.name, precision=precision, imgsz=_sides(self.imgsz))
        for rule in (_check_precision, _check_arguments, _check_numbers):
            rule(found, known)
        return found

    def sides(self, imgsz: tuple[int, int], stride: int) -> tuple[int, int]:
        """Return height and width of the input in pixels.

        Args:
            imgsz: what the model was trained with, which is meant when nothing is wanted; rounded up to the stride.
            stride: of the model, in pixels.

        Raises:
            RequestError: when a side is not a multiple of the model's stride.
        """
        wanted = _sides(self.imgsz)
        if wanted is None:
            height, width = (-(-side // stride) * stride for side in imgsz)
            return height, width
        if wrong := [side for side in wanted if side % stride]:
            lower = wrong[0] // stride * stride
            raise RequestError(
                f"The image size {wrong[0]} is not a multiple of {stride}.",
                f"Multiples of the model's stride, e.g. {lower or stride} or {lower + stride}.",
                "Choose one of these.",
                imgsz=list(wanted),
                stride=stride,
            )
        return wanted

    def parameters(self) -> dict[str, Any]:
        """Return it as the parameters of the export notebook."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def of_parameters(cls, parameters: Mapping[str, Any]) -> ExportRequest:
        """Return the request that ``parameters`` came from; what else they hold is left out."""
        there: dict[str, Any] = {each.name: parameters[each.name] for each in fields(cls) if each.name in parameters}
        lists = {name: tuple(value) for name, value in there.items() if isinstance(value, list)}
        return cls(**there | lists)

    @classmethod
    def of_words(cls, words: str) -> ExportRequest:
        """Return what ``format`` or ``format:precision`` mean, e.g. ``litert:int8``."""
        name, _, precision = words.partition(":")
        return cls(name, precision or "fp32")

    def arguments(self, batch: int = 1) -> dict[str, Any]:
        """Return the keyword arguments of ultralytics' ``export``, without the dataset.

        Those that the format does not know are left out.
        """
        known = find_format(self.format)
        sides = _sides(self.imgsz)
        # nms=False is how ultralytics selects the head without NMS; None keeps the other one
        nms = {"outside": None, "inside": True, "free": False}[self.nms]
        told: dict[str, Any] = {"format": self.format, "nms": nms}
        told |= {"quantize": _QUANTIZE[self.precision], "imgsz": list(sides) if sides else None, "batch": batch}
        options = {"dynamic": self.dynamic, "opset": self.opset, "simplify": self.simplify}
        return told | {name: value for name, value in options.items() if name in known.arguments}

    def __str__(self) -> str:
        words = [find_format(self.format).title, self.precision.upper()]
        if self.imgsz:
            words.append("×".join(str(side) for side in _sides(self.imgsz) or ()))
        words += ["dynamic"] * self.dynamic + [f"NMS {self.nms}"] * (self.nms != "outside")
        return " ".join(words)


def _sides(imgsz: Any) -> tuple[int, int] | None:
    if imgsz is None:
        return None
    sides = (imgsz, imgsz) if isinstance(imgsz, int) else tuple(imgsz)
    if len(sides) != 2 or not all(type(side) is int and 0 < side <= SIDE_MAX for side in sides):
        raise RequestError(
            f"The image size {imgsz} is not valid.",
            f"One number, or height and width, from 1 to {SIDE_MAX} pixels.",
            "E.g. 640, or 480,640.",
            imgsz=str(imgsz),
        )
    return sides


def _check_precision(wanted: ExportRequest, known: Format) -> None:
    if wanted.precision not in known.precisions:
        raise RequestError(
            f"{known.title} does not come in the precision '{wanted.precision}'.",
            f"One of {', '.join(known.precisions)}.",
            did_you_mean(wanted.precision, known.precisions) or "`workbench exports formats` says what each comes in.",
            format=known.name,
            precision=wanted.precision,
        )
    if (known.name, wanted.precision) == ("torchscript", "fp16"):
        raise RequestError(
            "A TorchScript export in fp16 cannot be made on a processor: ultralytics makes it on an NVIDIA GPU only.",
            "fp32, or another format for fp16, e.g. onnx.",
            "Export with --precision fp32.",
            format=known.name,
        )


def _check_arguments(wanted: ExportRequest, known: Format) -> None:
    unknown = [name for name in ("dynamic", "opset") if getattr(wanted, name) and name not in known.arguments]
    if wanted.nms == "inside" and "nms" not in known.arguments:
        unknown.append("nms inside")
    if unknown:
        raise RequestError(
            f"{known.title} does not know {unknown[0]}.",
            f"What it knows: {', '.join(sorted(known.arguments))}.",
            "Leave it out, or choose another format.",
            format=known.name,
            option=unknown[0],
        )


def _check_numbers(wanted: ExportRequest, known: Format) -> None:
    if wanted.nms not in get_args(Nms):
        raise RequestError(
            f"nms '{wanted.nms}' is not known.",
            f"One of {', '.join(get_args(Nms))}.",
            did_you_mean(str(wanted.nms), get_args(Nms)) or "Leave it out for NMS outside of the graph.",
            format=known.name,
        )
    if wanted.opset is not None and (type(wanted.opset) is not int or wanted.opset not in OPSETS):
        raise RequestError(
            f"The ONNX operator set {wanted.opset} is not known.",
            f"A whole number from {OPSETS[0]} to {OPSETS[-1]}.",
            "Leave it out for the best one of the installed onnx.",
            opset=wanted.opset,
        )
