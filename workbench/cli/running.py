"""``workbench runs``: the verbs that start and end runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli import output
from workbench.cli.options import (
    DetachOption,
    JsonOption,
    NameOption,
    NoteOption,
    SessionOption,
    TagOption,
    WorkspaceOption,
    YesOption,
    open_workspace,
)
from workbench.cli.runs import RunName

if TYPE_CHECKING:
    from workbench.runs.run import Run


def start(
    notebook: Annotated[Path, typer.Argument(help="A notebook; its cell tagged 'parameters' says what it takes.")],
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", help="A parameter as NAME=VALUE; may be given again.")
    ] = None,
    project: Annotated[str, typer.Option("--project", help="The project to file it under.")] = "default",
    session: SessionOption = None,
    name: NameOption = "",
    tag: TagOption = None,
    note: NoteOption = "",
    detach: DetachOption = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Run a notebook of your own as a job: queued, executed, kept."""
    from workbench.cli.train import read_pairs
    from workbench.runs.notebook.parameters import parse_values

    values = parse_values(notebook, read_pairs(parameter or []))
    run = open_workspace(workspace).notebook(
        notebook, values, project=project, session=session, name=name, tags=tuple(tag or ()), note=note
    )
    _go_on(run, detach, json)


def cancel(run: RunName, workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Ask a run to save and end."""
    found = open_workspace(workspace).run(run)
    found.cancel()
    output.show(
        {"run": found.id, "state": found.state.value},
        json,
        lambda: output.say(
            f"Run '{found.id}' is {found.state}."
            + ("" if found.state.ended else f" It saves and ends; see it end: workbench runs watch {found.id}")
        ),
    )


def resume(
    run: RunName,
    settings: Annotated[
        list[str] | None,
        typer.Argument(help="Settings to change from now on, as KEY=VALUE, e.g. epochs=50.", metavar="[KEY=VALUE]..."),
    ] = None,
    detach: DetachOption = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Go on with a run that failed, crashed or was cancelled, from its newest good checkpoint."""
    from workbench.cli.train import read_pairs
    from workbench.config.check import read

    found = open_workspace(workspace).run(run)
    found.resume(**read(read_pairs(settings or [])))
    _go_on(found, detach, json)


def restart(run: RunName, workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Start a new run, from scratch, with the config of an old one."""
    front = open_workspace(workspace)
    fresh = front.restart(front.run(run))
    _go_on(fresh, True, json)


def delete(run: RunName, yes: YesOption = False, workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Delete a run that has ended, with its checkpoints and notebooks."""
    front = open_workspace(workspace)
    found = front.run(run)
    if not yes and not json:
        typer.confirm(f"Delete run '{found.id}' and everything in {found.paths.root}?", abort=True)
    front.delete(found)
    output.show({"deleted": found.id}, json, lambda: output.say(f"Run '{found.id}' is deleted."))


def _go_on(run: Run, detach: bool, json: bool) -> None:
    """Say that a run is on its way, and watch it unless it was detached."""
    from workbench.cli.live import announce, watch_run

    if detach:
        announce(run, json)
        return
    if not json:
        output.say(f"Run '{run.id}'. Ctrl-C stops watching; `workbench runs cancel {run.id}` stops the run.")
    result = watch_run(run, quiet=json)
    output.show(
        result.model_dump(mode="json"),
        json,
        lambda: output.facts({"took": output.duration(result.seconds), "notebook": run.notebook}),
    )


VERBS = (start, cancel, resume, restart, delete)
