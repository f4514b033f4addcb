"""The truth about a run whose own process may be gone, hang, or not want to end."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import orjson
import pytest

from workbench.errors import EngineError, UnknownNameError
from workbench.processes import Process, alive, identify
from workbench.runs import stop
from workbench.runs.lease import Lease, is_held
from workbench.runs.model import Policy, RunState
from workbench.runs.standing import Standing
from workbench.runs.stop import Stop, read_stop
from workbench.runs.supervision import remains, supervise
from workbench.runs.supervision.memory import MemoryLauncher
from workbench.runs.supervision.remains import Swept
from workbench.runs.supervision.supervise import KILL_S, ask_to_end
from workbench.workspace import Workspace

pytestmark = pytest.mark.slow

Record = Callable[..., str]
ONCE = Policy(attempts=1)
REBOOTED = "00000000-0000-4000-8000-000000000000"


class Later:
    """Stands in for the module ``time``: it is later than it is, and the machine slept for a part of that."""

    def __init__(self, seconds: float, slept: float = 0.0) -> None:
        self._seconds, self._awake = seconds, seconds - slept

    def time(self) -> float:
        return time.time() + self._seconds

    def monotonic(self) -> float:
        return time.monotonic() + self._awake


@pytest.fixture
def settle(workspace: Workspace, launcher: MemoryLauncher) -> Callable[..., Standing]:
    """Return a look at a run with a launcher at hand: ``settle(run_id)``."""
    return lambda run_id: supervise.settle(workspace.ledger, run_id, lambda: launcher)


@pytest.fixture
def hung(submit: Record, attempts: Any) -> str:
    """A run whose process holds the lease and promised signs of life."""
    run_id = submit(policy=ONCE)
    attempts.process(run_id)
    return run_id


def wish_of(workspace: Workspace, run_id: str) -> Stop | None:
    return read_stop(workspace.paths.run(run_id).stop)


def flow_of(workspace: Workspace, run_id: str) -> str:
    found = workspace.ledger.standing(run_id).launch_id
    assert found is not None
    return found


def test_a_run_that_is_not_there_is_said(settle: Any) -> None:
    with pytest.raises(UnknownNameError):
        settle("train-nope")


def test_a_run_that_waits_or_has_ended_stays_as_it_is(workspace: Workspace, record: Record, settle: Any) -> None:
    run_id = record(policy=ONCE)
    assert settle(run_id).state is RunState.QUEUED
    workspace.ledger.move(run_id, RunState.FAILED, "ledger")
    before = workspace.ledger.events(run_id)
    assert settle(run_id).state is RunState.FAILED
    assert workspace.ledger.events(run_id) == before


def test_a_run_whose_lease_is_free_is_buried_at_once(submit: Record, attempts: Any, settle: Any) -> None:
    run_id = submit(policy=ONCE)
    attempts.end(attempts.process(run_id))
    standing = settle(run_id)
    assert (standing.state, standing.reason) == (RunState.CRASHED, "Its process ended without a word.")


def test_a_run_that_may_be_tried_again_is_queued_again(submit: Record, attempts: Any, settle: Any) -> None:
    run_id = submit()
    attempts.end(attempts.process(run_id))
    standing = settle(run_id)
    assert standing.waits
    assert (standing.attempt, standing.failures) == (1, 1)
    assert standing.reason.startswith("Its process ended without a word. Attempt 2 of 3 follows in ")
    assert settle(run_id) == standing


def test_a_run_that_was_being_cancelled_is_cancelled_when_its_process_is_gone(
    workspace: Workspace, submit: Record, attempts: Any, settle: Any
) -> None:
    run_id = submit()
    child = attempts.process(run_id)
    workspace.ledger.move(run_id, RunState.CANCELLING, "ledger", reason="Not needed.")
    assert settle(run_id).state is RunState.CANCELLING
    attempts.end(child)
    standing = settle(run_id)
    assert (standing.state, standing.reason) == (RunState.CANCELLED, "Not needed.")


def test_a_run_that_is_buried_leaves_no_process(submit: Record, attempts: Any, settle: Any) -> None:
    run_id = submit(policy=ONCE)
    attempts.end(attempts.process(run_id))
    left = attempts.deaf(run_id)
    assert settle(run_id).state is RunState.CRASHED
    assert alive(left) == []


def test_a_kernel_without_the_mark_is_known_by_its_sign_of_life(submit: Record, attempts: Any, settle: Any) -> None:
    run_id = submit(policy=ONCE)
    attempts.end(attempts.process(run_id))
    kernel = attempts.start("import time; print('ready', flush=True); time.sleep(60)")
    attempts.beat(run_id, **asdict(identify(kernel.pid)))
    settle(run_id)
    assert kernel.wait(10) < 0


def test_no_attempt_begins_beside_what_cannot_be_killed(
    submit: Record, attempts: Any, settle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = submit()
    attempts.end(attempts.process(run_id))
    with monkeypatch.context() as patch:
        patch.setattr(remains, "sweep", lambda *_what: Swept(1, left=(7,)))
        assert settle(run_id).state is RunState.RUNNING
    assert settle(run_id).waits


def test_two_who_settle_at_once_write_one_end(
    workspace: Workspace, submit: Record, attempts: Any, settle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = submit()
    attempts.end(attempts.process(run_id))
    together = threading.Barrier(2)

    def both(*_what: object) -> Swept:
        together.wait(10)  # both have found the lease free by now
        return Swept(0)

    monkeypatch.setattr(remains, "sweep", both)
    threads = [threading.Thread(target=settle, args=(run_id,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ends = [event for event in workspace.ledger.events(run_id) if event.get("after")]
    assert [event["after"] for event in ends] == ["crashed"]
    assert workspace.ledger.standing(run_id).failures == 1


def test_a_machine_that_stopped_in_the_middle_is_told_from_a_process_that_did(
    workspace: Workspace, submit: Record, attempts: Any, settle: Any
) -> None:
    run_id = submit(policy=ONCE)
    attempts.running(run_id)
    before = Process(1, 1, REBOOTED)
    workspace.paths.run(run_id).lease.write_bytes(orjson.dumps({**asdict(before), "host": "here"}))
    attempts.beat(run_id, **asdict(before), host=supervise._host())
    assert settle(run_id).reason == "The machine stopped in the middle of it."


def test_a_run_on_another_machine_is_left_alone_while_it_gives_signs(
    submit: Record, attempts: Any, settle: Any
) -> None:
    """Its lease cannot be seen from here."""
    run_id = submit(policy=ONCE)
    attempts.running(run_id)
    attempts.beat(run_id, boot=REBOOTED, host="elsewhere")
    assert settle(run_id).state is RunState.RUNNING
    attempts.beat(run_id, boot=REBOOTED, host="elsewhere", at=time.time() - 61)
    assert settle(run_id).state is RunState.CRASHED


def test_looking_at_a_copy_of_a_workspace_does_not_end_the_run_that_goes_on_in_the_original(
    workspace: Workspace, submit: Record, attempts: Any, settle: Any
) -> None:
    """In the copy nobody holds the lease, but the processes that the copied record names are alive."""
    run_id = submit(policy=ONCE)
    child, kernel = attempts.process(run_id), attempts.kernel(run_id)
    attempts.beat(run_id, **asdict(identify(kernel.pid)))
    lease = workspace.paths.run(run_id).lease
    note = lease.read_bytes()
    lease.unlink()
    lease.write_bytes(note)
    assert not is_held(lease)
    assert settle(run_id).state is RunState.RUNNING
    assert [child.poll(), kernel.poll()] == [None, None]


def test_a_run_that_gives_signs_is_left_alone(workspace: Workspace, hung: str, attempts: Any, settle: Any) -> None:
    for beat in ({}, {"monotonic": time.monotonic() - 890}):
        attempts.beat(hung, **beat)
        assert settle(hung).state is RunState.RUNNING
    assert wish_of(workspace, hung) is None


def test_a_run_that_gives_no_sign_is_asked_to_end_and_the_reason_says_where_it_was(
    workspace: Workspace, hung: str, attempts: Any, settle: Any, launcher: MemoryLauncher
) -> None:
    attempts.beat(hung, monotonic=time.monotonic() - 901)
    assert settle(hung).state is RunState.RUNNING
    wish = wish_of(workspace, hung)
    assert wish is not None
    assert wish.why == "silence"
    said = r"It gave no sign of life for 90\d s \(at epoch 2, batch 7\); 900 s are its limit\."
    assert re.fullmatch(said, wish.reason)
    assert launcher.cancelled == [flow_of(workspace, hung)]
    settle(hung)
    assert len(launcher.cancelled) == 1


def test_a_run_that_is_slow_is_not_dead(workspace: Workspace, hung: str, attempts: Any, settle: Any) -> None:
    """Ten times the longest gap so far is not yet silence."""
    attempts.beat(hung, longest_s=150.0, monotonic=time.monotonic() - 1450)
    settle(hung)
    assert wish_of(workspace, hung) is None
    attempts.beat(hung, longest_s=150.0, monotonic=time.monotonic() - 1550)
    settle(hung)
    assert wish_of(workspace, hung) is not None


def test_a_notebook_that_promised_no_signs_is_never_called_silent(
    workspace: Workspace, hung: str, attempts: Any, settle: Any
) -> None:
    attempts.beat(hung, polls=False, monotonic=time.monotonic() - 90_000)
    settle(hung)
    assert wish_of(workspace, hung) is None


def test_a_run_is_stopped_when_all_its_attempts_together_took_too_long(
    workspace: Workspace, submit: Record, attempts: Any, settle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = submit(policy=Policy(max_hours=1.0))
    attempts.process(run_id)
    for seconds, stopped in ((3500, False), (3700, True)):
        monkeypatch.setattr(supervise, "time", Later(seconds))
        settle(run_id)
        assert (wish_of(workspace, run_id) is not None) is stopped
    wish = wish_of(workspace, run_id)
    assert wish is not None
    assert (wish.why, wish.reason) == ("timeout", "It ran for 1.03 hours, longer than max_hours = 1.")


def test_a_night_with_the_lid_closed_uses_up_no_hours(
    workspace: Workspace, submit: Record, attempts: Any, settle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = submit(policy=Policy(max_hours=1.0))
    attempts.process(run_id)
    monkeypatch.setattr(supervise, "time", Later(36_000, slept=33_000))
    settle(run_id)
    assert wish_of(workspace, run_id) is None


@pytest.mark.parametrize("why", ["cancel", "timeout", "silence"])
def test_what_does_not_end_when_it_is_asked_is_killed_with_all_it_started(
    workspace: Workspace, submit: Record, attempts: Any, settle: Any, why: Any
) -> None:
    run_id = submit(policy=ONCE)
    child, left = attempts.process(run_id), attempts.deaf(run_id)
    stop.ask(workspace.paths.run(run_id), Stop(why, "Asked.", time.time() - KILL_S - 1))
    ends = {"cancel": RunState.CANCELLED, "timeout": RunState.FAILED, "silence": RunState.CRASHED}
    standing = settle(run_id)
    assert (standing.state, standing.reason) == (ends[why], "Asked.")
    assert child.wait(10) < 0
    assert alive(left) == []


@pytest.mark.parametrize("since_s", [1.0, KILL_S - 5, 5.0 - KILL_S])
def test_who_was_just_asked_may_save_also_when_the_clock_was_set_back(
    workspace: Workspace, hung: str, settle: Any, since_s: float
) -> None:
    stop.ask(workspace.paths.run(hung), Stop("cancel", "Asked.", time.time() - since_s))
    assert settle(hung).state is RunState.RUNNING
    assert is_held(workspace.paths.run(hung).lease)


def test_who_cancelled_and_was_killed_before_asking_has_asked_all_the_same(
    workspace: Workspace, hung: str, settle: Any, launcher: MemoryLauncher
) -> None:
    workspace.ledger.move(hung, RunState.CANCELLING, "ledger", reason="Not needed.")
    settle(hung)
    wish = wish_of(workspace, hung)
    assert wish is not None
    assert (wish.why, wish.reason) == ("cancel", "Not needed.")
    assert launcher.cancelled == [flow_of(workspace, hung)]


def test_a_process_is_asked_itself_when_the_engine_does_not_answer(
    workspace: Workspace, submit: Record, attempts: Any, launcher: MemoryLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_launch: str) -> None:
        raise EngineError("The server does not answer.")

    monkeypatch.setattr(launcher, "cancel", away)
    run_id = submit()
    child = attempts.process(run_id)
    ask_to_end(workspace.ledger, run_id, Stop("cancel", "Not needed.", time.time()), lambda: launcher)
    assert child.wait(10) == -15
    assert wish_of(workspace, run_id) is not None


def test_whoever_only_looks_asks_a_hung_process_itself(
    workspace: Workspace, hung: str, attempts: Any, launcher: MemoryLauncher
) -> None:
    attempts.beat(hung, monotonic=time.monotonic() - 901)
    supervise.settle(workspace.ledger, hung)
    assert attempts.children[0].wait(10) == -15
    assert launcher.cancelled == []


@pytest.mark.parametrize("state", ["ended", "unknown"])
def test_a_launch_that_was_lost_is_made_again_and_only_a_row_of_them_is_a_failure(
    workspace: Workspace,
    submit: Record,
    settle: Any,
    launcher: MemoryLauncher,
    monkeypatch: pytest.MonkeyPatch,
    state: str,
) -> None:
    run_id = submit()
    monkeypatch.setattr(launcher, "state", lambda _launch: state)
    assert not settle(run_id).waits  # it has just been launched
    monkeypatch.setattr(supervise, "time", Later(6))
    standing = settle(run_id)
    assert standing.waits
    assert (standing.attempt, standing.failures) == (0, 0)
    assert standing.reason.startswith("Its process ended before it began.")
    failures = []
    for number in range(2, 6):
        workspace.ledger.launched(run_id, number, f"launch-{number}")
        monkeypatch.setattr(supervise, "time", Later(6 * number))
        failures.append(settle(run_id).failures)
    assert failures == [0, 0, 1, 2], "of a worker that dies nothing follows; where no job can start, the run must end"


def test_a_launch_that_begins_while_its_launcher_is_asked_is_not_lost(
    workspace: Workspace, submit: Record, settle: Any, launcher: MemoryLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, taken = submit(), []

    def begins(_launch: str) -> str:
        taken.append(Lease(workspace.paths.run(run_id).lease))
        return "ended"

    monkeypatch.setattr(launcher, "state", begins)
    monkeypatch.setattr(supervise, "time", Later(6))
    assert not settle(run_id).waits
    taken[0].close()


@pytest.mark.parametrize("state", ["waiting", "active"])
def test_a_launch_that_is_on_its_way_is_waited_for(
    submit: Record, settle: Any, launcher: MemoryLauncher, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    run_id = submit()
    monkeypatch.setattr(launcher, "state", lambda _launch: state)
    monkeypatch.setattr(supervise, "time", Later(3600))
    assert not settle(run_id).waits


def test_whoever_only_looks_does_not_ask_about_launches(
    workspace: Workspace, submit: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = submit()
    monkeypatch.setattr(supervise, "time", Later(3600))
    assert supervise.settle(workspace.ledger, run_id) == workspace.ledger.standing(run_id)


@pytest.mark.parametrize("launched", [True, False])
def test_a_run_that_was_cancelled_before_it_began_is_cancelled_whatever_its_launch_does(
    workspace: Workspace, submit: Record, record: Record, launched: bool
) -> None:
    run_id = submit() if launched else record()
    workspace.ledger.move(run_id, RunState.CANCELLING, "ledger", reason="Not needed.")
    standing = supervise.settle(workspace.ledger, run_id)
    assert (standing.state, standing.reason) == (RunState.CANCELLED, "Not needed.")


def test_a_run_that_waits_for_its_next_attempt_and_is_cancelled_is_cancelled_at_once(
    workspace: Workspace, submit: Record, attempts: Any, settle: Any
) -> None:
    run_id = submit()
    attempts.end(attempts.process(run_id))
    assert settle(run_id).waits
    workspace.ledger.move(run_id, RunState.CANCELLING, "ledger", reason="Not needed.")
    standing = settle(run_id)
    assert (standing.state, standing.reason) == (RunState.CANCELLED, "Not needed.")
