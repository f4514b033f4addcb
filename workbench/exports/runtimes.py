"""How runtimes are made to compute what an export says.

What lives here: switches of runtimes that round by themselves. What does not: asking (``answers``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

_HINT: Final = {"INFERENCE_PRECISION_HINT": "f32"}


@contextmanager
def unrounded(weights: Path) -> Iterator[None]:
    """Make the runtime of an export compute in float32 while the context is open.

    OpenVINO computes in bfloat16 wherever the processor can, which moves boxes by pixels on one machine and not on
    another: a certificate is about the export, and says the same everywhere.

    Args:
        weights: the exported model; of other formats than OpenVINO nothing is changed.
    """
    if not weights.name.endswith("_openvino_model"):
        yield
        return
    import openvino  # type: ignore[import-not-found, unused-ignore]  # in its private environment

    compiled = openvino.Core.compile_model

    def exact(core: Any, model: Any, device_name: Any = None, config: Any = None) -> Any:
        return compiled(core, model, device_name or "CPU", {**(config or {}), **_HINT})

    openvino.Core.compile_model = exact
    try:
        yield
    finally:
        openvino.Core.compile_model = compiled
