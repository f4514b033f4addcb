"""The formats that a model can be exported to, as the installed ultralytics has them.

What lives here: the table, and the words that people use for its rows. What does not: whether a format can be made and
run on this machine (``abilities``), the conversion (``exporter``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final

from workbench.config import source
from workbench.errors import RequestError, did_you_mean

MADE: Final = (
    *("onnx", "torchscript", "openvino", "coreml", "coreai", "saved_model"),
    *("litert", "paddle", "mnn", "ncnn", "executorch", "engine"),
)
"""Names of the formats that the workbench makes and certifies."""
SERVED: Final = frozenset({"onnx"})
"""Names of the formats that the workbench's endpoint answers with."""
_MODULE: Final = "engine.exporter"
_WORDS: Final = MappingProxyType(
    {
        **dict.fromkeys(("tflite", "tfjs"), "litert"),  # names that ultralytics gave up
        "trt": "engine",
        **dict.fromkeys(("mlmodel", "mlpackage"), "coreml"),
        **dict.fromkeys(("tf", "tensorflow"), "saved_model"),
        "jit": "torchscript",
    }
)
_PRECISIONS: Final = (
    ("fp16", "FP16_FORMATS"),
    ("int8", "INT8_FORMATS"),
    ("w8a16", "W8A16_FORMATS"),
    ("w8a32", "W8A32_FORMATS"),
)


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        name: what ultralytics calls it.
        title: what people read.
        suffix: of the model's file or folder.
        cpu: it is made on a machine without a GPU.
        gpu: it is made for, or runs on, a GPU.
        arguments: what ultralytics takes when it makes it, e.g. ``dynamic``.
        precisions: of ``fp32``, ``fp16``, ``int8``, ``w8a16`` and ``w8a32``, those that it comes in.
        environment: the family of packages that it needs; ``base`` is what the workbench has.
    """

    name: str
    title: str
    suffix: str
    cpu: bool
    gpu: bool
    arguments: frozenset[str]
    precisions: tuple[str, ...]
    environment: str

    @property
    def made(self) -> bool:
        """The workbench makes and certifies it."""
        return self.name in MADE

    @property
    def served(self) -> bool:
        """The workbench's endpoint answers with it."""
        return self.name in SERVED


@cache
def table() -> Mapping[str, Format]:
    """Return all formats by name, in ultralytics' order, without importing it."""
    found = source.rows(_MODULE, "export_formats", "x")
    supporting = {name: source.constant(_MODULE, constant) for name, constant in _PRECISIONS}
    never_whole = source.constant(_MODULE, "FP32_UNSUPPORTED_FORMATS")
    formats = {}
    for title, name, suffix, cpu, gpu, arguments, environment in found:
        if name == "-":  # the checkpoint itself
            continue
        precisions = (*(() if name in never_whole else ("fp32",)), *(p for p in supporting if name in supporting[p]))
        formats[name] = Format(name, title, suffix, cpu, gpu, frozenset(arguments), precisions, environment)
    return MappingProxyType(formats)


def known_format(name: str) -> Format:
    """Return a format by its name, its title, or a word that people use for it, in any case.

    Raises:
        RequestError: when ultralytics knows no such format.
    """
    formats = table()
    words = {_folded(word): target for word, target in _WORDS.items() if target in formats}
    words |= {_folded(each.title): each.name for each in formats.values()}
    words |= {_folded(each): each for each in formats}
    found = words.get(_folded(name))
    if found is None:
        raise RequestError(
            f"The export format '{name}' is not known.",
            f"Known formats: {', '.join(formats)}.",
            did_you_mean(name, formats) or "`workbench exports formats` says what each of them needs.",
            format=name,
        )
    return formats[found]


def find_format(name: str) -> Format:
    """Return a format that the workbench makes, see ``known_format``.

    Raises:
        RequestError: when there is no such format, or it is not one that the workbench certifies.
    """
    found = known_format(name)
    if not found.made:
        raise RequestError(
            f"The workbench makes no {found.title} exports.",
            f"A format whose answers it certifies: {', '.join(MADE)}.",
            f"`yolo export format={found.name}` makes one, without a certificate.",
            format=name,
        )
    return found


def _folded(word: str) -> str:
    return re.sub(r"[\s_.-]+", "", word).lower()
