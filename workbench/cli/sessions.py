"""``workbench sessions``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli import output
from workbench.cli.options import JsonOption, WorkspaceOption, open_workspace

NAME = "sessions"
app = typer.Typer(help="Sessions: what was done in one sitting.", no_args_is_help=True)
SessionName = Annotated[str, typer.Argument(help="The session's id or name.")]


@app.command("list")
def list_(workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """List the sessions."""
    rows = open_workspace(workspace).projects.sessions()
    output.show(
        {"sessions": rows},
        json,
        lambda: output.table(
            ("session", "project", "name", "created"),
            [(row["id"], row["project"], row["name"], row["created_at"]) for row in rows],
            "No sessions yet. The first run of a day opens one.",
        ),
    )


@app.command()
def show(session: SessionName, workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Show one session and its runs."""
    found = open_workspace(workspace).projects.session(session)
    output.show(found, json, lambda: output.facts(found))


@app.command()
def rename(
    session: SessionName,
    name: Annotated[str, typer.Argument(help="The new name.")],
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Give a session another name; its id stays."""
    found = open_workspace(workspace).projects.rename_session(session, name)
    output.show(found, json, lambda: output.say(f"Session '{found['id']}' is now called '{name}'."))


@app.command()
def delete(session: SessionName, workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Delete a session that no run belongs to."""
    open_workspace(workspace).projects.delete_session(session)
    output.show({"deleted": session}, json, lambda: output.say(f"Session '{session}' is deleted."))


@app.command()
def export(
    session: SessionName,
    to: Annotated[Path | None, typer.Option("--to", help="The file to write.  [default: SESSION.json]")] = None,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Write a session with its runs' specs and results to one JSON file."""
    from workbench import storage

    record = open_workspace(workspace).projects.export_session(session)
    path = to or Path(f"{record['id']}.json")
    storage.put_json(path, record)
    output.show(
        {"session": record["id"], "runs": len(record["runs"]), "path": str(path)},
        json,
        lambda: output.say(f"Session '{record['id']}' with {len(record['runs'])} runs is in {path}."),
    )
