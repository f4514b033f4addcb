"""The certificate's latency beside plain runs of the same session, interleaved: ``make bench-export``."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime

from workbench.exports.exporter import export_model
from workbench.exports.latency import RUNS, WARM_UP, measure
from workbench.exports.request import ExportRequest

ROUNDS = 5
GOAL = 0.10


def plain(weights: Path, imgsz: tuple[int, int], threads: int) -> float:
    """Return the median of plain runs, in milliseconds."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])
    image = np.random.default_rng(0).random((1, 3, *imgsz), dtype=np.float32)
    spans = []
    for _ in range(WARM_UP + RUNS):
        began = time.perf_counter()
        session.run(None, {"images": image})
        spans.append(time.perf_counter() - began)
    return statistics.median(spans[WARM_UP:]) * 1000


def main() -> None:
    """Print a row per image size and number of threads."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    from ultralytics import YOLO

    rows = []
    with tempfile.TemporaryDirectory() as name:
        checkpoint = Path(name) / "model.pt"
        YOLO("yolo26n.yaml", verbose=False).save(checkpoint)
        for imgsz in (96, 320, 640):
            made = export_model(checkpoint, Path(name) / str(imgsz), ExportRequest(imgsz=imgsz))
            for threads in (1, 2):
                pairs = [
                    (
                        measure(made.weights, made.spec, threads=threads).p50_ms,
                        plain(made.weights, made.spec.imgsz, threads),
                    )
                    for _ in range(ROUNDS)
                ]
                ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
                rows.append({"imgsz": imgsz, "threads": threads, "certificate_ms": ours, "plain_ms": theirs})
    for row in rows:
        row["apart"] = row["certificate_ms"] / row["plain_ms"] - 1
    text = "".join(
        f"{row['imgsz']:>4} px, {row['threads']} threads: certificate {row['certificate_ms']:.2f} ms, "
        f"plain {row['plain_ms']:.2f} ms, {row['apart']:+.1%} (goal {GOAL:.0%})\n"
        for row in rows
    )
    sys.stdout.write(json.dumps(rows, indent=1) + "\n" if asked.json else text)


if __name__ == "__main__":
    main()
