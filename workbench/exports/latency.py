"""How long an exported model takes for one image.

What lives here: the model alone, from tensor to tensor. What does not: decoding, letterboxing and NMS, which the
endpoint adds (``serving``).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workbench.errors import ExportError
from workbench.serving.spec import ModelSpec

WARM_UP = 10
RUNS = 100


@dataclass(frozen=True)
class Latency:
    """What was measured, on which machine.

    Attributes:
        p50_ms: half of the runs took at most so long, in milliseconds.
        p95_ms: 95 of 100 runs did.
        per_s: images in a second, one after the other.
        runs: how many were measured, after ``WARM_UP`` that were not.
        threads: that one run was given.
        provider: of onnxruntime, which ran it.
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
        return (
            f"p50 {self.p50_ms:.4g} ms, p95 {self.p95_ms:.4g} ms, {self.per_s:.4g} images/s "
            f"({self.threads} thread{'s' if self.threads > 1 else ''}, {self.processor})"
        )


def measure(weights: Path, spec: ModelSpec, *, threads: int = 1, runs: int = RUNS) -> Latency:
    """Run a model again and again on one image of noise.

    Args:
        weights: the ONNX file.
        spec: says how large its input is.
        threads: of one run; the endpoint gives one.
        runs: how many are measured.

    Raises:
        ExportError: when onnxruntime does not run it.
    """
    import onnxruntime

    from workbench.runs.lock import processor

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    image = np.random.default_rng(0).random((1, 3, *spec.imgsz), dtype=np.float32)
    try:
        session = onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])
        given = {session.get_inputs()[0].name: image}
        spans = []
        for _ in range(WARM_UP + runs):
            began = time.perf_counter()
            session.run(None, given)
            spans.append(time.perf_counter() - began)
    except Exception as error:  # onnxruntime has no common error
        raise ExportError(
            f"onnxruntime does not run '{weights}': {str(error)[:300]}.",
            "An ONNX model that takes what its spec says.",
            "Export the run again.",
            path=str(weights),
        ) from error
    taken = np.array(spans[WARM_UP:])
    p50, p95 = np.percentile(taken, (50, 95)) * 1000
    speed = float(runs / taken.sum())
    return Latency(float(p50), float(p95), speed, runs, threads, session.get_providers()[0], processor())
