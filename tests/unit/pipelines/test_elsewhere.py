"""What a shared server is asked, and what becomes of its answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines import elsewhere
from pipelines.api import Api
from pipelines.launcher import PrefectLauncher
from tests.unit.pipelines import test_api
from tests.unit.pipelines.test_api import FakePrefect
from workbench.errors import EngineError
from workbench.runs.model import RunResult, RunState
from workbench.settings import Settings
from workbench.workspace import Workspace

Record = Callable[..., str]
server = test_api.server  # a fixture
FILTER = "POST /flow_runs/filter"
REGISTERED = {
    "POST /work_pools/": [(409, {})],
    "POST /flows/": [(200, {"id": "flow"})],
    "POST /deployments/": [(200, {"id": "d"})],
}


class Clock:
    """A clock that is moved by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def run(name: str, state: str, age_s: float = 0.0) -> dict[str, Any]:
    since = datetime.now(UTC) - timedelta(seconds=age_s)
    known = {"id": f"id-{name}", "name": name, "parameters": {}}
    return {**known, "state_type": state, "state": {"timestamp": since.isoformat()}}


def asked(server: FakePrefect) -> list[list[str]]:
    """Return the ids of each request that asked about flow runs by their ids."""
    return [chosen["id"]["any_"] for body in server.bodies(FILTER) if "id" in (chosen := body["flow_runs"])]


def launcher(server: FakePrefect, tmp_path: Path) -> PrefectLauncher:
    return PrefectLauncher(Settings(workbench_engine_home=tmp_path, prefect_api_url=server.url))


def test_many_who_ask_within_5_s_are_one_request(server: FakePrefect) -> None:
    server.answers = {**REGISTERED, FILTER: [(200, [run("a", "SCHEDULED"), run("b", "PENDING")])]}
    clock = Clock()
    answers = elsewhere.Answers(server.url, clock)
    for _ in range(10):
        assert answers.flow_run("id-a")["state_type"] == "SCHEDULED"
        assert answers.flow_run("id-b")["state_type"] == "PENDING"
    assert asked(server) == [["id-a"], ["id-a", "id-b"]], "one for the first of them, one when the second was new"
    clock.now += elsewhere.EVERY_S
    answers.flow_run("id-a")
    assert asked(server)[2:] == [["id-a", "id-b"]]


def test_a_flow_run_that_nobody_asks_about_any_more_is_forgotten(server: FakePrefect) -> None:
    server.answers = {**REGISTERED, FILTER: [(200, [run("a", "SCHEDULED")])]}
    clock = Clock()
    answers = elsewhere.Answers(server.url, clock)
    answers.flow_run("id-old")
    clock.now += 3600.0
    answers.flow_run("id-a")
    assert asked(server)[-1] == ["id-a"]


def test_a_flow_run_that_the_server_does_not_know_is_none(server: FakePrefect) -> None:
    server.answers = {**REGISTERED, FILTER: [(200, [])]}
    assert elsewhere.Answers(server.url).flow_run("id-a") is None


def test_while_the_server_is_silent_its_last_answers_hold_and_it_is_asked_every_5_s(
    server: FakePrefect,
) -> None:
    server.answers = {**REGISTERED, FILTER: [(200, [run("a", "SCHEDULED")]), (500, "away")]}
    clock = Clock()
    answers = elsewhere.Answers(server.url, clock)
    server.answers[FILTER].insert(1, (200, []))  # what it has to sweep
    answers.flow_run("id-a")
    clock.now += elsewhere.EVERY_S
    with pytest.raises(EngineError, match="500"):
        answers.flow_run("id-a")
    asked_before = len(server.seen)
    assert answers.flow_run("id-a")["state_type"] == "SCHEDULED"
    with pytest.raises(EngineError, match="500"):
        answers.flow_run("id-new")
    assert len(server.seen) == asked_before, "nobody waits for it again"
    server.answers = {**REGISTERED, FILTER: [(200, [run("a", "RUNNING")])]}
    clock.now += elsewhere.EVERY_S
    assert answers.flow_run("id-a")["state_type"] == "RUNNING"


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "CANCELLING"])
def test_a_launch_that_was_taken_up_a_minute_ago_and_has_not_begun_has_ended(
    server: FakePrefect,
    tmp_path: Path,
    state: str,
) -> None:
    server.answers = {**REGISTERED, FILTER: [(200, [run("a", state, 61.0), run("b", state, 50.0)])]}
    found = launcher(server, tmp_path)
    assert (found.state("id-a"), found.state("id-b")) == ("ended", "active")


def test_a_launch_that_waits_for_a_worker_may_wait_for_days(server: FakePrefect, tmp_path: Path) -> None:
    server.answers = {**REGISTERED, FILTER: [(200, [run("a", "SCHEDULED", 86_400.0)])]}
    assert launcher(server, tmp_path).state("id-a") == "waiting"
    assert launcher(server, tmp_path).state("id-b") == "unknown"


def flow_run(workspace: Workspace, run_id: str, launch: int = 1) -> dict[str, Any]:
    parameters = {"workspace": str(workspace.paths.root), "run_id": run_id, "launch": launch}
    return {**run(f"{run_id}-{launch}", "RUNNING"), "parameters": parameters}


def swept(server: FakePrefect, *runs: dict[str, Any]) -> dict[str, str]:
    """Sweep flow runs and return what state each of them was put in."""
    server.answers[FILTER] = [(200, list(runs))]
    routes = {f"POST /flow_runs/{one['id']}/set_state": one["name"] for one in runs}
    server.answers |= {route: [(201, {"status": "ACCEPT"})] for route in routes}
    server.seen.clear()
    with Api(server.url) as api:
        elsewhere.sweep(api, "d")
    return {routes[route]: body["state"]["type"] for route, body in server.seen if route in routes}


def test_a_flow_run_is_closed_when_its_run_has_ended(
    server: FakePrefect, workspace: Workspace, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashed, completed, running = record(), record(), record()
    for run_id in (crashed, completed, running):
        workspace.ledger.launched(run_id, 1, "x")
        workspace.ledger.move(run_id, RunState.RUNNING, "attempt-1", attempt=1)
    workspace.ledger.move(crashed, RunState.CRASHED, "supervisor")
    workspace.ledger.complete(completed, RunResult(run=completed, attempt=1), "attempt-1")
    runs = [flow_run(workspace, run_id) for run_id in (crashed, completed, running)]
    assert swept(server, *runs) == {}, "whoever has just ended them may yet tell the server himself"
    monkeypatch.setattr(elsewhere, "_TELLS_S", 0.0)
    assert swept(server, *runs) == {f"{crashed}-1": "CRASHED", f"{completed}-1": "COMPLETED"}


def test_a_flow_run_is_closed_when_its_run_was_queued_or_launched_anew(
    server: FakePrefect, workspace: Workspace, record: Record
) -> None:
    run_id = record()
    workspace.ledger.launched(run_id, 1, "x")
    workspace.ledger.move(run_id, RunState.RUNNING, "attempt-1", attempt=1)
    workspace.ledger.move(run_id, RunState.QUEUED, "supervisor", after="crashed")
    first, second = flow_run(workspace, run_id, 1), flow_run(workspace, run_id, 2)
    assert swept(server, first, second) == {f"{run_id}-1": "CRASHED"}, "the second is being made at this moment"
    workspace.ledger.launched(run_id, 2, "y")
    assert swept(server, first, second) == {f"{run_id}-1": "CRASHED"}


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"workspace": "relative", "run_id": "train-1"},
        {"workspace": "/nowhere/at/all", "run_id": "train-1"},
        {"workspace": "/", "run_id": "train-1", "launch": "soon"},
    ],
)
def test_a_flow_run_of_which_nothing_is_known_here_is_left_alone(
    server: FakePrefect, parameters: dict[str, Any]
) -> None:
    assert swept(server, {**run("a", "RUNNING"), "parameters": parameters}) == {}


def test_slots_are_given_back_before_a_run_is_launched_again_and_while_runs_wait(
    server: FakePrefect, workspace: Workspace, record: Record, tmp_path: Path
) -> None:
    run_id = record()
    workspace.ledger.launched(run_id, 1, "x")
    workspace.ledger.move(run_id, RunState.CRASHED, "supervisor")
    workspace.ledger.move(run_id, RunState.QUEUED, "resume")
    close = f"POST /flow_runs/id-{run_id}-1/set_state"
    server.answers = {
        **REGISTERED,
        FILTER: [(200, [flow_run(workspace, run_id)])],
        close: [(201, {"status": "ACCEPT"})],
        "POST /deployments/d/create_flow_run": [(201, {"id": "new", "state_type": "SCHEDULED"})],
    }
    found = launcher(server, tmp_path)
    found.start(workspace.paths.root, run_id, 2, {})
    routes = [route for route, _ in server.seen]
    assert routes.index(close) < routes.index("POST /deployments/d/create_flow_run")
    server.seen.clear()
    found.state("id-waiting")
    assert close in [route for route, _ in server.seen]


def test_more_flow_runs_than_prefect_returns_at_once_are_asked_for_in_parts(server: FakePrefect) -> None:
    server.answers = {**REGISTERED, FILTER: [(200, [run("a", "RUNNING")]), (200, [run("b", "RUNNING")])]}
    with Api(server.url) as api:
        assert [found["name"] for found in api.flow_runs_by_id([f"id-{number}" for number in range(201)])] == ["a", "b"]
    assert [len(ids) for ids in asked(server)] == [200, 1]
