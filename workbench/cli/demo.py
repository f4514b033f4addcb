"""``workbench demo``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli import output
from workbench.cli.options import JsonOption, WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from workbench.demo import Report


def demo(
    settings: Annotated[
        list[str] | None, typer.Argument(help="Settings over the demo's own, e.g. epochs=3.", metavar="[KEY=VALUE]...")
    ] = None,
    data: Annotated[str, typer.Option(help="A dataset of yours; left out, digit scenes are built.")] = "",
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Do the main job once: data, training, export with proof, endpoint; then stop all it started."""
    from pipelines import engine
    from workbench import settings as environment
    from workbench.cli.live import watch_run
    from workbench.cli.train import read_pairs
    from workbench.config.check import read
    from workbench.demo import Steps, run_demo

    overlay = read(read_pairs(settings or []))
    known = environment.load()
    was_running = engine.status(known).worker
    steps = Steps(say=_silent if json else _say, watch=lambda run: watch_run(run, quiet=json))
    try:
        report = run_demo(open_workspace(workspace), steps, data, overlay)
    finally:
        if not was_running:
            steps.say("Stopping what was started")
            engine.stop(known)
    output.show(report.payload(), json, lambda: _table(report))


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _silent(_line: str) -> None:
    return None


def _table(report: Report) -> None:
    parity: dict[str, Any] = report.export["parity"]
    found = [f"{item['name']} {item['confidence']:.2f}" for item in report.endpoint["detections"]]
    output.say()
    output.facts(
        {
            "trained": report.run,
            "on": f"{report.images} images",
            report.headline["name"]: f"{report.headline['value']:.3f}",
            "export": f"{report.export['format']}, {output.size(report.export['bytes'])}",
            "answers like the model": f"yes: {parity['box_px']:.1g} px, {parity['confidence']:.1g} confidence, "
            f"{parity['images']} images"
            if parity["passed"]
            else f"not proven: {'; '.join(parity['failures'])}",
            "endpoint": f"{report.endpoint['latency_ms']:.1f} ms an image",
            "saw": ", ".join(found) or "nothing",
            "took": output.duration(report.seconds),
        }
    )
    output.say("\nNext: make lab")
