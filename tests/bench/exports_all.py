"""Every format that a processor can make, of one trained detector, each with its certificate: ``make exports-all``.

What a format needs is installed into its private environment first: about 6 GB in all. A workspace that is kept is
gone on with: what was exported before is given back.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from workbench.config.schema import TrainingConfig
from workbench.datasets.samples import build_digit_scenes
from workbench.demo import RECIPE
from workbench.errors import RunError, WorkbenchError
from workbench.exports.certificate import CERTIFICATE_NAME
from workbench.exports.export import Export
from workbench.runs.model import RunState
from workbench.runs.run import Run
from workbench.workspace import Workspace

SCENES: Final = 900
"""Training images; 216 more are unseen, and an int8 export is judged on 200 at least."""
EXACT: Final = ("torchscript", "onnx", "ncnn", "mnn", "litert", "executorch", "paddle")
UNPROVEN: Final = ("coreml", "coreai", "saved_model")
HALVED: Final = ("onnx:fp16", "openvino:fp16", "mnn:fp16", "ncnn:fp16")
QUANTIZED: Final = ("onnx:int8", "openvino:int8", "litert:int8")
REFUSED: Final = ("engine",)


def trained(workspace: Workspace) -> Run:
    """Return the detector, trained once a workspace."""
    for run in workspace.runs("train", state=RunState.COMPLETED.value):
        return run
    data = build_digit_scenes(workspace.paths.root / "scenes", scenes=SCENES)
    dataset = workspace.datasets.add(data.parent, "scenes")
    run = workspace.train(TrainingConfig(**{**RECIPE, "data": dataset.name}))
    run.wait()
    return run


def export(workspace: Workspace, run: Run, words: str) -> dict[str, Any]:
    """Return a row about one export: what its certificate says, or how it was refused."""
    began = time.monotonic()
    row: dict[str, Any] = {"export": words}
    try:
        made = workspace.export(run, words)
    except WorkbenchError as error:
        return row | {"state": "refused", "why": str(error)}
    try:
        made.run.wait()
    except RunError as error:
        row["why"] = str(error)[:400]
    row |= {"state": made.run.state.value, "seconds": round(time.monotonic() - began, 1), "reused": made.reused}
    return row | certified(made)


def certified(made: Export) -> dict[str, Any]:
    """Return what the certificate of an export says, also of one that failed it."""
    path = made.run.paths.export / CERTIFICATE_NAME
    if not path.is_file():
        return {}
    said = json.loads(path.read_text(encoding="utf-8"))
    agreement, accuracy = said["export"] or {}, said["accuracy"] or {}
    verdicts = ("fail", "unverified")
    rows = {verdict: [row["name"] for row in said["checks"] if row["verdict"] == verdict] for verdict in verdicts}
    told = {"box_px": agreement.get("box_px"), "confidence": agreement.get("confidence"), "drop": accuracy.get("drop")}
    return {**told, **rows, "passed": said["passed"], "mb": round(said["size_bytes"] / 1e6, 1)}


def met(row: dict[str, Any]) -> bool:
    """Return whether a row is what it has to be."""
    name, _, precision = str(row["export"]).partition(":")
    if name in REFUSED:
        return row["state"] == "refused"
    if name in UNPROVEN:
        return row["state"] == "refused" or row.get("passed") is True
    if row.get("box_px") is None:
        return False
    if precision == "int8":  # a drop above the tolerance fails: either is right, as long as it is told
        return bool(row["passed"]) == (row["drop"] <= 2)
    if precision == "fp16":
        return bool(row["passed"]) and row["drop"] <= 0.5
    px, confidence = (1, 0.01) if name == "openvino" else (0.01, 1e-4)
    return bool(row["passed"]) and row["box_px"] <= px and row["confidence"] <= confidence


def main() -> None:
    """Export all, print a row each, and end with 1 when one is not what it has to be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspace", type=Path, help="where it goes, and is kept")
    parser.add_argument("--only", nargs="*", default=[], help="these formats alone, e.g. onnx litert:int8")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="exports-all-") as scratch:
        workspace = Workspace(asked.workspace or Path(scratch))
        run = trained(workspace)
        rows = []
        for words in asked.only or (*EXACT, "openvino", *UNPROVEN, *HALVED, *QUANTIZED, *REFUSED):
            row = export(workspace, run, words)
            rows.append(row | {"met": met(row)})
            if not asked.json:
                sys.stdout.write(f"{'ok ' if rows[-1]['met'] else 'NO '} {json.dumps(rows[-1], ensure_ascii=False)}\n")
                sys.stdout.flush()
    if asked.json:
        sys.stdout.write(json.dumps(rows, indent=1) + "\n")
    sys.exit(not all(row["met"] for row in rows))


if __name__ == "__main__":
    main()
