"""The process that feeds the trackers of a run: apart from it, one at a time, and gone when nobody needs it."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import psutil
import pytest

from tests.contract.tracking.filed import filed_installed
from tests.contract.tracking.stage import Stage, stage
from tests.waiting import until
from workbench import settings
from workbench.processes import alive, family
from workbench.runs.model import RunState
from workbench.runs.tracking.forward import start
from workbench.settings import ENGINE_MEMBER, RUN_MARK

__all__ = ["filed_installed", "stage"]
pytestmark = pytest.mark.usefixtures("filed_installed")


@pytest.fixture(autouse=True)
def configured(monkeypatch: pytest.MonkeyPatch, plain_environment: None) -> None:
    monkeypatch.setenv("OBSERVABILITY_BACKENDS", "filed")
    monkeypatch.setenv("OBSERVABILITY_FINISH_S", "5")


def forwarders(stage: Stage) -> list[psutil.Process]:
    words = {"workbench.runs.tracking.forward", stage.run_id}
    return [one for one in psutil.process_iter() if _says(one, words) and one.pid != os.getpid()]


def _says(process: psutil.Process, words: set[str]) -> bool:
    try:
        return words <= set(process.cmdline())
    except psutil.Error:
        return False


def begin(stage: Stage) -> psutil.Process:
    """Start the run and its forwarder, and return that once it lives apart."""
    assert start(stage.workspace.paths.root, stage.run_id, ["filed"])
    until(lambda: [one for one in forwarders(stage) if one.ppid() != os.getpid()], 20)
    until(lambda: len(forwarders(stage)) == 1, 20)
    return forwarders(stage)[0]


def test_without_trackers_no_process_is_started(stage: Stage) -> None:
    assert not start(stage.workspace.paths.root, stage.run_id, [])
    assert not stage.paths.trackers.exists()


def test_it_lives_apart_from_the_run_and_tells_everything(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUN_MARK, f"{stage.run_id}/1")
    stage.begin()
    began = time.perf_counter()
    process = begin(stage)
    assert time.perf_counter() - began < 10
    assert process.pid not in {one.pid for one in family(psutil.Process())}
    assert RUN_MARK not in process.environ()
    stage.log(40)
    until(lambda: len(stage.filed.steps()) == 40)
    stage.end()
    until(lambda: not alive([process]))
    assert [call["state"] for call in stage.filed.told("close")] == ["completed"]
    assert set(stage.filed.steps().values()) == {1}


def test_a_second_one_leaves_the_run_to_the_first(stage: Stage) -> None:
    stage.begin()
    first = begin(stage)
    until(lambda: stage.filed.told("open"))
    assert start(stage.workspace.paths.root, stage.run_id, ["filed"])
    until(lambda: len(forwarders(stage)) == 2)
    until(lambda: [one.pid for one in forwarders(stage)] == [first.pid], 30)
    stage.log(3)
    stage.end()
    until(lambda: not alive([first]))
    assert len(stage.filed.told("open")) == 1
    assert len(stage.filed.steps()) == 3


def test_asked_to_end_it_tells_the_end_of_the_run_first(stage: Stage) -> None:
    stage.begin()
    process = begin(stage)
    stage.log(3)
    until(lambda: len(stage.filed.steps()) == 3)
    process.terminate()
    time.sleep(0.5)
    assert alive([process])
    stage.end(RunState.CANCELLED)
    until(lambda: not alive([process]), 10)
    assert [call["state"] for call in stage.filed.told("close")] == ["cancelled"]


def test_it_is_not_taken_for_the_process_that_executes_a_flow_run(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "0")
    monkeypatch.setenv(ENGINE_MEMBER, "an engine")
    stage.begin()
    process = begin(stage)
    found = process.environ()
    assert "PREFECT__FLOW_RUN_ID" not in found
    assert found[ENGINE_MEMBER] == "an engine"
    stage.end()
    until(lambda: not alive([process]))


def test_killed_it_takes_its_trackers_along_and_the_next_one_goes_on(stage: Stage) -> None:
    stage.begin()
    process = begin(stage)
    stage.log(3)
    until(lambda: stage.delivery().points == 3)
    process.kill()
    until(lambda: stage.workers() == [], 10)
    stage.log(4)
    stage.end(RunState.CRASHED)
    again = begin(stage)
    until(lambda: not alive([again]))
    assert stage.filed.steps() == dict.fromkeys(range(1, 8), 1)
    assert [call["state"] for call in stage.filed.told("close")] == ["crashed"]


@pytest.mark.slow
def test_killed_again_and_again_it_loses_nothing_and_gives_no_row_another_serial(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBSERVABILITY_FINISH_S", "20")
    stage.begin()
    done = threading.Event()

    def write() -> None:
        while not done.wait(0.002):
            stage.log(3, f"train-1.{stage.step % 2}")

    writer = threading.Thread(target=write)
    writer.start()
    for number in range(6):
        process = begin(stage)
        time.sleep(0.8 + 0.37 * number)
        process.kill()
        until(lambda process=process: not alive([process]))  # type: ignore[misc]
    done.set()
    writer.join()
    stage.end()
    last = begin(stage)
    until(lambda: not alive([last]))
    serials: dict[int, set[int]] = {}
    for item in stage.filed.items():
        serials.setdefault(item["step"], set()).add(item["serial"])
    assert sorted(serials) == list(range(1, stage.step + 1))
    assert {len(found) for found in serials.values()} == {1}
    assert {serial for found in serials.values() for serial in found} == set(range(1, stage.step + 1))
    assert stage.delivery().points == stage.step
    assert [call["state"] for call in stage.filed.told("close")] == ["completed"]


def test_it_is_small_and_costs_next_to_nothing_while_nothing_happens(stage: Stage) -> None:
    stage.begin()
    process = begin(stage)
    stage.log(3)
    until(lambda: stage.delivery().points == 3)
    time.sleep(1.0)
    before, began = cpu_s(process), time.monotonic()
    time.sleep(6.0)
    share = (cpu_s(process) - before) / (time.monotonic() - began)
    resident_mb = process.memory_info().rss / 1e6
    stage.end()
    until(lambda: not alive([process]))
    assert share < 0.01, share
    assert resident_mb < 80, resident_mb


def cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def test_a_run_starts_also_where_its_trackers_cannot(stage: Stage) -> None:
    stage.paths.trackers.write_text("a file where a folder should be", encoding="utf-8")
    assert not start(stage.workspace.paths.root, stage.run_id, ["filed"])


def test_the_trackers_are_named_in_the_run_before_anything_was_told(stage: Stage) -> None:
    """A machine that goes off at this moment leaves enough for ``sync``."""
    stage.begin()
    process = begin(stage)
    assert Path(stage.paths.trackers / "filed.json").is_file()
    stage.end()
    until(lambda: not alive([process]))
    assert settings.load().observability_backends == ("filed",)
