"""An endpoint on this machine: a process of its own that outlives the caller.

What lives here: start, stop, and a client. What does not: the app that answers (``serving``), the record (``model``).
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from workbench.deployments.model import (
    RECORD_NAME,
    Endpoint,
    alive,
    find_process,
    read_record,
    write_record,
)
from workbench.errors import ConflictError, EndpointError, RequestError, storage_error
from workbench.serving.spec import read_spec
from workbench.settings import ENGINE_MEMBER, environment

if TYPE_CHECKING:
    import httpx

READY_NAME = "ready.json"
POLL_S = 0.05
LOG_LINES = 12

# The endpoints that this process started: who starts a process must collect it when it ends
_children: dict[int, subprocess.Popen[bytes]] = {}


def start_endpoint(model_folder: Path, folder: Path, *, port: int = 0, timeout_s: float = 60) -> Endpoint:
    """Serve the export in ``model_folder`` until ``stop_endpoint``, also after this process has ended.

    Args:
        model_folder: holds ``model.json`` and the model file.
        folder: where ``deployment.json`` and the log go; its name is the deployment's name.
        port: to listen at, on this machine only; 0 takes a free one.
        timeout_s: how long the endpoint may take to load the model.

    Raises:
        ModelError: when ``model_folder`` holds no export.
        ConflictError: when the deployment runs already, or the port is in use.
        EndpointError: when the endpoint ends or is not ready in time; nothing keeps running.
        StorageError: when ``folder`` cannot be written.
    """
    model_folder, folder = model_folder.absolute(), folder.absolute()
    read_spec(model_folder)
    _check_free(folder)
    _check_port(port)
    ready = folder / READY_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        ready.unlink(missing_ok=True)
        child = _spawn(model_folder, folder, port)
    except OSError as error:
        raise storage_error(error, folder) from error
    try:
        payload = _wait_ready(child, folder, timeout_s)
        endpoint = Endpoint(
            name=folder.name,
            url=payload["url"],
            pid=child.pid,
            port=payload["port"],
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            process_started=psutil.Process(child.pid).create_time(),
            model_folder=str(model_folder),
            folder=str(folder),
        )
        write_record(endpoint)
    except BaseException:
        # Also when interrupted: an endpoint without a record could not be stopped
        child.kill()
        child.wait()
        raise
    _children[child.pid] = child
    return endpoint


def stop_endpoint(endpoint: Endpoint, grace_s: float = 10) -> bool:
    """Let the endpoint finish what is in flight and end it; return whether it was running.

    Args:
        endpoint: to stop.
        grace_s: seconds after which it is killed.

    Raises:
        EndpointError: when the process does not end, or belongs to another user.
    """
    process = find_process(endpoint)
    if process is None:
        _collect(endpoint.pid)
        return False
    try:
        # psutil compares the process's start again before it signals
        with suppress(psutil.NoSuchProcess):
            process.terminate()
            if not _until(lambda: not alive(endpoint), grace_s):
                process.kill()
        ended = _until(lambda: not alive(endpoint), grace_s)
    except psutil.AccessDenied as error:
        raise _not_stopped(endpoint, "it belongs to another user") from error
    if not ended:
        raise _not_stopped(endpoint, "it does not end")
    _collect(endpoint.pid)
    return True


def predict(
    endpoint_url: str, image: Path, *, model: str | None = None, conf: float | None = None, iou: float | None = None
) -> dict[str, Any]:
    """Send an image to an endpoint and return its answer: ``{"images": [{"shape", "results", "speed"}], "metadata"}``.

    Args:
        endpoint_url: the endpoint's root, e.g. ``http://127.0.0.1:8080``.
        image: the image's file.
        model: name of the model; None takes the first that the endpoint serves.
        conf: lowest confidence, 0-1; the model's default when None.
        iou: overlap above which NMS drops a box, 0-1; the model's default when None.

    Raises:
        RequestError: when the image cannot be read, or the endpoint refuses it.
        EndpointError: when the endpoint does not answer, or fails.
    """
    import httpx  # it brings a terminal's library with it: late, for whoever only opens a workspace

    try:
        content = image.read_bytes()
    except OSError as error:
        raise RequestError(
            f"'{image}' cannot be read: {error.strerror}.", "An image file.", "Check the path.", path=str(image)
        ) from error
    query = {name: value for name, value in (("conf", conf), ("iou", iou)) if value is not None}
    try:
        with httpx.Client(base_url=endpoint_url, timeout=60, trust_env=False) as client:
            name = model or _answer(client.get("/v1/models"))["models"][0]["name"]
            # The endpoint looks at the bytes, so that the type need not be guessed from the file's name
            headers = {"Content-Type": "application/octet-stream"}
            return _answer(client.post(f"/v1/models/{name}/predict", content=content, params=query, headers=headers))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise EndpointError(
            f"{endpoint_url} does not answer ({error}).",
            "A running endpoint.",
            "`workbench deployments list` shows which run; `workbench deploy` starts one.",
            url=endpoint_url,
        ) from error


def _answer(response: httpx.Response) -> dict[str, Any]:
    try:
        data = response.json()
    except ValueError:
        data = None
    if response.is_success and isinstance(data, dict):
        return data
    said = data if isinstance(data, dict) else {}
    kind = RequestError if 400 <= response.status_code < 500 else EndpointError
    raise kind(
        said.get("happened") or f"{response.url} is answered {response.status_code}.",
        said.get("expected") or "The answer of an endpoint of the workbench.",
        said.get("todo") or "Check the address.",
        status=response.status_code,
    )


def _check_free(folder: Path) -> None:
    if (folder / RECORD_NAME).is_file():
        endpoint = read_record(folder)
        if alive(endpoint):
            raise ConflictError(
                f"The deployment '{endpoint.name}' runs already at {endpoint.url}.",
                "A name that is free, or a deployment that has been stopped.",
                f"Stop it (`workbench deployments stop {endpoint.name}`) or choose another name.",
                name=endpoint.name,
            )


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise ConflictError(
                f"Port {port} cannot be listened at: {getattr(error, 'strerror', None) or error}.",
                "A free port above 1023, or 0 for any free one.",
                "Choose another port, or end what listens there.",
                port=port,
            ) from error


def _spawn(model_folder: Path, folder: Path, port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "workbench.serving", str(model_folder), "--name", folder.name]
    command += ["--port", str(port), "--ready-file", str(folder / READY_NAME)]
    variables = environment(**{ENGINE_MEMBER: None})  # one that a run deployed outlives the engine too
    with (folder / "endpoint.log").open("wb") as log:
        # A session of its own: Ctrl-C in the caller's terminal, or its end, does not reach the endpoint
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=variables
        )


def _wait_ready(child: subprocess.Popen[bytes], folder: Path, timeout_s: float) -> dict[str, Any]:
    ready = folder / READY_NAME
    _until(lambda: ready.is_file() or child.poll() is not None, timeout_s)
    if ready.is_file() and child.poll() is None:
        payload: dict[str, Any] = json.loads(ready.read_text(encoding="utf-8"))
        return payload
    status = child.poll()
    happened = f"is not ready after {timeout_s:g} s" if status is None else f"ended with status {status}"
    raise EndpointError(
        f"The endpoint {happened}. Its last words: {_last_lines(folder / 'endpoint.log') or 'none'}",
        "An endpoint that loads the model and listens.",
        f"The whole log is '{folder / 'endpoint.log'}'.",
        name=folder.name,
        status=status,
    )


def _last_lines(log: Path) -> str:
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return "\n".join(lines[-LOG_LINES:])


def _until(met: Callable[[], bool], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while not met():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def _collect(pid: int) -> None:
    child = _children.get(pid)
    if child is not None and child.poll() is not None:
        del _children[pid]


def _not_stopped(endpoint: Endpoint, why: str) -> EndpointError:
    return EndpointError(
        f"The endpoint '{endpoint.name}' (pid {endpoint.pid}) was not stopped: {why}.",
        "A process of yours that can be ended.",
        f"End process {endpoint.pid} yourself.",
        name=endpoint.name,
        pid=endpoint.pid,
    )
