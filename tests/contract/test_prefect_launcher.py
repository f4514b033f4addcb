"""The launcher against a real Prefect server and worker, with a stand-in for the work of a job."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from pipelines import engine, remains
from pipelines.launcher import PrefectLauncher
from tests.contract.stand_in import engine_members, stand_in
from tests.waiting import until
from workbench.processes import identify
from workbench.runs.supervision.remains import holder
from workbench.settings import Settings, environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

# Every Python that the engine starts imports this first; only a job imports what it puts there.
STAND_IN = """
import os, subprocess, sys, time, types
from pathlib import Path

def execute(workspace, run_id, launch, cancelled):
    diary = Path(workspace, run_id + ".txt").open("a", buffering=1)
    print("pid", os.getpid(), os.environ.get("WORKBENCH_TEST_SEES"), file=diary)
    if run_id.startswith("long"):
        kernel = subprocess.Popen(["sleep", "600"], start_new_session=True)
        print("kernel", kernel.pid, file=diary)
        try:
            time.sleep(600)
        except BaseException as error:
            kernel.terminate()
            kernel.wait()
            print("saved", type(error).__name__, file=diary)
            print("cancelled", cancelled(), file=diary)
            raise
    print("done", file=diary)

module = types.ModuleType("workbench.runs.execute")
module.execute = execute
sys.modules["workbench.runs.execute"] = module
"""


class House:
    """One engine with a folder for the diaries of its jobs."""

    def __init__(self, root: Path, settings: Settings) -> None:
        self.workspace = root
        self.settings = settings
        self.launcher = PrefectLauncher(self.settings)

    def diary(self, run_id: str) -> str:
        path = self.workspace / f"{run_id}.txt"
        return path.read_text() if path.exists() else ""

    def start(self, run_id: str, word: str) -> tuple[str, int]:
        """Start a run, wait until its job has written ``word`` and return launch id and pid of the job."""
        launch_id = self.launch(run_id)
        until(lambda: word in self.diary(run_id))
        return launch_id, int(self.diary(run_id).split()[1])

    def launch(self, run_id: str, number: int = 1) -> str:
        return self.launcher.start(self.workspace, run_id, number, environment())

    def ended(self, launch_id: str) -> bool:
        return self.launcher.state(launch_id) == "ended"

    def members(self) -> list[int]:
        return engine_members(self.settings)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    root = tmp_path_factory.mktemp("house")
    with stand_in(root, STAND_IN) as settings:
        yield House(root, settings)


def test_a_run_is_executed_once_in_the_environment_of_its_launcher(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.ensure(house.settings)
    monkeypatch.setenv("WORKBENCH_TEST_SEES", "set-after-the-engine-was-started")
    launch_id, _ = house.start("short-1", "done")
    assert house.launch("short-1") == launch_id
    until(lambda: house.launcher.state(launch_id) == "ended")
    assert house.diary("short-1").split()[2:] == ["set-after-the-engine-was-started", "done"]
    assert house.launcher.alive()
    assert house.launcher.state("00000000-0000-0000-0000-000000000000") == "unknown"
    assert list((house.settings.engine.root / "handover").glob("short-1-1.json")) == []


def test_another_launch_of_the_same_run_executes_it_again(house: House) -> None:
    first, _ = house.start("short-2", "done")
    until(partial(house.ended, first))
    second = house.launch("short-2", 2)
    assert second != first
    until(lambda: house.diary("short-2").count("done") == 2)
    until(partial(house.ended, second))


def test_a_second_look_finds_the_same_engine(house: House) -> None:
    assert engine.ensure(house.settings) == engine.ensure(house.settings)


def test_a_waiting_launch_is_cancelled_on_the_spot(house: House) -> None:
    os.kill(engine.ensure(house.settings).worker_pid or 0, signal.SIGSTOP)
    try:
        launch_id = house.launch("never-1")
        assert house.launcher.state(launch_id) == "waiting"
        house.launcher.cancel(launch_id)
        assert house.launcher.state(launch_id) == "ended"
    finally:
        os.kill(engine.ensure(house.settings).worker_pid or 0, signal.SIGCONT)


def test_a_cancelled_job_may_save_and_is_ended_soon(house: House) -> None:
    launch_id, pid = house.start("long-1", "kernel")
    assert house.launcher.state(launch_id) == "active"
    house.launcher.cancel(launch_id)
    until(lambda: house.launcher.state(launch_id) == "ended", timeout_s=20)
    assert "saved TerminationSignal" in house.diary("long-1")
    assert "cancelled True" in house.diary("long-1")
    assert pid not in house.members()
    house.launcher.cancel(launch_id)


def test_a_launch_cancelled_at_any_moment_ends(house: House) -> None:
    for moment in (0.1, 0.3, 0.6):
        launch_id = house.launch(f"long-at-{moment}")
        time.sleep(moment)
        house.launcher.cancel(launch_id)
        until(partial(house.ended, launch_id), timeout_s=30)


def test_a_job_outlives_server_and_worker_and_can_still_be_cancelled(house: House) -> None:
    launch_id, pid = house.start("long-2", "kernel")
    job, before = identify(pid), engine.ensure(house.settings)
    os.kill(before.server_pid or 0, signal.SIGKILL)
    os.kill(before.worker_pid or 0, signal.SIGKILL)
    time.sleep(2)
    assert job.find() is not None
    after = engine.ensure(house.settings)
    assert after.port == before.port
    assert after.server != before.server
    assert house.launcher.state(launch_id) == "active"
    house.launcher.cancel(launch_id)
    until(lambda: house.launcher.state(launch_id) == "ended", timeout_s=30)
    assert "saved TerminationSignal" in house.diary("long-2")


def test_a_job_killed_with_its_worker_is_reported_as_ended(house: House) -> None:
    launch_id, pid = house.start("long-3", "kernel")
    for victim in (engine.ensure(house.settings).worker_pid or 0, pid, int(house.diary("long-3").split()[-1])):
        os.kill(victim, signal.SIGKILL)
    assert house.launcher.state(launch_id) == "ended"


def test_a_watcher_outlives_whoever_started_it_and_there_is_one(house: House) -> None:
    house.launcher.watch()
    until(lambda: engine.status(house.settings).watcher)
    first = holder(house.settings.engine.watcher)
    house.launcher.watch()
    time.sleep(0.5)
    assert first is not None
    assert holder(house.settings.engine.watcher) == first
    assert remains.end_watcher(house.settings.engine) == [f"watcher (pid {first.pid})"]
    assert not engine.status(house.settings).watcher


def test_stopping_lets_a_job_save_and_leaves_no_process(house: House) -> None:
    house.start("long-4", "kernel")
    stopped = engine.stop(house.settings, grace_s=20)
    assert [line.split()[0] for line in stopped] == ["job", "worker", "server"]
    assert "saved TerminationSignal" in house.diary("long-4")
    assert "cancelled False" in house.diary("long-4")
    assert house.members() == []
    assert not house.settings.engine.state.exists()
    assert not house.launcher.alive()
