"""The options that every command takes, and the workspace they open."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from workbench.workspace import Workspace

WorkspaceOption = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", help="The workspace folder.  [env: WORKBENCH_HOME]  [default: ./workspace]"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else on stdout.")]
ProjectOption = Annotated[str, typer.Option("--project", "-p", help="The project to file it under.")]
SessionOption = Annotated[str | None, typer.Option("--session", help="The session's name.  [default: today's date]")]
NameOption = Annotated[str, typer.Option("--name", help="What to call the run.")]
TagOption = Annotated[list[str] | None, typer.Option("--tag", help="A word to find it by; may be given again.")]
NoteOption = Annotated[str, typer.Option("--note", help="Free text.")]
DetachOption = Annotated[bool, typer.Option("--detach", "-d", help="Start the run and return at once.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def open_workspace(path: Path | None) -> Workspace:
    """Open the workspace; imports what that needs, which no ``--help`` should wait for."""
    from workbench.workspace import Workspace

    return Workspace(path)
