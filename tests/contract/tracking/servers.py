"""Servers on loopback for the trackers' tests: a real MLflow, a W&B that keeps what it is told, and bad ones."""

from __future__ import annotations

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from workbench.settings import environment


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """Give the address of a real MLflow server with a SQLite file in ``folder``; it takes some 10 to 40 s to start."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    with (folder / "server.log").open("wb") as log:
        child = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            cwd=folder,
            env=environment(MLFLOW_DISABLE_TELEMETRY="true", MLFLOW_TRACKING_URI=None),
            start_new_session=True,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_until_healthy(f"{address}/health", child, folder / "server.log")
            yield address
        finally:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait(10)


def _wait_until_healthy(address: str, child: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and child.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"The MLflow server did not start:\n{log.read_text(errors='replace')[-3000:]}")


@dataclass
class WandbRun:
    """What a W&B server was told of one run."""

    config: dict[str, Any] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, list[str]] = field(default_factory=dict)
    exit_code: int | None = None
    preempting: bool = False
    files: dict[str, bytes] = field(default_factory=dict)
    artifacts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def history(self) -> list[dict[str, Any]]:
        """The rows of metrics."""
        return [json.loads(line) for line in self.lines.get("wandb-history.jsonl", [])]

    @property
    def summary(self) -> dict[str, Any]:
        """The last values."""
        return dict(json.loads((self.lines.get("wandb-summary.json") or ["{}"])[-1]))


class WandbServer:
    """Speaks as much of W&B's protocol as a run needs, keeps what it is told, and is bad on demand.

    Attributes:
        mode: ``well``; ``error`` (500), ``refuse`` (401), ``missing`` (404), ``garbage`` (no JSON), ``wrong`` (JSON of
            another shape) or ``hang`` (no answer until the server is closed).
        runs: by id.
    """

    def __init__(self) -> None:
        self.mode, self.runs = "well", defaultdict[str, WandbRun](WandbRun)
        self._pending: dict[str, dict[str, Any]] = {}
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """End it, and every request that it lets hang."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def answer(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Return the status and the body of the reply."""
        if self.mode == "hang":
            self._closing.wait(60)
        if self.mode in _STATUSES:
            return _STATUSES[self.mode], b"No."
        if self.mode == "garbage":
            return 200, b"<html>Welcome to the hotel network"
        if self.mode == "wrong":
            return 200, b'{"data": {"upsertBucket": 7, "model": [], "createRunFiles": {"files": null}}}'
        parts = path.partition("?")[0].strip("/").split("/")
        if parts[0] == "graphql":
            request = json.loads(body)
            return 200, json.dumps({"data": self._graphql(request["query"], request.get("variables") or {})}).encode()
        if parts[0] == "files":
            self._stream(self.runs[parts[3]], json.loads(body))
        elif parts[0] == "upload":
            self.runs[parts[1]].files[urllib.parse.unquote("/".join(parts[2:]))] = body
        elif parts[0] == "artifact":
            self._pending[parts[1]].setdefault("uploads", {})[urllib.parse.unquote("/".join(parts[2:]))] = body
        return 200, b"{}"

    def _stream(self, run: WandbRun, told: dict[str, Any]) -> None:
        for name, chunk in (told.get("files") or {}).items():
            lines = run.lines.setdefault(name, [])
            lines[chunk["offset"] : chunk["offset"] + len(chunk["content"])] = chunk["content"]
        run.preempting = run.preempting or bool(told.get("preempting"))
        if told.get("complete"):
            run.exit_code = told.get("exitcode")

    def _graphql(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        operation = query.replace("(", " ").replace("{", " ").split()[1]
        answer = getattr(self, f"_{operation}", None)
        return answer(variables) if answer else {}

    def _RunResumeStatus(self, variables: dict[str, Any]) -> dict[str, Any]:  # noqa: N802  W&B's own name
        name = variables["name"]
        if name not in self.runs:
            return {"model": None}
        run = self.runs[name]
        history, events = run.lines.get("wandb-history.jsonl", []), run.lines.get("wandb-events.jsonl", [])
        bucket = {
            "id": f"bucket-{name}",
            "name": name,
            "summaryMetrics": json.dumps(run.summary),
            "displayName": name,
            "logLineCount": 0,
            "historyLineCount": len(history),
            "eventsLineCount": len(events),
            "historyTail": json.dumps(history[-1:]),
            "eventsTail": json.dumps(events[-1:]),
            "config": json.dumps(run.config),
            "tags": [],
            "notes": None,
            "wandbConfig": json.dumps({"t": 1}),  # what tells a run that began from one that was only made
        }
        return {"model": {"id": "p", "name": variables["project"], "entity": _ENTITY, "bucket": bucket}}

    def _UpsertBucket(self, variables: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        name = variables["name"]
        known = name in self.runs
        run = self.runs[name]
        run.exit_code = None
        run.config.update(json.loads(variables["config"] or "{}"))
        run.about.update({key: value for key, value in variables.items() if value is not None})
        bucket = {
            "id": f"bucket-{name}",
            "name": name,
            "displayName": name,
            "description": "",
            "config": "{}",
            "sweepName": None,
            "project": {"id": "p", "name": variables["project"], "entity": _ENTITY},
            "historyLineCount": len(run.history),
        }
        return {"upsertBucket": {"bucket": bucket, "inserted": not known}}

    def _Viewer(self, variables: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        viewer = {"id": "v", "entity": "me", "username": "me", "email": "", "flags": "{}", "teams": {"edges": []}}
        return {"viewer": viewer}

    def _CreateRunFiles(self, variables: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        base = f"{self.address}/upload/{variables['run']}/"
        files = [{"name": name, "uploadUrl": base + urllib.parse.quote(name)} for name in variables["files"]]
        return {"createRunFiles": {"runID": variables["run"], "uploadHeaders": [], "files": files}}

    def _ArtifactType(self, variables: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"project": {"artifact": None}}

    def _CreateArtifact(self, variables: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        told = variables["input"]
        run = self.runs[told["runName"]]
        same = [
            a for a in run.artifacts if (a["name"], a["digest"]) == (told["artifactCollectionName"], told["digest"])
        ]
        number = f"a{len(self._pending)}"
        made = {
            "id": number,
            "run": told["runName"],
            "name": told["artifactCollectionName"],
            "type": told["artifactTypeName"],
            "digest": told["digest"],
            "aliases": [alias["alias"] for alias in told.get("aliases") or []],
            "metadata": json.loads(told.get("metadata") or "{}"),
        }
        self._pending[number] = made
        state = "COMMITTED" if same else "PENDING"
        return {"createArtifact": {"artifact": {"id": number, "state": state, "artifactSequence": _SEQUENCE}}}

    def _CreateArtifactManifest(self, variables: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return self._manifest("createArtifactManifest", variables["artifactID"])

    def _UpdateArtifactManifest(self, variables: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return self._manifest("updateArtifactManifest", variables["artifactManifestID"].removeprefix("m-"))

    def _manifest(self, verb: str, number: str) -> dict[str, Any]:
        file = {"id": "f", "name": "m", "displayName": "m", "uploadHeaders": []}
        file["uploadUrl"] = f"{self.address}/artifact/{number}/manifest.json"
        return {verb: {"artifactManifest": {"id": f"m-{number}", "file": file}}}

    def _CreateArtifactFiles(self, variables: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        nodes = [
            {
                "node": {
                    "id": "f",
                    "name": spec["name"],
                    "displayName": spec["name"],
                    "storagePath": "s",
                    "uploadUrl": f"{self.address}/artifact/{spec['artifactID']}/{urllib.parse.quote(spec['name'])}",
                    "uploadHeaders": [],
                    "uploadMultipartUrls": None,
                    "artifact": {"id": spec["artifactID"]},
                }
            }
            for spec in variables["input"]["artifactFiles"]
        ]
        return {"createArtifactFiles": {"files": {"edges": nodes}}}

    def _CommitArtifact(self, variables: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        made = self._pending[variables["artifactID"]]
        self.runs[made["run"]].artifacts.append(made)
        return {"commitArtifact": {"artifact": {"id": made["id"], "digest": made["digest"]}}}

    def _ArtifactByID(self, variables: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        made = self._pending[variables["id"]]
        project = {
            "__typename": "Project",
            "id": "p",
            "internalId": "p",
            "name": "p",
            "entity": {**_ENTITY, "__typename": "Entity"},
        }
        collection = {"__typename": "ArtifactSequence", "id": "s", "name": made["name"], "project": project}
        aliases = [{"__typename": "ArtifactAlias", "id": "i", "alias": alias} for alias in made["aliases"]]
        found = {
            "__typename": "Artifact",
            "id": made["id"],
            "artifactSequence": collection,
            "versionIndex": 0,
            "artifactType": {"name": made["type"]},
            "description": None,
            "metadata": json.dumps(made["metadata"]),
            "ttlDurationSeconds": 0,
            "ttlIsInherited": False,
            "tags": [],
            "historyStep": None,
            "state": "COMMITTED",
            "size": 1,
            "digest": made["digest"],
            "commitHash": "c",
            "fileCount": 1,
            "createdAt": "2026-01-01T00:00:00",
            "updatedAt": None,
            "aliases": [{**alias, "artifactCollection": collection} for alias in aliases],
        }
        return {"artifact": found}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the library's own name
                pass

            def _reply(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                status, reply = server.answer(self.path, body)
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def handle(self) -> None:
                with suppress(OSError):  # who asked is gone: killed, or tired of waiting
                    super().handle()

            do_GET = do_POST = do_PUT = do_PATCH = _reply  # noqa: N815

        return Handler


_STATUSES = {"error": 500, "hang": 500, "refuse": 401, "missing": 404}
_ENTITY = {"id": "e", "name": "me"}
_SEQUENCE = {"id": "s", "latestArtifact": None}
