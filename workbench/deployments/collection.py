"""The deployments of a workspace, as the front desk hands them out.

What lives here: ``ws.deployments``. What does not: the process that answers (``endpoint``).
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from workbench.database import Database, DeploymentRow
from workbench.deployments.endpoint import start_endpoint, stop_endpoint
from workbench.deployments.model import RECORD_NAME, Endpoint, alive, read_record
from workbench.errors import UnknownNameError, did_you_mean
from workbench.paths import WorkspacePaths
from workbench.storage import check_changeable


class Deployments:
    """Starts, lists and stops endpoints.

    Args:
        paths: where the workspace lies.
        database: the view that answers lists.
    """

    def __init__(self, paths: WorkspacePaths, database: Database) -> None:
        self.folder, self.database = paths.deployments, database

    def start(self, export: str, model_folder: Path, name: str | None = None, *, port: int = 0) -> Endpoint:
        """Serve an export; see ``start_endpoint`` for what can go wrong.

        Args:
            export: the export run's id.
            model_folder: its folder.
            name: left out, the export's id.
            port: left out, a free one.
        """
        endpoint = start_endpoint(model_folder, self.folder / (name or export), port=port)
        self.database.put(self.build_row(endpoint))
        return endpoint

    def list(self) -> list[Endpoint]:
        """Return the deployments, running or stopped, by name."""
        if not self.folder.is_dir():
            return []
        return [read_record(child) for child in sorted(self.folder.iterdir()) if (child / RECORD_NAME).is_file()]

    def alive(self) -> Sequence[Endpoint]:
        """Return the deployments whose process runs."""
        return [endpoint for endpoint in self.list() if alive(endpoint)]

    def show(self, name: str) -> Endpoint:
        """Return one deployment.

        Raises:
            UnknownNameError: when there is none of that name.
        """
        known = {endpoint.name: endpoint for endpoint in self.list()}
        if name not in known:
            raise UnknownNameError(
                f"No deployment '{name}'.",
                f"Deployments: {', '.join(known) or 'none yet'}.",
                did_you_mean(name, known) or "`workbench deploy EXPORT` starts one.",
                name=name,
            )
        return known[name]

    def stop(self, name: str) -> bool:
        """End a deployment and forget it; return whether it was running.

        Raises:
            UnknownNameError: when there is none of that name.
            StorageError: when this process may only read the workspace.
            EndpointError: when its process does not end.
        """
        endpoint = self.show(name)
        check_changeable(self.folder)
        was_running = stop_endpoint(endpoint)
        shutil.rmtree(endpoint.folder)
        self.database.delete(DeploymentRow, name)
        return was_running

    def build_row(self, endpoint: Endpoint) -> DeploymentRow:
        """Return the row that a deployment's record stands for."""
        return DeploymentRow(
            name=endpoint.name,
            export=Path(endpoint.model_folder).parent.name,
            kind="endpoint",
            url=endpoint.url,
            created_at=endpoint.started_at,
        )
