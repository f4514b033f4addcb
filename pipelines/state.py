"""What runs: the engine's state file.

What lives here: ``engine.json``, read and written. What does not: starting or stopping (``engine``).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from workbench.errors import storage_error
from workbench.processes import Process


@dataclass(frozen=True)
class EngineState:
    """The engine as it was when it was last started or looked at.

    Attributes:
        api_url: the REST API of the Prefect server.
        deployment_id: the deployment that executes runs.
        port: where the local server listens; None for a shared server.
        server: the local server's process; None for a shared server.
        worker: the local worker's process; None for a shared server.
        started_at: when the server was started, seconds since the epoch.
        versions: of workbench, prefect and Python, when it was started.
    """

    api_url: str
    deployment_id: str = ""
    port: int | None = None
    server: Process | None = None
    worker: Process | None = None
    started_at: float = 0.0
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def server_pid(self) -> int | None:
        """The local server's pid."""
        return self.server.pid if self.server else None

    @property
    def worker_pid(self) -> int | None:
        """The local worker's pid."""
        return self.worker.pid if self.worker else None

    @property
    def local(self) -> bool:
        """Whether the workbench itself runs this server."""
        return self.port is not None

    @property
    def complete(self) -> bool:
        """Whether server and worker both live and the deployment is known."""
        return bool(self.deployment_id and self.server and self.server.find() and self.worker and self.worker.find())


def read(path: Path) -> EngineState | None:
    """Return the recorded state; None when there is none or the file is damaged (it is then written anew)."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        for name in ("server", "worker"):
            data[name] = Process(**data[name]) if data[name] else None
        return EngineState(**data)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write(path: Path, state: EngineState) -> None:
    """Record the state; a reader sees the old file or the new one, never half of one."""
    draft = path.with_suffix(".tmp")
    try:
        draft.write_text(json.dumps(asdict(state), indent=2), encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise storage_error(error, path) from error
