"""The record of a deployment.

What lives here: ``Endpoint`` as ``deployment.json`` keeps it. What does not: starting and stopping one (``endpoint``).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from workbench import storage
from workbench.errors import StorageError, UnknownNameError, did_you_mean

RECORD_NAME = "deployment.json"
RECORD_VERSION = 1
# psutil derives the start from the boot time, which moves a little when the clock is set
START_TOLERANCE_S = 1.0


@dataclass(frozen=True)
class Endpoint:
    """A model that answers HTTP requests on this machine.

    Attributes:
        name: of the deployment, and of the model in the endpoint's URLs.
        url: the endpoint's root, e.g. ``http://127.0.0.1:8080``.
        pid: of the server's process.
        port: that it listens at.
        started_at: UTC, ISO 8601.
        process_started: start of the process in seconds since the epoch: a pid alone may belong to another by now.
        model_folder: the export that it serves.
        folder: with ``deployment.json`` and the log.
    """

    name: str
    url: str
    pid: int
    port: int
    started_at: str
    process_started: float
    model_folder: str
    folder: str

    @property
    def predict_url(self) -> str:
        """Where images are posted to."""
        return f"{self.url}/v1/models/{self.name}/predict"

    @property
    def log(self) -> Path:
        """What the server wrote to stderr."""
        return Path(self.folder) / "endpoint.log"


def find_process(endpoint: Endpoint) -> psutil.Process | None:
    """Return the endpoint's process, or None when it has ended, also when its pid is another process's by now."""
    try:
        process = psutil.Process(endpoint.pid)
        same = abs(process.create_time() - endpoint.process_started) <= START_TOLERANCE_S
        ended = process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return None
    return process if same and not ended else None


def alive(endpoint: Endpoint) -> bool:
    """Return whether the endpoint's process runs."""
    return find_process(endpoint) is not None


def write_record(endpoint: Endpoint) -> Path:
    """Write ``deployment.json`` into the endpoint's folder, whole or not at all, and return its path.

    Raises:
        StorageError: when it cannot be written.
    """
    path = Path(endpoint.folder) / RECORD_NAME
    record = {"version": RECORD_VERSION, "kind": "endpoint", **asdict(endpoint)}
    storage.put_json(path, record)
    return path


def read_record(folder: Path) -> Endpoint:
    """Read ``deployment.json`` of ``folder``.

    Raises:
        UnknownNameError: when the folder has none.
        StorageError: when it is damaged, or of a newer version.
    """
    path = folder / RECORD_NAME
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if data.pop("version") != RECORD_VERSION:
            raise ValueError("another version")  # noqa: TRY301 (one message for all that is wrong with the file)
        data.pop("kind")
        # The folder may have been moved with its workspace since
        return Endpoint(**{**data, "folder": str(folder)})
    except FileNotFoundError as error:
        known = [endpoint.name for endpoint in list_endpoints(folder.parent)]
        raise UnknownNameError(
            f"There is no deployment '{folder.name}'.",
            f"Deployments: {', '.join(known) or 'none'}.",
            did_you_mean(folder.name, known) or "`workbench deployments list` shows them.",
            name=folder.name,
        ) from error
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise StorageError(
            f"'{path}' is not a deployment's record ({error}).",
            f"A record of version {RECORD_VERSION}.",
            "Remove the deployment's folder and deploy the export again.",
            path=str(path),
        ) from error


def list_endpoints(root: Path) -> list[Endpoint]:
    """Return the deployments below ``root``, one folder each, by name; ``alive`` says which of them run.

    Raises:
        StorageError: when a record is damaged.
    """
    return [read_record(path.parent) for path in sorted(root.glob(f"*/{RECORD_NAME}"))]
