"""What a shared server is asked, and what becomes of its answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines import elsewhere
from pipelines.api import Api
from pipelines.launcher import PrefectLauncher
from tests.unit.pipelines.test_api import FakePrefect, server  # noqa: F401  a fixture
from workbench.errors import EngineError
from workbench.settings import Settings

FILTER = "POST /flow_runs/filter"


class Clock:
    """A clock that is moved by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def run(name: str, state: str, age_s: float = 0.0) -> dict[str, Any]:
    since = datetime.now(UTC) - timedelta(seconds=age_s)
    return {"id": f"id-{name}", "name": name, "state_type": state, "state": {"timestamp": since.isoformat()}}


def launcher(server: FakePrefect, tmp_path: Path) -> PrefectLauncher:  # noqa: F811
    return PrefectLauncher(Settings(workbench_engine_home=tmp_path, prefect_api_url=server.url))


def test_many_who_ask_within_5_s_are_one_request(server: FakePrefect) -> None:  # noqa: F811
    server.answers = {FILTER: [(200, [run("a", "SCHEDULED"), run("b", "PENDING")])]}
    clock = Clock()
    answers = elsewhere.Answers(server.url, clock)
    for _ in range(10):
        assert answers.flow_run("id-a")["state_type"] == "SCHEDULED"
        assert answers.flow_run("id-b")["state_type"] == "PENDING"
    assert len(server.seen) == 2, "one for the first of them, one when the second was new"
    clock.now += elsewhere.EVERY_S
    answers.flow_run("id-a")
    assert len(server.seen) == 3
    assert server.bodies(FILTER)[-1] == {"flow_runs": {"id": {"any_": ["id-a", "id-b"]}}}


def test_a_flow_run_that_nobody_asks_about_any_more_is_forgotten(server: FakePrefect) -> None:  # noqa: F811
    server.answers = {FILTER: [(200, [run("a", "SCHEDULED")])]}
    clock = Clock()
    answers = elsewhere.Answers(server.url, clock)
    answers.flow_run("id-old")
    clock.now += 3600.0
    answers.flow_run("id-a")
    assert server.bodies(FILTER)[-1] == {"flow_runs": {"id": {"any_": ["id-a"]}}}


def test_a_flow_run_that_the_server_does_not_know_is_none(server: FakePrefect) -> None:  # noqa: F811
    server.answers = {FILTER: [(200, [])]}
    assert elsewhere.Answers(server.url).flow_run("id-a") is None


def test_while_the_server_is_silent_its_last_answers_hold_and_it_is_asked_every_5_s(
    server: FakePrefect,  # noqa: F811
) -> None:
    server.answers = {FILTER: [(200, [run("a", "SCHEDULED")]), (500, "away")]}
    clock = Clock()
    answers = elsewhere.Answers(server.url, clock)
    answers.flow_run("id-a")
    clock.now += elsewhere.EVERY_S
    with pytest.raises(EngineError, match="500"):
        answers.flow_run("id-a")
    asked = len(server.seen)
    assert answers.flow_run("id-a")["state_type"] == "SCHEDULED"
    with pytest.raises(EngineError, match="500"):
        answers.flow_run("id-new")
    assert len(server.seen) == asked, "nobody waits for it again"
    server.answers = {FILTER: [(200, [run("a", "RUNNING")])]}
    clock.now += elsewhere.EVERY_S
    assert answers.flow_run("id-a")["state_type"] == "RUNNING"


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "CANCELLING"])
def test_a_launch_that_was_taken_up_a_minute_ago_and_has_not_begun_has_ended(
    server: FakePrefect,  # noqa: F811
    tmp_path: Path,
    state: str,
) -> None:
    server.answers = {FILTER: [(200, [run("a", state, 61.0), run("b", state, 50.0)])]}
    found = launcher(server, tmp_path)
    assert (found.state("id-a"), found.state("id-b")) == ("ended", "active")


def test_a_launch_that_waits_for_a_worker_may_wait_for_days(server: FakePrefect, tmp_path: Path) -> None:  # noqa: F811
    server.answers = {FILTER: [(200, [run("a", "SCHEDULED", 86_400.0)])]}
    assert launcher(server, tmp_path).state("id-a") == "waiting"
    assert launcher(server, tmp_path).state("id-b") == "unknown"


def test_launching_again_gives_the_slot_of_a_dead_launch_back(server: FakePrefect, tmp_path: Path) -> None:  # noqa: F811
    states = [run("train-1-1", "CRASHED"), run("train-1-2", "RUNNING"), run("train-1-3", "PENDING")]
    server.answers = {
        "POST /work_pools/": [(409, {})],
        "POST /flows/": [(200, {"id": "flow"})],
        "POST /deployments/": [(200, {"id": "d"})],
        FILTER: [(200, states)],
        "POST /flow_runs/id-train-1-2/set_state": [(201, {"status": "ACCEPT"})],
        "POST /flow_runs/id-train-1-3/set_state": [(201, {"status": "ACCEPT"})],
        "POST /deployments/d/create_flow_run": [(201, {"id": "new", "state_type": "SCHEDULED"})],
    }
    assert launcher(server, tmp_path).start(tmp_path, "train-1", 4, {}) == "new"
    assert server.bodies(FILTER) == [{"flow_runs": {"name": {"any_": ["train-1-1", "train-1-2", "train-1-3"]}}}]
    closed = [(route, body) for route, body in server.seen if route.endswith("set_state")]
    assert closed == [
        ("POST /flow_runs/id-train-1-2/set_state", {"state": {"type": "CRASHED"}}),
        ("POST /flow_runs/id-train-1-3/set_state", {"state": {"type": "CRASHED"}}),
    ]


def test_more_flow_runs_than_prefect_returns_at_once_are_asked_for_in_parts(server: FakePrefect) -> None:  # noqa: F811
    server.answers = {FILTER: [(200, [run("a", "RUNNING")]), (200, [run("b", "RUNNING")])]}
    with Api(server.url) as api:
        assert [found["name"] for found in api.flow_runs_by_id([f"id-{number}" for number in range(201)])] == ["a", "b"]
    assert [len(body["flow_runs"]["id"]["any_"]) for body in server.bodies(FILTER)] == [200, 1]
