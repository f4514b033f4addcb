"""``workbench lab``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli import output
from workbench.cli.options import WorkspaceOption


def lab(
    port: Annotated[int | None, typer.Option(help="The port.  [default: a free one from 8888 on]")] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open a browser.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Open JupyterLab on the studio notebook; it and the tutorials are copied into the workspace, and yours."""
    import subprocess
    import sys

    from workbench import paths, settings, storage
    from workbench.workspace import Workspace

    front = Workspace(workspace)
    notebook = front.paths.root / "studio" / "workbench.ipynb"
    for source in sorted(paths.notebook("studio", "workbench").parent.glob("*.ipynb")):  # the tutorials too
        if not (notebook.parent / source.name).is_file():
            storage.copy(source, notebook.parent / source.name)
    command = [sys.executable, "-m", "jupyter", "lab", str(notebook), "--ServerApp.root_dir", str(front.paths.root)]
    command += ["--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    command += [f"--port={port}"] * (port is not None) + ["--no-browser"] * no_browser
    command += ["--allow-root"] * settings.is_root()
    output.say(f"JupyterLab opens on {notebook}; Ctrl-C twice ends it.")
    environment = settings.environment(
        WORKBENCH_HOME=str(front.paths.root), JUPYTER_CONFIG_PATH=str(_quiet(notebook.parent / ".jupyter"))
    )
    raise typer.Exit(subprocess.run(command, env=environment, check=False).returncode)


def _quiet(folder: Path) -> Path:
    """Keep JupyterLab from asking whether it may fetch news: the first screen belongs to the person's own work."""
    from workbench import storage

    switched_off = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    storage.put_json(folder / "labconfig" / "page_config.json", switched_off)
    return folder
