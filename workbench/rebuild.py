"""The database made again from the folders, and the proof that it agrees with them.

What lives here: what ``workbench doctor`` does to a workspace's rows. What does not: how one folder becomes one row
(each room knows its own).
"""

from __future__ import annotations

from typing import Any

from workbench.database import Base
from workbench.workspace import Workspace


def rebuild(workspace: Workspace) -> dict[str, int]:
    """Make every row of the database again from the folders; return the number of rows per table."""
    workspace.database.replace_all(rows_on_disk(workspace))
    return workspace.database.count()


def drift(workspace: Workspace) -> list[str]:
    """Return the tables whose rows differ from what the folders say; empty when the view is true."""
    said = workspace.database.dump()
    meant: dict[str, list[dict[str, Any]]] = {name: [] for name in said}
    for row in rows_on_disk(workspace):
        meant[row.__tablename__].append(row.row())
    return [name for name, rows in said.items() if _ordered(rows) != _ordered(meant[name])]


def rows_on_disk(workspace: Workspace) -> list[Base]:
    """Return the rows that the folders stand for."""
    rows: list[Base] = []
    for project in workspace.projects.names_on_disk():
        rows.extend(workspace.projects.build_rows(project))
    rows.extend(workspace.datasets.build_row(dataset) for dataset in workspace.datasets.list())
    for run_id in workspace.ledger.ids_on_disk():
        rows.extend(workspace.ledger.build_rows(run_id))
    rows.extend(workspace.deployments.build_row(endpoint) for endpoint in workspace.deployments.list())
    return rows


def _ordered(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(repr(sorted(row.items())) for row in rows)
