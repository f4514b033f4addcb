"""How long an exported model takes for one image.

What lives here: the model alone, from tensor to tensor. What does not: decoding, letterboxing and NMS, which the
endpoint adds (``serving``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from workbench.errors import ExportError
from workbench.exports.place import Here, Place
from workbench.serving.spec import ModelSpec

WARM_UP = 10
RUNS = 100
LONGEST_S: Final = 30.0
"""A model that is slow is run fewer times."""
RUNTIMES: Final = MappingProxyType(
    {
        "onnx": ("onnxruntime", "onnxruntime"),
        "torchscript": ("torch", "torch"),
        "openvino": ("openvino", "openvino"),
        "litert": ("ai_edge_litert.interpreter", "ai-edge-litert"),
        "saved_model": ("tensorflow", "tensorflow"),
        "paddle": ("paddle", "paddlepaddle"),
        "mnn": ("MNN", "MNN"),
        "ncnn": ("ncnn", "ncnn"),
        "executorch": ("executorch.runtime", "executorch"),
    }
)
"""The module that runs a format, and the package that it comes in."""
_HERE: Final = Here()


@dataclass(frozen=True)
class Latency:
    """What was measured, on which machine.

    Attributes:
        p50_ms: half of the runs took at most so long, in milliseconds.
        p95_ms: 95 of 100 runs did.
        per_s: images in a second, one after the other.
        runs: how many were measured, after ``WARM_UP`` that were not.
        threads: that one run was given; 0 when the runtime chooses.
        provider: what ran it: a provider of onnxruntime, or another runtime with its version.
        processor: the machine's.
    """

    p50_ms: float
    p95_ms: float
    per_s: float
    runs: int
    threads: int
    provider: str
    processor: str

    def __str__(self) -> str:
        threads = {0: "threads as the runtime chooses", 1: "1 thread"}.get(self.threads, f"{self.threads} threads")
        return (
            f"p50 {self.p50_ms:.4g} ms, p95 {self.p95_ms:.4g} ms, {self.per_s:.4g} images/s "
            f"({threads}, {self.processor})"
        )


def measure(
    weights: Path,
    spec: ModelSpec,
    format: str = "onnx",  # noqa: A002
    place: Place = _HERE,
    *,
    threads: int = 1,
    runs: int = RUNS,
) -> Latency:
    """Run a model again and again on one image of noise.

    Args:
        weights: the exported model.
        spec: says how large its input is.
        format: of the model, as ultralytics calls it.
        place: where it can run.
        threads: of one run, where the runtime can be told; the endpoint gives one.
        runs: how many are measured.

    Raises:
        ExportError: when its runtime does not run it.
    """
    from workbench.runs.lock import processor

    spans, given, provider = place.call(spend, weights, spec.imgsz, format, threads, runs)
    taken = np.array(spans)
    p50, p95 = np.percentile(taken, (50, 95)) * 1000
    speed = float(len(spans) / taken.sum())
    return Latency(float(p50), float(p95), speed, len(spans), given, provider, processor())


def spend(
    weights: Path,
    imgsz: tuple[int, int],
    format: str,  # noqa: A002
    threads: int,
    runs: int,
) -> tuple[list[float], int, str]:
    """Return how many seconds each run took, the threads that it was given, and what ran it.

    Raises:
        ExportError: when its runtime does not run it.
    """
    image = np.random.default_rng(0).random((1, 3, *imgsz), dtype=np.float32)
    try:
        with loaded(weights, format, threads) as (run, given, provider):
            for _ in range(WARM_UP):
                run(image)
            spans: list[float] = []
            while len(spans) < runs and (len(spans) < WARM_UP or sum(spans) < LONGEST_S):
                began = time.perf_counter()
                run(image)
                spans.append(time.perf_counter() - began)
    except Exception as error:  # runtimes have no common error
        raise ExportError(
            f"'{weights}' does not run: {str(error)[:300] or type(error).__name__}.",
            "A model that takes what its spec says.",
            "Export the run again.",
            path=str(weights),
        ) from error
    return spans, given, provider


@contextmanager
def loaded(
    weights: Path,
    format: str,  # noqa: A002
    threads: int,
) -> Iterator[tuple[Callable[[Any], object], int, str]]:
    """Give what runs a model on a tensor, how many threads it was given, and what it is called."""
    if format == "onnx":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        session = onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        yield lambda image: session.run(None, {name: image}), threads, session.get_providers()[0]
        return
    import torch

    told, usual = format == "torchscript", torch.get_num_threads()
    backend: Any = _torchscript(weights) if told else _backend(weights)

    def run(image: Any) -> object:
        with torch.inference_mode():
            return backend(torch.from_numpy(image))

    try:
        if told:
            torch.set_num_threads(threads)
        yield run, threads if told else 0, _runtime(format)
    finally:
        torch.set_num_threads(usual)


def _torchscript(weights: Path) -> Any:
    import torch
    import torchvision  # noqa: F401  its operators may be in the graph

    return torch.jit.load(str(weights), map_location="cpu").eval()  # type: ignore[no-untyped-call]


def _backend(weights: Path) -> Any:
    import torch
    from ultralytics.nn.autobackend import AutoBackend

    backend: Any = AutoBackend(str(weights), device=torch.device("cpu"), verbose=False)
    return backend.eval()


def _runtime(format: str) -> str:  # noqa: A002
    package = RUNTIMES.get(format, (format, format))[1]
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return package
