"""``workbench sessions``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli import output
from workbench.cli.chat import EngineOption
from workbench.cli.options import JsonOption, WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from workbench.chat.records import Turn

NAME = "sessions"
app = typer.Typer(help="Sessions: what was done in one sitting.", no_args_is_help=True)
SessionName = Annotated[str, typer.Argument(help="The session's id or name.")]


@app.command("list")
def list_(workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """List the sessions: how much was said in each, and what last."""
    show_sessions(open_workspace(workspace).projects.summaries(), json)


@app.command()
def show(session: SessionName, workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Show one session, its runs and what was said."""
    front = open_workspace(workspace)
    found = front.projects.session(session)
    turns = front.conversations.turns(found["id"])
    output.show(
        {**found, "conversation": [turn.to_payload() for turn in turns]}, json, lambda: _show_session(found, turns)
    )


@app.command()
def rename(
    session: SessionName,
    name: Annotated[str, typer.Argument(help="The new name.")],
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Give a session another name; its id stays."""
    found = open_workspace(workspace).projects.rename_session(session, name)
    output.show(found, json, lambda: output.say(f"Session '{found['id']}' is now called '{found['name']}'."))


@app.command()
def delete(session: SessionName, workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Delete a session that no run belongs to, with what was said in it."""
    open_workspace(workspace).projects.delete_session(session)
    output.show({"deleted": session}, json, lambda: output.say(f"Session '{session}' is deleted."))


@app.command()
def export(
    session: SessionName,
    to: Annotated[Path | None, typer.Option("--to", help="The file to write.  [default: SESSION.json]")] = None,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Write a session to one JSON file: what was said, its runs' specs and results; no secrets, no paths."""
    from workbench import storage

    record = open_workspace(workspace).projects.export_session(session)
    path = to or Path(f"{record['id']}.json")
    runs, turns = record["runs"], record["conversation"]["turns"]
    storage.put_json(path, record)
    output.show(
        {"session": record["id"], "runs": len(runs), "turns": len(turns), "path": str(path)},
        json,
        lambda: output.say(f"Session '{record['id']}' with {len(runs)} runs and {len(turns)} turns is in {path}."),
    )


@app.command()
def replay(
    session: SessionName, engine: EngineOption = "auto", workspace: WorkspaceOption = None, json: JsonOption = False
) -> None:
    """Say what was said once more to an engine, and show what it understands otherwise; nothing is changed."""
    front = open_workspace(workspace)
    found = front.projects.session(session)
    differences = front.conversations.replay(found["id"], engine)
    output.show(
        {"session": found["id"], "differences": [asdict(difference) for difference in differences]},
        json,
        lambda: output.table(
            ("turn", "said", "what", "then", "now"),
            [(each.turn, each.text, each.what, each.then, each.now) for each in differences],
            "Everything is understood as it was.",
        ),
    )


def show_sessions(rows: Iterable[Mapping[str, Any]], json: bool) -> None:
    """Print sessions as ``Projects.summaries`` gives them."""
    listed = list(rows)
    output.show(
        {"sessions": listed},
        json,
        lambda: output.table(
            ("session", "project", "name", "created", "turns", "last said"),
            [(*(row[key] for key in ("id", "project", "name", "created_at", "turns")), row["last"]) for row in listed],
            "No sessions yet. The first run or the first words of a day open one.",
        ),
    )


def _show_session(found: Mapping[str, Any], turns: Iterable[Turn]) -> None:
    output.facts(found)
    for turn in turns:
        output.say()
        output.say(f"{turn.id}> {turn.text or turn.intent}")
        output.say(turn.reply)
