"""What goes on beside an attempt, in the process that supervises it: the training pays for none of it.

What lives here: system metrics, telling trackers, and sorting what was measured, for queries. What does not: each of
these (``metrics.system``, ``runs.tracking``, ``metrics.store``). None of them may fail a run: what they make can be
made again, or is worth less than the run.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path

import psutil

from workbench import settings
from workbench.errors import StorageError, WorkbenchError
from workbench.metrics.store.compact import compact, is_due
from workbench.metrics.system import Sampler
from workbench.metrics.writer import Writer
from workbench.paths import RunPaths
from workbench.processes import members
from workbench.runs.ledger import Ledger
from workbench.runs.supervision.remains import MARK, mark_of
from workbench.runs.tracking import forward

_LOOK_S = 60.0
_NICE = 10
_WAIT_S = 60.0
_log = logging.getLogger(__name__)


@contextmanager
def beside(ledger: Ledger, run_id: str, attempt: int) -> Iterator[None]:
    """While an attempt goes on: sample the system, tell the trackers, and keep a long log quick to query."""
    run = ledger.paths.run(run_id)
    begin = datetime.fromisoformat(ledger.spec(run_id).created_at).timestamp()
    with ExitStack() as stack:
        try:
            backends = settings.load().observability_backends
            forward.start(ledger.paths.root, run_id, backends)
            writer = stack.enter_context(_writer(run, attempt))
            mark = mark_of(run_id, attempt)
            stack.enter_context(Sampler(writer, run.root, lambda: _pids(mark), begin=begin))
            keep_on = partial(forward.keep_on, ledger.paths.root, run_id, backends)
            stack.enter_context(_looking(run, mark, keep_on))
        except (WorkbenchError, OSError, RuntimeError) as error:  # RuntimeError: no thread can be started
            _log.warning("Something beside run '%s' does not go on: %s", run_id, error)
        yield


def sort_out(ledger: Ledger, run_id: str) -> None:
    """Sort what a run measured that has ended, so that any question about it is answered quickly."""
    run = ledger.paths.run(run_id)
    try:
        if ledger.state(run_id).ended:
            compact(run.events, run.metrics, wait_s=_WAIT_S)
    except Exception as error:  # noqa: BLE001  a run has ended well whatever a line of its log does to a table
        _log.warning("What run '%s' measured was not sorted: %s", run_id, error)


def _pids(mark: str) -> list[int]:
    """Return the processes of the attempt: its kernel, and what that started."""
    return [process.pid for process in members({MARK: mark})]


@contextmanager
def _writer(run: RunPaths, attempt: int) -> Iterator[Writer]:
    writer = Writer(run.events, f"system-{attempt}")
    try:
        yield writer
    finally:
        try:
            writer.close()
        except StorageError as error:
            _log.warning("The last system metrics are lost: %s", error)


@contextmanager
def _looking(run: RunPaths, mark: str, keep_on: Callable[[], object]) -> Iterator[None]:
    """Look once a minute whether the log has grown long, and whether the trackers are still told."""
    stop = threading.Event()
    thread = threading.Thread(target=_look, args=(run, mark, keep_on, stop), name="upkeep", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()


def _look(run: RunPaths, mark: str, keep_on: Callable[[], object], stop: threading.Event) -> None:
    while not stop.wait(_LOOK_S):
        try:
            keep_on()
            if is_due(run.events, run.metrics):
                _compact_apart(run.events, run.metrics, mark)
        except (WorkbenchError, OSError, psutil.Error) as error:
            _log.warning("Something beside run '%s' does not go on: %s", run.root.name, error)


def _compact_apart(events: Path, metrics: Path, mark: str) -> None:
    """Sort a long log in a process of its own, which others go before."""
    command = [sys.executable, "-m", "workbench.metrics.store.compact", str(events), str(metrics)]
    child = subprocess.Popen(
        command, env=settings.environment(**{MARK: mark}), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    psutil.Process(child.pid).nice(_NICE)
    child.wait()
