"""The REST client against a real server on the loopback, which answers as Prefect does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from pipelines.api import RETRIES, Api
from pipelines.registration import register
from workbench.errors import EngineError


@dataclass
class FakePrefect:
    """Answers by method and path; a list of answers is used up one by one, the last one stays."""

    answers: dict[str, list[tuple[int, Any]]]
    url: str = ""
    seen: list[tuple[str, Any]] = field(default_factory=list)

    def bodies(self, route: str) -> list[Any]:
        return [body for seen, body in self.seen if seen == route]


@pytest.fixture
def server() -> Iterator[FakePrefect]:
    fake = FakePrefect({})

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            route = f"{self.command} {self.path.removeprefix('/api')}"
            fake.seen.append((route, json.loads(body) if body else None))
            answers = fake.answers.get(route, [(404, {"detail": "Not Found"})])
            status, data = answers.pop(0) if len(answers) > 1 else answers[0]
            payload = json.dumps(data).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{httpd.server_address[1]}/api"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield fake
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def api(server: FakePrefect, slept: list[float] | None = None) -> Api:
    return Api(server.url, timeout_s=2, sleep=(slept if slept is not None else []).append)


def test_registering_creates_pool_flow_and_deployment_and_returns_the_deployments_id(server: FakePrefect) -> None:
    server.answers = {
        "POST /work_pools/": [(201, {"id": "pool"})],
        "POST /flows/": [(200, {"id": "flow-1"})],
        "POST /deployments/": [(200, {"id": "deployment-1"})],
    }
    assert register(api(server)) == "deployment-1"
    assert server.bodies("POST /work_pools/") == [{"name": "workbench", "type": "process"}]
    (deployment,) = server.bodies("POST /deployments/")
    assert deployment["flow_id"] == "flow-1"
    assert deployment["entrypoint"] == "pipelines.flows.run_job"
    assert deployment["work_pool_name"] == "workbench"


def test_a_work_pool_that_exists_already_is_fine(server: FakePrefect) -> None:
    server.answers = {"POST /work_pools/": [(409, {"detail": "exists"})]}
    api(server).ensure_work_pool("workbench")
    assert len(server.seen) == 1


def test_a_flow_run_is_due_now_and_carries_its_key(server: FakePrefect) -> None:
    server.answers = {"POST /deployments/d/create_flow_run": [(201, {"id": "run-1"})]}
    assert api(server).create_flow_run("d", "train-1-1", {"run_id": "train-1"}, {"command": "x"})["id"] == "run-1"
    (body,) = server.bodies("POST /deployments/d/create_flow_run")
    assert body["idempotency_key"] == "train-1-1"
    assert body["state"] == {"type": "SCHEDULED"}
    assert body["parameters"] == {"run_id": "train-1"}
    assert body["job_variables"] == {"command": "x"}


def test_a_flow_run_that_is_due_later_says_when(server: FakePrefect) -> None:
    server.answers = {"POST /deployments/d/create_flow_run": [(201, {"id": "run-1"})]}
    api(server).create_flow_run("d", "k", {}, {}, datetime(2026, 11, 24, 2, 0, tzinfo=UTC))
    (body,) = server.bodies("POST /deployments/d/create_flow_run")
    assert body["state"]["state_details"] == {"scheduled_time": "2026-11-24T02:00:00+00:00"}


def test_deployments_are_read_page_by_page(server: FakePrefect) -> None:
    pages = [[{"name": f"d{page}-{row}", "id": f"{row}"} for row in range(size)] for page, size in ((1, 200), (2, 3))]
    server.answers = {"POST /deployments/filter": [(200, page) for page in pages]}
    assert len(api(server).deployments("fire")) == 203
    assert [body["offset"] for body in server.bodies("POST /deployments/filter")] == [0, 200]


def test_a_deleted_deployment_takes_all_its_flow_runs_along_and_may_be_gone_already(server: FakePrefect) -> None:
    server.answers = {
        "DELETE /deployments/d": [(404, {"detail": "Not Found"})],
        "POST /flow_runs/bulk_delete": [(200, {"deleted": ["a", "b"]}), (200, {"deleted": []})],
    }
    api(server).delete_deployment("d")
    bodies = server.bodies("POST /flow_runs/bulk_delete")
    assert bodies == [{"flow_runs": {"deployment_id": {"any_": ["d"]}}}] * 2


def test_only_flow_runs_in_the_states_that_were_named_are_deleted(server: FakePrefect) -> None:
    server.answers = {"POST /flow_runs/bulk_delete": [(200, {"deleted": []})]}
    api(server).delete_flow_runs("d", ["SCHEDULED"])
    (body,) = server.bodies("POST /flow_runs/bulk_delete")
    assert body["flow_runs"]["state"] == {"type": {"any_": ["SCHEDULED"]}}


def test_a_busy_server_is_asked_again_a_little_later_each_time(server: FakePrefect) -> None:
    server.answers = {"GET /flow_runs/r": [(503, {}), (503, {}), (200, {"state_type": "RUNNING"})]}
    slept: list[float] = []
    found = api(server, slept).flow_run("r")
    assert found == {"state_type": "RUNNING"}
    assert slept == sorted(slept)
    assert len(slept) == 2


def test_a_server_that_stays_busy_is_an_error_with_its_status_and_answer(server: FakePrefect) -> None:
    server.answers = {"GET /flow_runs/r": [(503, {"exception_message": "Service Unavailable"})]}
    with pytest.raises(EngineError, match=r"answered 503 to GET /flow_runs/r: .*Service Unavailable") as caught:
        api(server).flow_run("r")
    assert caught.value.fields["status"] == 503
    assert len(server.seen) == RETRIES


def test_a_refusal_is_not_repeated(server: FakePrefect) -> None:
    server.answers = {"POST /flows/": [(422, {"detail": "name: too long"})]}
    with pytest.raises(EngineError, match=r"answered 422 to POST /flows/: .*too long"):
        api(server).ensure_deployment("f", "m.f", "p", {})
    assert len(server.seen) == 1


def test_an_unknown_flow_run_is_none_and_cancelling_it_is_no_error(server: FakePrefect) -> None:
    assert api(server).flow_run("nope") is None
    assert api(server).set_flow_run_state("nope", "CANCELLING") == "NOT_FOUND"


def test_cancelling_returns_what_the_server_made_of_it(server: FakePrefect) -> None:
    server.answers = {"POST /flow_runs/r/set_state": [(200, {"status": "REJECT", "state": {"type": "CANCELLED"}})]}
    assert api(server).set_flow_run_state("r", "CANCELLING") == "REJECT"
    assert server.bodies("POST /flow_runs/r/set_state") == [{"state": {"type": "CANCELLING"}}]


def test_a_pool_without_workers_or_without_existence_has_no_workers(server: FakePrefect) -> None:
    assert api(server).workers("workbench") == []
    server.answers = {"POST /work_pools/workbench/workers/filter": [(200, [{"name": "w", "status": "ONLINE"}])]}
    assert api(server).workers("workbench") == [{"name": "w", "status": "ONLINE"}]


def test_health_is_a_yes_or_no(server: FakePrefect) -> None:
    assert not api(server).healthy(1)
    server.answers = {"GET /health": [(200, True)]}
    assert api(server).healthy(1)


def test_a_server_that_is_not_there_is_named_in_the_error(server: FakePrefect) -> None:
    away = Api("http://127.0.0.1:1/api", timeout_s=1, sleep=lambda _: None)
    assert not away.healthy(1)
    with pytest.raises(EngineError, match=r"http://127\.0\.0\.1:1/api does not answer: ConnectError"):
        away.flow_run("r")


def test_a_proxy_of_the_shell_does_not_catch_calls_to_this_machine(
    server: FakePrefect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    server.answers = {"GET /health": [(200, True)]}
    assert api(server).healthy(1)
