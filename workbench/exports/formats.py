"""The formats that an export can have.

What lives here: the table of formats that are proven against the checkpoint. What does not: the
conversion (``exporter``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from workbench.errors import RequestError, did_you_mean


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        name: what users and ultralytics call it.
        title: what people read.
        suffix: of the model file.
        served: the workbench's endpoint answers with it.
    """

    name: str
    title: str
    suffix: str
    served: bool


FORMATS: Mapping[str, Format] = MappingProxyType({"onnx": Format("onnx", "ONNX", ".onnx", served=True)})


def find_format(name: str) -> Format:
    """Return the format of that name, in any case.

    Raises:
        RequestError: when no such format is exported.
    """
    found = FORMATS.get(name.strip().lower())
    if found is None:
        raise RequestError(
            f"The export format '{name}' is not known.",
            f"Known formats: {', '.join(sorted(FORMATS))}.",
            did_you_mean(name, FORMATS) or "Choose one of them; `yolo export` has more, without a certificate.",
            format=name,
        )
    return found
