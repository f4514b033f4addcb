"""The main job from end to end: data, training, export with proof, endpoint.

What lives here: the order of the steps and the report. What does not: how it is shown (``cli``), who stops the engine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workbench import storage
from workbench.config.schema import TrainingConfig
from workbench.deployments.endpoint import predict
from workbench.errors import EndpointError
from workbench.exports.export import Export, unseen_images
from workbench.runs.run import Run
from workbench.workspace import Workspace

# Found by trying: digits must not be mirrored, small scenes need neither mosaic nor strong augmentation, and one
# optimizer step per batch learns in ten epochs what the defaults need a hundred for.
RECIPE: Mapping[str, Any] = {
    "model": "yolo26n.yaml",
    "epochs": 10,
    "imgsz": 192,
    "batch": 16,
    "nbs": 16,
    "optimizer": "AdamW",
    "lr0": 0.003,
    "warmup_epochs": 1.0,
    "cos_lr": True,
    "mosaic": 0.0,
    "fliplr": 0.0,
    "scale": 0.1,
    "translate": 0.1,
    "hsv_h": 0.0,
    "hsv_s": 0.0,
    "hsv_v": 0.0,
    "cache": "ram",
    "plots": False,
    "device": "cpu",
}
_POSTS = 20


@dataclass(frozen=True)
class Steps:
    """What the caller shows while the demo goes on.

    Attributes:
        say: gets a line per step.
        watch: waits for a run and shows it.
    """

    say: Callable[[str], None]
    watch: Callable[[Run], object]


@dataclass(frozen=True)
class Report:
    """What the demo made; the object that ``workbench demo --json`` prints."""

    run: str
    headline: dict[str, Any]
    metrics: dict[str, Any]
    images: int
    export: dict[str, Any]
    endpoint: dict[str, Any]
    seconds: float

    def payload(self) -> dict[str, Any]:
        """Return the report as JSON-able data."""
        return asdict(self)


def run_demo(workspace: Workspace, steps: Steps, data: str = "", settings: Mapping[str, Any] | None = None) -> Report:
    """Do the main job once.

    Args:
        workspace: where everything goes.
        steps: shows progress.
        data: a dataset; left out, the digit scenes are built.
        settings: laid over the recipe.

    Raises:
        WorkbenchError: when a step fails; what was made up to there stays in the workspace.
    """
    started = time.monotonic()
    steps.say("Dataset" if data else "Dataset: digit scenes, real digits on real photographs")
    dataset = workspace.datasets.resolve(data) if data else workspace.datasets.add_sample()
    steps.say(f"  {dataset.name}: {', '.join(f'{count} {split}' for split, count in dataset.images.items())}")
    config = TrainingConfig(**{**RECIPE, **(settings or {}), "data": dataset.name})
    steps.say(f"Training {config.model} for {config.epochs} epochs")
    run = workspace.train(config, name="demo", tags=("demo",))
    steps.say(f"  run {run.id}")
    _watch(run, steps)
    steps.say("Export to ONNX, and the proof that it answers like the model")
    export = workspace.export(run, "onnx", name="demo", tags=("demo",))
    _watch(export.run, steps)
    steps.say("Endpoint on this machine")
    answer = _serve(workspace, export, unseen_images(dataset.data_yaml)[0])
    result = run.result
    report = Report(
        run=run.id,
        headline=result.headline.model_dump() if result.headline else {},
        metrics=dict(result.metrics),
        images=result.images or 0,
        export={key: export.summary()[key] for key in ("format", "bytes", "parity")},
        endpoint=answer,
        seconds=round(time.monotonic() - started, 1),
    )
    storage.put_json(workspace.paths.root / "demo" / "result.json", report.payload())
    return report


def _watch(run: Run, steps: Steps) -> None:
    try:
        steps.watch(run)
    except BaseException:  # Ctrl-C: the demo started the run, so it also ends it
        if not run.state.ended:
            run.cancel()
        raise


def _serve(workspace: Workspace, export: Export, image: Path) -> dict[str, Any]:
    """Start an endpoint, post one image to it, stop it."""
    endpoint = workspace.deploy(export, "demo")
    try:
        answers, waits_ms = [], []
        for _ in range(_POSTS):
            posted = time.perf_counter()
            answers.append(predict(endpoint.url, image)["images"][0])
            waits_ms.append((time.perf_counter() - posted) * 1000)
        if any(answer["results"] != answers[0]["results"] for answer in answers):
            raise EndpointError(
                f"The endpoint answered '{image}' differently when it was asked again.",
                "The same image, the same answer.",
                f"Serve it again with `workbench deploy {export.id}`; its certificate is in {export.folder}.",
            )
    finally:
        workspace.deployments.stop(endpoint.name)
    return {
        "latency_ms": round(sorted(waits_ms)[_POSTS // 2], 2),
        "image": str(image),
        "detections": answers[0]["results"],
    }
