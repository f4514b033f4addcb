"""The same flows on a Prefect server with Postgres, a work pool and plain workers, one of which is killed midway."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.faults import light
from tests.faults.bigger import POOL, Shared
from tests.faults.stage import ROOT, Light, check_gone, check_rows, kill, until
from workbench.processes import family
from workbench.runs.lease import is_held
from workbench.runs.model import RunState
from workbench.runs.run import Run
from workbench.runs.supervision.remains import holder

# `make faults-bigger` has 20: they take three minutes on two busy cores, most of it starting Python.
JOBS = int(os.environ.get("BIGGER_JOBS", "6"))
LIMIT_S = 120.0 + 20.0 * JOBS
SIZE = Light(epochs=2, batches=5, batch_s=0.2, checkpoint_bytes=100_000)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(LIMIT_S + 120.0)]


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shared]:
    with Shared(tmp_path) as found:
        for name, text in found.variables.items():
            monkeypatch.setenv(name, text)
        yield found


def _job(worker: psutil.Process, run: Run) -> psutil.Process | None:
    """Return the process in which a worker executes a run that is in the middle of its training, if it does."""
    found = holder(run.paths.lease) if is_held(run.paths.lease) else None
    if found is None or found.ppid() != worker.pid or run.state is not RunState.RUNNING:
        return None
    return found if any(event["kind"] == "metrics" for event in run.events()) else None


def _kill_midway(worker: psutil.Process, runs: list[Run]) -> Run:
    """Kill a worker together with one of the runs that it executes, and return that run."""
    until(lambda: sum(run.state.ended for run in runs) >= JOBS // 5 - 1, LIMIT_S, "the first runs")
    found: list[tuple[Run, psutil.Process]] = []

    def busy() -> bool:
        found[:] = [(run, job) for run in runs if (job := _job(worker, run))]
        return bool(found)

    until(busy, LIMIT_S, "a run that the worker executes")
    run, job = found[0]
    kill([worker, *family(job)])
    return run


def _moved(run: Run, state: RunState, after: float) -> float:
    """Return how long after ``after`` a run came to stand in ``state``, in seconds."""
    steps = [event["at"] for event in run.events() if event["kind"] == "state" and event["state"] == state]
    return next(at - after for at in steps if at > after)


def test_all_runs_end_right_when_a_worker_is_killed_midway(shared: Shared) -> None:
    """A worker and a run of it are killed; what they leave behind is found, and every run ends once, and whole."""
    workspace = shared.open()
    doomed, other = shared.start_worker("one", limit=1 + JOBS // 10), shared.start_worker("two", limit=3)
    runs = [shared.light(workspace, SIZE) for _ in range(JOBS)]
    victim = _kill_midway(doomed, runs)
    struck_at = time.time()
    until(lambda: all(run.state.ended for run in runs), LIMIT_S, "the end of all runs")

    assert {run.id: run.standing for run in runs if run.state is not RunState.COMPLETED} == {}
    for run in runs:
        check_rows(run, SIZE.epochs, SIZE.batches, light.value)
        check_gone(run)
        begun = [event["attempt"] for event in run.events() if event.get("state") == "running"]
        assert begun == list(range(1, run.standing.attempt + 1)), "every attempt began once"
    assert victim.standing.attempt > 1, [event for event in victim.events() if event["kind"] == "state"]
    print(f"Found after {_moved(victim, RunState.QUEUED, struck_at):.1f} s,", end=" ")
    print(f"again under way after {_moved(victim, RunState.RUNNING, struck_at):.1f} s.")

    rows = shared.postgres.rows("workbench", "SELECT id, state, headline_value FROM runs")
    assert sorted(rows) == sorted((run.id, "completed", light.value(SIZE.epochs * SIZE.batches)) for run in runs)
    assert not workspace.paths.database.exists(), "the rows are in Postgres, and nowhere else"
    _check_left(shared, other)


def _check_left(shared: Shared, worker: psutil.Process) -> None:
    """Raise unless no slot of the work pool is taken, and only what serves further runs is left."""
    taken = "SELECT name, state_type FROM flow_run WHERE state_type IN ('SCHEDULED', 'PENDING', 'RUNNING')"
    until(lambda: not shared.postgres.rows("prefect", taken), 30.0, "free slots")
    watcher = holder(shared.settings.engine.watcher)
    serving = {process.pid for process in (shared.server, worker, watcher) if process is not None}
    assert len(serving) == 3
    until(lambda: {process.pid for process in shared.left()} == serving, 30.0, "the end of all jobs")


def test_the_readme_names_the_commands_that_are_started_here() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = (
        "prefect server start",
        f"prefect work-pool create {POOL} --type process",
        f"worker start --pool {POOL}",
    )
    assert [command for command in commands if command not in readme] == []
