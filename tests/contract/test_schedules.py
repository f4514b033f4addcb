"""Schedules against a real Prefect server and worker, with a stand-in for the runs that they start."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipelines import engine, entries, timetable, variables
from pipelines.api import Api
from pipelines.timetable import PrefectScheduler
from tests.contract.stand_in import engine_members, stand_in
from tests.waiting import until
from workbench.paths import WorkspacePaths
from workbench.processes import members
from workbench.schedules import files
from workbench.schedules.collection import Schedules
from workbench.schedules.cron import Cron
from workbench.schedules.model import Schedule
from workbench.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

NEVER_SOON = "0 0 1 1 *"
# Every Python that the engine starts imports this first; only a schedule's process imports what it puts there.
STAND_IN = """
import os, sys, time, types
from pathlib import Path

class Workspace:
    def __init__(self, path):
        from workbench import settings
        from workbench.paths import WorkspacePaths
        self.paths, self.settings = WorkspacePaths(Path(path)), settings.load()

    def notebook(self, path, parameters, **filing):
        with Path(self.paths.root, filing["name"] + ".txt").open("a") as diary:
            print(time.time(), os.environ.get("WORKBENCH_TEST_SEES"), self.settings.prefect_api_url, file=diary)
        return types.SimpleNamespace(id="run-of-" + filing["name"])

module = types.ModuleType("workbench.workspace")
module.Workspace = Workspace
sys.modules["workbench.workspace"] = module
"""


class House:
    """One engine, and one workspace whose schedules it wakes."""

    def __init__(self, root: Path, settings: Settings) -> None:
        self.settings = settings
        self.paths = WorkspacePaths(root / "ws")
        self.paths.root.mkdir()
        self.scheduler = PrefectScheduler(self.settings)
        self.schedules = Schedules(SimpleNamespace(paths=self.paths, settings=self.settings), self.scheduler)

    def add(self, name: str, cron: str = NEVER_SOON, **fields: Any) -> str:
        """Add a schedule and return its deployment."""
        record = {"name": name, "notebook": "/n.ipynb", "cron": cron, "timezone": "UTC", **fields}
        self.schedules.add(Schedule(**record))
        return self.deployments()[entries.key(self.paths.root, name)]

    def api(self) -> Api:
        return Api(engine.ensure(self.settings).api_url)

    def deployments(self) -> dict[str, str]:
        with self.api() as api:
            return api.deployments(timetable.FLOW)

    def waiting(self, deployment: str) -> list[dict[str, Any]]:
        with self.api() as api:
            return api.flow_runs(deployment, ["SCHEDULED"])

    def begin(self, deployment: str, due: datetime) -> None:
        """Have a schedule woken at ``due``, as if its cron said so."""
        with self.api() as api:
            api.create_flow_run(deployment, f"{deployment} {due}", {}, {}, due)
        engine.wake(self.settings.engine)

    def diary(self, name: str) -> list[list[str]]:
        path = self.paths.root / f"{name}.txt"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def members(self) -> list[int]:
        return engine_members(self.settings)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    root = tmp_path_factory.mktemp("house")
    with stand_in(root, STAND_IN) as settings:
        yield House(root, settings)


def test_a_schedule_fires_within_two_seconds_in_the_environment_of_whoever_added_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_TEST_SEES", "keys")
    deployment = house.add("exact")
    monkeypatch.delenv("WORKBENCH_TEST_SEES")
    due = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=14)
    house.begin(deployment, due)
    until(lambda: house.diary("exact"), timeout_s=40)
    at, sees, server = house.diary("exact")[0]
    print(f"lateness {float(at) - due.timestamp():.2f} s")
    assert 0 <= float(at) - due.timestamp() < 2
    assert (sees, server) == ("keys", "None")
    until(lambda: house.schedules.get("exact").last.run == "run-of-exact")
    assert datetime.fromisoformat(house.schedules.get("exact").last.due) == due


def test_what_the_engine_keeps_is_private_and_not_in_the_workspace(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "secret-123")
    house.add("private")
    file = entries.file_of(house.settings.engine, entries.key(house.paths.root, "private"))
    assert file.stat().st_mode & 0o777 == 0o600
    assert "secret-123" in file.read_text()
    assert "secret-123" not in files.file_of(house.paths, "private").read_text()


def test_an_hour_of_missed_minutes_fires_once_for_the_last_of_them(house: House) -> None:
    created = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    worker = engine.ensure(house.settings).worker_pid or 0
    os.kill(worker, signal.SIGSTOP)
    try:
        deployment = house.add("missed", "* * * * *", created_at=created)
        now = datetime.now(UTC).replace(second=0, microsecond=0)
        with house.api() as api:
            hour = {"start_time": (now - timedelta(hours=1)).isoformat(), "end_time": now.isoformat()}
            api._call("POST", f"/deployments/{deployment}/schedule", {**hour, "min_runs": 60, "max_runs": 60})
        assert len(house.waiting(deployment)) >= 60
    finally:
        os.kill(worker, signal.SIGCONT)
    until(lambda: house.diary("missed"), timeout_s=40)
    until(lambda: not [run for run in house.waiting(deployment) if _due(run) <= now], timeout_s=10)
    # A minute may turn while this test runs; that one fires too.
    assert len(house.diary("missed")) <= 1 + (datetime.now(UTC) - now) // timedelta(minutes=1)
    house.schedules.remove("missed")


def test_removing_a_schedule_leaves_nothing_not_even_the_process_that_waits_for_its_time(house: House) -> None:
    deployment = house.add("gone", "* * * * *")
    assert house.waiting(deployment)
    house.begin(deployment, datetime.now(UTC) + timedelta(seconds=9))
    until(lambda: _jobs(house, deployment))
    jobs = _jobs(house, deployment)
    house.schedules.remove("gone")
    assert deployment not in house.deployments().values()
    with house.api() as api:
        assert api.flow_runs(deployment, ["SCHEDULED", "PENDING", "RUNNING", "COMPLETED"]) == []
    assert not files.file_of(house.paths, "gone").exists()
    assert not entries.file_of(house.settings.engine, entries.key(house.paths.root, "gone")).exists()
    until(lambda: not set(jobs) & set(house.members()), timeout_s=15)
    assert house.diary("gone") == []


def test_after_the_engine_was_down_schedules_are_back_and_what_was_missed_fires_once(house: House) -> None:
    last_year = (datetime.now(UTC) - timedelta(days=400)).isoformat()
    house.add("yearly", NEVER_SOON, created_at=last_year)
    house.add("removed-by-hand")
    engine.stop(house.settings, grace_s=10)
    assert not house.scheduler.watch(house.paths.root).alive
    files.file_of(house.paths, "removed-by-hand").unlink()
    for trace in house.settings.engine.prefect_home.glob("prefect.db*"):
        trace.unlink()
    engine.ensure(house.settings)
    until(lambda: house.diary("yearly"))
    known = house.scheduler.watch(house.paths.root)
    assert known.alive
    assert known.names == {schedule.name for schedule in house.schedules.all()}
    assert "removed-by-hand" not in known.names
    until(lambda: house.schedules.get("yearly").last.run)
    with house.api() as api:
        timetable.restore(api, house.settings.engine)
    waiting = house.waiting(house.deployments()[entries.key(house.paths.root, "yearly")])
    assert [run for run in waiting if _due(run) <= datetime.now(UTC)] == []
    assert len(house.diary("yearly")) == 1


@pytest.mark.parametrize(
    ("zone", "start"),
    [
        ("Europe/Berlin", "2027-03-27T12:00+00:00"),
        ("Europe/Berlin", "2027-10-30T12:00+00:00"),
        ("Australia/Lord_Howe", "2027-10-02T03:00+00:00"),
    ],
)
def test_the_server_writes_the_times_that_we_show_where_clocks_are_changed(house: House, zone: str, start: str) -> None:
    begin, three_days, cron = datetime.fromisoformat(start), timedelta(days=3), "15 2 * * *"
    deployment = house.add("clocks", cron, timezone=zone)
    with house.api() as api:
        span = {"start_time": start, "end_time": (begin + three_days).isoformat(), "max_runs": 3}
        api._call("POST", f"/deployments/{deployment}/schedule", span)
    written = sorted(due for run in house.waiting(deployment) if begin < (due := _due(run)) < begin + three_days)
    house.schedules.remove("clocks")
    assert written == [one.astimezone(UTC) for one in Cron(cron, zone).after(begin, 3)]


def test_prefect_reads_our_rules_as_we_do_also_where_clocks_are_changed() -> None:
    from prefect.server.schemas.schedules import CronSchedule

    draw = random.Random(3)
    spring, autumn = datetime(2026, 3, 28, 20, tzinfo=UTC), datetime(2026, 10, 24, 20, tzinfo=UTC)
    texts = ["30 2 * * *", "0 3 * * *", "*/20 * * * *", "0 2-3 * * *", "35 11 */10 * *", "50-50 4 15 * *"]
    texts += ["0 0 31 * *", "* 5 31 2,11 mon-sat", "0 0 */2 * mon", "0 12 13 * fri", "0 0 29 2 *", "@weekly"]
    for text in texts:
        for start in (spring, autumn, datetime(2026, 2, 27, 9, 1, 54, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)):
            zone = draw.choice(("Europe/Berlin", "America/New_York", "Asia/Seoul", "Australia/Lord_Howe"))
            zone = "Europe/Berlin" if start in {spring, autumn} else zone
            cron = Cron(text, zone)
            theirs: set[datetime] = set()
            for rule in cron.rules():
                schedule = CronSchedule(cron=rule.cron, timezone=zone, day_or=rule.day_or)
                found = asyncio.run(schedule.get_dates(n=40, start=start + timedelta(seconds=1)))
                theirs.update(one.astimezone(UTC) for one in found)
            ours = [one.astimezone(UTC) for one in cron.after(start, 12)]
            assert ours == sorted(theirs)[:12], (text, zone, start)


def _due(run: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(run["expected_start_time"])


def _jobs(house: House, deployment: str) -> list[int]:
    with house.api() as api:
        runs = api.flow_runs(deployment, ["PENDING"])
    marks = [{variables.FLOW_RUN: run["id"]} for run in runs]
    return [process.pid for mark in marks for process in members(mark)]
