"""The health of the deployments: which of them answer, how quickly, and what they said last.

What lives here: looking at them. What does not: how it looks (``templates/deployment.html``), starting and stopping
one (``deployments``).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from workbench.deployments.model import Endpoint, find_process
from workbench.errors import WorkbenchError
from workbench.serving.spec import ModelSpec, read_spec
from workbench.widgets.pages.page import page
from workbench.widgets.pages.visit import Visit

LINES: Final = 12
REFRESH_S: Final = 60
_LOG_BYTES: Final = 8192
_PATIENCE_S: Final = 2.0
_AT_ONCE: Final = 8


@dataclass(frozen=True)
class Health:
    """How a deployment stands.

    Attributes:
        endpoint: its record.
        alive: whether its process runs.
        answers_ms: how long it took to say that it is ready; None when it did not.
        memory_mb: of its process; None when that is not there, or not to be looked at.
        model: what is served; None when its file is gone.
        source: the training run that the model is from; empty when it is not known.
        log: the end of what it wrote.
    """

    endpoint: Endpoint
    alive: bool
    answers_ms: float | None
    memory_mb: float | None
    model: ModelSpec | None
    source: str
    log: str


@page("deployment")
def deployment(visit: Visit) -> Mapping[str, Any]:
    """Return what the template of deployments needs."""
    endpoints = visit.workspace.deployments.list()
    with ThreadPoolExecutor(_AT_ONCE) as pool:  # one that hangs keeps nobody from the others
        found = list(pool.map(lambda endpoint: look(visit, endpoint), endpoints))
    ordered = sorted(found, key=lambda each: (each.alive, each.endpoint.name))
    return {"deployments": ordered, "refresh_s": REFRESH_S if ordered else 0}


def look(visit: Visit, endpoint: Endpoint) -> Health:
    """Return how a deployment stands now; it is asked whether it is ready."""
    import psutil

    process, memory_mb = find_process(endpoint), None
    if process is not None:
        with suppress(psutil.Error):
            memory_mb = process.memory_info().rss / 1e6
    return Health(
        endpoint=endpoint,
        alive=process is not None,
        answers_ms=_ask(endpoint) if process is not None else None,
        memory_mb=memory_mb,
        model=_model(endpoint),
        source=_source(visit, endpoint),
        log=tail(endpoint.log),
    )


def tail(log: Path, lines: int = LINES) -> str:
    """Return the last lines of a log; empty when there is none."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(size - _LOG_BYTES, 0))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(line for line in text.splitlines()[-lines:] if line.strip())


def _ask(endpoint: Endpoint) -> float | None:
    began = time.perf_counter()
    try:
        with httpx.Client(timeout=_PATIENCE_S, trust_env=False) as client:
            ready = client.get(f"{endpoint.url}/healthz").is_success
    except (httpx.HTTPError, httpx.InvalidURL):
        return None
    return 1000 * (time.perf_counter() - began) if ready else None


def _model(endpoint: Endpoint) -> ModelSpec | None:
    with suppress(WorkbenchError):
        return read_spec(Path(endpoint.model_folder))
    return None


def _source(visit: Visit, endpoint: Endpoint) -> str:
    with suppress(WorkbenchError):
        return visit.workspace.ledger.spec(Path(endpoint.model_folder).parent.name).source or ""
    return ""
