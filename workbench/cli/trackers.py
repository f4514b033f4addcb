"""``workbench trackers``."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli import output
from workbench.cli.options import JsonOption, WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from workbench.runs.tracking.trackers import Told

NAME = "trackers"
app = typer.Typer(
    help="Trackers: what ClearML, MLflow, Weights & Biases and the database were told.", no_args_is_help=True
)
RunNames = Annotated[
    list[str] | None, typer.Argument(help="Runs: ids, the beginnings of them, names, or 'last'.", show_default=False)
]


@app.command()
def status(runs: RunNames = None, workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Show what each tracker knows of each run, what is behind, and why."""
    from workbench.runs.tracking.trackers import NONE

    front = open_workspace(workspace)
    front.look()
    trackers = front.trackers
    told = trackers.status(*(runs or ()))
    empty = (
        "No run was told to a tracker yet: those that start from now on are." if trackers.backends else " ".join(NONE)
    )
    output.show(
        {"backends": list(trackers.backends), "trackers": [one.payload() for one in told]},
        json,
        lambda: _show(told, empty),
    )


@app.command()
def sync(
    runs: RunNames = None,
    again: Annotated[bool, typer.Option("--again", help="Tell the named runs from their beginning.")] = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Tell the trackers what they do not know; runs that are named also to trackers configured later."""
    from workbench.runs.tracking.trackers import failure

    front = open_workspace(workspace)
    front.look()
    moves = not json and sys.stderr.isatty()

    def progress(run: str, backend: str, points: int) -> None:
        if moves:
            sys.stderr.write(f"\r\x1b[K{run}  {backend}  {points} points ")

    told = front.trackers.sync(*(runs or ()), again=again, progress=progress)
    if moves and told:
        sys.stderr.write("\r\x1b[K")
    problem = failure(told)
    if not json or problem is None:
        output.show(
            {"trackers": [one.payload() for one in told]},
            json,
            lambda: _show(told, "Nothing was left to tell.", reasons=False),
        )
    if problem is not None:
        raise problem


def _show(told: list[Told], empty: str, *, reasons: bool = True) -> None:
    output.table(
        ("run", "tracker", "state", "behind", "points", "last success", "url"),
        [
            (
                one.run,
                one.backend,
                one.state,
                one.behind or None,
                one.points,
                f"{output.duration(time.time() - one.success_at)} ago" if one.success_at else "never",
                one.url,
            )
            for one in told
        ],
        empty,
    )
    for one in told:
        if reasons and one.error is not None and not one.well:
            beats = (one.error["happened"], one.error["expected"], one.error["todo"])
            output.say(f"{one.run}, {one.backend}: {' '.join(beat for beat in beats if beat)}")
