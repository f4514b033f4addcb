"""A ClearML server, through its REST API.

What lives here: one task on a server, each call bounded and answered before it returns. What does not: what is sent
(``records``), where the address and the key come from (``tracker``).

clearml's own session is not used: it tries 240 times with up to two minutes between, and for ever while the server is
in maintenance or its certificate is refused; and its logger takes no time of measurement and sends from a thread.

A server keeps one event for each task, metric, variant and iteration (the latest that it was sent), and one artifact
for each key: what is sent twice counts once. Only lines of the log have no key, so they are looked up first.
"""

from __future__ import annotations

import base64
import re
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import orjson

from workbench.errors import TrackerError
from workbench.tracking.base import EndState
from workbench.tracking.clearml.records import Fields, location, named

_TASKS_PAGE = (2, 31)  # from here on, experiments are called tasks in the addresses of pages
_VERSION = "v2.17"  # of the API: of 2022; newer servers answer it
_TIMEOUT = httpx.Timeout(20.0, connect=5.0)
_UPLOAD_TIMEOUT = httpx.Timeout(20.0, connect=5.0, read=300.0)  # a large file is stored before it is answered
_EVENTS, _LINES = 2000, 5000  # a request
# Subcodes of 400 that say "not now": the task or the project was changed meanwhile, the index did not write.
_RACED, _NOT_ADDED = frozenset({121, 801}), 131
_DONE: dict[EndState, str] = {
    "completed": "tasks.completed",
    "failed": "tasks.failed",
    "crashed": "tasks.failed",
    "cancelled": "tasks.stopped",
}
_LATER = "Nothing is lost: what is missing is sent later, or by `workbench trackers sync`."


@dataclass(frozen=True)
class Address:
    """Where a ClearML server is, and who calls.

    Attributes:
        api: URL of the API server.
        files: URL where files go: the file server, or any storage that ``store`` takes.
        web: URL of the web server; empty when it cannot be told.
        key: the access key.
        secret: the secret key.
        verify: whether certificates are checked, or those that are trusted.
        store: uploads a file to a URL that is not http.
    """

    api: str
    files: str
    web: str
    key: str
    secret: str
    verify: bool | ssl.SSLContext
    store: Callable[[Path, str], None]

    def __repr__(self) -> str:
        return f"Address(api={self.api!r})"


class Server:
    """One task on a ClearML server.

    Args:
        address: of the server.

    Raises:
        TrackerError: from every method: when the server does not answer in time or with something else than ClearML
            would (``retry`` is True), or refuses (False).
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._client = httpx.Client(timeout=_TIMEOUT, verify=address.verify)
        self._token, self._task, self._project, self._folder = "", "", "", ""

    def begin(self, fields: Fields, project: str, tag: str, remote: str | None) -> str:
        """Go on with the task ``remote``, or the one with the tag ``tag``, or create it; return its id."""
        found = self._found(id=[remote]) if remote else None
        found = found or self._found(tags=[tag])
        if found is None:
            self._project = self._ensured(named(project))
            self._task = str(self._call("tasks.create", project=self._project, **fields)["id"])
        else:
            self._task, self._project = found["id"], found.get("project") or ""
            self._go_on(fields, found)
        self._folder = location(project, self._task)
        # Of a task that had ended, ClearML allows this only by force.
        self._call("tasks.started", task=self._task, force=True, status_reason="running")
        return self._task

    def report(self, events: Sequence[Fields]) -> None:
        """Add events; one that is there already is replaced."""
        for first in range(0, len(events), _EVENTS):
            body = b"\n".join(orjson.dumps({**event, "task": self._task}) for event in events[first : first + _EVENTS])
            told = self._answer("events.add_batch", body, "application/json-lines")
            if told.get("errors"):
                raise _error(
                    f"ClearML took {told.get('added')} events and refused {told['errors']}: {told.get('errors_info')}.",
                    "A server that stores every event.",
                    retry=True,
                )

    def note(self, lines: Sequence[Fields]) -> None:
        """Add lines to the log, less those that are there."""
        if lines:
            known = self._logged(min(line["timestamp"] for line in lines), max(line["timestamp"] for line in lines))
            self.report([line for line in lines if (line["timestamp"], line["msg"]) not in known])

    def upload(self, file: Path, place: str) -> tuple[str, str]:
        """Put a file where files go; return its path there, and its URL."""
        place = f"{self._folder}/{place}"
        url = f"{self._address.files}/{quote(place)}"
        if not self._address.files.startswith(("http://", "https://")):
            self._address.store(file, url)
            return place, url
        with file.open("rb") as stream, _answered(self._address.files):
            answer = self._client.post(
                self._address.files,
                files={place: (place, stream)},
                headers={"Authorization": f"Bearer {self._token}"},
                timeout=_UPLOAD_TIMEOUT,
            )
        if answer.status_code != httpx.codes.OK:
            raise _error(
                f"The file server '{self._address.files}' answered {answer.status_code} to '{file.name}'.",
                "A ClearML file server at CLEARML_FILES_HOST.",
                retry=answer.status_code not in (401, 403, 413),
            )
        return place, url

    def attach(self, artifact: Fields) -> None:
        """Add an artifact to the task, in the place of one with the same key."""
        self._call("tasks.add_or_update_artifacts", task=self._task, artifacts=[artifact], force=True)

    def register(self, model: Fields, alias: str) -> None:
        """Make the task's version of a model, or bring it up to date, and take the alias from any other version."""
        same = {"name": f"^{re.escape(model['name'])}$", "only_fields": ["id", "tags"]}
        mine = self._call("models.get_all", **same, task=[self._task])["models"]
        fields = {**model, "task": self._task, "project": self._project}
        said = fields.pop("metadata")
        if mine:
            chosen = mine[0]["id"]
            self._call("models.edit", model=chosen, **fields)
        else:
            chosen = self._call("models.create", **fields)["id"]
        self._call("models.add_or_update_metadata", model=chosen, metadata=said)
        self._call("tasks.add_or_update_model", task=self._task, name=model["name"], type="output", model=chosen)
        for other in self._call("models.get_all", **same, tags=[alias], project=[self._project])["models"]:
            if other["id"] != chosen:
                self._call("models.edit", model=other["id"], tags=[word for word in other["tags"] if word != alias])

    def end(self, state: EndState, reason: str) -> None:
        """Leave the task in its terminal state, whatever state it is in."""
        told = {"status_reason": state, "status_message": reason}
        self._call(_DONE[state], task=self._task, force=True, **told)

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    @property
    def url(self) -> str | None:
        """The page of the task."""
        if not self._task or not self._address.web:
            return None
        tasks = "tasks" if _version(self._token) >= _TASKS_PAGE else "experiments"
        return f"{self._address.web}/projects/{self._project or '*'}/{tasks}/{self._task}/output/log"

    def _found(self, **query: Any) -> Fields | None:
        fields = ["id", "project", "status", "tags", "comment"]
        tasks = self._call("tasks.get_all", only_fields=fields, order_by=["created"], **query)["tasks"]
        return dict(tasks[0]) if tasks else None

    def _go_on(self, fields: Fields, found: Fields) -> None:
        if found.get("status") in ("published", "publishing"):
            raise _error(
                f"The ClearML task '{self._task}' is published, and takes nothing more.",
                "A task that is not published before its run has ended.",
                retry=False,
            )
        # A person may have put tags to the task, and a remark.
        tags = list(dict.fromkeys([*(found.get("tags") or []), *fields["tags"]]))
        comment = found.get("comment") or fields["comment"]
        kept = {name: value for name, value in fields.items() if name not in ("name", "type")}
        self._call("tasks.edit", task=self._task, force=True, **{**kept, "tags": tags, "comment": comment})

    def _ensured(self, project: str) -> str:
        query = {"name": f"^{re.escape(project)}$", "only_fields": ["id", "name"], "search_hidden": True}
        found = self._call("projects.get_all", **query)["projects"]
        return str((found or [self._call("projects.create", name=project, description="")])[0]["id"])

    def _logged(self, first: int, last: int) -> set[tuple[int, str]]:
        lines: set[tuple[int, str]] = set()
        since = first - 1
        while since < last:
            page = {"batch_size": _LINES, "navigate_earlier": False, "from_timestamp": since}
            events = self._call("events.get_task_log", task=self._task, **page)["events"]
            lines |= {(event["timestamp"], event.get("msg", "")) for event in events}
            since = max((event["timestamp"] for event in events), default=last)
        return lines

    def _call(self, endpoint: str, **fields: Any) -> Fields:
        return self._answer(endpoint, orjson.dumps(fields), "application/json")

    def _answer(self, endpoint: str, body: bytes, kind: str) -> Fields:
        self._token = self._token or self._login()
        answer = self._post(endpoint, body, kind)
        if answer.status_code == httpx.codes.UNAUTHORIZED:  # a token lives for hours, a run for days
            self._token = self._login()
            answer = self._post(endpoint, body, kind)
        return self._data(answer, endpoint)

    def _post(self, endpoint: str, body: bytes, kind: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": kind}
        with _answered(self._address.api):
            return self._client.post(f"{self._address.api}/{_VERSION}/{endpoint}", content=body, headers=headers)

    def _login(self) -> str:
        with _answered(self._address.api):
            answer = self._client.post(
                f"{self._address.api}/{_VERSION}/auth.login",
                json={},
                auth=(self._address.key, self._address.secret),
            )
        return str(self._data(answer, "auth.login")["token"])

    def _data(self, answer: httpx.Response, endpoint: str) -> Fields:
        meta, data = _opened(answer)
        if answer.status_code == httpx.codes.OK and meta:
            return data
        told = str(meta.get("result_msg", ""))
        if answer.status_code in (401, 403) or (answer.status_code == httpx.codes.BAD_REQUEST and meta):
            raise self._refused(answer.status_code, endpoint, told, meta.get("result_subcode"))
        raise _error(
            f"'{self._address.api}' answered {answer.status_code} to {endpoint}: {told or answer.text[:80]!r}.",
            "A ClearML API server at CLEARML_API_HOST.",
            f"Correct CLEARML_API_HOST, or see after the server. {_LATER}",
            retry=True,
        )

    def _refused(self, status: int, endpoint: str, told: str, subcode: Any) -> TrackerError:
        said = f"ClearML at '{self._address.api}' refused {endpoint} with {status}: {told or 'no reason given'}."
        if status == httpx.codes.BAD_REQUEST and endpoint != "auth.login":
            # An index that cannot write for a while is told like an event that is wrong.
            later = subcode in _RACED or (subcode == _NOT_ADDED and "nvalid" not in told)
            return _error(said, "A request that the server takes.", retry=later)
        return _error(
            said,
            "An access key and a secret key of this server, with the right to write.",
            "Make new ones in its web page under Settings, Workspace, and set CLEARML_API_ACCESS_KEY and "
            "CLEARML_API_SECRET_KEY; then `workbench trackers sync`.",
            retry=False,
        )


def _version(token: str) -> tuple[int, ...]:
    """Return the version of the API that the server speaks, as its token tells; empty when it does not."""
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        return tuple(int(part) for part in str(claims["api_version"]).split("."))
    except (ValueError, IndexError, KeyError, TypeError):
        return ()


def _opened(answer: httpx.Response) -> tuple[Fields, Fields]:
    """Return ``(meta, data)`` of an answer; both are empty when it is none of ClearML's."""
    try:
        told = answer.json()
        meta, data = dict(told["meta"]), dict(told.get("data") or {})
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}, {}
    return meta, data


@contextmanager
def _answered(address: str) -> Iterator[None]:
    """Turn what a connection may raise into a ``TrackerError`` that says to try again."""
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise _error(
            f"ClearML at '{address}' did not answer: {type(error).__name__} {error}".rstrip() + ".",
            "A server that answers within 20 s.",
            f"Start it, or correct CLEARML_API_HOST and CLEARML_FILES_HOST. {_LATER}",
            retry=True,
        ) from error


def _error(happened: str, expected: str, todo: str = _LATER, *, retry: bool) -> TrackerError:
    return TrackerError(happened, expected, todo, backend="clearml", retry=retry)
