"""How much memory an exported model needs.

What lives here: the peak of a process that loads and runs a model once, above what its libraries need. What does not:
the time that it takes (``latency``).
"""

from __future__ import annotations

import contextlib
import importlib
import re
import sys
from pathlib import Path
from typing import Final

import numpy as np

from workbench.errors import ExportError
from workbench.exports.latency import RUNTIMES, loaded
from workbench.exports.place import Apart, Here, Place
from workbench.serving.spec import ModelSpec

_MB: Final = 1e6
_HERE: Final = Here()


def extra_mb(weights: Path, spec: ModelSpec, format: str = "onnx", place: Place = _HERE) -> float:  # noqa: A002
    """Return what a process of its own needs more at its peak to load a model and run it once, in MB.

    Args:
        weights: the exported model.
        spec: says how large its input is.
        format: of the model, as ultralytics calls it.
        place: where it can run; never this process, whose memory holds much else.

    Raises:
        ExportError: when it does not run.
    """
    apart = place if isinstance(place, Apart) else Apart()
    return apart.call(once, weights, spec.imgsz, format) / _MB


def once(weights: Path, imgsz: tuple[int, int], format: str) -> int:  # noqa: A002
    """Load a model, run it once, and return by how many bytes the peak is above what was there before.

    Raises:
        ExportError: when its runtime does not run it.
    """
    import psutil

    image = np.random.default_rng(0).random((1, 3, *imgsz), dtype=np.float32)
    _import(format)
    before = psutil.Process().memory_info().rss
    _forget_peak()
    try:
        with loaded(weights, format, 1) as (run, _, _):
            run(image)
    except Exception as error:  # runtimes have no common error
        raise ExportError(
            f"'{weights}' does not run: {str(error)[:300] or type(error).__name__}.",
            "A model that takes what its spec says.",
            "Export the run again.",
            path=str(weights),
        ) from error
    return max(_peak() - before, 0)


def _import(format: str) -> None:  # noqa: A002
    """Import what runs a format: its libraries are not the model's memory."""
    names = {"onnx": ["onnxruntime"], "torchscript": ["torch", "torchvision"]}.get(format)
    if names is None:
        names = [RUNTIMES[format][0]] if format in RUNTIMES else []
        names += ["torch", "ultralytics.nn.autobackend"]
    for name in names:
        with contextlib.suppress(ImportError):  # loading the model says what is missing
            importlib.import_module(name)


def _forget_peak() -> None:
    """Let the peak begin anew: importing may have needed more than what it left."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _peak() -> int:
    # Not ru_maxrss on Linux: it remembers the parent process, which is larger
    with contextlib.suppress(OSError):
        if found := re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii")):
            return int(found[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
