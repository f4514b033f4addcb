"""Who goes next: one run a slot over all workspaces of a user, in the order of the queue."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import EngineError, StorageError
from workbench.runs.model import DatasetLock, Policy, RunResult, RunSpec, RunState
from workbench.runs.supervision import dispatcher as dispatcher_module
from workbench.runs.supervision.dispatcher import Dispatcher
from workbench.runs.supervision.launcher import Launchers
from workbench.runs.supervision.memory import MemoryLauncher
from workbench.runs.supervision.queue import Ticket
from workbench.settings import RUN_MARK, Settings
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow

Record = Callable[..., str]
CPU = {"device": "cpu"}
ONCE = Policy(attempts=1)
DATASET = DatasetLock(name="d", uri="/d", digest="x", images={"train": 4}, data_yaml="/d")


def started(launcher: MemoryLauncher) -> list[str]:
    return [launch.run_id for launch in launcher.launches.values()]


def submit_three(folder: Path, launcher: MemoryLauncher, **settings: Any) -> Workspace:
    """Return a workspace of a user with other settings, and three trainings on the CPU in it."""
    known = Settings(workbench_engine_home=folder / "engine", **settings)
    front = Workspace(folder / "ws", settings=known, launcher=launcher)
    for number in range(3):
        filed = {"kind": "train", "notebook": "train", "project": "default", "session": "s"}
        front.ledger.record(RunSpec(id=f"t-{number}", parameters=CPU, **filed))
        front.dispatcher.submit(front.ledger, f"t-{number}")
    return front


def finish(workspace: Workspace, run_id: str) -> None:
    workspace.ledger.move(run_id, RunState.RUNNING, "attempt-1", attempt=1)
    workspace.ledger.complete(run_id, RunResult(run=run_id, attempt=1), "attempt-1")


def test_a_run_is_started_at_once_when_its_slot_is_free(
    workspace: Workspace, submit: Record, launcher: MemoryLauncher
) -> None:
    run_id = submit(parameters=CPU)
    (launch,) = launcher.launches.values()
    assert (launch.run_id, launch.number, launch.workspace) == (run_id, 1, workspace.paths.root)
    assert workspace.ledger.standing(run_id).launch_id == "memory-1"
    assert launcher.watched == 1


def test_one_run_a_slot_goes_over_all_workspaces_first_come_first_served(
    workspace: Workspace, other: Workspace, submit: Record, elsewhere: Record, launcher: MemoryLauncher
) -> None:
    first, second, third = submit(parameters=CPU), elsewhere(parameters=CPU), submit(parameters=CPU)
    assert started(launcher) == [first]
    finish(workspace, first)
    workspace.dispatcher.tick()
    assert started(launcher) == [first, second]
    finish(other, second)
    other.dispatcher.tick()
    assert started(launcher) == [first, second, third]


def test_a_higher_priority_goes_first_and_stops_nobody(
    workspace: Workspace, submit: Record, elsewhere: Record, launcher: MemoryLauncher
) -> None:
    first, patient = submit(parameters=CPU), submit(parameters=CPU)
    urgent = elsewhere(parameters=CPU, policy=Policy(priority=5))
    assert started(launcher) == [first]
    finish(workspace, first)
    workspace.dispatcher.tick()
    assert started(launcher) == [first, urgent]
    assert workspace.run(patient).place == (1, "cpu")


def test_a_place_is_counted_from_1_for_each_slot(workspace: Workspace, submit: Record, elsewhere: Record) -> None:
    for device in ("cpu", "cuda:1"):
        submit(parameters={"device": device})
    waits = [submit(parameters=CPU), elsewhere(parameters=CPU), submit(parameters={"device": 1})]
    urgent = submit(parameters=CPU, policy=Policy(priority=1))
    assert workspace.dispatcher.places() == {
        urgent: (1, "cpu"),
        waits[0]: (2, "cpu"),
        waits[1]: (3, "cpu"),
        waits[2]: (1, "gpu-1"),
    }


def test_runs_of_different_slots_do_not_wait_for_each_other(submit: Record, launcher: MemoryLauncher) -> None:
    runs = [submit(parameters={"device": device}) for device in ("cpu", 0, [1], "mps")]
    assert started(launcher) == runs


def test_an_export_goes_beside_a_training_and_another_export_waits(
    submit: Record, launcher: MemoryLauncher, workspace: Workspace
) -> None:
    training, export = submit(parameters=CPU), submit("export", dataset=DATASET)
    waits = submit("export", dataset=DATASET)
    assert started(launcher) == [training, export]
    assert workspace.run(waits).place == (1, "side")


def test_a_notebook_of_ones_own_waits_for_nobody(submit: Record, launcher: MemoryLauncher) -> None:
    """It may itself start runs and wait for them."""
    runs = [submit("notebook") for _ in range(3)]
    assert started(launcher) == runs


def test_any_gpu_is_the_first_that_is_free_and_stays_taken(
    workspace: Workspace, submit: Record, launcher: MemoryLauncher
) -> None:
    workspace.dispatcher._gpus = 2
    lock = {"hardware": {"gpus": ["A", "B"]}}
    first = submit(parameters={"device": 0}, lock=lock)
    any_one, waits = (submit(parameters={"device": -1}, lock=lock) for _ in range(2))
    assert started(launcher) == [first, any_one]
    found = workspace.dispatcher.queue.ticket(any_one)
    assert found is not None
    assert found.slot == "gpu-1"
    assert workspace.run(waits).place == (1, "gpu")


def test_as_many_runs_train_on_the_cpu_as_the_settings_say(
    tmp_path: Path, launcher: MemoryLauncher, plain_environment: None
) -> None:
    submit_three(tmp_path, launcher, workbench_cpu_slots=2)
    assert started(launcher) == ["t-0", "t-1"]


def test_a_retry_waits_for_its_time_and_lets_others_pass(
    workspace: Workspace, submit: Record, launcher: MemoryLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed, behind = submit(parameters=CPU), submit(parameters=CPU)
    workspace.ledger.move(failed, RunState.RUNNING, "attempt-1", attempt=1)
    workspace.ledger.move(failed, RunState.QUEUED, "attempt-1", after="failed", due_at=time.time() + 30)
    workspace.dispatcher.tick()
    assert started(launcher) == [failed, behind]
    finish(workspace, behind)
    workspace.dispatcher.tick()
    assert len(launcher.launches) == 2
    monkeypatch.setattr(dispatcher_module, "time", _at(time.time() + 31))
    workspace.dispatcher.tick()
    assert started(launcher) == [failed, behind, failed]
    assert launcher.launches["memory-3"].number == 2


def test_a_retry_whose_time_is_years_away_since_the_clock_was_set_back_is_due(
    workspace: Workspace, submit: Record, launcher: MemoryLauncher
) -> None:
    run_id = submit()
    workspace.ledger.move(run_id, RunState.QUEUED, "supervisor", after="crashed", due_at=time.time() + 5e7)
    workspace.dispatcher.tick()
    assert started(launcher) == [run_id, run_id]


def test_who_submits_does_not_start_before_those_that_stand_in_front(
    workspace: Workspace, record: Record, submit: Record, launcher: MemoryLauncher
) -> None:
    """The one in front was queued by a process that was killed before it could start it."""
    front = record(parameters=CPU)
    workspace.dispatcher.look(workspace.ledger)
    behind = submit(parameters=CPU)
    assert started(launcher) == []
    assert workspace.dispatcher.tick() == 2
    assert started(launcher) == [front]
    assert workspace.run(behind).place == (1, "cpu")


def test_a_start_that_was_not_noted_is_repeated_under_the_same_number(
    workspace: Workspace, record: Record, launcher: MemoryLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, real = record(), workspace.ledger.launched

    def killed(*_launch: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("workbench.runs.ledger.Ledger.launched", killed)
    with pytest.raises(KeyboardInterrupt):
        workspace.dispatcher.submit(workspace.ledger, run_id)
    monkeypatch.setattr("workbench.runs.ledger.Ledger.launched", lambda _self, *launch: real(*launch))
    workspace.dispatcher.tick()
    assert [launch.number for launch in launcher.launches.values()] == [1]
    assert workspace.ledger.standing(run_id).launch_id == "memory-1"


def test_a_run_sees_the_environment_of_whoever_submitted_it_and_no_mark_of_another_run(
    submit: Record, launcher: MemoryLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_TEST_SEES", "this")
    monkeypatch.setenv(RUN_MARK, "notebook-1/1")
    submit()
    (launch,) = launcher.launches.values()
    assert launch.environment["WORKBENCH_TEST_SEES"] == "this"
    assert RUN_MARK not in launch.environment


def test_the_environment_of_the_first_start_is_that_of_the_next(
    workspace: Workspace, submit: Record, launcher: MemoryLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_TEST_SEES", "first")
    run_id = submit()
    monkeypatch.setenv("WORKBENCH_TEST_SEES", "the watcher's")
    workspace.ledger.move(run_id, RunState.QUEUED, "supervisor", after="crashed")
    Dispatcher(workspace.settings, Launchers(workspace.settings, launcher)).tick()
    assert [launch.environment["WORKBENCH_TEST_SEES"] for launch in launcher.launches.values()] == ["first"] * 2


def test_a_lost_ticket_is_made_again_by_whoever_looks(
    workspace: Workspace, submit: Record, launcher: MemoryLauncher
) -> None:
    first, waits = submit(parameters=CPU), submit(parameters=CPU)
    workspace.dispatcher.queue.remove(waits)
    watched = launcher.watched
    workspace.look()
    assert [ticket.run_id for ticket in workspace.dispatcher.queue.tickets()] == [first, waits]
    assert launcher.watched == watched + 1


def test_looking_starts_nothing_and_clears_what_has_ended(
    workspace: Workspace, submit: Record, launcher: MemoryLauncher
) -> None:
    first, waits = submit(parameters=CPU), submit(parameters=CPU)
    finish(workspace, first)
    workspace.look()
    assert started(launcher) == [first]
    workspace.ledger.move(waits, RunState.FAILED, "ledger")
    workspace.dispatcher.settle_all()
    watched = launcher.watched
    workspace.look()
    assert workspace.dispatcher.queue.tickets() == []
    assert launcher.watched == watched  # nothing is left to watch


def test_a_workspace_that_was_deleted_leaves_no_ticket_and_is_not_made_again(
    workspace: Workspace, other: Workspace, submit: Record, elsewhere: Record, launcher: MemoryLauncher
) -> None:
    gone, waits = elsewhere(parameters=CPU), submit(parameters=CPU)
    shutil.rmtree(other.paths.root)
    assert workspace.dispatcher.tick() == 1
    assert started(launcher) == [gone, waits]
    assert not other.paths.root.exists()


def test_a_run_that_was_deleted_leaves_no_ticket(workspace: Workspace, submit: Record) -> None:
    run_id = submit()
    shutil.rmtree(workspace.paths.run(run_id).root)
    assert workspace.dispatcher.tick() == 0


def test_a_workspace_that_was_moved_is_found_where_it_is_opened(
    workspace: Workspace, submit: Record, launcher: MemoryLauncher, tmp_path: Path
) -> None:
    submit(parameters=CPU)
    waits = submit(parameters=CPU)
    workspace.paths.root.rename(tmp_path / "moved")
    moved = Workspace(tmp_path / "moved", settings=workspace.settings, launcher=launcher)
    moved.look()
    found = moved.dispatcher.queue.ticket(waits)
    assert found is not None
    assert (found.workspace, found.number) == (str(tmp_path / "moved"), 2)


def test_a_copy_of_a_workspace_takes_no_ticket_from_the_original(
    workspace: Workspace, submit: Record, launcher: MemoryLauncher, tmp_path: Path, attempts: Any
) -> None:
    run_id = submit(policy=ONCE)
    attempts.running(run_id)
    shutil.copytree(workspace.paths.root, tmp_path / "copy")
    copy = Workspace(tmp_path / "copy", settings=workspace.settings, launcher=launcher)
    copy.look()
    assert copy.ledger.state(run_id) is RunState.CRASHED
    ticket = workspace.dispatcher.queue.ticket(run_id)
    assert ticket is not None
    assert ticket.workspace == str(workspace.paths.root)


def test_a_run_that_cannot_be_read_keeps_the_others_from_nothing(
    workspace: Workspace,
    other: Workspace,
    submit: Record,
    elsewhere: Record,
    launcher: MemoryLauncher,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    elsewhere(parameters={"device": "mps"})
    first, waits = submit(parameters=CPU), submit(parameters=CPU)
    real = Dispatcher._ledger

    def broken(self: Dispatcher, ticket: Ticket) -> Any:
        if ticket.workspace == str(other.paths.root):
            raise PermissionError(13, "Permission denied")
        return real(self, ticket)

    monkeypatch.setattr(Dispatcher, "_ledger", broken)
    finish(workspace, first)
    assert workspace.dispatcher.tick() == 2
    assert started(launcher)[1:] == [first, waits]


def test_a_start_that_fails_keeps_the_run_queued_and_the_others_going(
    workspace: Workspace, record: Record, launcher: MemoryLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (record(parameters={"device": device}) for device in ("cpu", "mps"))
    workspace.look()
    real = launcher.start

    def refuse(root: Path, run_id: str, number: int, environment: Mapping[str, str]) -> str:
        if run_id == first:
            raise EngineError("The server does not answer.")
        return real(root, run_id, number, environment)

    with monkeypatch.context() as patch:
        patch.setattr(launcher, "start", refuse)
        assert workspace.dispatcher.tick() == 2
    assert started(launcher) == [second]
    workspace.dispatcher.tick()
    assert started(launcher) == [second, first]


def test_who_submits_is_told_that_the_engine_does_not_start(
    workspace: Workspace, record: Record, launcher: MemoryLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_start: object) -> str:
        raise EngineError("The server does not start.")

    monkeypatch.setattr(launcher, "start", away)
    with pytest.raises(EngineError, match="does not start"):
        workspace.dispatcher.submit(workspace.ledger, record())


def test_a_full_disk_keeps_nobody_from_looking(
    workspace: Workspace,
    submit: Record,
    attempts: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    gone, fine = submit(policy=ONCE), submit("export", policy=ONCE)
    attempts.running(gone)

    def full(*_step: object, **_fields: object) -> None:
        raise StorageError("Could not write: No space left on device.")

    with monkeypatch.context() as patch:
        patch.setattr(workspace.ledger, "move", full)
        assert {run.id for run in workspace.runs()} == {gone, fine}
    assert f"Run {gone}: Could not write: No space left on device." in caplog.text
    assert workspace.run(gone).state is RunState.CRASHED


def test_a_run_that_is_resumed_while_its_ticket_is_cleared_keeps_it(
    workspace: Workspace, submit: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody resumes it after the watcher has found that it ended."""
    run_id, real = submit(), workspace.dispatcher.queue.remove
    workspace.ledger.move(run_id, RunState.FAILED, "ledger")

    def late(gone: str) -> None:
        workspace.ledger.move(run_id, RunState.QUEUED, "resume")
        real(gone)

    monkeypatch.setattr(workspace.dispatcher.queue, "remove", late)
    workspace.dispatcher.settle_all()
    assert workspace.dispatcher.queue.ticket(run_id) is not None


def test_a_run_for_a_shared_server_waits_for_nobody_here(
    tmp_path: Path, launcher: MemoryLauncher, plain_environment: None
) -> None:
    """Its work pool says how many run at once."""
    front = submit_three(tmp_path, launcher, prefect_api_url="http://x/api")
    assert started(launcher) == ["t-0", "t-1", "t-2"]
    assert {ticket.server for ticket in front.dispatcher.queue.tickets()} == {"http://x/api"}


def _at(seconds: float) -> Any:
    class Clock:
        @staticmethod
        def time() -> float:
            return seconds

    return Clock
