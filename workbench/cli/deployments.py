"""``workbench deploy`` and ``workbench deployments``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from workbench.cli import output
from workbench.cli.options import JsonOption, WorkspaceOption, open_workspace

NAME = "deployments"
app = typer.Typer(help="Deployments: exports that answer requests.", no_args_is_help=True)


def deploy(
    export: Annotated[str, typer.Argument(help="An export, or a training run whose last export is meant.")],
    name: Annotated[str | None, typer.Option(help="What to call it.  [default: the export's id]")] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 0,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Serve an export on this machine (127.0.0.1) until it is stopped."""
    endpoint = open_workspace(workspace).deploy(export, name, port=port)
    output.show(
        {**asdict(endpoint), "predict_url": endpoint.predict_url},
        json,
        lambda: output.say(
            f"'{endpoint.name}' answers at {endpoint.predict_url}\n"
            f"Try it:  curl --data-binary @image.jpg {endpoint.predict_url}\n"
            f"Stop it: workbench deployments stop {endpoint.name}"
        ),
    )


@app.command("list")
def list_(workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """List the deployments."""
    from workbench.deployments.model import alive

    found: list[dict[str, Any]] = [
        {**asdict(endpoint), "alive": alive(endpoint)} for endpoint in open_workspace(workspace).deployments.list()
    ]
    output.show(
        {"deployments": found},
        json,
        lambda: output.table(
            ("deployment", "answers", "address", "since"),
            [(row["name"], "yes" if row["alive"] else "no", row["url"], row["started_at"]) for row in found],
            "No deployments yet. Start one: `workbench deploy EXPORT`.",
        ),
    )


@app.command()
def stop(
    name: Annotated[str, typer.Argument(help="The deployment's name.")],
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """End a deployment; what is in flight is answered first."""
    was_running = open_workspace(workspace).deployments.stop(name)
    output.show(
        {"stopped": name, "was_running": was_running},
        json,
        lambda: output.say(f"'{name}' is stopped." if was_running else f"'{name}' had ended already; it is forgotten."),
    )
