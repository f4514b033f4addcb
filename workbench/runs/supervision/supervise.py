"""Telling the truth about a run whose own process may be gone, hang, or not want to end.

What lives here: one look at one run, and what follows from it. Anybody may look, in any process and at any time: two
who look at once do no harm, because a step is written only if the run still stands where it stood when they looked.
What does not: starting runs (``dispatcher``).

Whether a process of the run lives is told by the lease, which the operating system frees when its holder ends,
however it ends; never by a scheduler's opinion.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress

import psutil

from workbench.errors import EngineError
from workbench.paths import RunPaths
from workbench.processes import boot_id
from workbench.runs import stop
from workbench.runs.heartbeat import Beat, read_beat
from workbench.runs.lease import is_held, read_holder
from workbench.runs.ledger import Ledger
from workbench.runs.model import RunState
from workbench.runs.standing import Standing
from workbench.runs.stop import Stop, read_stop
from workbench.runs.supervision import remains
from workbench.runs.supervision.launcher import Launcher
from workbench.runs.supervision.retry import End, close_attempt

BY = "supervisor"
KILL_S = 45.0  # Prefect kills a job 30 s after it asked it to end; this is for what survives that, or was never asked
_BEGIN_S = 5.0  # from being launched to holding the lease
_LOST = 3  # launches in a row that may be lost, e.g. with their worker: no cell ran. More say that no job can start
_FAR_S = 60.0  # another machine's sign of life this young counts, where its lease cannot be seen
_GAPS = 10.0  # as many times the longest gap so far is still slow, not dead
_HOUR_S = 3600.0


def settle(ledger: Ledger, run_id: str, launcher: Callable[[], Launcher] | None = None) -> Standing:
    """Look at a run once, do what is due, and return where it stands.

    Args:
        ledger: where the run is recorded.
        run_id: the run.
        launcher: asked about a launch whose process has not appeared; left out by those who only want to look, since
            asking may start the engine.

    Raises:
        UnknownNameError: when the run is not there.
        StorageError: when its end cannot be written.
    """
    standing = ledger.standing(run_id)
    run = ledger.paths.run(run_id)
    if standing.state.ended:
        return standing
    begun = standing.attempt > 0 and standing.state is not RunState.QUEUED
    if is_held(run.lease) or _beats_elsewhere(run, standing):
        if begun:
            _hold_to_deadlines(ledger, run_id, standing, launcher)
    elif begun:
        # Free, and yet whoever took it lives: it is about to end, or this folder is a copy of one where it goes on.
        if remains.holder(run.lease) is None:
            _bury(ledger, run_id, standing)
    elif standing.state is RunState.CANCELLING:  # a launch that is still on its way finds it cancelled, and ends
        close_attempt(ledger, run_id, End(RunState.CANCELLED, "It was cancelled before it began."), BY, standing)
    elif standing.launch_id is not None:
        _look_for_launch(ledger, run_id, standing, launcher)
    return ledger.standing(run_id)


def ask_to_end(ledger: Ledger, run_id: str, wish: Stop, launcher: Callable[[], Launcher] | None) -> None:
    """Ask the attempt in hand to save and end: by the wish in its folder, and by a signal to its process.

    Both are needed: a training looks for the wish at every batch, any other notebook has to be interrupted.
    """
    stop.ask(ledger.paths.run(run_id), wish)
    launch = ledger.standing(run_id).launch_id
    try:
        if launcher is not None and launch is not None:
            launcher().cancel(launch)
            return
    except EngineError:  # its server is away; the process is not
        pass
    holder = remains.holder(ledger.paths.run(run_id).lease)
    if holder is not None:
        with suppress(ProcessLookupError):
            os.kill(holder.pid, signal.SIGTERM)


def _beats_elsewhere(run: RunPaths, standing: Standing) -> bool:
    beat = read_beat(run.attempt(standing.attempt).heartbeat) if standing.attempt else None
    return beat is not None and not beat.here and beat.host != _host() and abs(time.time() - beat.at) < _FAR_S


def _host() -> str:
    return os.uname().nodename


def _hold_to_deadlines(
    ledger: Ledger, run_id: str, standing: Standing, launcher: Callable[[], Launcher] | None
) -> None:
    run = ledger.paths.run(run_id)
    wish = read_stop(run.stop)
    if wish is None and standing.state is RunState.CANCELLING:  # whoever cancelled it was killed half-way
        wish = Stop("cancel", standing.reason or "It was cancelled.", time.time())
        ask_to_end(ledger, run_id, wish, launcher)
    elif wish is None:
        wish = _overdue(ledger, run_id, standing)
        if wish is not None:
            ask_to_end(ledger, run_id, wish, launcher)
    elif abs(time.time() - wish.at) >= KILL_S:  # also when the clock was set back meanwhile
        _kill(ledger, run_id, standing, f"It did not end {KILL_S:.0f} s after it was asked to.")


def _overdue(ledger: Ledger, run_id: str, standing: Standing) -> Stop | None:
    policy = ledger.policy(run_id)
    now = time.time()
    went_s = standing.used_s + standing.seconds_until(now, time.monotonic(), boot_id())
    if policy.max_hours is not None and went_s > policy.max_hours * _HOUR_S:
        reason = f"It ran for {went_s / _HOUR_S:.2f} hours, longer than max_hours = {policy.max_hours:g}."
        return Stop("timeout", reason, now)
    beat = read_beat(ledger.paths.run(run_id).attempt(standing.attempt).heartbeat)
    if beat is None or not beat.polls:
        return None
    silent_s, patience_s = beat.age_s(), max(policy.silence_s, _GAPS * beat.longest_s)
    if silent_s <= patience_s:
        return None
    where = f"epoch {beat.epoch}, batch {beat.batch}" if beat.batch else beat.phase
    reason = f"It gave no sign of life for {silent_s:.0f} s (at {where}); {patience_s:.0f} s are its limit."
    return Stop("silence", reason, now)


def _bury(ledger: Ledger, run_id: str, standing: Standing) -> None:
    """Write the end of an attempt whose process is gone, after ending what it left behind."""
    run = ledger.paths.run(run_id)
    beat = read_beat(run.attempt(standing.attempt).heartbeat)
    swept = remains.sweep(remains.mark_of(run_id, standing.attempt), *_kernel(beat))
    if not swept.clean:
        return  # what cannot be killed may still write: another attempt must not begin beside it
    shutil.rmtree(run.attempt(standing.attempt).scratch, ignore_errors=True)
    far = read_holder(run.lease).get("boot") not in {None, boot_id()}
    reason = "The machine stopped in the middle of it." if far else "Its process ended without a word."
    close_attempt(ledger, run_id, End(RunState.CRASHED, reason), BY, standing)


def _kernel(beat: Beat | None) -> list[psutil.Process]:
    process = beat.process.find() if beat is not None and beat.here else None
    return [] if process is None else [process]


def _kill(ledger: Ledger, run_id: str, standing: Standing, reason: str) -> None:
    run = ledger.paths.run(run_id)
    beat = read_beat(run.attempt(standing.attempt).heartbeat)
    holder = remains.holder(run.lease)
    others = [*_kernel(beat), *([holder] if holder else [])]
    swept = remains.sweep(remains.mark_of(run_id, standing.attempt), *others)
    if swept.clean and not is_held(run.lease):
        shutil.rmtree(run.attempt(standing.attempt).scratch, ignore_errors=True)
        close_attempt(ledger, run_id, End(RunState.CRASHED, reason), BY, standing)


def _look_for_launch(ledger: Ledger, run_id: str, standing: Standing, launcher: Callable[[], Launcher] | None) -> None:
    """See to a launch whose process has not taken the lease."""
    launch = standing.launch_id
    if launcher is None or launch is None:
        return
    if 0 <= time.time() - standing.launched_at < _BEGIN_S:
        return
    found = launcher().state(launch)
    if found not in {"ended", "unknown"} or is_held(ledger.paths.run(run_id).lease):
        return
    counts = standing.launch - standing.attempt > _LOST
    end = End(RunState.CRASHED, "Its process ended before it began.", counts=counts)
    close_attempt(ledger, run_id, end, BY, standing)
