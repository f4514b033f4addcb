"""A run as it goes, on a terminal: one status line that moves, or a line per epoch where nothing moves."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from workbench.cli import output
from workbench.metrics.tail import Event, values

if TYPE_CHECKING:
    from workbench.runs.model import RunResult
    from workbench.runs.run import Run


def announce(run: Run, json: bool) -> None:
    """Say where a run stands that was started and is left to itself."""
    place = run.place
    waits = f" It is number {place[0]} for {place[1] or 'a worker'}." if place else ""
    output.show(
        {"run": run.id, "state": run.state.value, "place": place[0] if place else None},
        json,
        lambda: output.say(f"Run '{run.id}' is {run.state}.{waits} Watch it: workbench runs watch {run.id}"),
    )


def watch_run(run: Run, *, quiet: bool = False) -> RunResult:
    """Show a run until it has ended.

    Args:
        run: the run.
        quiet: show nothing, only wait.

    Raises:
        RunError: when it ended otherwise than completed.
    """
    if quiet:
        return run.wait()
    if not sys.stderr.isatty():
        return run.wait(_Lines().on_event)
    from rich.console import Console
    from rich.status import Status

    console = Console(stderr=True, highlight=False)
    with Status(f"{run.spec.notebook}: {run.state}", console=console) as status:
        lines = _Lines(status)
        return run.wait(lines.on_event)


class _Lines:
    """Turns events into lines."""

    def __init__(self, status: Any = None) -> None:
        self._status = status
        self._progress: dict[str, Any] = {}
        self._losses: dict[str, float] = {}
        self._measured: dict[str, float] = {}

    def on_event(self, event: Event) -> None:
        handler = getattr(self, f"_on_{event['kind']}", None)
        if handler is not None:
            handler(event)

    def _on_state(self, event: Event) -> None:
        self._print(f"  {event['state']}" + (f": {event['reason']}" if event.get("reason") else ""))

    def _on_log(self, event: Event) -> None:
        self._print(f"  {event['message']}")

    def _on_progress(self, event: Event) -> None:
        self._progress = event
        if self._status is not None:
            self._status.update(
                f"epoch {event['epoch']}/{event['epochs']}  batch {event['batch']}/{event['batches']}  "
                f"{_shown(self._losses)}  {_shown(self._measured)}  eta {output.duration(event['eta_s'])}"
            )

    def _on_metrics(self, event: Event) -> None:
        found = values(event)
        self._losses = {name: value for name, value in found.items() if name.startswith("train/")}
        if event.get("scope") == "epoch":
            metrics = {name: value for name, value in found.items() if name.startswith(("train/", "metrics/"))}
            epochs = self._progress.get("epochs", "?")
            self._measured = {name: value for name, value in metrics.items() if name.startswith("metrics/mAP")}
            eta = output.duration(self._progress.get("eta_s"))
            self._print(f"  epoch {event['step']:>3}/{epochs}  {_shown(metrics)}" + (f"  eta {eta}" if eta else ""))

    def _print(self, line: str) -> None:
        if self._status is None:
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()
        else:
            self._status.console.print(line, markup=False)


def _shown(metrics: dict[str, float]) -> str:
    return "  ".join(f"{name.partition('/')[2].removesuffix('(B)')} {value:.3f}" for name, value in metrics.items())
