"""``workbench init``, ``doctor`` and ``clean``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli import output
from workbench.cli.options import JsonOption, WorkspaceOption, YesOption, open_workspace

if TYPE_CHECKING:
    from workbench.workspace import Workspace


def init(workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Make a workspace."""
    front = open_workspace(workspace)
    front.projects.ensure("default")
    root = str(front.paths.root)
    output.show({"workspace": root}, json, lambda: output.say(f"The workspace is {root}. Next: workbench demo"))


def doctor(
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Make the database again from the folders.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="Cancel what goes on, and stop the engine.")] = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Say how things stand: versions, workspace, engine; --rebuild and --stop mend."""
    from workbench import settings
    from workbench.rebuild import drift
    from workbench.rebuild import rebuild as rebuild_rows
    from workbench.runs.lock import take_lock
    from workbench.schedules.outlook import outlook

    found: dict[str, Any] = {}
    if stop:
        from pipelines import engine

        found["stopped"] = engine.stop(settings.load())
    front = open_workspace(workspace)
    front.look()
    if rebuild:
        found["rebuilt"] = rebuild_rows(front)
    lock, _ = take_lock()
    found |= {
        "version": lock["code"]["version"],
        "python": lock["python"],
        "packages": {name: lock["packages"].get(name, "missing") for name in _SHOWN},
        "hardware": lock["hardware"],
        "workspace": str(front.paths.root),
        "rows": front.database.count(),
        "drift": drift(front),
        "queue": _queue(front),
        "schedules": outlook(front.schedules).payload(),
        "engine": _engine(),
    }
    output.show(found, json, lambda: _say(found))


_SHOWN = ("ultralytics-opencv-headless", "torch", "onnx", "onnxruntime", "papermill", "prefect", "jupyterlab")


def clean(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what takes disk.")] = False,
    yes: YesOption = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Say what takes disk, and remove what nobody uses; never what is in use."""
    from workbench.housekeeping import remove, survey

    front = open_workspace(workspace)
    items = survey(front)
    rows = [(item.what, item.path.name, output.size(item.bytes_total), item.keep or "may go") for item in items]
    loose = [item for item in items if not item.keep]
    total = sum(item.bytes_total for item in loose)
    if not json:
        output.table(("what", "name", "size", "kept because"), rows, "The workspace is empty.")
    if not dry_run and loose and not yes and not json:
        typer.confirm(f"Remove {len(loose)} items, {output.size(total)}?", abort=True)
    removed = [] if dry_run else [str(item.path) for item in remove(loose)]
    value = {
        "items": [item.payload() for item in items],
        "bytes_free": total,
        "removed": removed,
    }
    output.show(value, json, lambda: output.say(f"{output.size(total)} {'could be' if dry_run else 'were'} freed."))


def _queue(front: Workspace) -> dict[str, int]:
    waiting, tickets = len(front.dispatcher.places()), len(front.dispatcher.queue.tickets())
    return {"going": tickets - waiting, "waiting": waiting}


def _engine() -> dict[str, Any]:
    from pipelines import engine
    from workbench import settings

    found = engine.status(settings.load())
    return {
        "running": found.server and found.worker,
        "watcher": found.watcher,
        "answers": found.answers,
        "address": found.state.api_url if found.state else None,
        "folder": str(settings.load().engine.root),
    }


def _say(found: dict[str, Any]) -> None:
    rebuilt = found.get("rebuilt")
    engine = found["engine"]
    output.facts(
        {
            "workbench": f"{found['version']} on Python {found['python']}",
            "packages": ", ".join(f"{name} {version}" for name, version in found["packages"].items()),
            "machine": f"{found['hardware']['cores']} cores, {output.size(found['hardware']['memory_bytes'])}"
            + "".join(f", {gpu}" for gpu in found["hardware"]["gpus"]),
            "workspace": found["workspace"],
            "rows": ", ".join(f"{count} {name}" for name, count in found["rows"].items()),
            "database": "agrees with the folders" if not found["drift"] else f"differs: {', '.join(found['drift'])}",
            "rebuilt": f"{sum(rebuilt.values())} rows" if rebuilt else None,
            "queue": f"{found['queue']['going']} going, {found['queue']['waiting']} waiting, over all workspaces",
            "schedules": " ".join(filter(None, (found["schedules"]["says"], found["schedules"]["todo"]))),
            "stopped": ", ".join(found["stopped"]) or "nothing was running" if "stopped" in found else None,
            "engine": ", ".join(f"{name} {value}" for name, value in engine.items() if value not in (None, "", [])),
        }
    )
