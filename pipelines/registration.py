"""What the workbench has at a Prefect server: one work pool, one flow, one deployment.

What lives here: their names, and how they come to be there. What does not: runs (``launcher``).
"""

from __future__ import annotations

from typing import Any, Final

from pipelines.api import Api

POOL: Final = "workbench"
WORKER: Final = "workbench"
FLOW: Final = "run-job"
ENTRYPOINT: Final = "pipelines.flows.run_job"
PARAMETERS: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "workspace": {"type": "string", "title": "workspace", "position": 0},
        "run_id": {"type": "string", "title": "run_id", "position": 1},
        "launch": {"type": "integer", "title": "launch", "position": 2, "default": 1},
    },
    "required": ["workspace", "run_id"],
}


def register(api: Api) -> str:
    """Create what is not there yet and return the deployment's id; it may be repeated."""
    api.ensure_work_pool(POOL)
    return api.ensure_deployment(FLOW, ENTRYPOINT, POOL, PARAMETERS)
