"""``workbench runs``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from workbench.cli import output
from workbench.cli.options import JsonOption, WorkspaceOption, YesOption, open_workspace

NAME = "runs"
app = typer.Typer(help="Runs: one execution of a job notebook each.", no_args_is_help=True)
RunName = Annotated[str, typer.Argument(help="The run's id, the beginning of it, its name, or 'last'.")]


@app.command("list")
def list_(
    kind: Annotated[str | None, typer.Option(help="train, export or notebook.")] = None,
    project: Annotated[str | None, typer.Option(help="Only this project.")] = None,
    state: Annotated[str | None, typer.Option(help="Only this state.")] = None,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """List the runs, newest first."""
    from typing import get_args

    from workbench.runs.model import RunKind, RunState

    _check_filter("state", state, [str(known) for known in RunState])
    _check_filter("kind", kind, get_args(RunKind))
    rows = [row.row() for row in open_workspace(workspace).ledger.rows(kind, project, state)]
    chosen = any((kind, project, state))
    output.show(
        {"runs": rows},
        json,
        lambda: output.table(
            ("run", "state", "model", "dataset", "headline", "took", "name"),
            [
                (
                    row["id"],
                    row["state"],
                    row["model"],
                    row["dataset"],
                    _headline(row),
                    output.duration(row["seconds"]),
                    row["name"],
                )
                for row in rows
            ],
            "No run fits. Every run: `workbench runs list`."
            if chosen
            else "No runs yet. Start one: `workbench train --data DATASET`, or see the whole job: `workbench demo`.",
        ),
    )


@app.command()
def show(run: RunName, workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Show one run: what it is, what happened, what came out."""
    found = open_workspace(workspace).run(run)
    spec, state = found.spec, found.state
    result = found.result if state == "completed" else None
    value: dict[str, Any] = {
        **spec.model_dump(mode="json"),
        "state": state.value,
        "folder": str(found.paths.root),
        "executed_notebook": str(found.notebook) if found.notebook else None,
        "result": result.model_dump(mode="json") if result else None,
    }
    states = [event for event in found.events() if event["kind"] == "state"]
    reason = states[-1].get("reason") if states else None
    output.show(value, json, lambda: output.facts(_summary(value, reason)))


@app.command()
def watch(run: RunName, workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Watch a run until it ends; leaving with Ctrl-C leaves the run going."""
    from workbench.cli.live import watch_run

    result = watch_run(open_workspace(workspace).run(run), quiet=json)
    output.show(result.model_dump(mode="json"), json, lambda: output.facts(_result(result.model_dump())))


@app.command()
def cancel(run: RunName, workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Ask a run to end; what it has saved stays."""
    found = open_workspace(workspace).run(run)
    found.cancel()
    output.show(
        {"run": found.id, "state": found.state.value}, json, lambda: output.say(f"Run '{found.id}' is {found.state}.")
    )


@app.command()
def restart(run: RunName, workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Start a new run, from scratch, with the config of an old one."""
    front = open_workspace(workspace)
    fresh = front.restart(front.run(run))
    output.show(
        {"run": fresh.id, "state": fresh.state.value},
        json,
        lambda: output.say(f"Run '{fresh.id}' is started. Watch it: workbench runs watch {fresh.id}"),
    )


@app.command()
def notebook(run: RunName, workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Print the path of the executed notebook: the lab record."""
    found = open_workspace(workspace).run(run)
    path = found.notebook
    output.show(
        {"run": found.id, "notebook": str(path) if path else None},
        json,
        lambda: output.say(str(path) if path else f"Run '{found.id}' has executed nothing yet: it is {found.state}."),
    )


@app.command()
def delete(run: RunName, yes: YesOption = False, workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Delete a run that has ended, with its checkpoints and notebooks."""
    front = open_workspace(workspace)
    found = front.run(run)
    if not yes and not json:
        typer.confirm(f"Delete run '{found.id}' and everything in {found.paths.root}?", abort=True)
    front.delete(found)
    output.show({"deleted": found.id}, json, lambda: output.say(f"Run '{found.id}' is deleted."))


def _check_filter(option: str, value: str | None, known: Sequence[str]) -> None:
    from workbench.errors import RequestError, did_you_mean

    if value is not None and value not in known:
        raise RequestError(
            f"No run has the {option} '{value}'.",
            f"One of {', '.join(known)}.",
            did_you_mean(value, known) or f"Leave --{option} out to see every run.",
        )


def _headline(row: dict[str, Any]) -> str:
    if row["headline_value"] is None:
        return ""
    return f"{row['headline_name']} {row['headline_value']:.3f}"


def _summary(value: dict[str, Any], reason: str | None) -> dict[str, object]:
    result = value["result"] or {}
    return {
        "run": value["id"],
        "name": value["name"],
        "state": value["state"],
        "why": reason,
        "kind": value["kind"],
        "project": f"{value['project']} / {value['session']}",
        "tags": value["tags"],
        "note": value["note"],
        "model": (value["model"] or {}).get("ref"),
        "dataset": (value["dataset"] or {}).get("name"),
        **_result(result),
        "notebook": value["executed_notebook"],
        "folder": value["folder"],
    }


def _result(result: dict[str, Any]) -> dict[str, object]:
    headline = result.get("headline")
    return {
        "headline": f"{headline['name']} {headline['value']:.4f}" if headline else None,
        "images": result.get("images"),
        "took": output.duration(result.get("seconds")),
        "files": [artifact["path"] for artifact in result.get("artifacts", ())],
    }
