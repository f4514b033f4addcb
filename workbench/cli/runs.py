"""``workbench runs``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from workbench.cli import output
from workbench.cli.options import JsonOption, WorkspaceOption, open_workspace

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
    front = open_workspace(workspace)
    front.look()
    places = front.dispatcher.places()
    rows = [
        {**row.row(), "place": places.get(row.id, (None, None))[0], "slot": places.get(row.id, (None, None))[1]}
        for row in front.ledger.rows(kind, project, state)
    ]
    chosen = any((kind, project, state))
    output.show(
        {"runs": rows},
        json,
        lambda: output.table(
            ("run", "state", "model", "dataset", "headline", "took", "name"),
            [
                (
                    row["id"],
                    _state(row),
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
    standing, place, beat = found.standing, found.place, found.heartbeat
    value: dict[str, Any] = {
        **found.spec.model_dump(mode="json"),
        "state": standing.state.value,
        "reason": standing.reason or None,
        "attempt": standing.attempt,
        "attempts": found.attempts(),
        "changes": dict(standing.changes),
        "due_at": standing.due_at or None,
        "place": place[0] if place else None,
        "slot": place[1] if place else None,
        "heartbeat": {**vars(beat), "age_s": round(beat.age_s(), 1)} if beat else None,
        "folder": str(found.paths.root),
        "executed_notebook": str(found.notebook) if found.notebook else None,
        "result": found.result.model_dump(mode="json") if standing.state == "completed" else None,
    }
    output.show(value, json, lambda: output.facts(_summary(value)))


@app.command()
def watch(run: RunName, workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Watch a run until it ends; leaving with Ctrl-C leaves the run going."""
    from workbench.cli.live import watch_run

    result = watch_run(open_workspace(workspace).run(run), quiet=json)
    output.show(result.model_dump(mode="json"), json, lambda: output.facts(_result(result.model_dump())))


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


def _state(value: dict[str, Any]) -> str:
    """Return the state, with the place in the queue of a run that waits."""
    if value["place"] is None:
        return str(value["state"])
    return f"{value['state']} ({value['place']}. for {value['slot'] or 'a worker'})"


def _summary(value: dict[str, Any]) -> dict[str, object]:
    result, beat = value["result"] or {}, value["heartbeat"]
    going = value["state"] in {"running", "cancelling"} and beat
    where = (
        f"epoch {beat['epoch']}, batch {beat['batch']}" if going and beat["batch"] else beat["phase"] if going else ""
    )
    return {
        "run": value["id"],
        "name": value["name"],
        "state": _state(value),
        "why": value["reason"],
        "attempt": f"{value['attempt']} of {value['policy']['attempts']}" if value["attempt"] else None,
        "sign of life": f"{output.duration(beat['age_s'])} ago ({where})" if going else None,
        "changed": [f"{key}={changed}" for key, changed in value["changes"].items()],
        "kind": value["kind"],
        "project": f"{value['project']} / {value['session']}",
        "tags": value["tags"],
        "note": value["note"],
        "model": (value["model"] or {}).get("ref"),
        "dataset": _dataset(value),
        **_result(result),
        "notebook": value["executed_notebook"],
        "folder": value["folder"],
    }


def _dataset(value: dict[str, Any]) -> str | None:
    """Return the dataset and its state, and how to get back what was read."""
    lock = value["dataset"]
    if not lock:
        return None
    return f"{lock['name']} as of {lock['digest'][:12]} (`workbench datasets rebuild {value['id']} --to FOLDER`)"


def _result(result: dict[str, Any]) -> dict[str, object]:
    headline = result.get("headline")
    return {
        "headline": f"{headline['name']} {headline['value']:.4f}" if headline else None,
        "images": result.get("images"),
        "took": output.duration(result.get("seconds")),
        "files": [artifact["path"] for artifact in result.get("artifacts", ())],
    }
