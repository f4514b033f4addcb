"""``workbench projects``."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli import output
from workbench.cli.options import JsonOption, NoteOption, WorkspaceOption, open_workspace

NAME = "projects"
app = typer.Typer(help="Projects: what runs are filed under.", no_args_is_help=True)
Project = Annotated[str, typer.Argument(help="The project's name.")]


@app.command("list")
def list_(workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """List the projects."""
    rows = open_workspace(workspace).projects.list()
    output.show(
        {"projects": rows},
        json,
        lambda: output.table(
            ("project", "runs", "created", "note"),
            [(row["name"], row["runs"], row["created_at"], row["note"]) for row in rows],
            "No projects yet. The first run makes 'default'; `workbench projects create NAME` makes another.",
        ),
    )


@app.command()
def create(name: Project, note: NoteOption = "", workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Make a project."""
    made = open_workspace(workspace).projects.create(name, note)
    output.show(made, json, lambda: output.say(f"Project '{name}' is made. File a run under it with --project {name}."))


@app.command()
def show(name: Project, workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Show one project."""
    found = open_workspace(workspace).projects.show(name)
    output.show(found, json, lambda: output.facts(found))


@app.command()
def delete(name: Project, workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Delete a project that no run belongs to."""
    open_workspace(workspace).projects.delete(name)
    output.show({"deleted": name}, json, lambda: output.say(f"Project '{name}' is deleted."))
