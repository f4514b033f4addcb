"""The process that feeds the trackers of one run: ``python -m workbench.runs.tracking.forward WORKSPACE RUN``.

What lives here: starting it, that there is one for a run, and its end. What does not: what it tells whom
(``tracking.delivery``). It lives apart from the run: what it does, and whether it lives, the run never notices. It is
ended with the engine, and imports no tracker itself.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from workbench import settings
from workbench.errors import StorageError, storage_error
from workbench.paths import RunPaths, WorkspacePaths
from workbench.processes import spawn
from workbench.tracking.delivery import state
from workbench.tracking.delivery.forwarder import Forwarder, Limits

_WAIT_S = 10.0
_POLL_S = 0.2


def start(workspace: Path, run_id: str, backends: Sequence[str]) -> bool:
    """Start feeding the trackers of a run; returns within milliseconds.

    Whatever is wrong with that, the run must not notice; what could not be told stays for ``workbench trackers sync``.

    Args:
        workspace: the workspace folder.
        run_id: the run.
        backends: the names of the trackers; without any, nothing is started.

    Returns:
        Whether a process was started.
    """
    if not backends:
        return False
    folder = WorkspacePaths(workspace).run(run_id).trackers
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _enlist(folder, backends)
        command = [sys.executable, "-P", "-m", "workbench.runs.tracking.forward", str(workspace), run_id]
        # A process that bears the id of Prefect's flow run is taken for the one that executes it.
        marks = dict.fromkeys(settings.variables("PREFECT__"))
        child = spawn(command, settings.environment(**marks), folder / "forwarder.log")
    except (OSError, StorageError):
        return False
    # It leaves this process's family at once, so that ending a run never waits for its trackers.
    threading.Thread(target=child.wait, name="forwarder", daemon=True).start()
    return True


def keep_on(workspace: Path, run_id: str, backends: Sequence[str]) -> bool:
    """Start feeding again when the process that fed is gone, though the run goes on; return whether it was started.

    Backends that are left alone until somebody asks for them by ``sync`` need no process.

    Args:
        workspace: the workspace folder.
        run_id: the run.
        backends: the names of the trackers.

    Raises:
        StorageError: when the folder cannot be read or written to.
    """
    run = WorkspacePaths(workspace).run(run_id)
    if all(state.load(run.trackers, name).stopped for name in backends):
        return False
    with feeding(run) as nobody:
        pass
    return nobody and start(workspace, run_id, backends)


@contextmanager
def feeding(run: RunPaths, wait_s: float = 0.0, backend: str | None = None) -> Iterator[bool]:
    """Be the one process that feeds the trackers of a run, or one of them; yield whether that is so.

    Raises:
        StorageError: when the folder cannot be written to.
    """
    path = run.trackers / (f"{backend}.lock" if backend else "lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise storage_error(error, path) from error
    try:
        yield _take(file, time.monotonic() + wait_s)
    finally:
        os.close(file)


def feed(folder: Path, backends: Sequence[str], limits: Limits, stop: threading.Event) -> None:
    """Feed the trackers of a run until nothing is left to do, or ``stop`` is set.

    Another process that does so already is left alone. Whoever came while this one was about to leave has gone again
    by now, so it looks once more whether the run went on meanwhile.

    Args:
        folder: the run's folder.
        backends: the names of the trackers.
        limits: how long things may take.
        stop: set to end soon.
    """
    from workbench.runs.tracking.tracked import TrackedRun

    run, source = RunPaths(folder), TrackedRun(folder)
    again = True
    while again and not stop.is_set():
        with feeding(run, _WAIT_S) as alone:
            if not alone:
                return
            Forwarder(source, run.trackers, backends, limits).run(stop)
        tried = not all(state.load(run.trackers, name).stopped for name in backends)
        again = tried and source.goes() and source.ended() is None


def main(workspace: str, run_id: str) -> None:
    """Leave the family of whoever started this process, then feed."""
    if os.fork():
        os._exit(0)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    found = settings.load()
    folder = WorkspacePaths(Path(workspace)).run(run_id).root
    limits = Limits(finish_s=found.observability_finish_s)
    feed(folder, found.observability_backends, limits, stop)


def _enlist(folder: Path, backends: Sequence[str]) -> None:
    """Note which trackers the run is to be told to, so that ``sync`` knows even if nothing else happens."""
    for name in backends:
        if not state.state_file(folder, name).exists():
            state.save(folder, name, state.Delivery())


def _take(file: int, deadline: float) -> bool:
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_S)


if __name__ == "__main__":
    main(*sys.argv[1:])
