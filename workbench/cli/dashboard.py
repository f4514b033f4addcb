"""``workbench dashboard``: Voila over the dashboards, for people who only look."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli import output
from workbench.cli.options import JsonOption, WorkspaceOption

if TYPE_CHECKING:
    from workbench.paths import WorkspacePaths
    from workbench.widgets.pages.server import Server


class Lang(StrEnum):
    """In which language the pages are; ``auto`` is the browser's."""

    AUTO = "auto"
    EN = "en"
    KO = "ko"


class Theme(StrEnum):
    """How the pages look to somebody who has not chosen."""

    LIGHT = "light"
    DARK = "dark"


def dashboard(
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one.", min=0, max=65535)] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open a browser.")] = False,
    token: Annotated[str, typer.Option(help="What lets a browser in.  [default: made at random]")] = "",
    lang: Annotated[Lang, typer.Option(help="The language of the pages; auto is the browser's.")] = Lang.AUTO,
    theme: Annotated[Theme, typer.Option(help="Their look, until somebody chooses.")] = Theme.LIGHT,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Show the workspace to people who only look: runs, datasets, deployments, as pages in a browser.

    Nothing can be changed by them. They are served on this machine only, to whoever has the token.
    """
    import secrets
    import sys

    from workbench.widgets.pages.server import Server

    paths = _paths(workspace)
    server = Server(
        workspace=paths.root,
        port=port,
        token=token or secrets.token_urlsafe(24),
        lang=lang.value,
        theme=theme.value,
    )
    with server:
        output.show({"url": server.url, "log": str(server.log)}, json, lambda: _tell(server))
        sys.stdout.flush()  # a pipe would keep the address until the end
        if not no_browser:
            typer.launch(server.url)
        server.wait()


def _tell(server: Server) -> None:
    output.say(f"The dashboards are at {server.url}")
    output.say(f"Whoever has this address can look at them; Ctrl-C ends it. Its log: {server.log}")


def _paths(workspace: Path | None) -> WorkspacePaths:
    """Return where the workspace lies; a new one is made, an old one is not touched."""
    from workbench import settings
    from workbench.paths import WorkspacePaths
    from workbench.workspace import Workspace

    paths = WorkspacePaths(settings.load().workspace(workspace))
    return paths if paths.runs.is_dir() and paths.database.is_file() else Workspace(workspace).paths
