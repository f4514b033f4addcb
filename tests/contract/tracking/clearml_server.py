"""A loopback server that speaks as much of ClearML's wire as a task needs, and keeps what it is told.

It holds to what clearml-server 2.3.0 does with each call: an event is kept under the md5 of task, iteration, metric,
variant and key, and replaced by the same one; a line of the log gets an id of its own each time; a status changes only
as its state machine has it, or by force; names have three characters at least; a published task takes no events. It
cannot show what it was not written to know: the limits of the databases behind the real one.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import time
import uuid
from collections.abc import Callable
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import unquote

Fields = dict[str, Any]
KEY, SECRET = "the-access-key", "the-secret-key"
EVENT_ID = ("task", "iter", "metric", "variant", "key")
MOVES = {
    "created": {"queued", "in_progress"},
    "in_progress": {"stopped", "failed", "created", "completed"},
    "stopped": {"closed", "created", "failed", "queued", "in_progress", "published", "completed"},
    "failed": {"created", "stopped", "published", "queued"},
    "completed": {"published", "in_progress", "created"},
    "published": set(),
}
STATES = {"started": "in_progress", "completed": "completed", "failed": "failed", "stopped": "stopped"}
TASK_FIELDS = (
    "name",
    "type",
    "project",
    "comment",
    "tags",
    "hyperparams",
    "script",
    "execution",
    "configuration",
    "models",
)
MODEL_FIELDS = ("name", "uri", "framework", "ready", "tags", "comment", "task", "project", "design", "labels")


class RefusedError(Exception):
    """The server answers with an error of its own."""

    def __init__(self, code: int, subcode: int, message: str) -> None:
        super().__init__(message)
        self.code, self.subcode = code, subcode


class ClearmlServer:
    """API server and file server on one loopback port; use as a context manager.

    Attributes:
        fault: what each request meets instead of an answer: a status, ``garbage`` or ``hang``; empty for none.
        lose: endpoints that do their work and then drop the connection, once each.
        calls: the endpoints in the order in which they were called.
        asked: the last request of each endpoint.
    """

    def __init__(self) -> None:
        self.tasks: dict[str, Fields] = {}
        self.projects: dict[str, Fields] = {}
        self.models: dict[str, Fields] = {}
        self.events: dict[str, Fields] = {}
        self.files: dict[str, bytes] = {}
        self.calls: list[str] = []
        self.asked: dict[str, Any] = {}
        self.tokens: set[str] = set()
        self.fault, self.lose = "", set[str]()
        self.lock, self.released = threading.Lock(), threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"clearml": self}))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._http.shutdown()
        self._http.server_close()

    @property
    def variables(self) -> dict[str, str]:
        """The environment of a client."""
        hosts = {f"CLEARML_{name}_HOST": self.url for name in ("API", "WEB", "FILES")}
        return {**hosts, "CLEARML_API_ACCESS_KEY": KEY, "CLEARML_API_SECRET_KEY": SECRET}

    def of(self, task: str, kind: str) -> list[Fields]:
        """Return the events of one type of a task."""
        return [event for event in self.events.values() if event["task"] == task and event["type"] == kind]

    def download(self, uri: str) -> bytes:
        """Return what lies at a URL of the file server."""
        return self.files[unquote(uri.removeprefix(self.url)).lstrip("/")]

    def answer(self, endpoint: str, body: Any) -> Fields:
        """Do what an endpoint of the API does, and return its ``data``."""
        self.asked[endpoint] = body
        service, _, action = endpoint.partition(".")
        if endpoint.startswith("tasks.") and action in STATES:
            return self._move(body, STATES[action])
        method: Callable[[Any], Fields] | None = getattr(self, f"_{service}_{action}", None)
        if method is None:
            raise RefusedError(400, 0, f"no endpoint {endpoint}")
        return method(body)

    def _projects_get_all(self, body: Fields) -> Fields:
        return {"projects": [dict(found) for found in self.projects.values() if _matches(found, body)]}

    _projects_get_all_ex = _projects_get_all

    def _projects_create(self, body: Fields) -> Fields:
        _long_enough(body["name"])
        if any(found["name"] == body["name"] for found in self.projects.values()):
            raise RefusedError(400, 801, "value combination already exists")
        return _kept(self.projects, {"name": body["name"]})

    def _projects_get_by_id(self, body: Fields) -> Fields:
        return {"project": self.projects[body["project"]]}

    def _tasks_create(self, body: Fields) -> Fields:
        _long_enough(body["name"])
        if body.get("project") not in self.projects:
            raise RefusedError(400, 401, "invalid project id")
        empty = {"tags": [], "hyperparams": {}, "script": {}, "execution": {}, "configuration": {}, "models": {}}
        base = {**empty, "status": "created", "comment": "", "last_iteration": 0, "output": {}}
        return _kept(self.tasks, base | _checked(body, TASK_FIELDS))

    def _tasks_get_all(self, body: Fields) -> Fields:
        return {"tasks": [dict(found) for found in self.tasks.values() if _matches(found, body)]}

    _tasks_get_all_ex = _tasks_get_all

    def _tasks_get_by_id(self, body: Fields) -> Fields:
        return {"task": self._task(body)}

    def _tasks_edit(self, body: Fields) -> Fields:
        task = self._task(body)
        if not body.get("force") and task["status"] != "created":
            raise RefusedError(400, 110, "invalid task status")
        for name, value in _checked(body, TASK_FIELDS).items():
            merged = name in ("execution", "script") and isinstance(task.get(name), dict)
            task[name] = {**task[name], **value} if merged else value
        return {"updated": 1, "fields": {}}

    def _tasks_set_requirements(self, body: Fields) -> Fields:
        self._task(body)["script"]["requirements"] = body["requirements"]
        return {"updated": 1}

    def _tasks_ping(self, body: Fields) -> Fields:
        return {"updated": int(bool(self._task(body)))}

    def _tasks_add_or_update_artifacts(self, body: Fields) -> Fields:
        execution = self._task(body)["execution"]
        kept = {artifact["key"]: artifact for artifact in execution.get("artifacts") or []}
        kept |= {artifact["key"]: artifact for artifact in body["artifacts"]}
        execution["artifacts"] = list(kept.values())
        return {"updated": 1}

    def _tasks_add_or_update_model(self, body: Fields) -> Fields:
        models = self._task(body)["models"].setdefault(body["type"], [])
        models[:] = [item for item in models if item["name"] != body["name"]]
        models.append({"name": body["name"], "model": body["model"]})
        return {"updated": 1}

    def _events_add_batch(self, events: list[Fields]) -> Fields:
        added, refused = 0, list[str]()
        for event in events:
            task = self.tasks.get(event.get("task", ""))
            if task is None or task["status"] == "published":
                refused.append("Invalid task id")
            elif event["type"] == "training_stats_scalar" and not abs(event["value"]) <= 3.4028234663852886e38:
                refused.append("Error when indexing events batch")
            else:
                self.events[_event_id(event)] = {**event, "metric": event.get("metric") or ""}
                task["last_iteration"] = max(task["last_iteration"], _iteration(event))
                added += 1
        if not added:
            raise RefusedError(400, 131, f"events not added: {', '.join(sorted(set(refused)))}")
        return {"added": added, "errors": len(refused), "errors_info": dict.fromkeys(refused, 1)}

    def _events_get_task_log(self, body: Fields) -> Fields:
        lines = sorted(self.of(body["task"], "log"), key=lambda event: event["timestamp"])
        later = [event for event in lines if event["timestamp"] > body["from_timestamp"]]
        page = later[: body["batch_size"]]
        last = page[-1]["timestamp"] if page else None  # those of the same time come along, whatever the size
        return {"events": [event for event in later if last is not None and event["timestamp"] <= last]}

    def _models_get_all(self, body: Fields) -> Fields:
        return {"models": [dict(found) for found in self.models.values() if _matches(found, body)]}

    _models_get_all_ex = _models_get_all

    def _models_get_by_id(self, body: Fields) -> Fields:
        return {"model": self.models[body["model"]]}

    def _models_create(self, body: Fields) -> Fields:
        _long_enough(body["name"])
        empty = {"tags": [], "metadata": {}, "ready": True, "labels": {}, "design": {}, "uri": ""}
        return _kept(self.models, empty | _checked(body, MODEL_FIELDS)) | {"created": True}

    def _models_edit(self, body: Fields) -> Fields:
        self.models[body["model"]].update(_checked(body, MODEL_FIELDS))
        return {"updated": 1, "fields": {}}

    def _models_add_or_update_metadata(self, body: Fields) -> Fields:
        self.models[body["model"]]["metadata"] |= {item["key"]: item["value"] for item in body["metadata"]}
        return {"updated": 1}

    def _move(self, body: Fields, status: str) -> Fields:
        task = self._task(body)
        if not body.get("force") and status != task["status"] and status not in MOVES[task["status"]]:
            raise RefusedError(400, 110, f"Invalid status change: {task['status']} to {status}")
        told = {name: body.get(name, "") for name in ("status_reason", "status_message")}
        task.update(status=status, **told)
        return {"updated": 1, "started": 1, "fields": {"status": status}}

    def _task(self, body: Fields) -> Fields:
        if body["task"] not in self.tasks:
            raise RefusedError(400, 101, "invalid task id")
        return self.tasks[body["task"]]


def _matches(found: Fields, query: Fields) -> bool:
    name, wanted = query.get("name"), {key: query.get(key) for key in ("id", "task", "project")}
    if name is not None and not re.search(name, found["name"]):
        return False
    lists = {key: [value] if isinstance(value, str) else value for key, value in wanted.items() if value}
    if any(found.get(key) not in values for key, values in lists.items()):
        return False
    tags = [word for word in query.get("tags") or [] if not word.startswith("__$")]
    return not tags or bool(set(tags) & set(found["tags"]))


def _kept(where: dict[str, Fields], fields: Fields) -> Fields:
    id_ = uuid.uuid4().hex
    where[id_] = {**fields, "id": id_}
    return {"id": id_}


def _checked(body: Fields, allowed: tuple[str, ...]) -> Fields:
    if any(word.startswith("__$") for word in body.get("tags") or []):
        raise RefusedError(400, 16, "unsupported tag prefix")
    for section in (body.get("hyperparams") or {}).values():
        if not all(isinstance(item["value"], str) for item in section.values()):
            raise RefusedError(400, 12, "validation error")
    return {name: body[name] for name in allowed if body.get(name) is not None}


def _long_enough(name: str) -> None:
    if len(name.strip()) < 3:
        raise RefusedError(400, 800, f"data validation error: '{name}' is too short")


def _event_id(event: Fields) -> str:
    if event["type"] == "log":
        return uuid.uuid4().hex
    fields = {**event, "metric": event.get("metric") or "", "variant": event.get("variant") or ""}
    return hashlib.md5("-".join(str(fields[name]) for name in EVENT_ID if name in fields).encode()).hexdigest()


def _iteration(event: Fields) -> int:
    ignored = event.get("metric") in (":monitor:machine", ":monitor:gpu")
    return 0 if ignored else int(event.get("iter") or 0)


def _token() -> str:
    now = int(time.time())
    claims = {"iat": now, "exp": now + 86400, "api_version": "2.34", "server_version": "2.3.0", "jti": uuid.uuid4().hex}
    parts = ({"alg": "HS256", "typ": "JWT"}, claims)
    words = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*words, "c2ln"])


def _uploaded(kind: str, body: bytes) -> dict[str, bytes]:
    message = BytesParser().parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    parts = [part for part in message.get_payload() if not isinstance(part, str)]
    names = [str(part.get_param("name", header="content-disposition")).lstrip("/") for part in parts]
    return dict(zip(names, (part.get_payload(decode=True) for part in parts), strict=True))


def _no_constant(word: str) -> float:
    raise RefusedError(400, 12, f"{word} is no JSON")


class Handler(BaseHTTPRequestHandler):
    """Answers one request; ``clearml`` is the server that it belongs to."""

    clearml: ClearmlServer
    protocol_version = "HTTP/1.1"
    wbufsize, disable_nagle_algorithm = -1, True  # an answer in two parts waits 40 ms for the second

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self._fault():
            return
        path = self.path.partition("?")[0].rstrip("/")
        if not path:
            with self.clearml.lock:
                uploaded = _uploaded(self.headers["content-type"], body)
                self.clearml.files |= uploaded
            self._send(200, json.dumps(list(uploaded)).encode())
            return
        self._call(path.rpartition("/")[2], body)

    do_GET = do_POST  # noqa: N815 - as http.server calls it; clearml's own session asks with GET

    def _fault(self) -> bool:
        if self.clearml.fault == "hang":
            self.clearml.released.wait(60)
        elif self.clearml.fault == "garbage":
            self._send(200, b"<html>not ClearML</html>")
        elif self.clearml.fault == "503":
            self._send(503, b'{"meta": {"result_code": 503, "result_msg": "maintenance"}, "data": {}}')
        elif self.clearml.fault:
            self._send(int(self.clearml.fault), b"")
        return bool(self.clearml.fault)

    def _call(self, endpoint: str, body: bytes) -> None:
        try:
            with self.clearml.lock:
                self.clearml.calls.append(endpoint)
                data, code, subcode, message = self._data(endpoint, body), 200, 0, "OK"
        except RefusedError as error:
            data, code, subcode, message = {}, error.code, error.subcode, str(error)
        if endpoint in self.clearml.lose:
            self.clearml.lose.discard(endpoint)
            self.close_connection = True
            return
        meta = {"id": "1", "trx": "1", "result_code": code, "result_subcode": subcode, "result_msg": message}
        meta |= {"endpoint": {"name": endpoint, "requested_version": "2.17", "actual_version": "2.17"}}
        self._send(code, json.dumps({"meta": {**meta, "error_stack": "", "error_data": {}}, "data": data}).encode())

    def _data(self, endpoint: str, body: bytes) -> Fields:
        scheme, _, given = (self.headers.get("authorization") or "").partition(" ")
        if endpoint == "auth.login":
            if given != base64.b64encode(f"{KEY}:{SECRET}".encode()).decode() and given not in self.clearml.tokens:
                raise RefusedError(401, 22, "unauthorized (invalid credentials)")
            token = _token()
            self.clearml.tokens.add(token)
            return {"token": token}
        if scheme != "Bearer" or given not in self.clearml.tokens:
            raise RefusedError(401, 30, "invalid token")
        if "json-lines" in (self.headers.get("content-type") or ""):
            lines = [json.loads(line, parse_constant=_no_constant) for line in body.splitlines() if line]
            return self.clearml.answer(endpoint, lines)
        return self.clearml.answer(endpoint, json.loads(body or b"{}", parse_constant=_no_constant))

    def _send(self, code: int, body: bytes) -> None:
        self.send_response(code)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
